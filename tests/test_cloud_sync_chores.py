from collections.abc import Iterator

import pytest
from psycopg import Connection

from cloud_sync.console import people
from cloud_sync.database import Database
from cloud_sync.intake import ledger, quarantine
from cloud_sync.intake.quarantine import Poison, keep, stray
from cloud_sync.workers.chores import CHORES, Chore, Chores, do_part, enlist
from tests.cloud_parts import wait_until

DAY_US = 86_400 * 1_000_000


@pytest.fixture
def database(cloud_dsn: str) -> Iterator[Database]:
    database = Database(cloud_dsn)
    with database.ledger(0) as connection:
        enlist(connection)
    yield database
    database.close()


def chore(name: str) -> Chore:
    return next(each for each in CHORES if each.name == name)


def count(connection: Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def remember(connection: Connection, *ages_days: int) -> None:
    """Event ids of a web shop that were seen so many days ago."""
    for number, age in enumerate(ages_days):
        connection.execute(
            "INSERT INTO seen (shard, tenant, source, event_id, seen_on, key_id) VALUES"
            " (1, 'acme', 'web', %s, (now() AT TIME ZONE 'UTC')::date - %s::int, 'k')",
            (str(number), age),
        )


def test_event_ids_are_known_for_their_stated_time_and_no_longer(database: Database) -> None:
    with database.ledger(0) as connection:
        remember(connection, 0, ledger.SEEN_KEPT_DAYS, *[ledger.SEEN_KEPT_DAYS + 1] * 5)
    parts = []
    for _ in range(4):
        with database.ledger(0) as connection:
            parts.append(do_part(connection, chore("seen"), rows_max=3))
    assert parts == [3, 2, 0, 0]
    with database.ledger(0) as connection:
        assert count(connection, "seen") == 2
        done = connection.execute(
            "SELECT forgotten, done_at <= now(), due_at > now() + interval '23 hours' FROM chore"
            " WHERE chore = 'seen'"
        ).fetchall()
    assert done == [(5, True, True)]


def test_ended_sign_ins_and_old_failures_are_forgotten(database: Database) -> None:
    with database.shopper("acme") as connection:
        people.add_person(connection, "acme", "ann", "four good words here")
        for _ in range(2):
            people.sign_in(connection, "acme", "ann", "four good words here")
        for name in ("new", "old"):
            people.sign_in(connection, "acme", name, "a wrong password")
        connection.execute(
            "UPDATE console_sign_in SET seen_until = now() - interval '1 minute' WHERE token ="
            " (SELECT min(token) FROM console_sign_in)"
        )
        connection.execute(
            "UPDATE console_attempt SET last_at = now() - interval '1 hour' WHERE name = 'old'"
        )
    with database.ledger(0) as connection:
        assert do_part(connection, chore("sign_ins")) == 2
        assert (count(connection, "console_sign_in"), count(connection, "console_attempt")) == (
            1,
            1,
        )


def test_quarantine_keeps_what_nobody_else_has(database: Database) -> None:
    with database.ledger(0) as connection:
        row = connection.execute("SELECT (extract(epoch FROM now()) * 1000000)::bigint").fetchone()
        assert row is not None
        now = row[0]
        long_ago = now - (quarantine.KEPT_DAYS + 1) * DAY_US
        event = {"shard": 1, "tenant": "acme", "store": "s", "stream": b"s", "part": "event"}
        rest = {"count": 1, "reason": "r", "payload": b"", "quarantined_at": long_ago}
        waiting = Poison(**event, **rest, first=1)  # type: ignore[arg-type]
        replayed = Poison(**event, **rest, first=2)  # type: ignore[arg-type]
        old = stray(1, "acme", "s", b"old", "garbage", long_ago)
        new = stray(1, "acme", "s", b"new", "garbage", now)
        keep(connection, [waiting, replayed, old, new])
        connection.execute("UPDATE quarantine SET replayed_at = %s WHERE first = 2", (long_ago,))
        assert do_part(connection, chore("quarantine")) == 2
        assert {each.first for each in quarantine.listed(connection)} == {0, 1}
        assert {each.payload for each in quarantine.listed(connection)} == {b"", b"new"}


def test_a_chore_is_done_by_one_worker_at_a_time(database: Database) -> None:
    with database.ledger(0) as connection:
        remember(connection, 99)
    with database.ledger(0) as one, database.ledger(0) as other:
        assert do_part(one, chore("seen")) == 1
        assert do_part(other, chore("seen")) == 0


def test_a_part_that_fails_leaves_the_chore_due(database: Database) -> None:
    with database.ledger(0) as connection:
        remember(connection, 99)

    def fail(connection: Connection, rows_max: int) -> int:
        ledger.forget_seen(connection, rows_max)
        raise InterruptedError

    with pytest.raises(InterruptedError), database.ledger(0) as connection:
        do_part(connection, Chore(name="seen", every_s=9, forget=fail))
    with database.ledger(0) as connection:
        assert do_part(connection, chore("seen")) == 1


def test_the_thread_does_all_that_is_due_and_ends_when_asked(database: Database) -> None:
    with database.ledger(0) as connection:
        remember(connection, *[99] * 3)

    def all_done() -> bool:
        with database.ledger(0) as connection:
            return count(connection, "chore WHERE due_at > now()") == len(CHORES)

    thread = Chores(database)
    thread.start()
    wait_until(all_done, "all chores")
    thread.close()
    assert not thread.alive
    with database.ledger(0) as connection:
        assert count(connection, "seen") == 0
