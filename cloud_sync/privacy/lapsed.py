"""Shoppers who have not been heard of for long: they are erased as if they had asked for it."""

import logging
from uuid import UUID

from psycopg import Connection

from cloud_sync.database import Database
from cloud_sync.privacy.erasing import NobodyError, erase, identifiers_of
from cloud_sync.privacy.kept_apart import KeptApart

_log = logging.getLogger(__name__)

CHORE = "lapsed"
EVERY_S = 86_400
# Erased in one round, which follows as soon as the last was full; each takes some 50 ms.
SHOPPERS_MAX = 100
ASKED_BY = "retention: not heard of for too long"


def erase_lapsed(
    database: Database, apart: KeptApart, days: int, now: int, *, every_s: int = EVERY_S
) -> int:
    """Erase some of who has done nothing for so many days before `now`; returns how many.

    Looks once a day, whichever worker comes first.
    """
    with database.shopper("") as connection:
        found = _due(connection, now - days * 86_400_000_000, every_s)
    gone = 0
    for tenant, shopper in found:
        try:
            with database.shopper(tenant) as connection:
                identifiers = identifiers_of(connection, tenant, shopper.hex)
        except NobodyError:
            continue  # they were erased meanwhile
        erase(database, apart, tenant, identifiers, now, asked_by=ASKED_BY)
        gone += 1
    if gone:
        _log.info("%d shoppers were erased who had not been heard of for %d days", gone, days)
    return gone


def _due(connection: Connection, before: int, every_s: int) -> list[tuple[str, UUID]]:
    connection.execute("INSERT INTO chore (chore) VALUES (%s) ON CONFLICT DO NOTHING", (CHORE,))
    mine = connection.execute(
        "SELECT FROM chore WHERE chore = %s AND due_at <= now() FOR UPDATE SKIP LOCKED", (CHORE,)
    ).fetchone()
    if mine is None:
        return []
    found = connection.execute(
        "SELECT identifier.tenant, shopper FROM identifier CROSS JOIN LATERAL"
        " (SELECT max(last_at) AS last_at FROM atom_act WHERE atom_act.tenant = identifier.tenant"
        "  AND atom = identifier.identifier) AS act"
        " GROUP BY identifier.tenant, shopper HAVING max(last_at) < %s LIMIT %s",
        (before, SHOPPERS_MAX),
    ).fetchall()
    wait_s = 0 if len(found) == SHOPPERS_MAX else every_s
    connection.execute(
        "UPDATE chore SET done_at = now(), due_at = now() + make_interval(secs => %s),"
        " forgotten = forgotten + %s WHERE chore = %s",
        (wait_s, len(found), CHORE),
    )
    return found
