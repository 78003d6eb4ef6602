"""How many shoppers stood at which stage on a day, and how they moved between two days.

Nothing of it is stored: it is counted from the facts of identifiers by day, under the identities
and the catalogue as they are known now. So what comes late changes the past, a join regroups it,
and undoing the join gives the figures back that were there before. A day is one of UTC, and its
figures are those at its end.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import Connection

from cloud_sync.shoppers.profiles.kept_orders import kept_orders
from cloud_sync.shoppers.profiles.stage_rules import STAGES, StageRule

# By what a funnel may be told apart: the whole tenant, one brand's goods, one store, one channel
# (a source such as web or app, and `store` for all stores together).
By = Literal["whole", "brand", "store", "channel"]

# With less, the shoppers of a large tenant are sorted on disk.
WORK_MEM = "128MB"
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
    ordered = sorted(set(days))
    columns = ", ".join(f"({day}, rank_{place})" for place, day in enumerate(ordered, 1))
    rows = _ask(
        connection,
        f"{_stood(by, key, ordered, rules)} SELECT on_day, key, rank, count(*)"  # noqa: S608
        f" FROM stood CROSS JOIN LATERAL (VALUES {columns}) AS each (on_day, rank)"
        " WHERE met_on <= on_day GROUP BY on_day, key, rank ORDER BY on_day, key, rank",
        _asked(tenant, rules, key),
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
    rows = _ask(
        connection,
        f"{_stood(by, key, (first, last), rules)} SELECT key,"  # noqa: S608
        f" CASE WHEN met_on <= {first:d} THEN rank_1 END AS was, rank_2, count(*) FROM stood"
        f" WHERE met_on <= {last:d} GROUP BY key, was, rank_2"
        " ORDER BY key, was NULLS FIRST, rank_2",
        _asked(tenant, rules, key),
    )
    found: dict[str, list[Flow]] = defaultdict(list)
    for name, before, after, shoppers in rows:
        was = "" if before is None else STAGES[before]
        found[name].append(Flow(before=was, after=STAGES[after], shoppers=shoppers))
    return dict(found)


def _ask(connection: Connection, sql: str, asked: Mapping[str, object]) -> list[tuple[Any, ...]]:
    """Ask with room enough to sort many shoppers in memory."""
    connection.execute("SELECT set_config('work_mem', %s, true)", (WORK_MEM,))
    return connection.execute(sql.encode(), asked).fetchall()


def _asked(tenant: str, rules: Sequence[StageRule], key: str) -> dict[str, object]:
    acts = {f"act_{place}": rule.act for place, rule in enumerate(rules)}
    return {"tenant": tenant, "key": key, **acts}


def _stood(by: By, key: str, days: Sequence[int], rules: Sequence[StageRule]) -> str:
    """Return the SQL that ends in `stood`: key, shopper, met_on, and the rank on each day.

    All facts are read once, whatever the number of days and rules: each rule is a sum of its own
    over the facts of a shopper, not a join.
    """
    place_key = _KEYS[by]
    wanted = "key = %(key)s" if key else "key IS NOT NULL"
    deeds = _BRAND_DEEDS if by == "brand" else _DEEDS.format(key=place_key)
    parts = _BRAND_PARTS if by == "brand" else _PARTS
    # An order counts as of a day: what came back after it was still kept then.
    sold = [
        f"SELECT shopper, {place_key} AS key, day, 'bought', times, amount, {place} FROM ("  # noqa: S608
        + kept_orders(f"SELECT * FROM part WHERE day <= {day:d}", "shopper, brand")  # noqa: S608
        + f") AS kept_{place}"
        for place, day in enumerate(days, 1)
    ]
    ranks = [_rank(place, day, rules) for place, day in enumerate(days, 1)]
    return f"""
WITH deed AS ({deeds}), part AS ({parts}), fact (shopper, key, day, act, times, amount, as_of) AS (
    SELECT shopper, key, day, act, times, amount, 0 FROM deed WHERE day <= {max(days):d}
    UNION ALL {" UNION ALL ".join(sold)}
    UNION ALL SELECT shopper, {place_key} AS key, day, '', 0, 0, 0 FROM part WHERE bought > 0
), stood AS (
    SELECT key, shopper, min(day) FILTER (WHERE as_of = 0) AS met_on, {", ".join(ranks)}
    FROM fact WHERE {wanted} GROUP BY key, shopper
) """  # noqa: S608 (statements of this file are put together, no values)


def _rank(place: int, day: int, rules: Sequence[StageRule]) -> str:
    """Return the SQL of the rank on one of the days: the highest of the rules that hold."""
    held = [
        f"CASE WHEN {_holds(rule, number, place, day)} THEN {STAGES.index(rule.stage)} END"
        for number, rule in enumerate(rules)
    ]
    return f"greatest({', '.join(('0', *held))}) AS rank_{place}"


def _holds(rule: StageRule, number: int, place: int, day: int) -> str:
    as_of = place if rule.act == "bought" else 0
    mine = (
        f"as_of = {as_of} AND act = %(act_{number})s"
        f" AND day > {day - rule.days:d} AND day <= {day:d}"
    )
    if rule.times <= 1 and rule.amount == 0:
        return f"bool_or({mine})"
    return (
        f"sum(times) FILTER (WHERE {mine}) >= {rule.times:d}"
        f" AND sum(amount) FILTER (WHERE {mine}) >= {rule.amount:d}"
    )


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
    f" FROM atom_act AS fact {_OWNED} WHERE fact.tenant = %(tenant)s AND fact.times > 0"
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
# The lines of all orders by brand, with whose they are, also for what brands own.
BRAND_LINES = f"""
SELECT fact.atom, {_SAID_BRAND} AS brand, fact.currency, {_ORDERED}
WHERE fact.tenant = %(tenant)s AND {_SAYS_BRAND}
UNION ALL
SELECT fact.atom, about.brand, fact.currency, {_ORDERED}
JOIN {_OF_BRAND} ON about.subject = fact.subject WHERE fact.tenant = %(tenant)s
"""
# Some lines of an order say their brand and others do not: together they are one order of it.
_BRAND_PARTS = f"""
SELECT shopper, brand, place, number, day, max(bought) AS bought, max(returned) AS returned,
    sum(paid_cents) AS paid_cents, sum(refunded_cents) AS refunded_cents,
    max(bought_at) AS bought_at
FROM ({BRAND_LINES}) AS line GROUP BY atom, shopper, brand, place, number, day
"""  # noqa: S608
# What each shopper of a tenant did, as `did`: shopper, day, act, times and amount.
DID = f"""
WITH part AS ({_PARTS}), did AS (
    SELECT shopper, day, act, times, amount FROM ({_DEEDS.format(key="''")}) AS deed
    WHERE act <> 'bought'
    UNION ALL SELECT shopper, day, 'bought', times, amount FROM
    ({kept_orders("SELECT * FROM part", "shopper")}) AS kept
) """  # noqa: S608


def _facts(deeds: str, parts: str, key: str) -> str:
    """Return the SQL that ends in `fact`: all deeds and orders, told apart by the hash of a key.

    A deed counts from `since` on, an order as it stood from one of its days to before the next.
    Other than in `_stood` nothing is cut off: they hold for every day.
    """
    versions = """
SELECT * FROM part JOIN (SELECT shopper, brand, number, day AS as_of, coalesce(lead(day)
        OVER (PARTITION BY shopper, brand, number ORDER BY day), %(day_max)s) AS until
    FROM (SELECT DISTINCT shopper, brand, number, day FROM part) AS its_day) AS each
    USING (shopper, brand, number) WHERE day <= as_of"""
    hashed, place_of = (
        "hashtextextended({}, 0)",
        "coalesce(array_position(%(acts)s::text[], {}), 0)",
    )
    return f"""
WITH deed AS ({deeds}), part AS ({parts}),
kept AS ({kept_orders(versions, "shopper, brand, as_of, until")}),
fact (shopper, key, day, act, times, amount, since, until) AS (
    SELECT shopper, {hashed.format("key")}, day::bigint, CASE WHEN act = 'bought' THEN 0
        ELSE {place_of.format("act")} END::bigint, times, amount, day::bigint, %(day_max)s::bigint
    FROM deed
    UNION ALL SELECT shopper, {hashed.format(key)}, day, {place_of.format("'bought'")}, times,
        amount::bigint, as_of, until FROM kept
    UNION ALL SELECT shopper, {hashed.format(key)}, day, 0, 0, 0, day, %(day_max)s
    FROM part WHERE bought > 0
) """  # noqa: S608


# All facts with their place, or their brand, and the names that the hashes stand for.
PLACE_FACTS = _facts(_DEEDS.format(key="fact.place"), _PARTS, "place")
BRAND_FACTS = _facts(_BRAND_DEEDS, _BRAND_PARTS, "brand")
_NAMES = "SELECT hashtextextended(name, 0), name FROM ({}) AS known (name)"
PLACE_NAMES = _NAMES.format(
    "SELECT place FROM atom_act WHERE tenant = %(tenant)s"
    " UNION SELECT place FROM atom_order WHERE tenant = %(tenant)s"
)
BRAND_NAMES = _NAMES.format(
    "SELECT brand FROM product WHERE tenant = %(tenant)s"  # noqa: S608
    " UNION SELECT brand FROM content WHERE tenant = %(tenant)s"
    " UNION SELECT brand FROM brand_shelf WHERE tenant = %(tenant)s"
    f" UNION SELECT {_SAID_BRAND} FROM atom_act AS fact WHERE tenant = %(tenant)s AND {_SAYS_BRAND}"
    f" UNION SELECT {_SAID_BRAND} FROM atom_order AS fact"
    f" WHERE tenant = %(tenant)s AND {_SAYS_BRAND}"
)
