"""A few rows of the ledger, appended with their places in one statement.

COPY costs less for each row, and two more answers to wait for: the places, then its own. Whoever
stands at a screen waits for them.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from psycopg import Connection

from cloud_sync.database import arrays
from cloud_sync.intake.copying import LedgerRow, Place

FEW_ROWS_MAX = 20

# Where the day is not open yet nothing is changed and nothing comes back.
_APPEND = b"""
WITH head AS (UPDATE shard_head SET position = position + %(count)s,
    day = greatest(day, (clock_timestamp() AT TIME ZONE 'UTC')::date)
    WHERE shard = %(shard)s AND to_regclass('ledger_' || to_char(
        greatest(day, (clock_timestamp() AT TIME ZONE 'UTC')::date), 'YYYYMMDD')) IS NOT NULL
    RETURNING shard, position - %(count)s AS before, day,
        (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS accepted_at),
appended AS (INSERT INTO ledger (day, shard, position, accepted_at, tenant, store, source, stream,
    seq, live, occurred_at, kind, row, checksum, origin_stream, origin_seq, origin_checksum)
    SELECT day, shard, before + place, accepted_at, tenant, store, source, stream, seq, live,
        occurred_at, kind, row, checksum, origin_stream, origin_seq, origin_checksum
    FROM head CROSS JOIN unnest(%(tenants)s::text[], %(stores)s::text[], %(sources)s::text[],
        %(streams)s::bytea[], %(seqs)s::bigint[], %(lives)s::boolean[], %(times)s::bigint[],
        %(kinds)s::smallint[], %(rows)s::bytea[], %(checksums)s::bigint[],
        %(origin_streams)s::bytea[], %(origin_seqs)s::bigint[], %(origin_checksums)s::bigint[])
        WITH ORDINALITY AS new (tenant, store, source, stream, seq, live, occurred_at, kind, row,
        checksum, origin_stream, origin_seq, origin_checksum, place))
SELECT before + 1, day, accepted_at FROM head
"""


def append_few(connection: Connection, shard: int, rows: Sequence[LedgerRow]) -> Place | None:
    """Append at most FEW_ROWS_MAX rows to a shard, and return where they stand.

    None, with nothing done, where the partition of the day is still to be made.
    """
    found = connection.execute(
        _APPEND,
        {
            "count": len(rows),
            "shard": shard,
            "tenants": [row.tenant for row in rows],
            "stores": [row.store for row in rows],
            "sources": [row.source for row in rows],
            "streams": [row.stream for row in rows],
            "seqs": _numbers(row.seq for row in rows),
            "lives": [row.live for row in rows],
            "times": _numbers(row.occurred_at for row in rows),
            "kinds": _numbers(row.kind for row in rows),
            "rows": [row.row for row in rows],
            "checksums": _numbers(row.checksum for row in rows),
            "origin_streams": [row.origin_stream for row in rows],
            "origin_seqs": _numbers(row.origin_seq for row in rows),
            "origin_checksums": _numbers(row.origin_checksum for row in rows),
        },
    ).fetchone()
    return Place(*found) if found else None


def day_of(connection: Connection, shard: int) -> date:
    """Return the day to which a shard is appended now."""
    found = connection.execute(
        "SELECT greatest(day, (clock_timestamp() AT TIME ZONE 'UTC')::date) FROM shard_head"
        " WHERE shard = %s",
        (shard,),
    ).fetchone()
    if found is None:
        raise no_head(shard)
    day: date = found[0]
    return day


def no_head(shard: int) -> LookupError:
    """Return what is wrong with a database that does not know a shard."""
    return LookupError(f"shard {shard} has no line in shard_head: the migrations did not run")


def _numbers(values: Iterable[int | None]) -> str:
    return arrays.plain("NULL" if value is None else str(value) for value in values)
