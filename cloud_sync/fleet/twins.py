"""The twin of each store: whether it is online, what it last said, how complete its events are."""

from dataclasses import dataclass

import msgspec
from psycopg import Connection
from psycopg.rows import TupleRow

from wire.messages import Birth, Death, DeviceState, Heartbeat, TillQueue
from wire.topics import shard_of

# A store that says nothing for this long counts as silent, whatever its last certificate said.
SILENT_S = 60
STORES_MAX = 10_000

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[DeviceState, ...])
_queue_decoder = msgspec.msgpack.Decoder(tuple[TillQueue, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreTwin:
    """One store as headquarters knows it; times in µs UTC by the cloud's clock, 0 for never.

    `state` is online, silent (online by its certificate, but nothing came for SILENT_S) or
    offline. The counts are over all streams that the store ever had: `head` events were recorded
    as far as is known, `received` of them are in the ledger or in quarantine, `absent` the store
    declared gone for ever, `waiting` are still to come; `complete` is the share received. What an
    earlier stream owed counts as received when it came under a later one. `quarantined` events are
    set aside and not replayed.
    """

    tenant: str
    store: str
    state: str
    operator: str
    version: str
    changed_at: int
    seen_at: int
    queue_rows: int
    queue_bytes: int
    oldest_age_ms: int
    head: int
    received: int
    absent: int
    waiting: int
    complete: float
    quarantined: int
    clock_offset_ms: int | None
    devices: tuple[DeviceState, ...]
    queues: tuple[TillQueue, ...] = ()

    @property
    def people_waiting(self) -> int:
        """Return how many wait at its tills."""
        return sum(queue.people for queue in self.queues)

    @property
    def waited_s(self) -> int:
        """Return how long the one who has waited longest at its tills does."""
        return max((queue.waited_s for queue in self.queues), default=0)

    @property
    def mean_wait_s(self) -> float | None:
        """Return how long those waited who left its queues in this hour, None when nobody did."""
        stays = sum(queue.stays for queue in self.queues)
        return sum(queue.dwell_s for queue in self.queues) / stays if stays else None

    @property
    def unwell(self) -> tuple[DeviceState, ...]:
        """Return the devices that are not ok, with their reasons."""
        return tuple(device for device in self.devices if device.state != "ok")


def born(connection: Connection, tenant: str, store: str, birth: Birth, now: int) -> None:
    """Store a Birth, unless a later session of the store is known."""
    connection.execute(
        "INSERT INTO store_twin AS twin (shard, tenant, store, session, online, stream, head,"
        " version, operator, changed_at, seen_at)"
        " VALUES (%s, %s, %s, %s, true, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (shard, tenant, store) DO UPDATE SET session = excluded.session,"
        " online = true, stream = excluded.stream, version = excluded.version,"
        " head = CASE WHEN twin.stream = excluded.stream"
        "  THEN greatest(twin.head, excluded.head) ELSE excluded.head END,"
        " beat_session = CASE WHEN twin.stream = excluded.stream THEN twin.beat_session ELSE 0 END,"
        " operator = excluded.operator, seen_at = excluded.seen_at,"
        " changed_at = CASE WHEN twin.online THEN twin.changed_at ELSE excluded.changed_at END"
        " WHERE excluded.session >= twin.session OR twin.stream <> excluded.stream",
        (
            shard_of(tenant, store),
            tenant,
            store,
            birth.session,
            birth.stream,
            birth.head,
            birth.version.replace("\0", ""),
            birth.operator.replace("\0", ""),
            now,
            now,
        ),
    )


def died(connection: Connection, tenant: str, store: str, death: Death, now: int) -> bool:
    """Store a Death, unless it is the will of an older session than the newest Birth.

    Tells whether the store went offline by it.
    """
    ended = connection.execute(
        "UPDATE store_twin SET online = false, changed_at = %s"
        " WHERE shard = %s AND tenant = %s AND store = %s AND session <= %s AND online",
        (now, shard_of(tenant, store), tenant, store, death.session),
    )
    return ended.rowcount > 0


def beat(connection: Connection, tenant: str, store: str, heartbeat: Heartbeat, now: int) -> None:
    """Store a Heartbeat; the newest by session and time of sending counts."""
    offset_ms = (now - heartbeat.sent_at) // 1000
    connection.execute(
        "INSERT INTO store_twin AS twin (shard, tenant, store, session, online, head, beat_session,"
        " beat_sent_at, queue_rows, queue_bytes, oldest_age_ms, absent_rows, clock,"
        " clock_offset_ms, devices, queues, changed_at, seen_at)"
        " VALUES (%s, %s, %s, %s, true, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (shard, tenant, store) DO UPDATE SET online = true, head = excluded.head,"
        " beat_session = excluded.beat_session, beat_sent_at = excluded.beat_sent_at,"
        " queue_rows = excluded.queue_rows, queue_bytes = excluded.queue_bytes,"
        " oldest_age_ms = excluded.oldest_age_ms, absent_rows = excluded.absent_rows,"
        " clock = excluded.clock, clock_offset_ms = excluded.clock_offset_ms,"
        " devices = excluded.devices, queues = excluded.queues, seen_at = excluded.seen_at"
        " WHERE excluded.beat_session >= twin.session"
        " AND (excluded.beat_session, excluded.beat_sent_at)"
        "  >= (twin.beat_session, twin.beat_sent_at)",
        (
            shard_of(tenant, store),
            tenant,
            store,
            heartbeat.session,
            heartbeat.head,
            heartbeat.session,
            heartbeat.sent_at,
            heartbeat.queue_rows,
            heartbeat.queue_bytes,
            heartbeat.oldest_age_ms,
            heartbeat.absent_rows,
            heartbeat.clock,
            offset_ms,
            _encoder.encode(heartbeat.devices),
            _encoder.encode(heartbeat.queues),
            now,
            now,
        ),
    )


def store_names(connection: Connection, tenant: str) -> list[str]:
    """Return the names of all stores of a tenant that ever said something."""
    rows = connection.execute(
        "SELECT store FROM store_twin WHERE tenant = %s ORDER BY store", (tenant,)
    )
    return [store for (store,) in rows]


# The counts are over all streams of a store: see the view `store_count`.
_STORES = """
SELECT twin.store, online, operator, version, changed_at, greatest(seen_at, received_at),
    queue_rows, queue_bytes, oldest_age_ms, clock_offset_ms, devices, queues, top, accounted,
    gone, again,
    (SELECT coalesce(sum(greatest(count, 1)), 0)::bigint FROM quarantine q
        WHERE q.shard = twin.shard AND q.tenant = twin.tenant AND q.store = twin.store
        AND replayed_at IS NULL)
FROM store_twin twin JOIN store_count USING (shard, tenant, store)
WHERE twin.tenant = %s ORDER BY twin.store LIMIT %s
"""


def stores(connection: Connection, tenant: str, now: int) -> list[StoreTwin]:
    """Read the twins of a tenant's stores, by name, up to STORES_MAX."""
    rows = connection.execute(_STORES, (tenant, STORES_MAX)).fetchall()
    return [_twin(tenant, row, now) for row in rows]


def _twin(tenant: str, row: TupleRow, now: int) -> StoreTwin:
    store, online, operator, version, changed_at, seen_at = row[:6]
    queue_rows, queue_bytes, oldest_age_ms, clock_offset_ms, devices, queues = row[6:12]
    head, accounted, absent, again, quarantined = row[12:]
    received = accounted - absent + again
    silent = now - seen_at > SILENT_S * 1_000_000
    return StoreTwin(
        tenant=tenant,
        store=store,
        state="offline" if not online else "silent" if silent else "online",
        operator=operator,
        version=version,
        changed_at=changed_at,
        seen_at=seen_at,
        queue_rows=queue_rows,
        queue_bytes=queue_bytes,
        oldest_age_ms=oldest_age_ms,
        head=head,
        received=received,
        absent=absent,
        waiting=max(head - received - absent, 0),
        complete=received / head if head else 1.0,
        quarantined=quarantined,
        clock_offset_ms=clock_offset_ms,
        devices=_decoder.decode(devices) if devices else (),
        queues=_queue_decoder.decode(queues) if queues else (),
    )
