"""What the stores recorded held against what the cloud has: equality of sets, not of counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from edge_agent.database import Database

Place = tuple[bytes, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Events recorded in stores and how they fared; all but `recorded` should speak for itself."""

    recorded: int
    accepted: int
    lost: int
    doubled: int
    quarantined: int


def recorded_in(path: Path) -> set[Place]:
    """Return (stream, seq) of every event that a store's file holds; its agent must have ended."""
    database = Database(path)
    try:
        stream, base = (
            database.reader()
            .execute("SELECT stream, base FROM stream ORDER BY number DESC LIMIT 1")
            .fetchone()
        )
        rows = database.reader().execute("SELECT id FROM outbox WHERE id > ?", (base,))
        return {(bytes(stream), row_id - base) for (row_id,) in rows}
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
        row = connection.execute("SELECT coalesce(sum(count), 0) FROM quarantine").fetchone()
        quarantined = int(row[0]) if row else 0
    return Audit(
        recorded=len(recorded),
        accepted=len(accepted),
        lost=len(recorded - set(accepted)),
        doubled=len(accepted) - len(set(accepted)),
        quarantined=quarantined,
    )


def counts_now(dsn: str, tenant: str) -> dict[str, int]:
    """Return what the cloud holds and still waits for, while everything runs."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM ledger WHERE stream IS NOT NULL),"
            " (SELECT count(*) FROM ledger WHERE stream IS NULL),"
            " (SELECT coalesce(sum(head), 0)::bigint FROM store_twin WHERE tenant = %(t)s),"
            " (SELECT coalesce(sum(amount), 0)::bigint FROM store_hour"
            "  WHERE tenant = %(t)s AND figure = 'redemptions'),"
            " (SELECT coalesce(sum(amount), 0)::bigint FROM store_hour"
            "  WHERE tenant = %(t)s AND figure = 'offers_shown'),"
            " (SELECT coalesce(sum(amount), 0)::bigint FROM store_hour"
            "  WHERE tenant = %(t)s AND figure = 'stays')",
            {"t": tenant},
        ).fetchone()
    names = ("accepted", "online_events", "recorded", "redemptions", "offers_shown", "dwell_events")
    return dict(zip(names, row or (0,) * len(names), strict=True))
