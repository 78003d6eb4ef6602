"""The figures of a brand's page: its goods, the stores that sell them, and the sums of today."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from psycopg import Connection

from cloud_sync.console.funnel import Picture, picture_of
from cloud_sync.console.stores import sales_of
from cloud_sync.reports import brand_hour, kept_paths
from cloud_sync.reports.brand_hour import BrandTotals, Figures
from cloud_sync.reports.kept_paths import BrandFunnel

NOTHING: Figures = {}


class Goods(NamedTuple):
    """A product of the brand, as the catalogue has it; `active` while it is sold."""

    product: str
    name: Mapping[str, str]
    category: str
    price_cents: int
    currency: str
    active: bool


class Reach(NamedTuple):
    """A store that sells the brand: of its `head` events as far as known, how many are here."""

    store: str
    head: int
    received: int

    @property
    def complete(self) -> float:
        """Return which share of the store's events is here."""
        return self.received / self.head if self.head else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodsRow:
    """A product on the page, with its figures of today."""

    goods: Goods
    figures: Figures

    @property
    def sales(self) -> dict[str, int]:
        """Return what was paid for it less what was refunded, by currency."""
        return sales_of(self.figures)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachRow:
    """A store on the page, with what happened there to the brand's goods today."""

    reach: Reach
    figures: Figures

    @property
    def sales(self) -> dict[str, int]:
        """Return what was paid for the brand's goods less what was refunded, by currency."""
        return sales_of(self.figures)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandPage:
    """A brand's page: all sums, its goods and its stores, those with most sales first.

    `online` are the figures of the channels without a store.
    """

    brand: str
    figures: Figures
    funnel: BrandFunnel
    goods: Sequence[GoodsRow]
    stores: Sequence[ReachRow]
    online: Figures

    @property
    def sales(self) -> dict[str, int]:
        """Return what was paid for the brand's goods less what was refunded, by currency."""
        return sales_of(self.figures)

    @property
    def moves(self) -> Picture:
        """Return how its shoppers moved between the stages, drawn."""
        return picture_of(self.funnel.flows)

    @property
    def online_sales(self) -> dict[str, int]:
        """Return the sales of the channels without a store, by currency."""
        return sales_of(self.online)

    @property
    def complete(self) -> float:
        """Return which share of the events of all its stores is here."""
        head = sum(row.reach.head for row in self.stores)
        return sum(row.reach.received for row in self.stores) / head if head else 1.0


def read_page(connection: Connection, tenant: str, brand: str, since: int, until: int) -> BrandPage:
    """Read a brand's page; its figures are of the hours that begin in [since, until), µs UTC."""
    goods = connection.execute(
        "SELECT product, name, category, price_cents, currency, active FROM product"
        " WHERE tenant = %s AND brand = %s ORDER BY product",
        (tenant, brand),
    )
    stores = connection.execute(
        "SELECT store, head, received FROM brand_store WHERE tenant = %s ORDER BY store", (tenant,)
    )
    return page_of(
        brand,
        [Goods(*row) for row in goods],
        [Reach(*row) for row in stores],
        brand_hour.totals(connection, tenant, brand, since, until),
        kept_paths.brand_funnel(connection, tenant, brand),
    )


def page_of(
    brand: str,
    goods: Sequence[Goods],
    stores: Sequence[Reach],
    totals: BrandTotals,
    funnel: BrandFunnel,
) -> BrandPage:
    """Put a brand's page together; goods that are no longer sold stand there only with figures."""
    rows = [
        GoodsRow(goods=each, figures=totals.products.get(each.product, NOTHING))
        for each in goods
        if each.active or each.product in totals.products
    ]
    places = [
        ReachRow(reach=each, figures=totals.stores.get(each.store, NOTHING)) for each in stores
    ]
    return BrandPage(
        brand=brand,
        figures=_sum(totals.stores.values()),
        funnel=funnel,
        goods=sorted(rows, key=lambda row: (*_rank(row.figures), row.goods.product)),
        stores=sorted(places, key=lambda row: (*_rank(row.figures), row.reach.store)),
        online=totals.stores.get("", NOTHING),
    )


def plain(page: BrandPage) -> dict[str, object]:
    """Return the page as JSON has it; money in cents, by currency."""
    return {
        "brand": page.brand,
        "complete": round(page.complete, 6),
        "figures": page.figures,
        "shoppers": page.funnel.shoppers,
        "shoppers_counted_at": page.funnel.counted_at,
        "flows": [
            {"from": each.before, "to": each.after, "shoppers": each.shoppers}
            for each in page.funnel.flows
        ],
        "goods": [{"product": row.goods.product, "figures": row.figures} for row in page.goods],
        "stores": [
            {
                "store": row.reach.store,
                "complete": round(row.reach.complete, 6),
                "figures": row.figures,
            }
            for row in page.stores
        ],
        "online": page.online,
    }


def _rank(figures: Figures) -> tuple[int, int]:
    """Return what sorts the best-selling first, then what was looked at most."""
    looks = sum(figures.get(figure, 0) for figure in ("views", "scans", "tries", "saves"))
    return -sum(sales_of(figures).values()), -looks


def _sum(several: Iterable[Figures]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for figures in several:
        for figure, amount in figures.items():
            sums[figure] = sums.get(figure, 0) + amount
    return sums
