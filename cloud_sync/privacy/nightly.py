"""Wiping at night: what erasures left on the database's disk is overwritten when it is quiet."""

import logging
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from psycopg import Connection

from cloud_sync.database import Database
from cloud_sync.privacy import wiping

_log = logging.getLogger(__name__)

CHORE = "wiping"
# The hour that means never.
NEVER = -1
# Once a night, also where the clocks are set back.
EVERY_S = 20 * 3_600


def wipe_at_night(database: Database, hour: int, zone: ZoneInfo, now: int) -> bool:
    """Wipe once in an hour of the day (NEVER: not at all); tells whether it was done now.

    `now` is µs UTC. Whichever worker comes first does it; what was left is tried the next night.
    """
    if datetime.fromtimestamp(now / 1_000_000, UTC).astimezone(zone).hour != hour:
        return False
    # In a transaction of its own: one that stays open keeps old rows on the disk.
    with database.shopper("") as connection:
        if not _due(connection):
            return False
    wiped = wiping.wipe(database.dsn)
    if wiped.tables or wiped.left:
        _log.info("%d tables were written anew after erasures", len(wiped.tables))
    for table, reason in wiped.left:
        _log.warning("%s was not wiped and is tried again tomorrow: %s", table, reason)
    return True


def _due(connection: Connection) -> bool:
    connection.execute("INSERT INTO chore (chore) VALUES (%s) ON CONFLICT DO NOTHING", (CHORE,))
    mine = connection.execute(
        "UPDATE chore SET done_at = now(), due_at = now() + make_interval(secs => %s)"
        " WHERE chore = (SELECT chore FROM chore WHERE chore = %s AND due_at <= now()"
        "  FOR UPDATE SKIP LOCKED)",
        (EVERY_S, CHORE),
    )
    return mine.rowcount == 1
