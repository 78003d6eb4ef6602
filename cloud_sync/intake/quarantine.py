"""The quarantine: what could not be accepted, with its reason and bytes, to be replayed later."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import LiteralString

import msgspec
from psycopg import Connection, sql
from psycopg.rows import class_row

from cloud_sync.intake.accept import AcceptedRow
from cloud_sync.intake.copying import LedgerRow
from cloud_sync.intake.incoming import read_event
from cloud_sync.intake.ledger import append, held, store_row
from wire.codec import DecodeError, chain_all, decode
from wire.events import Event, Origin
from wire.messages import STREAM_BYTES, Batch

LIST_ROWS_MAX = 1_000
# Messages without a readable header, kept for each store; those beyond are dropped and counted in
# the log, since no event is known to be in them.
STRAY_MESSAGES_MAX = 1_000
# Entries that were replayed, and stray messages, are forgotten after this time.
KEPT_DAYS = 90

SELECT = sql.SQL(
    "SELECT shard, tenant, store, stream, first, count, part, reason, payload, checksum,"
    " quarantined_at, replayed_at FROM quarantine WHERE "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """Something set aside: an event, the body of a Batch, or a stray message without a header.

    Keyed by `(stream, first, count)`; a stray message by a hash of its bytes, with first and count
    0. Events and bodies count as received.
    """

    shard: int
    tenant: str
    store: str
    stream: bytes
    first: int
    count: int
    part: str
    reason: str
    payload: bytes
    quarantined_at: int
    checksum: int = 0
    replayed_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What became of a replay: how many events are in the ledger now, how many still are not."""

    appended: int
    refused: int


def stray(shard: int, tenant: str, store: str, payload: bytes, reason: str, now: int) -> Poison:
    """Make the entry of a message without a readable header."""
    return Poison(
        shard=shard,
        tenant=tenant,
        store=store,
        stream=hashlib.blake2b(payload, digest_size=STREAM_BYTES).digest(),
        first=0,
        count=0,
        part="message",
        reason=reason,
        payload=payload,
        quarantined_at=now,
    )


def keep(
    connection: Connection,
    entries: Sequence[Poison],
    *,
    stray_messages_max: int = STRAY_MESSAGES_MAX,
) -> None:
    """Set entries aside; one that is there already stays as it is."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO quarantine (shard, tenant, store, stream, first, count, part, reason,"
            " payload, checksum, quarantined_at) SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s"
            " WHERE %s <> 'message' OR (SELECT count(*) FROM quarantine WHERE shard = %s"
            "  AND tenant = %s AND store = %s AND part = 'message') < %s"
            " ON CONFLICT DO NOTHING",
            [
                (
                    each.shard,
                    each.tenant,
                    each.store,
                    each.stream,
                    each.first,
                    each.count,
                    each.part,
                    each.reason.replace("\0", "\\0"),
                    each.payload,
                    each.checksum,
                    each.quarantined_at,
                    each.part,
                    each.shard,
                    each.tenant,
                    each.store,
                    stray_messages_max,
                )
                for each in sorted(entries, key=lambda e: (e.shard, e.tenant, e.stream, e.first))
            ],
        )


def listed(
    connection: Connection, tenant: str | None = None, *, replayed: bool = False
) -> list[Poison]:
    """Return the entries, oldest first, up to LIST_ROWS_MAX; without those that were replayed."""
    return _select(
        connection,
        "(%s::text IS NULL OR tenant = %s) AND (%s OR replayed_at IS NULL)"
        " ORDER BY quarantined_at, shard, stream, first LIMIT %s",
        (tenant, tenant, replayed, LIST_ROWS_MAX),
    )


def show(connection: Connection, stream: bytes, first: int) -> list[Poison]:
    """Return the entries of a stream that begin at a seq (more than one only by tenant)."""
    return _select(connection, "stream = %s AND first = %s ORDER BY tenant, count", (stream, first))


def replay(connection: Connection, entry: Poison, now: int) -> Replayed:
    """Append what can be decoded now, under its own stream and seq; the rest stays set aside.

    An event that is in the ledger already, by its origin, is not appended again. A stray message
    was never receipted, so that its store sends it again by itself; it is refused.
    """
    locked = _select(
        connection,
        "shard = %s AND tenant = %s AND stream = %s AND first = %s AND count = %s"
        " AND replayed_at IS NULL FOR UPDATE",
        (entry.shard, entry.tenant, entry.stream, entry.first, entry.count),
    )
    if not locked or entry.part == "message":
        return Replayed(appended=0, refused=len(locked))
    if entry.part == "fold":
        return _fold_again(connection, entry, now)
    rows = _rows_of(locked[0])
    events = [(row, read_event(row.row)) for row in rows]
    sound = [(row, event) for row, event in events if isinstance(event, Event)]
    fresh = _not_held(connection, entry, sound)
    if fresh:
        append(connection, {entry.shard: fresh})
    refused = [(row, reason) for row, reason in events if isinstance(reason, str)]
    if rows and (not refused or entry.count > 1):
        # A body of which some events stay poison is replaced by these, one by one.
        keep(connection, [_event_entry(entry, row, reason, now) for row, reason in refused])
        _mark_replayed(connection, entry, now)
    return Replayed(appended=len(fresh), refused=len(refused) or int(not rows))


def forget_old(connection: Connection, rows_max: int) -> int:
    """Forget replayed entries and stray messages after KEPT_DAYS; returns how many.

    Events that are still set aside are kept: nobody else has them.
    """
    return connection.execute(
        "DELETE FROM quarantine WHERE (shard, tenant, stream, first, count) IN"
        " (SELECT shard, tenant, stream, first, count FROM quarantine"
        "  WHERE CASE WHEN part = 'message' THEN quarantined_at ELSE replayed_at END"
        "  < (extract(epoch FROM now() - make_interval(days => %s)) * 1000000)::bigint LIMIT %s)",
        (KEPT_DAYS, rows_max),
    ).rowcount


def _fold_again(connection: Connection, entry: Poison, now: int) -> Replayed:
    """Move an event that is in the ledger to its head, where it is folded like a new one."""
    moved = connection.execute(
        sql.SQL("DELETE FROM ledger WHERE shard = %s AND position = %s RETURNING {}").format(
            sql.SQL(", ").join(map(sql.Identifier, LedgerRow._fields))
        ),
        (entry.shard, entry.first),
    ).fetchall()
    if moved:
        append(connection, {entry.shard: [LedgerRow(*row) for row in moved]})
    _mark_replayed(connection, entry, now)
    return Replayed(appended=len(moved), refused=0)


def _mark_replayed(connection: Connection, entry: Poison, now: int) -> None:
    connection.execute(
        "UPDATE quarantine SET replayed_at = %s WHERE shard = %s AND tenant = %s"
        " AND stream = %s AND first = %s AND count = %s",
        (now, entry.shard, entry.tenant, entry.stream, entry.first, entry.count),
    )


def _rows_of(entry: Poison) -> list[AcceptedRow]:
    if entry.part == "event":
        return [AcceptedRow(entry.first, entry.checksum, entry.payload)]
    try:
        batch = decode(entry.payload)
    except DecodeError:
        return []
    if not isinstance(batch, Batch):
        return []
    chained = chain_all(batch.before, batch.rows)
    return [
        AcceptedRow(seq, checksum, row)
        for seq, (checksum, row) in enumerate(zip(chained, batch.rows, strict=True), batch.first)
    ]


def _not_held(
    connection: Connection, entry: Poison, sound: Sequence[tuple[AcceptedRow, Event]]
) -> list[LedgerRow]:
    identities = [
        event.origin or Origin(entry.stream, row.seq, row.checksum) for row, event in sound
    ]
    known = held(connection, entry.shard, entry.tenant, entry.store, identities)
    rows = []
    for (row, event), identity in zip(sound, identities, strict=True):
        if identity not in known:
            known.add(identity)
            named = msgspec.structs.replace(row, origin=event.origin)
            rows.append(
                store_row(entry.tenant, entry.store, entry.stream, named, event, live=False)
            )
    return rows


def _event_entry(entry: Poison, row: AcceptedRow, reason: str, now: int) -> Poison:
    return replace(
        entry,
        first=row.seq,
        count=1,
        part="event",
        reason=reason,
        payload=row.row,
        checksum=row.checksum,
        quarantined_at=now,
    )


def _select(connection: Connection, where: LiteralString, values: Sequence[object]) -> list[Poison]:
    with connection.cursor(row_factory=class_row(Poison)) as cursor:
        return cursor.execute(SELECT + sql.SQL(where), values).fetchall()
