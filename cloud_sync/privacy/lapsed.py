"""Shoppers who have not been heard of for long: they are erased as if they had asked for it."""

import logging
from collections.abc import Callable
from uuid import UUID

from psycopg import Connection

from cloud_sync.database import Database
from cloud_sync.privacy import scrub
from cloud_sync.privacy.erasing import NobodyError, erase, identifiers_of
from cloud_sync.privacy.kept_apart import KeptApart

_log = logging.getLogger(__name__)

CHORE = "lapsed"
EVERY_S = 86_400
# All shoppers are looked at to find some, so that many are found at once; each takes some 50 ms to
# erase. The old events of so many are searched for together.
FOUND_MAX = 10_000
SEARCHED_TOGETHER = 100
ASKED_BY = "retention: not heard of for too long"

# Somebody was heard of by deeds, by what was shown together, and by a word on consents. Of whom
# nothing of it is known, such as a lone name of a membership list, by when they became known.
_LAPSED = """
SELECT identifier.tenant, identifier.shopper FROM identifier CROSS JOIN LATERAL (SELECT greatest(
    (SELECT max(last_at) FROM atom_act AS act
        WHERE act.tenant = identifier.tenant AND act.atom = identifier.identifier),
    (SELECT max(occurred_at) FROM link
        WHERE link.tenant = identifier.tenant AND link.identifier = identifier.identifier),
    (SELECT max(mark) / 2 FROM atom_consent AS said
        WHERE said.tenant = identifier.tenant AND said.atom = identifier.identifier)
    ) AS at) AS heard
WHERE %(tenant)s::text IS NULL
    OR identifier.tenant = %(tenant)s::text AND identifier.shopper = %(shopper)s::uuid
GROUP BY identifier.tenant, identifier.shopper
HAVING coalesce(max(heard.at), max(identifier.since)) < %(before)s LIMIT %(most)s
"""


def erase_lapsed(
    database: Database,
    apart: KeptApart,
    days: int,
    now: int,
    *,
    every_s: int = EVERY_S,
    ended: Callable[[], bool] = lambda: False,
) -> int:
    """Erase who was not heard of for so many days before `now` (µs UTC); returns how many.

    Looks once a day, whichever worker comes first; who is left when `ended` says so waits for the
    next day.
    """
    before = now - days * 86_400_000_000
    with database.shopper("") as connection:
        found = _due(connection, before, every_s)
    gone = 0
    for tenant, shopper in found:
        if ended():
            break
        try:
            with database.shopper(tenant) as connection:
                # They may have come again while the others before them were erased.
                if not _lapsed(connection, before, tenant=tenant, shopper=shopper):
                    continue
                identifiers = identifiers_of(connection, tenant, shopper.hex)
        except NobodyError:
            continue  # they were erased meanwhile
        erase(database, apart, tenant, identifiers, now, asked_by=ASKED_BY)
        gone += 1
        if gone % SEARCHED_TOGETHER == 0:
            scrub.finish(database)
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
    found = _lapsed(connection, before)
    wait_s = 0 if len(found) == FOUND_MAX else every_s
    connection.execute(
        "UPDATE chore SET done_at = now(), due_at = now() + make_interval(secs => %s),"
        " forgotten = forgotten + %s WHERE chore = %s",
        (wait_s, len(found), CHORE),
    )
    return found


def _lapsed(
    connection: Connection, before: int, *, tenant: str | None = None, shopper: UUID | None = None
) -> list[tuple[str, UUID]]:
    """Return who was not heard of since `before` (µs UTC), of all shoppers or of one."""
    asked = {"tenant": tenant, "shopper": shopper, "before": before, "most": FOUND_MAX}
    return connection.execute(_LAPSED, asked).fetchall()
