"""How many shoppers stand at which stage with each brand, counted anew every few minutes.

A shopper's stage with a brand rests on that brand's goods alone: what happened with those of others
says nothing here. It is the funnel of `funnel.py` by brand, kept because a brand's people may not
read what it is counted from.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import Connection

from cloud_sync.reports import funnel
from cloud_sync.shoppers.facts import DAY_US
from cloud_sync.shoppers.stage_rules import STAGES, rules_of

# A count rests so many times as long as it took: it costs a twentieth of one core at most.
REST = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """How many shoppers stand at each stage with one brand, by the count of `counted_at`, µs UTC.

    Before the first count it is 0.
    """

    shoppers: Mapping[str, int]
    counted_at: int = 0


def count_due(connection: Connection, rows_max: int = 0) -> int:
    """Count all funnels anew unless the last count has to rest; nothing is left over, so 0."""
    del rows_max
    row = connection.execute(
        "SELECT coalesce(now() < max(rests_until), false),"
        " (extract(epoch FROM now()) * 1000000)::bigint FROM brand_funnel"
    ).fetchone()
    if row is None or row[0]:
        return 0
    count(connection, row[1])
    return 0


def count(connection: Connection, now: int) -> None:
    """Count all funnels anew as of the day of `now`, in µs UTC."""
    connection.execute("DELETE FROM brand_funnel")
    tenants = connection.execute("SELECT DISTINCT tenant FROM product ORDER BY tenant").fetchall()
    for (tenant,) in tenants:
        _count(connection, tenant, now)
    connection.execute(
        "UPDATE brand_funnel SET rests_until = now() + %s * (clock_timestamp() - now())",
        (REST + 1,),
    )


def _count(connection: Connection, tenant: str, now: int) -> None:
    today = now // DAY_US
    rules = rules_of(connection, tenant)
    found = funnel.counts(connection, tenant, [today], rules, "brand")[today]
    rows = [
        (brand, stage, shoppers)
        for brand, counted in found.items()
        for stage, shoppers in counted.items()
        if shoppers
    ]
    if rows:
        connection.execute(
            "INSERT INTO brand_funnel (tenant, brand, stage, shoppers, counted_at)"
            " SELECT %s, brand, stage, shoppers, %s"
            " FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS new (brand, stage, shoppers)",
            (tenant, now, *map(list, zip(*rows, strict=True))),
        )


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
