"""Overwrites what erasures left of deleted rows on the database's disk.

PostgreSQL deletes by marking: the bytes stay in their page, in its statistics and in its log until
something is written over them. Here each table that held something of a shopper is written anew,
then its statistics, and the log goes on in a new file; old files of the log are removed by the
checkpoint where `wal_recycle` is off, as in the embedded server.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import psycopg
from psycopg import Connection, sql

from cloud_sync.intake.ledger import partition_of
from cloud_sync.privacy.scrub import days_since
from cloud_sync.privacy.traces import TRACES

# A table is locked while it is written anew: some 100 MB/s. A larger one is left, and named.
BYTES_MAX = 256 * 1024 * 1024
# Whoever works on a table is waited for so long, while all who come behind wait, too.
LOCK_TIMEOUT = "2s"
OTHER_TABLES = ("quarantine", "erasure", "product_pair", "connector_due", "connector_told")
ANALYSED = "pg_statistic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiped:
    """Which tables were written anew, and which were left, by the reason."""

    tables: tuple[str, ...]
    left: tuple[tuple[str, str], ...]

    @property
    def whole(self) -> bool:
        """Tell whether nothing was left."""
        return not self.left


def wipe(
    dsn: str, *, bytes_max: int = BYTES_MAX, told: Callable[[str], None] = lambda _table: None
) -> Wiped:
    """Write anew every table that held something of a shopper whose erasure is finished.

    `told` hears of each table as it is begun. Call it when the store is quiet: who works on a table
    waits for it. Erasures count as wiped when no table was left.
    """
    done: list[str] = []
    left: list[tuple[str, str]] = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
        waiting = connection.execute(
            "SELECT tenant, erasure, touched FROM erasure"
            " WHERE finished_at IS NOT NULL AND wiped_at IS NULL"
        ).fetchall()
        if not waiting:
            return Wiped(tables=(), left=())
        touched = {day for _, _, days in waiting for day in days}
        days = [day for day in days_since(connection, date.min) if day in touched]
        for table, size in [*_tables(connection), *_sizes(connection, map(partition_of, days))]:
            told(table)
            if size > bytes_max:
                left.append((table, f"{size} B, above {bytes_max}"))
            elif fault := _rewrite(connection, table):
                left.append((table, fault))
            else:
                done.append(table)
        _end_log(connection, left)
        if not left:
            connection.execute(
                "UPDATE erasure SET wiped_at = (extract(epoch FROM now()) * 1000000)::bigint"
                " WHERE (tenant, erasure) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
                ([tenant for tenant, *_ in waiting], [erasure for _, erasure, _ in waiting]),
            )
    return Wiped(tables=tuple(done), left=tuple(left))


def _tables(connection: Connection) -> list[tuple[str, int]]:
    """Return the tables in which shoppers stand, each partition by itself, with their bytes."""
    names = [trace.table for trace in TRACES] + list(OTHER_TABLES)
    rows = connection.execute(
        "SELECT coalesce(leaf.relid, name::regclass)::text FROM unnest(%s::text[]) AS name"
        " LEFT JOIN LATERAL pg_partition_tree(name::regclass) AS leaf ON true"
        " WHERE leaf.isleaf IS NOT false ORDER BY 1",
        (names,),
    ).fetchall()
    return list(_sizes(connection, (name for (name,) in rows)))


def _sizes(connection: Connection, names: Iterator[str]) -> Iterator[tuple[str, int]]:
    for name in list(names):
        row = connection.execute("SELECT pg_table_size(%s::regclass)", (name,)).fetchone()
        yield name, row[0] if row else 0


def _rewrite(connection: Connection, table: str) -> str:
    """Write a table and its statistics anew; returns in words what prevented it."""
    try:
        connection.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(sql.Identifier(table)))
    except (psycopg.errors.LockNotAvailable, psycopg.errors.InsufficientPrivilege) as error:
        return " ".join(str(error).split())
    return ""


def _end_log(connection: Connection, left: list[tuple[str, str]]) -> None:
    """Let statistics and log hold nothing of before; whoever may not do it is told."""
    if fault := _rewrite(connection, ANALYSED):
        left.append((ANALYSED, fault))
    try:
        connection.execute("SELECT pg_switch_wal()")
        connection.execute("CHECKPOINT")
    except psycopg.errors.InsufficientPrivilege as error:
        left.append(("write-ahead log", " ".join(str(error).split())))
