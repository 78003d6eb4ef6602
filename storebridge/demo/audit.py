"""What the stores recorded held against what the cloud has: equality of sets, not of counts."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from cloud_sync.fleet import twins
from edge_agent.database.database import Database

Place = tuple[bytes, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Events recorded in stores and what became of each.

    `absent` are those that a store itself declared gone (evicted, expired, damaged); `lost` are
    neither in the cloud nor declared.
    """

    recorded: int
    accepted: int
    lost: int
    doubled: int
    absent: int
    quarantined: int


def recorded_in(path: Path) -> set[Place]:
    """Return (stream, seq) of all that a store recorded in its stream; its agent has ended.

    A seq is never given twice, so the head of the stream says what was recorded, also of rows that
    are not kept any more; what an earlier stream held was recorded again in this one.
    """
    database = Database(path)
    try:
        stream, head = (
            database.reader()
            .execute("SELECT stream, head FROM stream ORDER BY number DESC LIMIT 1")
            .fetchone()
        )
        return {(bytes(stream), seq) for seq in range(1, head + 1)}
    finally:
        database.close()


def audit(dsn: str, stores: Iterable[Path]) -> Audit:
    """Compare the files of stores with the ledger of a cloud."""
    recorded: set[Place] = set()
    for path in stores:
        recorded |= recorded_in(path)
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT stream, seq FROM ledger WHERE stream IS NOT NULL")
        accepted = [(bytes(stream), seq) for stream, seq in rows]
        rows = connection.execute(
            "SELECT stream, lower(part), upper(part) FROM stream, unnest(absent) AS part"
        )
        absent = {(bytes(each), seq) for each, low, high in rows for seq in range(low, high)}
        row = connection.execute("SELECT coalesce(sum(count), 0) FROM quarantine").fetchone()
        quarantined = int(row[0]) if row else 0
    return Audit(
        recorded=len(recorded),
        accepted=len(accepted),
        lost=len(recorded - set(accepted) - absent),
        doubled=len(accepted) - len(set(accepted)),
        absent=len(absent & recorded),
        quarantined=quarantined,
    )


def drained(dsn: str, tenant: str, since: int) -> bool:
    """Tell whether every store has spoken since a time (µs UTC), and holds nothing back."""
    with psycopg.connect(dsn) as connection:
        found = twins.stores(connection, tenant, time.time_ns() // 1000)
    return all(twin.seen_at > since and twin.waiting == 0 for twin in found)


def counts_now(dsn: str, tenant: str, without: Sequence[str] = ()) -> dict[str, int]:
    """Return what the cloud holds, while everything runs.

    `recorded` is what it knows the stores to have recorded, `without` those that say so themselves.
    """
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM ledger WHERE stream IS NOT NULL),"
            " (SELECT count(*) FROM ledger WHERE stream IS NULL),"
            " (SELECT coalesce(sum(greatest(head, upper(received) - 1)), 0)::bigint"
            "  FROM store_twin LEFT JOIN stream USING (shard, tenant, store, stream)"
            "  WHERE tenant = %(t)s AND NOT store = ANY(%(without)s)),"
            " (SELECT coalesce(sum(amount), 0)::bigint FROM store_hour"
            "  WHERE tenant = %(t)s AND figure = 'redemptions'),"
            " (SELECT coalesce(sum(amount), 0)::bigint FROM store_hour"
            "  WHERE tenant = %(t)s AND figure = 'offers_shown'),"
            " (SELECT coalesce(sum(amount), 0)::bigint FROM store_hour"
            "  WHERE tenant = %(t)s AND figure = 'stays')",
            {"t": tenant, "without": [*without]},
        ).fetchone()
    names = ("accepted", "online_events", "recorded", "redemptions", "offers_shown", "dwell_events")
    return dict(zip(names, row or (0,) * len(names), strict=True))
