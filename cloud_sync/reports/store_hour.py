"""Figures by store and hour, folded from the ledger: footfall, dwell, visits, sales, coupons.

A sum is kept apart by the operator whom its events name.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import NamedTuple

from psycopg import Connection

from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.acts import time_of
from wire.events import (
    AnyBody,
    Arrival,
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

# The events that have any.
COUNTED = frozenset(
    {Door, Dwell, Arrival, Scan, Viewed, OfferShown, CouponRedeemed, Purchased, Returned}
)


def figures_of(body: AnyBody) -> Iterator[tuple[str, int]]:
    """Yield what one event adds to the figures of its hour."""
    match body:
        case Door():
            yield "people_in", body.people_in
            yield "people_out", body.people_out
        case Dwell():
            yield "stays", 1
            yield "dwell_ms", body.dwell_ms
        case Arrival():
            yield "visits", 1
        case Scan():
            yield "scans", 1
        case Viewed():
            yield "views", 1
        case OfferShown():
            yield "offers_shown", 1
        case CouponRedeemed():
            yield "redemptions", 1
        case Purchased():
            yield "orders", 1
            yield f"paid_cents.{body.currency}", body.amount_cents
            yield (
                f"discount_cents.{body.currency}",
                sum(each.amount_cents for each in body.discounts),
            )
        case Returned():
            yield f"refunded_cents.{body.currency}", body.amount_cents
        case _:
            return


class _Place(NamedTuple):
    shard: int
    tenant: str
    store: str
    hour: int
    operator: str


def fold(
    connection: Connection, events: Sequence[LedgerEvent], gone: Sequence[LedgerEvent] = ()
) -> None:
    """Add events to the figures, in the caller's transaction: once for each ledger position.

    Those that are `gone` were counted before, and are taken back.
    What claims to come from the future counts in the hour in which it was accepted.
    """
    places: dict[_Place, Counter[str]] = defaultdict(Counter)
    for times, event in chain(zip(repeat(1), events), zip(repeat(-1), gone)):
        if type(event.event.body) in COUNTED:
            place = _Place(
                shard=event.shard,
                tenant=event.tenant,
                store=event.store or "",
                hour=time_of(event) // HOUR_US * HOUR_US,
                operator=clean(event.event.operator),
            )
            sums = places[place]
            for figure, amount in figures_of(event.event.body):
                sums[figure] += times * amount
    rows = sorted(
        (*place, figure, amount)
        for place, sums in places.items()
        for figure, amount in sums.items()
        if amount
    )
    if not rows:
        return
    columns = list(map(list, zip(*rows, strict=True)))
    connection.execute(
        "INSERT INTO store_hour AS kept"
        " (shard, tenant, store, hour, operator, figure, amount)"
        " SELECT * FROM unnest(%s::smallint[], %s::text[], %s::text[], %s::bigint[], %s::text[],"
        " %s::text[], %s::bigint[])"
        " ON CONFLICT (shard, tenant, store, hour, figure, operator)"
        " DO UPDATE SET amount = kept.amount + excluded.amount",
        columns,
    )


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
