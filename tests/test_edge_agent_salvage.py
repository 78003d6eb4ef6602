import shutil
from pathlib import Path

import pytest

from edge_agent.database import outbox
from edge_agent.database.database import Database
from edge_agent.database.sqlite import sqlite3
from edge_agent.database.streams import former_rows
from edge_agent.delivery.delivery_store import record_again
from tests.edge_builders import StoreParts, event, leaf_pages, overwrite, store_in
from wire.codec import decode_event


def filled(folder: Path, rows: int = 2_000) -> tuple[Path, bytes]:
    """A closed store with rows; returns its file and stream."""
    with store_in(folder) as store:
        store.record(rows)
        store.tear(
            'INSERT INTO redemptions (coupon, offer, lease, "order", amount_cents, currency, visit,'
            " redeemed_at) VALUES ('coupon', 'o', 'l', '', 5, 'CNY', x'01', 9)"
        )
        store.tear("UPDATE delivery SET session = 41, applied = 7, applied_owner = x'02'")
        return store.path, store.tail.stream


def numbers_after_recording_again(store: StoreParts) -> list[int]:
    while former_rows(store.database.reader(), store.tail):
        record_again(store.recorder, store.clock.now())
    tail = store.tail
    found = outbox.read(store.database.reader(), tail.base, 1, tail.head)
    return [decode_event(row.row).mono_ms for row in found.rows]


def test_a_damaged_page_costs_its_rows_only_and_each_is_accounted_for(tmp_path: Path):
    path, old = filled(tmp_path)
    leaves = leaf_pages(path, "outbox")
    torn = overwrite(path, leaves[len(leaves) // 2])
    with pytest.raises(sqlite3.DatabaseError), store_in(tmp_path) as store:
        outbox.read(store.database.reader(), 0, 1, 2_000)
    Database(path).close()  # the damage lies deep: the file opens
    with store_in(tmp_path) as store:
        store.database.mark_damaged()
    with store_in(tmp_path) as store:
        salvaged = store.database.salvaged
        assert salvaged is not None
        assert salvaged.set_aside.read_bytes() == torn
        assert 0 < salvaged.lost_rows < 100
        assert salvaged.rows == 2_000 - salvaged.lost_rows
        assert store.tail.stream != old
        numbers = numbers_after_recording_again(store)
        assert len(numbers) == salvaged.rows
        assert len(set(numbers)) == salvaged.rows
        gone = outbox.absent_ranges(store.database.reader())
        assert sum(absent.last - absent.first + 1 for absent in gone) == salvaged.lost_rows
        assert {absent.reason for absent in gone} == {"damaged"}
        assert store.tail.absent_rows == salvaged.lost_rows
        assert store.recorder.record(event(5)) > 0
    with store_in(tmp_path) as store:
        assert store.database.salvaged is None


def test_what_a_coupon_was_used_for_is_saved_too(tmp_path: Path):
    path, _ = filled(tmp_path)
    overwrite(path, leaf_pages(path, "outbox")[3])
    with store_in(tmp_path) as store:
        store.database.mark_damaged()
    with store_in(tmp_path) as store:
        reader = store.database.reader()
        assert reader.execute("SELECT coupon FROM redemptions").fetchall() == [("coupon",)]
        assert reader.execute("SELECT session FROM delivery").fetchone() == (41,)


def test_every_event_saved_names_its_origin_in_the_old_stream(tmp_path: Path):
    old = filled(tmp_path, rows=100)[1]
    with store_in(tmp_path) as store:
        store.database.mark_damaged()
    with store_in(tmp_path) as store:
        numbers_after_recording_again(store)
        row = outbox.read(store.database.reader(), store.tail.base, 5, 5).rows[0]
        origin = decode_event(row.row).origin
        assert origin is not None
        assert (origin.stream, origin.seq) == (old, 5)


def test_a_file_that_is_no_database_is_set_aside_and_the_store_starts(tmp_path: Path):
    path = tmp_path / "store.sqlite3"
    path.write_bytes(b"this is no database" * 1_000)
    with store_in(tmp_path) as store:
        assert store.database.salvaged is not None
        assert store.database.salvaged.set_aside.read_bytes() == b"this is no database" * 1_000
        assert store.recorder.record(event(1)) == 1


def test_a_torn_first_page_is_set_aside_and_nothing_is_deleted(tmp_path: Path):
    path = filled(tmp_path)[0]
    torn = overwrite(path, 0)
    with store_in(tmp_path) as store:
        assert store.database.salvaged is not None
        assert store.database.salvaged.set_aside.read_bytes() == torn
        assert store.database.salvaged.lost_rows is None
        assert store.recorder.record(event(1)) > 0


def test_what_stood_in_the_write_ahead_log_is_saved_with_the_file(tmp_path: Path):
    with store_in(tmp_path / "live") as store:
        store.record(50)
        (tmp_path / "copy").mkdir()
        for file in (tmp_path / "live").iterdir():
            if not file.name.endswith(("-shm", ".lock")):
                shutil.copy(file, tmp_path / "copy")
    (tmp_path / "copy" / "store.sqlite3.salvage").touch()
    with store_in(tmp_path / "copy") as store:
        assert store.database.salvaged is not None
        assert store.database.salvaged.rows == 50
        assert numbers_after_recording_again(store) == list(range(50))


def test_a_second_damage_takes_another_name(tmp_path: Path):
    for _ in range(2):
        with store_in(tmp_path) as store:
            store.database.mark_damaged()
    with store_in(tmp_path):
        pass
    assert (tmp_path / "store.sqlite3.damaged-1").exists()
    assert (tmp_path / "store.sqlite3.damaged-2").exists()
