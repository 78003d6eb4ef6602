"""The states of streams: loaded under their row locks, and saved with what they account for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg import Connection
from psycopg.types.multirange import Int8Multirange
from psycopg.types.range import Range

from cloud_sync.intake.accept import Held, StreamState
from wire.messages import Absent
from wire.ranges import Ranges


@dataclass(frozen=True, slots=True, order=True)
class StreamKey:
    """Names a stream: an outbox of one store of one tenant, in the store's shard."""

    shard: int
    tenant: str
    store: str
    stream: bytes


def lock(connection: Connection, keys: Iterable[StreamKey]) -> dict[StreamKey, StreamState]:
    """Lock the rows of streams in sorted order and load them; one that is new begins empty."""
    ordered = sorted(set(keys))
    states = _select(connection, ordered)
    new = [key for key in ordered if key not in states]
    if new:
        # Another worker may have made the row since: then this waits for it, and reads it again.
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO stream (shard, tenant, store, stream) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                [(key.shard, key.tenant, key.store, key.stream) for key in new],
            )
        states |= _select(connection, new)
    return states


def save(connection: Connection, states: Mapping[StreamKey, StreamState], now: int) -> None:
    """Save the states of streams that are locked."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE stream SET received = %s, befores = %s, checksums = %s, absent = %s,"
            " forked = %s, received_at = %s"
            " WHERE shard = %s AND tenant = %s AND store = %s AND stream = %s",
            [
                (
                    _multirange(state.ranges),
                    [held.before for held in state.held],
                    [held.checksum for held in state.held],
                    _multirange(state.absent),
                    state.forked,
                    now,
                    key.shard,
                    key.tenant,
                    key.store,
                    key.stream,
                )
                for key, state in states.items()
            ],
        )


def report_absent(
    connection: Connection, absent: Iterable[tuple[StreamKey, Absent]], now: int
) -> None:
    """Keep what stores declared gone, and why."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO stream_absent (shard, tenant, store, stream, first, last, reason,"
            " declared_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (shard, tenant, store, stream, first)"
            " DO UPDATE SET last = greatest(stream_absent.last, excluded.last)",
            [
                (
                    key.shard,
                    key.tenant,
                    key.store,
                    key.stream,
                    gone.first,
                    gone.last,
                    gone.reason,
                    now,
                )
                for key, gone in absent
            ],
        )


def _select(connection: Connection, keys: list[StreamKey]) -> dict[StreamKey, StreamState]:
    rows = connection.execute(
        "SELECT shard, tenant, store, stream, received, befores, checksums, absent, forked"
        " FROM stream JOIN unnest(%s::smallint[], %s::text[], %s::text[], %s::bytea[])"
        "  AS asked (shard, tenant, store, stream) USING (shard, tenant, store, stream)"
        " ORDER BY shard, tenant, store, stream FOR UPDATE OF stream",
        (
            [key.shard for key in keys],
            [key.tenant for key in keys],
            [key.store for key in keys],
            [key.stream for key in keys],
        ),
    ).fetchall()
    return {
        StreamKey(*row[:4]): StreamState(
            held=tuple(
                Held(first, last, before, checksum)
                for (first, last), before, checksum in zip(
                    _ranges(row[4]), row[5], row[6], strict=True
                )
            ),
            absent=_ranges(row[7]),
            forked=row[8],
        )
        for row in rows
    }


def _multirange(ranges: Ranges) -> Int8Multirange:
    return Int8Multirange(Range(first, last + 1) for first, last in ranges)


def _ranges(stored: Int8Multirange) -> Ranges:
    return tuple(
        (each.lower, each.upper - 1)
        for each in stored
        if each.lower is not None and each.upper is not None
    )
