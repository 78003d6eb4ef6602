import threading
from collections.abc import Iterator
from datetime import date

import psycopg
import pytest

from cloud_sync.database import Database, retried
from cloud_sync.intake import ledger
from cloud_sync.intake.copying import LedgerRow
from cloud_sync.intake.inserting import FEW_ROWS_MAX
from cloud_sync.intake.ledger import HttpAppended
from cloud_sync.intake.posted import PostedEvent
from wire.codec import encode_event
from wire.events import Event, Origin, Viewed
from wire.topics import shard_of

EVENT = Event(
    occurred_at=5,
    mono_ms=1,
    boot=1,
    clock=2,
    device="web",
    zone="",
    identifiers=(),
    body=Viewed(product="p"),
)
STREAM = b"s" * 16


@pytest.fixture
def database(cloud_dsn: str) -> Iterator[Database]:
    database = Database(cloud_dsn)
    yield database
    database.close()


def store_row(seq: int, **more: object) -> LedgerRow:
    row = LedgerRow("acme", "s0001", "store", STREAM, seq, True, 5, 7, encode_event(EVENT))
    return row._replace(**{"checksum": seq, **more})  # type: ignore[arg-type]


def post(database: Database, *ids: str, source: str = "shop") -> HttpAppended:
    events = [PostedEvent(event_id, EVENT) for event_id in ids]
    shard = shard_of("acme", f"web-{source}")
    return retried(
        lambda: database.ledger(shard),
        lambda c: ledger.append_http(c, "acme", source, "key-1", events),
    )


def test_what_is_appended_is_read_in_order_and_in_pieces(database: Database) -> None:
    with database.ledger(3) as connection:
        ledger.append(connection, {3: [store_row(n) for n in range(1, 8)], 4: [store_row(9)]})
        first = ledger.read(connection, 3, 0, 4)
        rest = ledger.read(connection, 3, first[-1].position, since=first[-1].day)
        other = ledger.read(connection, 4, 0)
    assert [(each.position, each.seq) for each in first] == [(n, n) for n in range(1, 5)]
    assert [each.seq for each in rest] == [5, 6, 7]
    assert [(each.position, each.seq) for each in other] == [(1, 9)]
    assert first[0].event == EVENT


def test_a_reader_beside_many_writers_misses_nothing(database: Database) -> None:
    writers, rows_each = 4, 60
    seen: list[int] = []

    def write() -> None:
        for _ in range(rows_each):
            with database.ledger(3) as connection:
                ledger.append(connection, {3: [store_row(1)]})

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    while len(seen) < writers * rows_each:
        with database.ledger(3) as connection:
            events = ledger.read(connection, 3, seen[-1] if seen else 0)
        seen += (each.position for each in events)
    for thread in threads:
        thread.join()
    assert seen == list(range(1, writers * rows_each + 1))


def test_writers_that_meet_on_a_new_day_make_its_partition_once(database: Database) -> None:
    start = threading.Barrier(4)

    def write(shard: int) -> None:
        start.wait()
        retried(
            lambda: database.ledger(shard),
            lambda c: ledger.append(c, {shard: [store_row(1)], 63 - shard: [store_row(2)]}),
        )

    threads = [threading.Thread(target=write, args=(shard,)) for shard in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.ledger(0) as connection:
        assert connection.execute("SELECT count(*) FROM ledger").fetchone() == (8,)


def test_the_day_of_a_shard_never_goes_back_with_the_clock(database: Database) -> None:
    with database.ledger(3) as connection:
        connection.execute("UPDATE shard_head SET day = '2999-01-31' WHERE shard = 3")
        ledger.append(connection, {3: [store_row(1)]})
        (event,) = ledger.read(connection, 3, 0, since=date(2999, 1, 31))
    assert event.day == date(2999, 1, 31)


def test_an_event_posted_twice_is_accepted_once(database: Database) -> None:
    assert post(database, "a", "b") == HttpAppended(accepted=2, repeated=0)
    assert post(database, "b", "c", "c") == HttpAppended(accepted=1, repeated=2)
    assert post(database, "a", source="app") == HttpAppended(accepted=1, repeated=0)
    shard = shard_of("acme", "web-shop")
    with database.ledger(shard) as connection:
        events = ledger.read(connection, shard, 0)
    assert [(each.store, each.stream, each.source) for each in events] == [(None, None, "shop")] * 3


def test_posts_that_race_with_the_same_ids_are_accepted_once(database: Database) -> None:
    ids = [f"id-{number}" for number in range(50)]
    done: list[HttpAppended] = []
    threads = [
        threading.Thread(target=lambda order=order: done.append(post(database, *order)))
        for order in (ids, ids[::-1], ids, ids[::-1])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(each.accepted for each in done) == 50
    assert sum(each.repeated for each in done) == 150


def test_ids_are_forgotten_after_their_time(database: Database) -> None:
    post(database, "old", "new")
    with database.ledger(0) as connection:
        connection.execute("UPDATE seen SET seen_on = seen_on - 31 WHERE event_id = 'old'")
        assert ledger.forget_seen(connection, 9) == 1
    assert post(database, "old", "new") == HttpAppended(accepted=1, repeated=1)


@pytest.mark.parametrize("event_id", ["", "x" * 129, "nul\0"])
def test_an_id_that_cannot_be_kept_is_refused(database: Database, event_id: str) -> None:
    with pytest.raises(ValueError, match="event id"):
        post(database, event_id)


def test_an_event_is_held_as_itself_and_as_the_origin_of_another(database: Database) -> None:
    again = store_row(1, stream=b"t" * 16, origin_stream=STREAM, origin_seq=8, origin_checksum=8)
    with database.ledger(3) as connection:
        ledger.append(connection, {3: [store_row(7), again]})
        asked = [Origin(STREAM, seq, seq) for seq in (6, 7, 8)] + [Origin(STREAM, 7, 99)]
        found = ledger.held(connection, 3, "acme", "s0001", asked)
        stranger = ledger.held(connection, 3, "acme", "s0002", asked)
    assert found == {Origin(STREAM, 7, 7), Origin(STREAM, 8, 8)}
    assert stranger == set()


def test_a_reader_looks_at_no_older_day_than_it_must(database: Database) -> None:
    with database.ledger(3) as connection:
        for day in ("2999-01-01", "2999-01-02", "2999-01-03"):
            connection.execute("UPDATE shard_head SET day = %s WHERE shard = 3", (day,))
            ledger.append(connection, {3: [store_row(1)]})
        plan = connection.execute(
            "EXPLAIN SELECT row FROM ledger WHERE shard = 3 AND position > 1"
            " AND day >= '2999-01-02' ORDER BY shard, position LIMIT 10"
        ).fetchall()
    text = " ".join(line for (line,) in plan)
    assert "29990101" not in text
    assert "29990103" in text


def test_a_transaction_undone_leaves_no_hole_in_the_positions(database: Database) -> None:
    with database.ledger(3) as connection:
        ledger.append(connection, {3: [store_row(1)]})
    with (
        pytest.raises(psycopg.errors.NotNullViolation),
        database.ledger(3) as connection,
    ):
        ledger.append(connection, {3: [store_row(2)._replace(tenant=None)]})  # type: ignore[arg-type]
    with database.ledger(3) as connection:
        ledger.append(connection, {3: [store_row(3)]})
        assert [each.position for each in ledger.read(connection, 3, 0)] == [1, 2]


@pytest.mark.parametrize("count", [FEW_ROWS_MAX, FEW_ROWS_MAX + 1])
def test_few_rows_and_many_are_appended_alike(database: Database, count: int) -> None:
    odd = {"origin_stream": b'"\\\0', "origin_seq": 2**63 - 1, "origin_checksum": -1}
    rows = [
        *(store_row(n, **(odd if n == 2 else {})) for n in range(1, count)),
        LedgerRow("acme", None, "shop", None, None, True, 5, 7, encode_event(EVENT)),
    ]
    with database.ledger(3) as connection:
        ledger.append(connection, {4: [store_row(1)]})  # the day is open now
        place = ledger.append(connection, {3: rows})[3]
        names = ", ".join(LedgerRow._fields)
        kept = connection.execute(
            f"SELECT position, day, accepted_at, {names} FROM ledger WHERE shard = 3"
            " ORDER BY position"
        ).fetchall()
    assert [each[1:3] for each in kept] == [(place.day, place.accepted_at)] * count
    assert [each[0] for each in kept] == list(range(place.first, place.first + count))
    assert [LedgerRow(*each[3:]) for each in kept] == rows


@pytest.mark.parametrize("count", [1, FEW_ROWS_MAX + 1])
def test_a_number_that_no_column_holds_is_refused_as_a_value(
    database: Database, count: int
) -> None:
    with pytest.raises(psycopg.DataError), database.ledger(3) as connection:
        ledger.append(connection, {3: [store_row(2**63)] * count, 4: [store_row(1)]})
