"""Figures by brand, product, store and hour: what happened to a brand's goods and coupons.

An event names its brand, and an order's line its own; where a channel does not say, the catalogue
does. What no brand is known of counts for the store alone.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg import Connection

from cloud_sync.catalogue import goods_of
from cloud_sync.database.fact_table import FactTable, Row, write
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.reports import shelf_hour
from cloud_sync.reports.store_hour import HOUR_US, clean
from cloud_sync.shoppers.acts import AMOUNT_CENTS_MAX, QUANTITY_MAX, Timed
from cloud_sync.shoppers.by_kind import by_kind
from cloud_sync.shoppers.facts import CURRENCY, is_product
from wire.events import (
    Body,
    CouponClaimed,
    CouponRedeemed,
    Event,
    OfferShown,
    Purchased,
    Returned,
    Saved,
    Scan,
    Tried,
    Viewed,
)

# The figures of a row. Money has rows of its own, one for each currency, with the pieces that were
# paid for; `paid_cents` of CNY is then the figure `paid_cents.CNY`.
COUNTS = (
    *("views", "scans", "tries", "saves", "offers_shown", "claims", "redemptions"),
    *("orders", "pieces", "returned"),
)
MONEY = ("paid_cents", "refunded_cents")
# The hour of a brand stands first in the key, since a brand is shown its hours.
BRAND_HOUR = FactTable(
    name="brand_hour",
    keys={
        "tenant": "text",
        "brand": "text",
        "hour": "bigint",
        "product": "text",
        "store": "text",
        "currency": "text",
        "shard": "smallint",
    },
    sums=(*COUNTS, *MONEY),
)
_PLACE = {figure: place for place, figure in enumerate(BRAND_HOUR.sums)}
_PIECES, _ORDERS = _PLACE["pieces"], _PLACE["orders"]

Figures = Mapping[str, int]

# What one event adds to a figure: brand, product, place of the figure in a row, how much, currency.
# Without a product it concerns the brand as a whole.
Amount = tuple[str, str, int, int, str]
NOTHING: tuple[Amount, ...] = ()


def amounts_of(event: Event) -> Sequence[Amount]:
    """Return what an event adds to the figures of the brands and goods that it names.

    What speaks neither of a product nor of a brand is left out.
    """
    amounts = _AMOUNTS.get(type(event.body))
    return amounts(event.body, event.brand) if amounts else NOTHING


def _of_goods(figure: str) -> Callable[..., Sequence[Amount]]:
    place = _PLACE[figure]

    def amounts(body: Viewed | Scan | Tried | Saved, brand: str) -> Sequence[Amount]:
        return ((brand, body.product, place, 1, ""),) if body.product else NOTHING

    return amounts


def _of_a_brand(figure: str) -> Callable[..., Sequence[Amount]]:
    place = _PLACE[figure]

    def amounts(_body: Body, brand: str) -> Sequence[Amount]:
        return ((brand, "", place, 1, ""),) if brand else NOTHING

    return amounts


def _of_an_order(figure: str, money: str) -> Callable[..., Sequence[Amount]]:
    pieces, cents = _PLACE[figure], _PLACE[money]

    def amounts(body: Purchased | Returned, _brand: str) -> Sequence[Amount]:
        currency = body.currency if CURRENCY.fullmatch(body.currency) else ""
        made: list[Amount] = []
        for line in body.lines:
            if line.quantity > 0:
                quantity = min(line.quantity, QUANTITY_MAX)
                made.append((line.brand, line.product, pieces, quantity, currency))
                if currency:
                    amount = min(max(line.amount_cents, 0), AMOUNT_CENTS_MAX)
                    made.append((line.brand, line.product, cents, amount, currency))
        return made

    return amounts


_saved = _of_goods("saves")
# Events that add to a brand's figures; others are not looked at.
_AMOUNTS: Mapping[type[Body], Callable[..., Sequence[Amount]]] = {
    Viewed: _of_goods("views"),
    Scan: _of_goods("scans"),
    Tried: _of_goods("tries"),
    Saved: lambda body, brand: _saved(body, brand) if body.saved else NOTHING,
    OfferShown: _of_a_brand("offers_shown"),
    CouponClaimed: _of_a_brand("claims"),
    CouponRedeemed: _of_a_brand("redemptions"),
    Purchased: _of_an_order("pieces", "paid_cents"),
    Returned: _of_an_order("returned", "refunded_cents"),
}


def fold(
    connection: Connection, events: Sequence[LedgerEvent], gone: Sequence[LedgerEvent] = ()
) -> None:
    """Add events to the figures, in the caller's transaction: once for each ledger position.

    Events that are `gone` were counted before, and are taken back.
    """
    sums = _Sums()
    unsaid: list[tuple[Timed, Amount, int]] = []
    for kinds, times in ((by_kind(events), 1), (by_kind(gone), -1)):
        for kind in _AMOUNTS:
            for each in kinds.get(kind, ()):
                for amount in amounts_of(each[0].event):
                    brand, product, *_ = amount
                    if product and not is_product(product):
                        continue
                    if brand:
                        sums.add(each, brand, amount, times)
                    else:
                        unsaid.append((each, amount, times))
    brands = _brands_unsaid(connection, unsaid)
    for each, amount, times in unsaid:
        if brand := brands.get((each[0].tenant, amount[1]), ""):
            sums.add(each, brand, amount, times)
    sums.count_orders()
    write(connection, BRAND_HOUR, sums.rows)


class _Sums:
    """The rows that events add up to; an order counts once for each brand whose goods it holds."""

    def __init__(self) -> None:
        self.rows: dict[Row, list[int]] = {}
        self._orders: set[tuple[int, int, Row]] = set()

    def add(self, told: Timed, named: str, amount: Amount, times: int) -> None:
        """Add one amount, or with `times` -1 take it from the row of its brand and hour."""
        each, at = told
        _, product, place, number, currency = amount
        brand = clean(named)
        hour = at - at % HOUR_US
        store = each.store or ""
        row = self._row((each.tenant, brand, hour, product, store, currency, each.shard))
        row[place] += times * number
        if place == _PIECES:
            key = (each.tenant, brand, hour, "", store, "", each.shard)
            self._orders.add((each.position, times, key))

    def count_orders(self) -> None:
        """Add the orders to the rows of their brands as a whole."""
        for _, times, key in self._orders:
            self._row(key)[_ORDERS] += times

    def _row(self, key: Row) -> list[int]:
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = [0] * len(BRAND_HOUR.sums)
        return row


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
    rows = connection.execute(_TOTALS, (tenant, brand, since, until))
    for product, store, currency, *amounts in rows:
        held = products[product] if product is not None else stores[store]
        for figure, amount in zip(BRAND_HOUR.sums, amounts, strict=True):
            if amount:
                name = f"{figure}.{currency}" if figure in MONEY else figure
                held[name] = held.get(name, 0) + amount
    for store, figures in shelf_hour.before_goods(connection, tenant, brand, since, until).items():
        stores[store] |= figures
    return BrandTotals(products=products, stores=stores)


_TOTALS = (
    f"SELECT product, store, currency, {', '.join(f'sum({n})::bigint' for n in BRAND_HOUR.sums)}"  # noqa: S608
    " FROM brand_hour WHERE tenant = %s AND brand = %s AND hour >= %s AND hour < %s"
    " GROUP BY GROUPING SETS ((product, currency), (store, currency))"
).encode()


def _brands_unsaid(
    connection: Connection, unsaid: Iterable[tuple[Timed, Amount, int]]
) -> dict[tuple[str, str], str]:
    """Return the brands, by the catalogue, of goods of which an event does not say it."""
    asked: dict[str, set[str]] = defaultdict(set)
    for (each, _), amount, _ in unsaid:
        asked[each.tenant].add(amount[1])
    return {
        (tenant, product): goods.brand
        for tenant in sorted(asked)
        for product, goods in goods_of(connection, tenant, asked[tenant]).items()
    }
