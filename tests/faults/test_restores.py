"""Backups: cloud and store restored from an older copy, and a cloned store."""

from dataclasses import replace

import psycopg
from psycopg import sql

from tests.cloud_parts import wait_until
from tests.faults.parts import WAIT_S, Recording, Town


def on_server(town: Town, *statements: str) -> None:
    """Run statements beside the town's database; `{db}` is its name, `{copy}` that of a copy."""
    name = str(psycopg.conninfo.conninfo_to_dict(town.dsn)["dbname"])
    names = {"db": sql.Identifier(name), "copy": sql.Identifier(f"{name}_copy")}
    server = psycopg.conninfo.make_conninfo(town.dsn, dbname="postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        for statement in statements:
            connection.execute(sql.SQL(statement).format(**names))  # type: ignore[arg-type]


def record(town: Town, store: Recording, count: int = 100) -> set[int]:
    """Record and let the cloud receive all of it, then end the store; return what was noted."""
    before = set(store.noted)
    store.start()
    store.wait_until_noted(count)
    store.finish()
    store.end()
    return set(store.noted) - before


def test_a_cloud_restored_from_a_backup_is_sent_again_what_it_lost(town: Town):
    worker, store = town.worker(), town.recording()
    store.start()
    store.wait_until_noted(100)
    wait_until(town.places, "the first events", WAIT_S)
    worker.end()
    on_server(town, "CREATE DATABASE {copy} TEMPLATE {db}")
    backed_up = set(town.numbers())

    worker = town.worker()
    store.wait_until_noted(100)
    town.wait_for(set(store.noted))
    worker.kill()
    on_server(
        town,
        "DROP DATABASE {db} WITH (FORCE)",
        "ALTER DATABASE {copy} RENAME TO {db}",
    )
    assert set(town.numbers()) == backed_up < set(store.noted)

    town.worker()
    store.wait_until_noted(50)
    town.wait_for(set(store.noted))
    store.finish()
    town.check(store)


def test_a_store_restored_from_a_backup_begins_a_new_stream_and_doubles_nothing(town: Town):
    town.worker()
    store, backup = town.recording(), town.folder / "backup"
    kept = record(town, store)
    store.copy_file(backup)
    lost_with_the_disk = record(town, store)
    replace(store, folder=backup).copy_file(store.folder)

    # Offline it records more than was lost, under the same seqs: only the chain of checksums
    # tells the two lives apart.
    town.line.cut()
    store.start()
    store.wait_until_noted(len(lost_with_the_disk) + 50)
    town.line.restore()
    town.wait_for(set(store.noted))
    store.finish()
    store.end()
    assert set(store.noted) > kept | lost_with_the_disk
    assert sorted(town.numbers()) == sorted(store.noted)
    assert len({stream for stream, _ in town.places()}) == 2
    assert town.unaccounted() == []


def test_two_clones_of_a_store_lose_nothing_and_double_nothing(town: Town):
    town.worker()
    store = town.recording()
    record(town, store)
    clone = town.recording("clone")
    store.copy_file(clone.folder)
    clone.number = 500

    store.start()
    clone.start()
    for each in (store, clone):
        each.wait_until_noted(100)
    town.wait_for(set(store.noted) | set(clone.noted))
    store.finish()
    clone.finish()
    store.end()
    clone.end()
    assert sorted(town.numbers()) == sorted(set(store.noted) | set(clone.noted))
    assert len({stream for stream, _ in town.places()}) >= 2
    assert town.unaccounted() == []
