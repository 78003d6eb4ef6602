"""Stays by store, zone and shelf plan, folded from the ledger: before what somebody stood.

What stood there is looked up when it is read, by the plan that a stay names.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from psycopg import Connection

from cloud_sync.database.fact_table import FactTable, Row, write
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.reports.store_hour import HOUR_US, clean
from cloud_sync.shoppers.atoms.acts import DWELL_MS_MAX
from cloud_sync.shoppers.atoms.by_kind import by_kind
from wire.events import Dwell

SHELF_HOUR = FactTable(
    name="shelf_hour",
    keys={
        "shard": "smallint",
        "tenant": "text",
        "store": "text",
        "zone": "text",
        "plan": "integer",
        "hour": "bigint",
    },
    sums=("stays", "dwell_ms"),
)


def fold(connection: Connection, events: Sequence[LedgerEvent]) -> None:
    """Add stays to the figures, in the caller's transaction: once for each ledger position."""
    sums: dict[Row, list[int]] = defaultdict(lambda: [0, 0])
    for each, at in by_kind(events).get(Dwell, ()):
        body = each.event.body
        if isinstance(body, Dwell) and 0 < body.plan < 2**31 and each.store:
            hour = at - at % HOUR_US
            zone = clean(each.event.zone)
            held = sums[each.shard, each.tenant, each.store, zone, body.plan, hour]
            held[0] += 1
            held[1] += min(max(body.dwell_ms, 0), DWELL_MS_MAX)
    write(connection, SHELF_HOUR, sums)


def before_goods(
    connection: Connection, tenant: str, brand: str, since: int, until: int
) -> Mapping[str, Mapping[str, int]]:
    """Return stays and dwell before a brand's goods, by store, read in the role of that brand.

    They are of the hours that begin in [since, until), given in µs UTC. The role's policy leaves
    out the stores that have a plan of that number for themselves, without goods of the brand.
    """
    rows = connection.execute(
        "SELECT store, sum(stays)::bigint, sum(dwell_ms)::bigint FROM (SELECT DISTINCT zone, plan"
        "  FROM brand_shelf WHERE tenant = %s AND brand = %s AND goods > 0) AS shelf"
        " JOIN shelf_hour USING (zone, plan) WHERE tenant = %s AND hour >= %s AND hour < %s"
        " GROUP BY store",
        (tenant, brand, tenant, since, until),
    )
    return {store: {"stays": stays, "dwell_ms": dwell_ms} for store, stays, dwell_ms in rows}
