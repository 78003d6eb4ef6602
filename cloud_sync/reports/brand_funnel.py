"""How many shoppers stand at which stage with each brand, counted anew every few minutes.

A shopper's stage with a brand rests on that brand's goods alone: what happened with those of others
says nothing here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import Connection

from cloud_sync.shoppers.facts import DAY_US
from cloud_sync.shoppers.stage import STAGES

# A count rests so many times as long as it took: it costs a twentieth of one core at most.
REST = 19
BOUGHT_DAYS = 365
INTEREST_DAYS = 90
VIEWS_MIN = 2
DWELL_MS_MIN = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """How many shoppers stand at each stage with one brand, by the count of `counted_at`, µs UTC.

    Before the first count it is 0.
    """

    shoppers: Mapping[str, int]
    counted_at: int = 0


# Identifiers are joined to their shopper before anything is counted, so that nobody counts twice.
_COUNT = """
WITH met AS (
    SELECT tenant, brand, atom, orders, bought_at, followed_mark %% 2 = 1 AS interested
    FROM atom_brand
    UNION ALL
    SELECT fact.tenant, product.brand, fact.atom, 0, fact.bought_at,
        fact.saved_mark %% 2 = 1 AND fact.saved_mark / 2 > %(since)s OR fact.tried_at > %(since)s
            OR fact.views >= %(views)s AND fact.viewed_at > %(since)s
    FROM atom_product AS fact JOIN product USING (tenant, product) WHERE product.brand <> ''
    UNION ALL
    SELECT fact.tenant, shelf.brand, fact.atom, 0, 0,
        fact.dwell_ms >= %(dwell_ms)s AND fact.dwelt_at > %(since)s
    FROM atom_zone AS fact JOIN brand_shelf AS shelf USING (tenant, zone, plan)
    WHERE shelf.goods > 0 AND (shelf.store = fact.store OR shelf.store = '' AND NOT EXISTS (
        SELECT FROM shelf_plan AS own WHERE own.tenant = fact.tenant AND own.store = fact.store
            AND own.zone = fact.zone AND own.plan = fact.plan))
), related AS (
    SELECT met.tenant, met.brand, identifier.shopper, sum(orders) AS orders,
        max(bought_at) > %(bought_since)s AS bought, bool_or(interested) AS interested
    FROM met JOIN identifier ON identifier.tenant = met.tenant AND identifier.identifier = met.atom
    GROUP BY met.tenant, met.brand, identifier.shopper
)
INSERT INTO brand_funnel (tenant, brand, stage, shoppers, counted_at)
SELECT tenant, brand, CASE WHEN bought AND orders >= 2 THEN 'loyalty' WHEN bought THEN 'purchase'
    WHEN interested THEN 'interest' ELSE 'awareness' END AS stage, count(*), %(now)s
FROM related GROUP BY tenant, brand, stage
"""


def count_due(connection: Connection, rows_max: int = 0) -> int:
    """Count all funnels anew unless the last count has to rest; nothing is left over, so 0."""
    del rows_max
    row = connection.execute(
        "SELECT coalesce(now() < max(rests_until), false),"
        " (extract(epoch FROM now()) * 1000000)::bigint FROM brand_funnel"
    ).fetchone()
    if row is None or row[0]:
        return 0
    now: int = row[1]
    connection.execute("DELETE FROM brand_funnel")
    connection.execute(
        _COUNT,
        {
            "now": now,
            "since": now - INTEREST_DAYS * DAY_US,
            "bought_since": now - BOUGHT_DAYS * DAY_US,
            "views": VIEWS_MIN,
            "dwell_ms": DWELL_MS_MIN,
        },
    )
    connection.execute(
        "UPDATE brand_funnel SET rests_until = now() + %s * (clock_timestamp() - now())",
        (REST + 1,),
    )
    return 0


def funnel_of(connection: Connection, tenant: str, brand: str) -> Funnel:
    """Return a brand's funnel by the last count."""
    rows = connection.execute(
        "SELECT stage, shoppers, counted_at FROM brand_funnel WHERE tenant = %s AND brand = %s",
        (tenant, brand),
    ).fetchall()
    counted = {stage: shoppers for stage, shoppers, _ in rows}
    return Funnel(
        shoppers={stage: counted.get(stage, 0) for stage in STAGES},
        counted_at=max((at for *_, at in rows), default=0),
    )
