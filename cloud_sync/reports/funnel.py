"""How many shoppers stood at which stage on a day, and how they moved between two days.

Nothing of it is stored: it is counted from the facts of identifiers by day, under the identities
and the catalogue as they are known now. So what comes late changes the past, a join regroups it,
and undoing the join gives the figures back that were there before. A day is one of UTC, and its
figures are those at its end.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from psycopg import Connection

from cloud_sync.shoppers.kept_orders import kept_orders
from cloud_sync.shoppers.stage_rules import STAGES, StageRule

# By what a funnel may be told apart: the whole tenant, one brand's goods, one store, one channel
# (a source such as web or app, and `store` for all stores together).
By = Literal["whole", "brand", "store", "channel"]

# The channel of all stores together.
STORES = "store"

Count = Mapping[str, int]
"""How many shoppers stand at each stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """How many shoppers went from one stage to another; from "" who was not known before."""

    before: str
    after: str
    shoppers: int


def counts(
    connection: Connection,
    tenant: str,
    days: Sequence[int],
    rules: Sequence[StageRule],
    by: By = "whole",
    key: str = "",
) -> dict[int, dict[str, Count]]:
    """Return the counts of each day by key: of one key, or with "" of all; days since 1970, UTC.

    A key of which nobody was known by then is left out.
    """
    rows = connection.execute(
        (
            f"{_stood(by, key)} SELECT on_day, key, rank, count(*) FROM stood"  # noqa: S608
            " GROUP BY on_day, key, rank ORDER BY on_day, key, rank"
        ).encode(),
        _asked(tenant, days, rules, key),
    )
    found: dict[int, dict[str, dict[str, int]]] = {day: {} for day in days}
    for day, name, rank, shoppers in rows:
        found[day].setdefault(name, dict.fromkeys(STAGES, 0))[STAGES[rank]] = shoppers
    return {day: dict(each) for day, each in found.items()}


def flows(
    connection: Connection,
    tenant: str,
    first: int,
    last: int,
    rules: Sequence[StageRule],
    by: By = "whole",
    key: str = "",
) -> dict[str, list[Flow]]:
    """Return by key how shoppers moved from the end of one day to that of a later one.

    Who stayed where they were is among them.
    """
    rows = connection.execute(
        (
            f"{_stood(by, key)} SELECT key, was.rank, now.rank, count(*)"  # noqa: S608
            " FROM (SELECT * FROM stood WHERE on_day = %(last)s) AS now"
            " LEFT JOIN (SELECT * FROM stood WHERE on_day = %(first)s) AS was USING (key, shopper)"
            " GROUP BY key, was.rank, now.rank ORDER BY key, was.rank NULLS FIRST, now.rank"
        ).encode(),
        {**_asked(tenant, [first, last], rules, key), "first": first, "last": last},
    )
    found: dict[str, list[Flow]] = defaultdict(list)
    for name, before, after, shoppers in rows:
        was = "" if before is None else STAGES[before]
        found[name].append(Flow(before=was, after=STAGES[after], shoppers=shoppers))
    return dict(found)


def _asked(
    tenant: str, days: Iterable[int], rules: Sequence[StageRule], key: str
) -> dict[str, object]:
    return {
        "tenant": tenant,
        "key": key,
        "on_days": sorted(set(days)),
        "ranks": [STAGES.index(rule.stage) for rule in rules],
        "acts": [rule.act for rule in rules],
        "times": [rule.times for rule in rules],
        "amounts": [rule.amount for rule in rules],
        "windows": [rule.days for rule in rules],
    }


def _stood(by: By, key: str) -> str:
    """Return the SQL that ends in `stood`: on_day, key, shopper, and the rank of the stage."""
    place_key = _KEYS[by]
    wanted = "key = %(key)s" if key else "key IS NOT NULL"
    deeds = _BRAND_DEEDS if by == "brand" else _DEEDS.format(key=place_key)
    parts = _BRAND_PARTS if by == "brand" else _PARTS
    on_days = (
        "SELECT on_day, shopper, brand, place, number, day, bought, returned, paid_cents,"
        " refunded_cents, bought_at FROM part JOIN asked ON day <= on_day"
    )
    kept = kept_orders(on_days, "on_day, shopper, brand")
    return f"""
WITH asked AS (SELECT unnest(%(on_days)s::integer[]) AS on_day), rule AS (
    SELECT * FROM unnest(%(ranks)s::integer[], %(acts)s::text[], %(times)s::bigint[],
        %(amounts)s::bigint[], %(windows)s::integer[])
        WITH ORDINALITY AS rule (rank, act, least_times, least_amount, within, line)
), deed AS ({deeds}), part AS ({parts}), did AS (
    SELECT on_day, shopper, key, day, act, times, amount
    FROM deed JOIN asked ON day <= on_day WHERE act <> 'bought' AND {wanted}
    UNION ALL SELECT * FROM (
        SELECT on_day, shopper, {place_key} AS key, day, 'bought', times, amount
        FROM ({kept}) AS kept) AS sold WHERE {wanted}
), held AS (
    SELECT on_day, key, shopper, rank FROM did JOIN rule USING (act) WHERE day > on_day - within
    GROUP BY on_day, key, shopper, line, rank, least_times, least_amount
    HAVING sum(times) >= least_times AND sum(amount) >= least_amount
), met AS (
    SELECT day, key, shopper FROM deed
    UNION ALL SELECT day, {place_key} AS key, shopper FROM part WHERE bought > 0
), stood AS (
    SELECT on_day, key, shopper, max(rank) AS rank FROM (
        SELECT on_day, key, shopper, 0 AS rank FROM met JOIN asked ON day <= on_day WHERE {wanted}
        UNION ALL SELECT on_day, key, shopper, rank FROM held
    ) AS held_or_met GROUP BY on_day, key, shopper
) """  # noqa: S608 (statements of this file are put together, no values)


# What tells a funnel apart, from the place or the brand of a row.
_KEYS: Mapping[By, str] = {
    "whole": "''",
    "brand": "brand",
    "store": "CASE WHEN left(place, 1) NOT IN ('', '@') THEN place END",
    "channel": "CASE left(place, 1) WHEN '' THEN NULL WHEN '@' THEN substr(place, 2)"
    f" ELSE '{STORES}' END",
}
# Identifiers are joined to their shopper before anything is counted, so that nobody counts twice.
_OWNED = "JOIN identifier AS own ON own.tenant = fact.tenant AND own.identifier = fact.atom"
_DEEDS = (
    "SELECT own.shopper, {key} AS key, fact.day, fact.act, fact.times, fact.amount"  # noqa: S608
    f" FROM atom_act AS fact {_OWNED} WHERE fact.tenant = %(tenant)s"
)
_ORDERED = (
    "own.shopper, fact.place, fact.number, fact.day, fact.bought, fact.returned,"
    f" fact.paid_cents, fact.refunded_cents, fact.bought_at FROM atom_order AS fact {_OWNED}"
)
_PARTS = f"SELECT '' AS brand, {_ORDERED} WHERE fact.tenant = %(tenant)s AND fact.subject = ''"
# Which brand a subject is of. One that says its brand itself needs no catalogue, and what somebody
# stood before is of all brands on that shelf.
_SAYS_BRAND = "(fact.subject LIKE 'brand:%%' OR fact.subject LIKE 'product:%%|%%')"
_SAID_BRAND = (
    "CASE WHEN fact.subject LIKE 'brand:%%' THEN substr(fact.subject, 7)"
    " ELSE substr(fact.subject, strpos(fact.subject, '|') + 1) END"
)
_OF_BRAND = """
(SELECT 'product:' || product AS subject, brand FROM product
    WHERE tenant = %(tenant)s AND brand <> ''
UNION SELECT 'name:' || left(brand, 64), brand FROM product
    WHERE tenant = %(tenant)s AND brand <> ''
UNION SELECT 'name:' || left(series, 64), brand FROM product
    WHERE tenant = %(tenant)s AND brand <> '' AND series <> ''
UNION SELECT 'content:' || left(content, 64), brand FROM content
    WHERE tenant = %(tenant)s AND brand <> '') AS about
"""
_BRAND_DEEDS = f"""
SELECT own.shopper, {_SAID_BRAND} AS key, fact.day, fact.act, fact.times, fact.amount
FROM atom_act AS fact {_OWNED} WHERE fact.tenant = %(tenant)s AND {_SAYS_BRAND}
UNION ALL
SELECT own.shopper, about.brand, fact.day, fact.act, fact.times, fact.amount
FROM atom_act AS fact {_OWNED} JOIN {_OF_BRAND} ON about.subject = fact.subject
WHERE fact.tenant = %(tenant)s
UNION ALL
SELECT own.shopper, shelf.brand, fact.day, fact.act, fact.times, fact.amount
FROM atom_act AS fact {_OWNED} JOIN brand_shelf AS shelf ON shelf.tenant = fact.tenant
    AND fact.subject = 'shelf:' || shelf.plan || ':' || left(shelf.zone, 64)
WHERE fact.tenant = %(tenant)s AND shelf.goods > 0
    AND (shelf.store = fact.place OR shelf.store = '' AND NOT EXISTS (
        SELECT FROM shelf_plan AS its WHERE its.tenant = fact.tenant AND its.store = fact.place
            AND its.zone = shelf.zone AND its.plan = shelf.plan))
"""  # noqa: S608
# Some lines of an order say their brand and others do not: together they are one order of it.
_BRAND_PARTS = f"""
SELECT shopper, brand, place, number, day, max(bought) AS bought, max(returned) AS returned,
    sum(paid_cents) AS paid_cents, sum(refunded_cents) AS refunded_cents,
    max(bought_at) AS bought_at
FROM (
    SELECT fact.atom, {_SAID_BRAND} AS brand, {_ORDERED}
    WHERE fact.tenant = %(tenant)s AND {_SAYS_BRAND}
    UNION ALL
    SELECT fact.atom, about.brand, {_ORDERED} JOIN {_OF_BRAND} ON about.subject = fact.subject
    WHERE fact.tenant = %(tenant)s
) AS line GROUP BY atom, shopper, brand, place, number, day
"""  # noqa: S608
# What each shopper of a tenant did, as `did`: shopper, day, act, times and amount.
DID = f"""
WITH part AS ({_PARTS}), did AS (
    SELECT shopper, day, act, times, amount FROM ({_DEEDS.format(key="''")}) AS deed
    WHERE act <> 'bought'
    UNION ALL SELECT shopper, day, 'bought', times, amount FROM
    ({kept_orders("SELECT * FROM part", "shopper")}) AS kept
) """  # noqa: S608
