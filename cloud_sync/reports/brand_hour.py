"""Figures by brand, product, store and hour: what happened to a brand's goods and coupons.

An event names its brand, and an order's line its own; where a channel does not say, the catalogue
does. What no brand is known of counts for the store alone.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg import Connection

from cloud_sync.catalogue import goods_of
from cloud_sync.database.fact_table import FactTable, Row, write
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.reports import shelf_hour
from cloud_sync.reports.store_hour import HOUR_US, clean
from cloud_sync.shoppers.atoms.acts import AMOUNT_CENTS_MAX, QUANTITY_MAX
from cloud_sync.shoppers.atoms.by_kind import by_kind
from cloud_sync.shoppers.atoms.facts import CURRENCY, is_product
from wire.events import (
    Body,
    CouponClaimed,
    CouponRedeemed,
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
_ORDERS = _PLACE["orders"]

Figures = Mapping[str, int]

# Where and when something happened to a brand's goods, or to the brand as a whole where the product
# is empty: tenant, store, hour, shard, brand as it was said, product.
_About = tuple[str, str, int, int, str, str]


def _product(body: Viewed | Scan | Tried) -> str:
    return body.product


def _saved(body: Saved) -> str:
    return body.product if body.saved else ""


# The figure to which an event adds one, of the goods that it names or of its brand as a whole.
_OF_GOODS: Mapping[type[Body], tuple[str, Callable[..., str]]] = {
    Viewed: ("views", _product),
    Scan: ("scans", _product),
    Tried: ("tries", _product),
    Saved: ("saves", _saved),
}
_OF_A_BRAND: Mapping[type[Body], str] = {
    OfferShown: "offers_shown",
    CouponClaimed: "claims",
    CouponRedeemed: "redemptions",
}
# The figures to which the lines of an order add pieces and money.
_OF_ORDERS: Mapping[type[Body], tuple[str, str]] = {
    Purchased: ("pieces", "paid_cents"),
    Returned: ("returned", "refunded_cents"),
}


def fold(
    connection: Connection, events: Sequence[LedgerEvent], gone: Sequence[LedgerEvent] = ()
) -> None:
    """Add events to the figures, in the caller's transaction: once for each ledger position.

    Events that are `gone` were counted before, and are taken back. What speaks neither of a product
    nor of a brand is left out.
    """
    sums = _Sums()
    for kinds, times in ((by_kind(events), 1), (by_kind(gone), -1)):
        # Many events are alike, and are counted before anything is asked of what they name.
        for kind, (figure, product_of) in _OF_GOODS.items():
            alike = Counter(
                (*_place(each, at), each.event.brand, product_of(each.event.body))
                for each, at in kinds.get(kind, ())
            )
            for about, count in alike.items():
                if about[-1]:
                    sums.add(about, figure, times * count)
        for kind, figure in _OF_A_BRAND.items():
            alike = Counter(
                (*_place(each, at), each.event.brand, "") for each, at in kinds.get(kind, ())
            )
            for about, count in alike.items():
                if about[-2]:
                    sums.add(about, figure, times * count)
        for kind, figures in _OF_ORDERS.items():
            for each, at in kinds.get(kind, ()):
                sums.add_order(each, at, figures, times)
    write(connection, BRAND_HOUR, sums.rows_with(_brands_unsaid(connection, sums.unsaid)))


def _place(each: LedgerEvent, at: int) -> tuple[str, str, int, int]:
    return each.tenant, each.store or "", at - at % HOUR_US, each.shard


class _Sums:
    """The rows that events add up to; an order counts once for each brand whose goods it holds."""

    def __init__(self) -> None:
        self._rows: dict[Row, list[int]] = {}
        self._orders: set[tuple[int, int, Row]] = set()
        self._unsaid: list[tuple[_About, str, int, str, int | None]] = []

    @property
    def unsaid(self) -> set[tuple[str, str]]:
        """Return tenant and product of goods of which it was not said of which brand they are."""
        return {(about[0], about[-1]) for about, *_ in self._unsaid}

    def add(
        self, about: _About, figure: str, number: int, currency: str = "", order: int | None = None
    ) -> None:
        """Add to a figure; `order` is the position of the order of which this is a part."""
        tenant, store, hour, shard, named, product = about
        if product and not is_product(product):
            return
        if not named:
            self._unsaid.append((about, figure, number, currency, order))
            return
        brand = clean(named)
        row = self._row((tenant, brand, hour, product, store, currency, shard))
        row[_PLACE[figure]] += number
        if order is not None and figure == "pieces":
            times = 1 if number > 0 else -1
            self._orders.add((order, times, (tenant, brand, hour, "", store, "", shard)))

    def add_order(self, each: LedgerEvent, at: int, figures: tuple[str, str], times: int) -> None:
        """Add the lines of an order, or with `times` -1 take them back."""
        body = each.event.body
        if not isinstance(body, Purchased | Returned):
            return
        pieces, money = figures
        currency = body.currency if CURRENCY.fullmatch(body.currency) else ""
        for line in body.lines:
            if line.quantity > 0:
                about = (*_place(each, at), line.brand, line.product)
                quantity = min(line.quantity, QUANTITY_MAX)
                self.add(about, pieces, times * quantity, currency, each.position)
                if currency:
                    amount = min(max(line.amount_cents, 0), AMOUNT_CENTS_MAX)
                    self.add(about, money, times * amount, currency)

    def rows_with(self, brands: Mapping[tuple[str, str], str]) -> Mapping[Row, Sequence[int]]:
        """Return the rows, with what was not said of a brand where the catalogue says it."""
        for about, figure, number, currency, order in self._unsaid:
            tenant, store, hour, shard, _, product = about
            if brand := brands.get((tenant, product), ""):
                known = (tenant, store, hour, shard, brand, product)
                self.add(known, figure, number, currency, order)
        for _, times, key in self._orders:
            self._row(key)[_ORDERS] += times
        return self._rows

    def _row(self, key: Row) -> list[int]:
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = [0] * len(BRAND_HOUR.sums)
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
    connection: Connection, unsaid: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Return the brands, by the catalogue, of goods of which an event does not say it."""
    asked: dict[str, set[str]] = defaultdict(set)
    for tenant, product in unsaid:
        asked[tenant].add(product)
    return {
        (tenant, product): goods.brand
        for tenant in sorted(asked)
        for product, goods in goods_of(connection, tenant, asked[tenant]).items()
    }
