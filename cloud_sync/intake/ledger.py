"""The ledger: all accepted events, once, in the order of their position in each shard."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

import msgspec
from psycopg import Connection, sql

from cloud_sync.intake import inserting
from cloud_sync.intake.accept import AcceptedRow
from cloud_sync.intake.copying import COLUMNS, END, SIGNATURE, LedgerRow, Place, packed
from cloud_sync.intake.inserting import FEW_ROWS_MAX
from cloud_sync.intake.posted import PostedEvent
from wire.codec import decode_event, encode_event
from wire.events import EVENT_KINDS, Body, Event, Origin
from wire.topics import shard_of

READ_EVENTS_MAX = 2_000
HTTP_EVENTS_MAX = 1_000
EVENT_ID_CHARACTERS_MAX = 128
# A repeat over HTTP is known for this long; an older one counts as a new event.
SEEN_KEPT_DAYS = 30
# The source of events that came from a store; those of web shop and app name themselves.
STORE = "store"

TIME_MAX = 2**63 - 1
DAY_FIRST = date(2000, 1, 1)
TAGS: dict[type[Body], int] = {
    body: tag for body in EVENT_KINDS.values() if isinstance(tag := body.__struct_config__.tag, int)
}


class LedgerEvent(msgspec.Struct, frozen=True, gc=False):
    """One accepted event; `store`, `stream` and `seq` are None when it came over HTTP.

    `live` is False for the backlog: folded, but answered by nothing that happens now.
    """

    shard: int
    position: int
    day: date
    tenant: str
    store: str | None
    source: str
    stream: bytes | None
    seq: int | None
    accepted_at: int
    live: bool
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAppended:
    """How many of the events sent over HTTP were new, and how many were here already."""

    accepted: int
    repeated: int


class Rows(Protocol):
    """Rows whose number is known before they are made."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __iter__(self) -> Iterator[LedgerRow]:
        """Make them, in order."""


def append(connection: Connection, rows: Mapping[int, Sequence[LedgerRow]]) -> dict[int, Place]:
    """Append rows to their shards; they become readable when the transaction commits.

    Returns where they were appended, by shard.
    """
    if are_few(rows):
        return append_few(connection, rows)
    places = reserve(connection, rows)
    packs = {shard: packed(shard, place, rows[shard]) for shard, place in places.items()}
    with appending(connection, places, packs):
        return places


def are_few(rows: Mapping[int, Rows]) -> bool:
    """Tell whether rows are few enough for `append_few`."""
    return sum(map(len, rows.values())) <= FEW_ROWS_MAX


def append_few(connection: Connection, rows: Mapping[int, Rows]) -> dict[int, Place]:
    """Append rows as `append` does, each shard's with their places in one statement, without COPY.

    So it may stand in a pipelined transaction.
    """
    places: dict[int, Place] = {}
    for shard in sorted(rows):
        some = list(rows[shard])
        while (place := inserting.append_few(connection, shard, some)) is None:
            _open_day(connection, inserting.day_of(connection, shard))
        places[shard] = place
    return places


def reserve(connection: Connection, rows: Mapping[int, Rows]) -> dict[int, Place]:
    """Reserve the places of rows that the same transaction appends.

    Positions are given under the row lock of each shard's head, taken in sorted order, so that no
    reader can see a position before all lower ones.
    """
    places: dict[int, Place] = {}
    for shard in sorted(rows):
        last, day, accepted_at, is_open = _advance(connection, shard, len(rows[shard]))
        places[shard] = Place(last - len(rows[shard]) + 1, day, accepted_at)
        if not is_open:
            _open_day(connection, day)
    return places


@contextmanager
def appending(
    connection: Connection, places: Mapping[int, Place], packs: Mapping[int, Iterable[bytes]]
) -> Iterator[None]:
    """Append rows that are packed for their places; within the block the server still works."""
    # Straight into the partition: nothing is to be looked up for each row. Around midnight two.
    days = sorted({place.day for place in places.values()})
    for day in days:
        with connection.cursor() as cursor, cursor.copy(_copy_into(day)) as copy:
            copy.write(SIGNATURE)
            for shard, place in places.items():
                if place.day == day:
                    for piece in packs[shard]:
                        copy.write(piece)
            copy.write(END)
            if day == days[-1]:
                yield
    if not days:
        yield


def append_http(
    connection: Connection,
    tenant: str,
    source: str,
    key_id: str,
    events: Sequence[PostedEvent],
    *,
    live: bool = True,
) -> HttpAppended:
    """Append the events of a web shop or app that are not here yet; those of the past not as live.

    Their shard is that of `web-<source>`; `key_id` names the API key that brought them. Repeats
    within SEEN_KEPT_DAYS are told apart by event id.
    """
    if len(events) > HTTP_EVENTS_MAX:
        raise ValueError(f"{len(events)} events at once, above {HTTP_EVENTS_MAX}: send fewer")
    shard = shard_of(tenant, f"web-{source}")
    by_id = {each.event_id: each.event for each in events}
    for event_id, event in by_id.items():
        if not 1 <= len(event_id) <= EVENT_ID_CHARACTERS_MAX or "\0" in event_id:
            raise ValueError(f"an event id has 1 to {EVENT_ID_CHARACTERS_MAX} characters, no NUL")
        if not 0 <= event.occurred_at <= TIME_MAX:
            raise ValueError(f"occurred_at of event {event_id!r} is no time in µs UTC")
    new = connection.execute(
        "INSERT INTO seen (shard, tenant, source, event_id, seen_on, key_id)"
        " SELECT %s, %s, %s, id, (clock_timestamp() AT TIME ZONE 'UTC')::date, %s"
        " FROM unnest(%s::text[]) AS id ON CONFLICT DO NOTHING RETURNING event_id",
        (shard, tenant, source, key_id, sorted(by_id)),
    ).fetchall()
    fresh = {row[0] for row in new}
    rows = [
        LedgerRow(
            tenant=tenant,
            store=None,
            source=source,
            stream=None,
            seq=None,
            live=live,
            occurred_at=event.occurred_at,
            kind=TAGS[type(event.body)],
            row=encode_event(event),
        )
        for event_id, event in by_id.items()
        if event_id in fresh
    ]
    if rows:
        append(connection, {shard: rows})
    return HttpAppended(accepted=len(rows), repeated=len(events) - len(rows))


def store_row(
    tenant: str, store: str, stream: bytes, accepted: AcceptedRow, event: Event, *, live: bool
) -> LedgerRow:
    """Make the ledger's row of an event that a store sent."""
    # Field by field in order: this runs for each event, and unpacking costs twice as much.
    tag = TAGS[type(event.body)]
    origin = accepted.origin
    if origin is None:
        return LedgerRow(
            tenant,
            store,
            STORE,
            stream,
            accepted.seq,
            live,
            event.occurred_at,
            tag,
            accepted.row,
            accepted.checksum,
        )
    return LedgerRow(
        tenant,
        store,
        STORE,
        stream,
        accepted.seq,
        live,
        event.occurred_at,
        tag,
        accepted.row,
        accepted.checksum,
        origin.stream,
        origin.seq,
        origin.checksum,
    )


def held(
    connection: Connection, shard: int, tenant: str, store: str, origins: Sequence[Origin]
) -> set[Origin]:
    """Return which of these the ledger holds: as rows of their own stream, or recorded again."""
    keys = [[each.stream for each in origins], [each.seq for each in origins]]
    rows = connection.execute(
        "SELECT stream, seq, checksum FROM ledger"
        " JOIN unnest(%s::bytea[], %s::int8[]) AS asked (stream, seq) USING (stream, seq)"
        " WHERE shard = %s AND tenant = %s AND store = %s"
        " UNION ALL SELECT origin_stream, origin_seq, origin_checksum FROM ledger"
        " JOIN unnest(%s::bytea[], %s::int8[]) AS asked (stream, seq)"
        " ON origin_stream = asked.stream AND origin_seq = asked.seq"
        " WHERE shard = %s AND tenant = %s AND store = %s",
        (*keys, shard, tenant, store, *keys, shard, tenant, store),
    ).fetchall()
    return {Origin(stream=row[0], seq=row[1], checksum=row[2]) for row in rows} & set(origins)


def forget_seen(connection: Connection, rows_max: int) -> int:
    """Forget event ids whose time of being known is over, the oldest first; returns how many."""
    return connection.execute(
        "DELETE FROM seen WHERE (shard, tenant, source, event_id) IN"
        " (SELECT shard, tenant, source, event_id FROM seen"
        "  WHERE seen_on < (now() AT TIME ZONE 'UTC')::date - %s::int ORDER BY seen_on LIMIT %s)",
        (SEEN_KEPT_DAYS, rows_max),
    ).rowcount


def read(
    connection: Connection,
    shard: int,
    after: int,
    limit: int = READ_EVENTS_MAX,
    *,
    since: date = DAY_FIRST,
) -> list[LedgerEvent]:
    """Read up to `limit` events of a shard above position `after`, in order.

    `since` is a day on which, or before which, the first of them was accepted: older partitions
    are not looked at.
    """
    rows = connection.execute(
        "SELECT shard, position, day, tenant, store, source, stream, seq, accepted_at, live, row"
        " FROM ledger WHERE shard = %s AND position > %s AND day >= %s"
        " ORDER BY shard, position LIMIT %s",
        (shard, after, since, limit),
        binary=True,
    ).fetchall()
    return [LedgerEvent(*(*row[:-1], decode_event(row[-1]))) for row in rows]


def partition_of(day: date) -> str:
    """Return the name of the partition that holds the events accepted on a day."""
    return f"ledger_{day:%Y%m%d}"


def _advance(connection: Connection, shard: int, count: int) -> tuple[int, date, int, bool]:
    """Give out `count` positions: the last one, their day, the time now, and if the day is open."""
    row = connection.execute(
        "UPDATE shard_head SET position = position + %s,"
        " day = greatest(day, (clock_timestamp() AT TIME ZONE 'UTC')::date)"
        " WHERE shard = %s RETURNING position, day,"
        " (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,"
        " to_regclass('ledger_' || to_char(day, 'YYYYMMDD')) IS NOT NULL",
        (count, shard),
    ).fetchone()
    if row is None:
        raise inserting.no_head(shard)
    position, day, accepted_at, is_open = row
    return position, day, accepted_at, is_open


def _copy_into(day: date) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(partition_of(day)), sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    )


def _open_day(connection: Connection, day: date) -> None:
    """Create the partition of a day, whichever process comes first.

    The lock lets others append meanwhile; creating the partition in its place would not.
    """
    connection.execute("LOCK TABLE ledger IN SHARE UPDATE EXCLUSIVE MODE")
    name = partition_of(day)
    if connection.execute("SELECT to_regclass(%s)", (name,)).fetchone() != (None,):
        return
    partition = sql.Identifier(name)
    connection.execute(
        sql.SQL("CREATE TABLE {} (LIKE ledger INCLUDING ALL)").format(partition),
    )
    connection.execute(
        sql.SQL("ALTER TABLE ledger ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
            partition, day.isoformat(), (day + timedelta(days=1)).isoformat()
        )
    )
