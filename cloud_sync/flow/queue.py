"""Of whom each connector is still to tell: a row a shopper, claimed, sent, or given up.

Only what holds when a message is made is told, so a shopper who changed ten times while another
system was away is one row and one message.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import class_row

from cloud_sync.database import arrays

# What a sender that died has claimed is taken by another after this long.
CLAIM_S = 120
LISTED_MAX = 1_000
SECOND = 1_000_000
REASON_CHARACTERS_MAX = 300
_NEWS_AGAIN = (
    "ON CONFLICT (tenant, shopper, connector) DO UPDATE SET version = held.version + 1,"
    " attempts = 0, dead_at = NULL, reason = '',"
    " due_at = CASE WHEN held.dead_at IS NULL THEN held.due_at ELSE excluded.due_at END"
)
# A version that begins at the time: its messages are none that were sent before.
_NOW = "(SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS at) AS now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A shopper of whom a connector is to tell, as claimed; `since` and times are µs UTC."""

    shopper: str
    version: int
    attempts: int
    since: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A shopper of whom another system would not be told, and why."""

    connector: str
    shopper: str
    since: int
    dead_at: int
    attempts: int
    reason: str


def put(
    connection: Connection,
    tenant: str,
    shoppers: Collection[str],
    now: int,
    *,
    joined: Collection[str] = (),
) -> None:
    """Let every connector of a tenant tell of these shoppers, in the caller's transaction.

    `joined` are the ids of all their identifiers: who was a shopper before a join, and was told of,
    is told of as well.
    """
    connection.execute(
        "INSERT INTO connector_due AS held (tenant, connector, shopper, version, since,"  # noqa: S608
        " due_at, attempts) SELECT %(tenant)s, connector, id, 1, %(now)s, %(now)s, 0 FROM"
        " (SELECT connector, id FROM connector, unnest(%(shoppers)s::uuid[]) AS asked (id)"
        "  WHERE tenant = %(tenant)s UNION SELECT connector, shopper FROM connector_told"
        "  WHERE tenant = %(tenant)s AND shopper = ANY(%(joined)s::uuid[])) AS news (connector, id)"
        f" ORDER BY id, connector {_NEWS_AGAIN}",
        {
            "tenant": tenant,
            "shoppers": arrays.plain(sorted(set(shoppers))),
            "joined": arrays.plain(sorted(joined)),
            "now": now,
        },
    )


def put_everybody(connection: Connection, tenant: str, now: int) -> None:
    """Let every connector of a tenant tell of everybody whom it has told of, or who was decided."""
    connection.execute(
        "INSERT INTO connector_due AS held (tenant, connector, shopper, version, since,"  # noqa: S608
        " due_at, attempts) SELECT tenant, connector, id, 1, %(now)s, %(now)s, 0 FROM connector,"
        " (SELECT shopper FROM connector_told WHERE tenant = %(tenant)s"
        "  UNION SELECT shopper FROM prepared WHERE tenant = %(tenant)s) AS everybody (id)"
        f" WHERE tenant = %(tenant)s ORDER BY id, connector {_NEWS_AGAIN}",
        {"tenant": tenant, "now": now},
    )


def take_back(connection: Connection, tenant: str, shoppers: Collection[str]) -> None:
    """Let those connectors that have told of shoppers who are gone tell that they are.

    What was to be told of them otherwise is forgotten.
    """
    named = (tenant, arrays.plain(sorted(shoppers)))
    connection.execute(
        "DELETE FROM connector_due WHERE tenant = %s AND shopper = ANY(%s::uuid[])", named
    )
    connection.execute(
        "INSERT INTO connector_due (tenant, connector, shopper, version, since, due_at,"  # noqa: S608
        f" attempts) SELECT tenant, connector, shopper, at, at, at, 0 FROM connector_told, {_NOW}"
        " WHERE tenant = %s AND shopper = ANY(%s::uuid[]) ORDER BY shopper, connector"
        " ON CONFLICT DO NOTHING",
        named,
    )


def claim(
    connection: Connection, tenant: str, connector: str, now: int, rows_max: int
) -> list[Due]:
    """Claim some shoppers who are due, so that nobody else tells of them for CLAIM_S."""
    rows = connection.execute(
        "WITH chosen AS MATERIALIZED (SELECT shopper FROM connector_due"
        "  WHERE tenant = %(tenant)s AND connector = %(connector)s AND dead_at IS NULL"
        "  AND due_at <= %(now)s ORDER BY due_at LIMIT %(rows)s FOR UPDATE SKIP LOCKED)"
        " UPDATE connector_due SET attempts = attempts + 1, due_at = %(until)s FROM chosen"
        " WHERE tenant = %(tenant)s AND connector = %(connector)s"
        "  AND connector_due.shopper = chosen.shopper"
        " RETURNING connector_due.shopper, version, attempts, since",
        {
            "tenant": tenant,
            "connector": connector,
            "now": now,
            "until": now + CLAIM_S * SECOND,
            "rows": rows_max,
        },
    ).fetchall()
    found = [
        Due(shopper=shopper.hex, version=version, attempts=attempts, since=since)
        for shopper, version, attempts, since in rows
    ]
    return sorted(found, key=lambda each: each.shopper)


def told(
    connection: Connection,
    tenant: str,
    connector: str,
    checksums: Sequence[tuple[Due, bytes | None]],
    now: int,
) -> None:
    """Note what was told of shoppers, by its checksum; None: there is nothing to know any more.

    One of whom there is news since the claim is due again at once; so is one who was erased since,
    or whom another has told of: what was told now may not be what holds.
    """
    named = {
        "tenant": tenant,
        "connector": connector,
        "shoppers": arrays.plain(due.shopper for due, _ in checksums),
        "versions": arrays.numbers(due.version for due, _ in checksums),
        "now": now,
    }
    claimed = "unnest(%(shoppers)s::uuid[], %(versions)s::bigint[]) AS claimed (id, was)"
    ours = (
        "held.tenant = %(tenant)s AND held.connector = %(connector)s AND held.shopper = claimed.id"
    )
    done = connection.execute(
        f"DELETE FROM connector_due AS held USING {claimed}"  # noqa: S608
        f" WHERE {ours} AND held.version = claimed.was RETURNING held.shopper",
        named,
    ).fetchall()
    news = connection.execute(
        f"UPDATE connector_due AS held SET due_at = %(now)s, attempts = 0 FROM {claimed}"  # noqa: S608
        f" WHERE {ours} AND held.version > claimed.was RETURNING held.shopper",
        named,
    ).fetchall()
    kept = {shopper.hex for (shopper,) in (*done, *news)}
    _tell_again(connection, tenant, connector, {due.shopper for due, _ in checksums} - kept)
    known = [(due.shopper, checksum) for due, checksum in checksums if checksum is not None]
    gone = [due.shopper for due, checksum in checksums if checksum is None]
    connection.execute(
        "DELETE FROM connector_told WHERE tenant = %s AND connector = %s"
        " AND shopper = ANY(%s::uuid[])",
        (tenant, connector, arrays.plain(gone)),
    )
    connection.execute(
        "INSERT INTO connector_told (tenant, connector, shopper, checksum, told_at)"
        " SELECT %s, %s, id, checksum, %s FROM unnest(%s::uuid[], %s::bytea[])"
        " AS new (id, checksum)"
        " ON CONFLICT (tenant, shopper, connector)"
        " DO UPDATE SET checksum = excluded.checksum, told_at = excluded.told_at",
        (
            tenant,
            connector,
            now,
            arrays.plain(shopper for shopper, _ in known),
            [checksum for _, checksum in known],
        ),
    )


def _tell_again(
    connection: Connection, tenant: str, connector: str, shoppers: Collection[str]
) -> None:
    """Let a connector that is still there tell of shoppers, whatever it has told of them."""
    if not shoppers:
        return
    connection.execute(
        "INSERT INTO connector_due (tenant, connector, shopper, version, since, due_at,"  # noqa: S608
        f" attempts) SELECT tenant, connector, id, at, at, at, 0 FROM {_NOW}, connector,"
        " unnest(%s::uuid[]) AS asked (id) WHERE tenant = %s AND connector = %s ORDER BY id"
        " ON CONFLICT DO NOTHING",
        (arrays.plain(sorted(shoppers)), tenant, connector),
    )


def checksums_of(
    connection: Connection, tenant: str, connector: str, shoppers: Collection[str]
) -> dict[str, bytes]:
    """Return what another system was told last of shoppers, those of whom it was told anything."""
    rows = connection.execute(
        "SELECT shopper, checksum FROM connector_told WHERE tenant = %s AND connector = %s"
        " AND shopper = ANY(%s::uuid[])",
        (tenant, connector, arrays.plain(sorted(shoppers))),
    )
    return {shopper.hex: bytes(checksum) for shopper, checksum in rows}


def delay(
    connection: Connection,
    tenant: str,
    connector: str,
    due: Collection[Due],
    *,
    until: int,
    reason: str,
    now: int,
    give_up_before: int,
) -> None:
    """Let claimed shoppers wait until another system is there again, and pause its connector.

    Who waits since before `give_up_before` becomes a dead letter.
    """
    connection.execute(
        "UPDATE connector SET paused_until = %s, failures = failures + 1, reason = %s"
        " WHERE tenant = %s AND connector = %s",
        (until, reason[:REASON_CHARACTERS_MAX], tenant, connector),
    )
    connection.execute(
        "UPDATE connector_due SET due_at = %(until)s, reason = %(reason)s,"
        " dead_at = CASE WHEN since < %(before)s THEN %(now)s END"
        " WHERE tenant = %(tenant)s AND connector = %(connector)s"
        " AND shopper = ANY(%(shoppers)s::uuid[])",
        {
            "until": until,
            "reason": reason[:REASON_CHARACTERS_MAX],
            "before": give_up_before,
            "now": now,
            "tenant": tenant,
            "connector": connector,
            "shoppers": arrays.plain(each.shopper for each in due),
        },
    )


def bury(
    connection: Connection, tenant: str, connector: str, due: Due, reason: str, now: int
) -> None:
    """Make a dead letter of a shopper of whom another system refuses to be told.

    If there is news of them since the claim, they are tried once more instead.
    """
    connection.execute(
        "UPDATE connector_due SET reason = %s, due_at = %s,"
        " dead_at = CASE WHEN version = %s THEN %s::bigint END"
        " WHERE tenant = %s AND connector = %s AND shopper = %s",
        (reason[:REASON_CHARACTERS_MAX], now, due.version, now, tenant, connector, due.shopper),
    )


def dead_letters(connection: Connection, tenant: str, connector: str = "") -> list[DeadLetter]:
    """Return dead letters of a tenant's connectors, or of one, the newest LISTED_MAX of them."""
    with connection.cursor(row_factory=class_row(DeadLetter)) as cursor:
        return cursor.execute(
            "SELECT connector, replace(shopper::text, '-', '') AS shopper, since, dead_at,"
            " attempts, reason FROM connector_due WHERE tenant = %s AND dead_at IS NOT NULL"
            " AND %s IN ('', connector) ORDER BY dead_at DESC, shopper LIMIT %s",
            (tenant, connector, LISTED_MAX),
        ).fetchall()


def replay(connection: Connection, tenant: str, connector: str, now: int) -> int | None:
    """Try all dead letters of a connector again at once, and return how many there were.

    None where the tenant has no such connector.
    """
    known = connection.execute(
        "UPDATE connector SET paused_until = 0 WHERE tenant = %s AND connector = %s",
        (tenant, connector),
    ).rowcount
    again = connection.execute(
        "UPDATE connector_due SET dead_at = NULL, due_at = %s, since = %s, attempts = 0,"
        " reason = '' WHERE tenant = %s AND connector = %s AND dead_at IS NOT NULL",
        (now, now, tenant, connector),
    ).rowcount
    return again if known else None
