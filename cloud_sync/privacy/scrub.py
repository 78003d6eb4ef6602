"""Makes the events of erased shoppers blank in the ledger, and empties what quarantine holds.

An event stays in its place, under its stream, seq and checksum, so that a store that records it
again finds it held; it says nothing any more. What a visit did before its shopper showed a code is
found by the visit. All erasures that wait are done in one pass over a day.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from msgspec import structs
from psycopg import Connection, sql

from cloud_sync.database import Database, retried
from cloud_sync.intake.ledger import LedgerEvent, partition_of
from cloud_sync.privacy.watch import blank, write_blank
from cloud_sync.shoppers.trade.settling import forget
from wire.batch import unpacked_rows
from wire.codec import DecodeError, decode_event

# Rows that one transaction makes blank.
ROWS_AT_ONCE = 1_000
# Packed messages that are in memory at once, each of up to 1 MB.
PACKED_AT_ONCE = 20


@dataclass(slots=True)
class _Sought:
    """What is looked for: keyed identifiers, and the visits of the shopper found so far."""

    values: set[bytes]
    visits: set[bytes] = field(default_factory=set)

    @property
    def needles(self) -> list[bytes]:
        """Return the bytes of which one stands in each row that is looked for."""
        return sorted(self.values | self.visits)


def finish(database: Database, told: Callable[[str], None] = lambda _day: None) -> int:
    """Do what is left of all erasures; returns how many events were made blank.

    `told` hears of each day as it is begun. Interrupted, it begins anew: what is blank stays so.
    """
    with database.ledger(0) as connection:
        waiting = connection.execute(
            "SELECT tenant, erasure, since, pending FROM erasure WHERE finished_at IS NULL"
            " ORDER BY tenant, erasure"
        ).fetchall()
    gone = 0
    for tenant in sorted({row[0] for row in waiting}):
        mine = [row for row in waiting if row[0] == tenant]
        values = {bytes(value) for *_, pending in mine for value in pending}
        since = min(row[2] for row in mine)
        gone += _search(database, tenant, _Sought(values), since, told)
        with database.shopper(tenant) as connection, connection.cursor() as cursor:
            # One to which somebody was added meanwhile is searched for them, too, next time.
            cursor.executemany(
                "UPDATE erasure SET finished_at = (extract(epoch FROM now()) * 1000000)::bigint,"
                " pending = '{}' WHERE tenant = %s AND erasure = %s AND pending = %s",
                [(tenant, erasure, pending) for _, erasure, _, pending in mine],
            )
    return gone


def _search(
    database: Database, tenant: str, sought: _Sought, since: date, told: Callable[[str], None]
) -> int:
    """Go through the days twice where the first time found visits: before and after the code."""
    gone = 0
    for _ in range(2):
        before = len(sought.visits)
        with database.shopper(tenant) as connection:
            days = days_since(connection, since)
        for day in days:
            told(day.isoformat())
            work = partial(_blank_some, tenant=tenant, day=day, sought=sought)
            while part := retried(lambda: database.shopper(tenant), work):
                gone += part
        if len(sought.visits) == before:
            break
    with database.shopper(tenant) as connection:
        _empty_quarantine(connection, tenant, sought.needles)
    return gone


def days_since(connection: Connection, since: date) -> list[date]:
    """Return the days from `since` on of which the ledger has a partition."""
    rows = connection.execute(
        "SELECT to_date(substr(child.relname, 8), 'YYYYMMDD') FROM pg_inherits"
        " JOIN pg_class AS child ON child.oid = inhrelid"
        " WHERE inhparent = 'ledger'::regclass ORDER BY 1"
    ).fetchall()
    return [day for (day,) in rows if day >= since]


def events_naming(
    connection: Connection, tenant: str, day: date, needles: Collection[bytes], limit: int
) -> list[LedgerEvent]:
    """Return events of a day in whose bytes one of these stands, in order, up to a limit."""
    rows = connection.execute(
        sql.SQL(
            "SELECT shard, position, day, tenant, store, source, stream, seq, accepted_at, live,"
            " row FROM {} WHERE tenant = %s AND EXISTS (SELECT FROM unnest(%s::bytea[]) AS needle"
            " WHERE position(needle IN row) > 0) ORDER BY shard, position LIMIT %s"
        ).format(sql.Identifier(partition_of(day))),
        (tenant, sorted(needles), limit),
        binary=True,
    ).fetchall()
    return [LedgerEvent(*(*row[:-1], decode_event(row[-1]))) for row in rows]


def _blank_some(connection: Connection, tenant: str, day: date, sought: _Sought) -> int:
    found = events_naming(connection, tenant, day, sought.needles, ROWS_AT_ONCE)
    # An order may be told of by others than who sold it: only its events say by which name.
    forget(connection, found)
    for each in found:
        if each.event.visit and each.event.identifiers:
            sought.visits.add(each.event.visit)
        write_blank(connection, structs.replace(each, event=blank(each.event)))
    if found:
        connection.execute(
            "UPDATE erasure SET touched = touched || %(day)s::date WHERE tenant = %(tenant)s"
            " AND finished_at IS NULL AND NOT touched @> ARRAY[%(day)s::date]",
            {"day": day, "tenant": tenant},
        )
    return len(found)


def _empty_quarantine(connection: Connection, tenant: str, needles: Sequence[bytes]) -> None:
    """Take the bytes out of entries that name the shopper; they count as replayed.

    What came as a message was kept packed, so it is unpacked to be searched.
    """
    emptied = (
        "UPDATE quarantine SET payload = '', reason = 'erased', replayed_at ="
        " coalesce(replayed_at, (extract(epoch FROM now()) * 1000000)::bigint)"
        " WHERE tenant = %s AND "
    )
    connection.execute(
        f"{emptied} EXISTS (SELECT FROM unnest(%s::bytea[]) AS needle"
        "  WHERE position(needle IN payload) > 0)",
        (tenant, list(needles)),
    )
    with connection.cursor(name="packed") as cursor, connection.cursor() as emptying:
        cursor.itersize = PACKED_AT_ONCE
        cursor.execute(
            "SELECT shard, stream, first, count, payload FROM quarantine"
            " WHERE tenant = %s AND part IN ('message', 'body') AND payload <> ''",
            (tenant,),
        )
        for *key, payload in cursor:
            plain = _unpacked(bytes(payload))
            if any(needle in plain for needle in needles):
                emptying.execute(
                    f"{emptied} shard = %s AND stream = %s AND first = %s AND count = %s",
                    (tenant, *key),
                )


def _unpacked(payload: bytes) -> bytes:
    try:
        return unpacked_rows(payload)
    except DecodeError:
        return b""
