"""Figures by brand, product, store and hour: what happened to a brand's goods and coupons.

An event names its brand, and an order's line its own; where a channel does not say, the catalogue
does. What no brand is known of counts for the store alone.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from psycopg import Connection

from cloud_sync.catalogue import goods_of
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.reports import shelf_hour
from cloud_sync.reports.store_hour import HOUR_US, clean
from cloud_sync.shoppers.acts import AMOUNT_CENTS_MAX, QUANTITY_MAX, time_of
from cloud_sync.shoppers.facts import CURRENCY, PRODUCT
from wire.events import (
    CouponClaimed,
    CouponRedeemed,
    Event,
    Line,
    OfferShown,
    Purchased,
    Returned,
    Saved,
    Scan,
    Tried,
    Viewed,
)

# Events that add to a brand's figures; others are not looked at.
COUNTED = frozenset(
    {Scan, Viewed, Tried, Saved, OfferShown, CouponClaimed, CouponRedeemed, Purchased, Returned}
)

Figures = Mapping[str, int]
# Shard, tenant, brand, product, store, hour and figure.
_Key = tuple[int, str, str, str, str, int, str]


class Amount(NamedTuple):
    """What one event adds to a figure; without a product it concerns the brand as a whole."""

    brand: str
    product: str
    figure: str
    amount: int


def amounts_of(event: Event) -> Iterator[Amount]:
    """Yield what an event adds to the figures of the brands and goods that it names.

    What speaks neither of a product nor of a brand is left out.
    """
    brand, body = event.brand, event.body
    match body:
        case Viewed(product=product) if product:
            yield Amount(brand, product, "views", 1)
        case Scan(product=product) if product:
            yield Amount(brand, product, "scans", 1)
        case Tried(product=product):
            yield Amount(brand, product, "tries", 1)
        case Saved(product=product, saved=True):
            yield Amount(brand, product, "saves", 1)
        case OfferShown() if brand:
            yield Amount(brand, "", "offers_shown", 1)
        case CouponClaimed() if brand:
            yield Amount(brand, "", "claims", 1)
        case CouponRedeemed() if brand:
            yield Amount(brand, "", "redemptions", 1)
        case Purchased(lines=lines, currency=currency):
            yield from _lines(lines, "pieces", "paid_cents", currency)
        case Returned(lines=lines, currency=currency):
            yield from _lines(lines, "returned", "refunded_cents", currency)
        case _:
            return


def fold(
    connection: Connection, events: Sequence[LedgerEvent], gone: Sequence[LedgerEvent] = ()
) -> None:
    """Add events to the figures, in the caller's transaction: once for each ledger position.

    An order counts once for each brand whose goods it holds. Events that are `gone` were counted
    before, and are taken back.
    """
    _add(connection, events, 1)
    _add(connection, gone, -1)


def _add(connection: Connection, events: Sequence[LedgerEvent], times: int) -> None:
    said = [
        (each, amount)
        for each in events
        if type(each.event.body) in COUNTED
        for amount in amounts_of(each.event)
        if not amount.product or PRODUCT.fullmatch(amount.product)
    ]
    brands = _brands_unsaid(connection, said)
    sums: Counter[_Key] = Counter()
    orders: set[tuple[int, _Key]] = set()
    for each, amount in said:
        brand = clean(amount.brand) or brands.get((each.tenant, amount.product), "")
        if brand:
            hour = time_of(each) // HOUR_US * HOUR_US
            store = each.store or ""
            key = (each.shard, each.tenant, brand, amount.product, store, hour, amount.figure)
            sums[key] += amount.amount
            if amount.figure == "pieces":
                orders.add((each.position, (*key[:3], "", store, hour, "orders")))
    sums.update(key for _, key in orders)
    rows = sorted((*key, times * amount) for key, amount in sums.items() if amount)
    if not rows:
        return
    columns = list(map(list, zip(*rows, strict=True)))
    connection.execute(
        "INSERT INTO brand_hour AS kept"
        " (shard, tenant, brand, product, store, hour, figure, amount)"
        " SELECT * FROM unnest(%s::smallint[], %s::text[], %s::text[], %s::text[], %s::text[],"
        " %s::bigint[], %s::text[], %s::bigint[])"
        " ON CONFLICT (shard, tenant, brand, product, store, hour, figure)"
        " DO UPDATE SET amount = kept.amount + excluded.amount",
        columns,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandTotals:
    """A brand's sums by figure: of each product, of the brand as a whole, of each store.

    The product "" is the brand as a whole, the store "" the online channels.
    """

    products: Mapping[str, Figures]
    stores: Mapping[str, Figures]


def totals(connection: Connection, tenant: str, brand: str, since: int, until: int) -> BrandTotals:
    """Return a brand's sums in the hours that begin in [since, until), given in µs UTC.

    `stays` and `dwell_ms` of a store are those in zones where goods of the brand stood.
    """
    products: dict[str, dict[str, int]] = defaultdict(dict)
    stores: dict[str, dict[str, int]] = defaultdict(dict)
    rows = connection.execute(
        "SELECT product, store, figure, sum(amount)::bigint FROM brand_hour"
        " WHERE tenant = %s AND brand = %s AND hour >= %s AND hour < %s"
        " GROUP BY GROUPING SETS ((product, figure), (store, figure))",
        (tenant, brand, since, until),
    )
    for product, store, figure, amount in rows:
        if product is not None:
            products[product][figure] = amount
        else:
            stores[store][figure] = amount
    for store, figures in shelf_hour.before_goods(connection, tenant, brand, since, until).items():
        stores[store] |= figures
    return BrandTotals(products=products, stores=stores)


def _lines(lines: Iterable[Line], pieces: str, cents: str, currency: str) -> Iterator[Amount]:
    for line in lines:
        if line.quantity > 0:
            yield Amount(line.brand, line.product, pieces, min(line.quantity, QUANTITY_MAX))
            if CURRENCY.fullmatch(currency):
                amount = min(max(line.amount_cents, 0), AMOUNT_CENTS_MAX)
                yield Amount(line.brand, line.product, f"{cents}.{currency}", amount)


def _brands_unsaid(
    connection: Connection, said: Iterable[tuple[LedgerEvent, Amount]]
) -> dict[tuple[str, str], str]:
    """Return the brands, by the catalogue, of goods of which an event does not say it."""
    unsaid: dict[str, set[str]] = defaultdict(set)
    for each, amount in said:
        if amount.product and not amount.brand:
            unsaid[each.tenant].add(amount.product)
    return {
        (tenant, product): goods.brand
        for tenant in sorted(unsaid)
        for product, goods in goods_of(connection, tenant, unsaid[tenant]).items()
    }
