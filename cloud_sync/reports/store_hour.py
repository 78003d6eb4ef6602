"""Figures by store and hour, folded from the ledger: footfall, dwell, visits, sales, coupons.

A sum is kept apart by the operator whom its events name.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from psycopg import Connection

from cloud_sync.database.fact_table import FactTable, Row, write
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.atoms.by_kind import by_kind
from wire.events import (
    Arrival,
    Body,
    CouponRedeemed,
    Door,
    Dwell,
    OfferShown,
    Purchased,
    Returned,
    Scan,
    Viewed,
)

HOUR_US = 3_600_000_000
NAME_CHARS_MAX = 64
# Operators, brands and zones are named again and again.
NAMES_REMEMBERED_MAX = 2_000

# The figures there are. Money has a figure for each currency: `paid_cents.CNY`. What was paid is
# what was left after the coupons, whose benefit is `discount_cents`.
FIGURES = (
    "people_in",
    "people_out",
    "stays",
    "dwell_ms",
    "visits",
    "scans",
    "views",
    "offers_shown",
    "redemptions",
    "orders",
    "paid_cents",
    "discount_cents",
    "refunded_cents",
)

STORE_HOUR = FactTable(
    name="store_hour",
    keys={
        "shard": "smallint",
        "tenant": "text",
        "store": "text",
        "hour": "bigint",
        "figure": "text",
        "operator": "text",
    },
    sums=("amount",),
)


def _door(body: Door) -> Iterable[tuple[str, int]]:
    return ("people_in", body.people_in), ("people_out", body.people_out)


def _dwell(body: Dwell) -> Iterable[tuple[str, int]]:
    return ("stays", 1), ("dwell_ms", body.dwell_ms)


def _order(body: Purchased) -> Iterable[tuple[str, int]]:
    yield "orders", 1
    yield f"paid_cents.{body.currency}", body.amount_cents
    yield f"discount_cents.{body.currency}", sum(each.amount_cents for each in body.discounts)


def _returned(body: Returned) -> Iterable[tuple[str, int]]:
    yield f"refunded_cents.{body.currency}", body.amount_cents


# What events add to the figures of their hour: one to one figure, or what is yielded.
_ONE: Mapping[type[Body], str] = {
    Arrival: "visits",
    Scan: "scans",
    Viewed: "views",
    OfferShown: "offers_shown",
    CouponRedeemed: "redemptions",
}
_MORE: Mapping[type[Body], Callable[..., Iterable[tuple[str, int]]]] = {
    Door: _door,
    Dwell: _dwell,
    Purchased: _order,
    Returned: _returned,
}


def fold(
    connection: Connection, events: Sequence[LedgerEvent], gone: Sequence[LedgerEvent] = ()
) -> None:
    """Add events to the figures, in the caller's transaction: once for each ledger position.

    What claims to come from the future counts in the hour in which it was accepted.
    """
    sums: dict[Row, int] = defaultdict(int)
    for kinds, times in ((by_kind(events), 1), (by_kind(gone), -1)):
        for kind, figure in _ONE.items():
            # Many are alike, and are counted before their names are made clean.
            alike = Counter(
                (each.shard, each.tenant, each.store, at - at % HOUR_US, each.event.operator)
                for each, at in kinds.get(kind, ())
            )
            for (shard, tenant, store, hour, operator), count in alike.items():
                sums[shard, tenant, store or "", hour, figure, clean(operator)] += times * count
        for kind, more in _MORE.items():
            for each, at in kinds.get(kind, ()):
                operator = clean(each.event.operator)
                hour = at - at % HOUR_US
                for name, amount in more(each.event.body):
                    key = (each.shard, each.tenant, each.store or "", hour, name, operator)
                    sums[key] += times * amount
    write(connection, STORE_HOUR, {key: (amount,) for key, amount in sums.items() if amount})


@lru_cache(maxsize=NAMES_REMEMBERED_MAX)
def clean(name: str) -> str:
    """Return a name as the figures keep it: without what no text may hold, not longer than ours."""
    return name.replace("\0", "")[:NAME_CHARS_MAX]


def totals(
    connection: Connection, tenant: str, since: int, until: int
) -> Mapping[str, Mapping[str, int]]:
    """Return the sums of each store in the hours that begin in [since, until), by figure.

    `since` and `until` are µs UTC; the store "" stands for the online channels.
    """
    found: dict[str, dict[str, int]] = {}
    rows = connection.execute(
        "SELECT store, figure, sum(amount)::bigint FROM store_hour"
        " WHERE tenant = %s AND hour >= %s AND hour < %s GROUP BY store, figure",
        (tenant, since, until),
    )
    for store, figure, amount in rows:
        found.setdefault(store, {})[figure] = amount
    return found


def by_hour(
    connection: Connection, tenant: str, store: str, figure: str, since: int, until: int
) -> list[tuple[int, int]]:
    """Return (hour, amount) of one figure of one store, hours without any left out."""
    return list(
        connection.execute(
            "SELECT hour, sum(amount)::bigint FROM store_hour WHERE tenant = %s AND store = %s"
            " AND figure = %s AND hour >= %s AND hour < %s GROUP BY hour ORDER BY hour",
            (tenant, store, figure, since, until),
        ).fetchall()
    )
