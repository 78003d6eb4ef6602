from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import psycopg
import pytest

from cloud_sync.database import Database
from cloud_sync.fleet import twins
from cloud_sync.fleet.twins import SILENT_S, StoreTwin
from cloud_sync.intake.incoming import take_apart
from cloud_sync.intake.quarantine import Poison, keep, stray
from cloud_sync.intake.receive import receive
from wire.codec import encode, encode_event
from wire.events import Event, Origin, Viewed
from wire.messages import Absent, Batch, Birth, Death, DeviceState, Heartbeat
from wire.topics import shard_of, up_topic

TENANT, STORE = "acme", "s0001"
STREAM = b"s" * 16
S = 1_000_000


@pytest.fixture
def connection(cloud_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(cloud_dsn, autocommit=True) as connection:
        yield connection


def born(connection: psycopg.Connection, session: int, now: int = S, **more: Any) -> None:
    birth = Birth(stream=STREAM, session=session, nonce=b"", head=10, watermark=0, applied=0)
    twins.born(connection, TENANT, STORE, msgspec.structs.replace(birth, **more), now)


def beat(connection: psycopg.Connection, session: int, now: int, **more: Any) -> None:
    heartbeat = Heartbeat(
        session=session,
        head=20,
        watermark=0,
        queue_rows=5,
        queue_bytes=500,
        oldest_age_ms=1500,
        sent_at=now,
        clock=2,
        mono_ms=1,
        boot=1,
    )
    twins.beat(connection, TENANT, STORE, msgspec.structs.replace(heartbeat, **more), now)


def died(connection: psycopg.Connection, session: int, now: int = 2 * S) -> bool:
    return twins.died(connection, TENANT, STORE, Death(session=session), now)


def twin(connection: psycopg.Connection, now: int = 3 * S) -> StoreTwin:
    (only,) = twins.stores(connection, TENANT, now)
    return only


def row(origin: Origin | None = None) -> bytes:
    return encode_event(
        Event(
            occurred_at=1,
            mono_ms=1,
            boot=1,
            clock=2,
            device="d",
            zone="",
            identifiers=(),
            body=Viewed(),
            origin=origin,
        )
    )


def sent(dsn: str, *batches: Batch) -> None:
    database = Database(dsn)
    for batch in batches:
        receive(database, [take_apart(up_topic(TENANT, STORE, "live"), encode(batch))], 7 * S)
    database.close()


def test_a_store_is_online_from_its_birth_to_its_death(connection: psycopg.Connection) -> None:
    born(connection, 1, version="1.2\0", operator="maru")
    assert twin(connection).state == "online"
    assert (twin(connection).version, twin(connection).operator) == ("1.2", "maru")
    assert died(connection, 1)
    assert not died(connection, 1)
    assert (twin(connection).state, twin(connection).changed_at) == ("offline", 2 * S)


def test_the_will_of_an_old_session_does_not_take_a_store_offline(
    connection: psycopg.Connection,
) -> None:
    born(connection, 1)
    born(connection, 2)
    assert not died(connection, 1)
    assert twin(connection).state == "online"
    born(connection, 1, head=99)
    assert twin(connection).head == 10


def test_a_beat_shows_queue_clock_and_devices_and_an_older_one_does_not(
    connection: psycopg.Connection,
) -> None:
    sick = DeviceState("cam-1", "camera", "failed", "no frames since 10:12")
    fine = DeviceState("cam-2", "camera", "ok")
    born(connection, 2)
    beat(connection, 2, 5 * S, devices=(sick, fine), sent_at=3 * S)
    beat(connection, 2, 6 * S, queue_rows=99, sent_at=2 * S)
    beat(connection, 1, 7 * S, queue_rows=98)
    now = twin(connection)
    assert (now.queue_rows, now.oldest_age_ms, now.clock_offset_ms) == (5, 1500, 2000)
    assert now.unwell == (sick,)


def test_a_store_that_says_nothing_is_silent(connection: psycopg.Connection) -> None:
    born(connection, 1, now=S)
    assert twin(connection, (SILENT_S + 1) * S).state == "online"
    assert twin(connection, (SILENT_S + 2) * S).state == "silent"


def test_a_new_stream_counts_sessions_anew(connection: psycopg.Connection) -> None:
    born(connection, 57)
    beat(connection, 57, 2 * S)
    born(connection, 1, stream=b"t" * 16, head=3)
    assert twin(connection).head == 3
    beat(connection, 1, 3 * S, head=4, queue_rows=1)
    assert (twin(connection).head, twin(connection).queue_rows) == (4, 1)


def test_completeness_counts_what_is_here_what_is_gone_and_what_is_to_come(
    cloud_dsn: str, connection: psycopg.Connection
) -> None:
    batch = Batch(
        stream=STREAM,
        first=6,
        lane="live",
        before=0,
        rows=(row(), b"\x93\x01\x02\x03"),
        absent=(Absent(3, 5, "expired"),),
    )
    sent(cloud_dsn, batch)
    born(connection, 1)
    now = twin(connection)
    assert (now.head, now.received, now.absent, now.waiting) == (10, 2, 3, 5)
    assert (now.complete, now.quarantined, now.seen_at) == (0.2, 1, 7 * S)
    assert replace(now, devices=()).unwell == ()


def test_what_earlier_streams_owe_stays_visible_until_it_comes_under_a_later_one(
    cloud_dsn: str, connection: psycopg.Connection
) -> None:
    gone = (Absent(5, 5, "damaged"),)
    sent(cloud_dsn, Batch(stream=STREAM, first=1, lane="back", before=0, rows=(row(),) * 2))
    late = Batch(stream=STREAM, first=6, lane="live", before=0, rows=(row(),), absent=gone)
    sent(cloud_dsn, late)
    born(connection, 1, stream=b"t" * 16, head=2)
    now = twin(connection)
    assert (now.head, now.received, now.absent, now.waiting) == (6 + 2, 3, 1, 2 + 2)
    again = tuple(row(Origin(stream=STREAM, seq=seq, checksum=seq)) for seq in (3, 4))
    sent(cloud_dsn, Batch(stream=b"t" * 16, first=1, lane="live", before=0, rows=again))
    now = twin(connection)
    assert (now.received, now.absent, now.waiting) == (7, 1, 0)
    assert (now.complete, now.seen_at) == (7 / 8, 7 * S)


def test_each_event_of_a_body_in_quarantine_counts(
    cloud_dsn: str, connection: psycopg.Connection
) -> None:
    born(connection, 1)
    shard = shard_of(TENANT, STORE)
    body = Poison(
        shard=shard,
        tenant=TENANT,
        store=STORE,
        stream=STREAM,
        first=1,
        count=40,
        part="body",
        reason="torn",
        payload=b"",
        quarantined_at=1,
    )
    keep(connection, [body, stray(shard, TENANT, STORE, b"garbage", "no header", 1)])
    assert twin(connection).quarantined == 41


def test_another_tenant_sees_nothing(connection: psycopg.Connection) -> None:
    born(connection, 1)
    assert twins.stores(connection, "other", S) == []
