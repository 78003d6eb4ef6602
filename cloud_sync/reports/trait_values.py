"""Traits of all shoppers at once: a defined trait's values on a day, and what shoppers are worth.

Both are counted from facts by day, in one statement however many shoppers there are; of a trait
that was defined today all history is there at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import Connection

from cloud_sync.reports.funnel import BRAND_LINES
from cloud_sync.shoppers.consent.allowed import allowed
from cloud_sync.shoppers.consent.consents import PROFILING
from cloud_sync.shoppers.profiles.kept_orders import kept_orders
from cloud_sync.shoppers.profiles.own_traits import OwnTrait
from cloud_sync.shoppers.profiles.touches import vocabulary_of

# Leave is asked for of so many shoppers at once.
SHOPPERS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a trait's values lie: of how many shoppers, and between which."""

    shoppers: int
    least: int = 0
    median: float = 0
    most: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """What a brand's shoppers are worth in a currency: paid less refunded, by how many shoppers."""

    brand: str
    currency: str
    shoppers: int
    cents: int


def values(
    connection: Connection, tenant: str, trait: OwnTrait, day: int
) -> Iterator[tuple[str, int]]:
    """Yield each shopper ID with its value at the end of a day since 1970, UTC, by ID.

    Whoever does not allow that traits of them are worked out is left out.
    """
    sql, asked = _values(connection, tenant, trait, day)
    rows = connection.execute(f"{sql} ORDER BY shopper".encode(), asked)
    while part := [(shopper.hex, value) for shopper, value in rows.fetchmany(SHOPPERS_AT_ONCE)]:
        leave = allowed(connection, tenant, [shopper for shopper, _ in part], PROFILING)
        yield from ((shopper, value) for shopper, value in part if shopper in leave)


def spread(connection: Connection, tenant: str, trait: OwnTrait, day: int) -> Spread:
    """Return how the values of all shoppers lie at the end of a day."""
    sql, asked = _values(connection, tenant, trait, day)
    row = connection.execute(
        (
            "SELECT count(*), coalesce(min(value), 0), coalesce(percentile_cont(0.5)"  # noqa: S608
            " WITHIN GROUP (ORDER BY value), 0), coalesce(max(value), 0),"
            f" coalesce(sum(value), 0)::bigint FROM ({sql}) AS found"
        ).encode(),
        asked,
    ).fetchone()
    shoppers, least, median, most, total = row or (0, 0, 0, 0, 0)
    return Spread(shoppers=shoppers, least=least, median=median, most=most, total=total)


def assets(connection: Connection, tenant: str) -> list[Asset]:
    """Return the asset value of each brand: the sum over its shoppers, the most valuable first."""
    rows = connection.execute(
        (
            "SELECT brand, currency, count(DISTINCT shopper) FILTER (WHERE bought > 0),"  # noqa: S608
            f" sum(paid_cents - refunded_cents)::bigint FROM ({BRAND_LINES}) AS line"
            " GROUP BY brand, currency ORDER BY 4 DESC, brand, currency"
        ).encode(),
        {"tenant": tenant},
    )
    return [Asset(brand=b, currency=c, shoppers=n, cents=cents) for b, c, n, cents in rows]


# What was bought is counted as touches.py says, and as of the day: what came back after it was
# still kept then.
_OWNED = "JOIN identifier AS own ON own.tenant = fact.tenant AND own.identifier = fact.atom"
_KEPT = kept_orders(
    "SELECT own.shopper, number, place, day, bought, returned, paid_cents, refunded_cents,"  # noqa: S608
    f" bought_at FROM atom_order AS fact {_OWNED} WHERE fact.tenant = %(tenant)s"
    " AND fact.subject = '' AND day <= %(day)s",
    "shopper",
)
_TOUCHES = f"""
SELECT own.shopper, day, act, subject, times, amount FROM atom_act AS fact {_OWNED}
WHERE fact.tenant = %(tenant)s AND act <> 'bought'
UNION ALL SELECT own.shopper, day, 'bought', subject, bought, paid_cents
FROM atom_order AS fact {_OWNED}
WHERE fact.tenant = %(tenant)s AND subject <> '' AND bought > 0
UNION ALL SELECT shopper, day, 'bought', '', times, amount FROM ({_KEPT}) AS kept
"""  # noqa: S608 (statements and names are put together, no values)


def _values(
    connection: Connection, tenant: str, trait: OwnTrait, day: int
) -> tuple[str, dict[str, object]]:
    """Return the statement of shopper and value, and what it asks for."""
    topic = trait.topic.casefold()
    words = vocabulary_of(connection, tenant)
    subjects = [
        f"{kind}:{number}"
        for kind, tagged in (("product", words.products), ("content", words.contents))
        for number, each in tagged.items()
        if any(name.casefold() == topic and of != "form" for of, name in each.names)
    ]
    value = {
        "times": "sum(times)::bigint",
        "amount": "sum(amount)::bigint",
        "days_since": "%(day)s - max(day)",
    }[trait.measure]
    about = "(act <> 'bought' OR subject = '')"
    if topic:
        # What names a topic must name one that there is; a brand that is said counts as it is.
        named = "lower(split_part(subject, ':', 2)) = %(topic)s"
        about = (
            "(split_part(subject, '|', 1) = ANY(%(subjects)s)"
            f" OR subject LIKE 'brand:%%' AND {named}"
            f" OR %(known)s AND (subject LIKE 'name:%%' OR subject LIKE 'query:%%') AND {named}"
            " OR subject LIKE 'product:%%|%%'"
            "  AND lower(substr(subject, strpos(subject, '|') + 1)) = %(topic)s"
            "  AND NOT EXISTS (SELECT FROM product AS sold WHERE sold.tenant = %(tenant)s"
            "   AND sold.product = substr(split_part(touch.subject, '|', 1), 9)))"
        )
    sql = (
        f"SELECT shopper, {value} AS value FROM ({_TOUCHES}) AS touch"  # noqa: S608
        " WHERE act = %(act)s AND day <= %(day)s"
        f" AND day > %(day)s - %(days)s AND {about} GROUP BY shopper"
    )
    asked: dict[str, object] = {
        "tenant": tenant,
        "act": trait.act,
        "day": day,
        "days": trait.days,
        "topic": topic,
        "subjects": subjects,
        "known": topic in words.known,
    }
    return sql, asked
