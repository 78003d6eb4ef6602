from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from cloud_sync.database import Database
from cloud_sync.intake.accept import receipt_of
from cloud_sync.intake.incoming import Incoming, take_apart
from cloud_sync.intake.ledger import read
from cloud_sync.intake.receive import Received, receive, store
from cloud_sync.intake.streams import StreamKey
from cloud_sync.privacy.watch import blank
from wire.codec import chain_all, encode, encode_event
from wire.events import Event, Origin, Viewed
from wire.messages import Absent, Applied, Batch, Birth, Death, Heartbeat, Message
from wire.topics import beat_topic, shard_of, state_topic, up_topic

TENANT, STORE = "acme", "s0001"
SHARD = shard_of(TENANT, STORE)
STREAM, OTHER = b"s" * 16, b"t" * 16
LIVE = up_topic(TENANT, STORE, "live")


@pytest.fixture
def database(cloud_dsn: str) -> Iterator[Database]:
    database = Database(cloud_dsn)
    yield database
    database.close()


def row(number: int, *, product: str = "p", origin: Origin | None = None) -> bytes:
    return encode_event(
        Event(
            occurred_at=number,
            mono_ms=number,
            boot=1,
            clock=2,
            device="cam-1",
            zone="door",
            identifiers=(),
            body=Viewed(product=product),
            origin=origin,
        )
    )


ROWS = [row(number) for number in range(1, 31)]
CHAIN = [0, *chain_all(0, ROWS)]


def batch(first: int, last: int, absent: tuple[Absent, ...] = ()) -> Batch:
    rows = tuple(ROWS[first - 1 : last])
    before = CHAIN[first - 1]
    return Batch(stream=STREAM, first=first, lane="live", before=before, rows=rows, absent=absent)


def arrive(database: Database, *messages: Message, topic: str = LIVE) -> list[Received]:
    return receive(database, [take_apart(topic, encode(each)) for each in messages], 1)


def watermark(received: Received, stream: bytes = STREAM) -> int:
    state = received.states[StreamKey(SHARD, TENANT, STORE, stream)]
    return receipt_of(state, stream=stream, owner=b"o", credit=1).watermark


def seqs(database: Database) -> list[tuple[bytes | None, int | None]]:
    with database.ledger(SHARD) as connection:
        return [(each.stream, each.seq) for each in read(connection, SHARD, 0)]


def ask(database: Database, question: str) -> list[tuple[object, ...]]:
    with database.ledger(0) as connection:
        return connection.execute(question.encode()).fetchall()


def test_many_batches_of_a_stream_in_one_transaction_get_one_receipt(database: Database) -> None:
    (received,) = arrive(database, batch(1, 5), batch(11, 15), batch(3, 12), batch(1, 5))
    assert watermark(received) == 15
    assert received.appended == 15
    assert sorted(seq or 0 for _, seq in seqs(database)) == list(range(1, 16))
    (again,) = arrive(database, batch(10, 20))
    assert (watermark(again), again.appended) == (20, 5)


def test_absent_rows_are_accounted_for_and_reported(database: Database) -> None:
    (received,) = arrive(database, batch(6, 10, (Absent(1, 5, "evicted"),)))
    assert watermark(received) == 10
    assert ask(database, "SELECT first, last, reason FROM stream_absent") == [(1, 5, "evicted")]
    assert ask(database, "SELECT received::text, absent::text FROM stream") == [
        ("{[1,11)}", "{[1,6)}")
    ]


def test_a_cloned_store_is_told_to_fork_and_what_it_records_again_comes_once(
    database: Database,
) -> None:
    arrive(database, batch(1, 10))
    cloned = Batch(stream=STREAM, first=11, lane="live", before=12345, rows=(row(11),))
    (forked,) = arrive(database, cloned)
    (state,) = forked.states.values()
    assert state.forked
    rows = tuple(
        row(seq, origin=Origin(STREAM, seq, checksum))
        for seq, checksum in ((9, CHAIN[9]), (10, CHAIN[10]), (10, 777), (11, 778))
    )
    (received,) = arrive(database, Batch(stream=OTHER, first=1, lane="live", before=0, rows=rows))
    assert watermark(received, OTHER) == 4
    assert [seq for stream, seq in seqs(database) if stream == OTHER] == [3, 4]
    third = Batch(stream=b"u" * 16, first=1, lane="live", before=0, rows=rows)
    (received,) = arrive(database, third)
    assert received.appended == 0


def test_what_was_rolled_back_by_a_crash_comes_again(database: Database) -> None:
    incoming = [take_apart(LIVE, encode(batch(1, 5)))]
    with psycopg.connect(database.dsn) as connection:
        store(connection, incoming, 1)
        connection.rollback()
    assert seqs(database) == []
    (received,) = arrive(database, batch(1, 5))
    assert (watermark(received), received.appended) == (5, 5)


def test_a_restored_database_answers_with_what_it_holds_and_takes_the_rest_again(
    database: Database,
) -> None:
    arrive(database, batch(1, 10))
    dsn = psycopg.conninfo.make_conninfo(database.dsn, dbname="postgres")
    name = str(psycopg.conninfo.conninfo_to_dict(database.dsn)["dbname"])
    database.close()
    with psycopg.connect(dsn, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}_backup TEMPLATE {name}".encode())
    arrive(database, batch(11, 20))
    restored = Database(psycopg.conninfo.make_conninfo(dsn, dbname=f"{name}_backup"))
    birth = Birth(
        stream=STREAM, session=2, nonce=b"n" * 8, head=20, watermark=20, applied=0, owner=b"old"
    )
    (received,) = arrive(restored, birth, topic=state_topic(TENANT, STORE))
    assert watermark(received) == 10
    assert list(received.nonces.values()) == [b"n" * 8]
    (received,) = arrive(restored, batch(11, 20))
    assert watermark(received) == 20
    assert [seq for _, seq in seqs(restored)] == list(range(1, 21))
    restored.close()
    with psycopg.connect(dsn, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name}_backup WITH (FORCE)".encode())


def test_a_message_that_the_database_refuses_is_parted_from_the_others(
    database: Database,
) -> None:
    strange = Heartbeat(
        session=1,
        head=1,
        watermark=0,
        queue_rows=0,
        queue_bytes=0,
        oldest_age_ms=0,
        sent_at=0,
        clock=100_000,
        mono_ms=0,
        boot=1,
    )
    beat = take_apart(beat_topic(TENANT, STORE), encode(strange))
    batches = [take_apart(LIVE, encode(each)) for each in (batch(1, 5), batch(6, 10))]
    received = receive(database, [batches[0], beat, batches[1]], 1)
    assert [watermark(each) for each in received] == [5, 10]
    assert seqs(database) == [(STREAM, seq) for seq in range(1, 11)]
    assert ask(database, "SELECT part, payload FROM quarantine") == [("message", beat.payload)]


def test_a_batch_that_contradicts_itself_gets_no_receipt(database: Database) -> None:
    gap = batch(9, 10, (Absent(1, 5, "evicted"),))
    (received,) = arrive(database, gap)
    assert received.states == {}
    assert ask(database, "SELECT part FROM quarantine") == [("message",)]


def test_what_is_on_the_wrong_topic_or_out_of_range_is_set_aside(database: Database) -> None:
    (received,) = arrive(database, Applied(owner=b"o", revision=2**64 - 1), Death(session=1))
    assert (received.states, received.said) == ({}, [])
    assert received.poisoned == 2
    huge = encode_event(
        Event(
            occurred_at=2**64 - 1,
            mono_ms=1,
            boot=1,
            clock=2,
            device="d",
            zone="",
            identifiers=(),
            body=Viewed(),
        )
    )
    arrive(database, Batch(stream=STREAM, first=1, lane="live", before=0, rows=(huge, row(2))))
    assert seqs(database) == [(STREAM, 2)]


def _odd_and_plain(tenant: str, *, again: bool) -> list[Incoming]:
    """Return Batches: plain, with a row that is no event, made blank, and recorded `again`."""
    no_event = b"\x01"
    broken = (*ROWS[15:17], no_event, ROWS[17])
    former = [Origin(STREAM, 3, CHAIN[3]), Origin(STREAM, 40, 4)] if again else [None, None]
    later = tuple(row(seq, origin=origin) for seq, origin in enumerate(former, 41))
    batches = [
        batch(1, 15),
        Batch(stream=STREAM, first=16, lane="live", before=CHAIN[15], rows=broken),
        Batch(stream=OTHER, first=1, lane="back", before=0, rows=later),
        Batch(stream=b"u" * 16, first=1, lane="back", before=0, rows=tuple(ROWS[:20])),
        Batch(stream=b"v" * 16, first=5, lane="live", before=0, rows=tuple(ROWS[:3])),
    ]
    incoming = [take_apart(up_topic(tenant, STORE, each.lane), encode(each)) for each in batches]
    plain = incoming[-1]
    first, *others = plain.events
    assert isinstance(first, Event)
    return [*incoming[:-1], replace(plain, events=(blank(first), *others))]


@pytest.mark.parametrize("again", [False, True])
def test_batches_that_come_together_and_one_by_one_leave_the_same(
    database: Database, again: bool
) -> None:
    (together,) = receive(database, _odd_and_plain("one", again=again), 1)
    apart = [receive(database, [each], 1)[0] for each in _odd_and_plain("two", again=again)]
    expected = 15 + 3 + (1 if again else 2) + 20 + 3
    assert together.appended == sum(each.appended for each in apart) == expected
    assert together.poisoned == sum(each.poisoned for each in apart) == 1
    columns = (
        "position, store, source, stream, seq, live, occurred_at, kind, row, checksum,"
        " origin_stream, origin_seq, origin_checksum"
    )
    question = f"SELECT {columns} FROM ledger WHERE tenant = '{{}}' ORDER BY position"
    assert ask(database, question.format("one")) == ask(database, question.format("two"))
    shard = shard_of("one", STORE)
    with database.ledger(shard) as connection:
        assert together.events == {shard: read(connection, shard, 0)}
