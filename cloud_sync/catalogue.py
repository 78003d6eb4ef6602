"""What a tenant sells and where it stands: products, and dated shelf plans of the stores' zones."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from psycopg import Connection
from psycopg.types.json import Jsonb

from cloud_sync.catalogue_file import (
    PROBLEMS_SHOWN_MAX,
    Catalogue,
    CatalogueError,
    Content,
    Product,
    ShelfPlan,
    Video,
    check,
)
from cloud_sync.codes.code_keys import code_keys_view
from cloud_sync.database.migrations_sight import FILL_SHELVES
from cloud_sync.decisions.changes import StoreChange
from cloud_sync.shoppers.profiles.profile import set_members_consent
from wire.messages import Change
from wire.views import PlanView, ProductView, VideoView, encode_view


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """How many products and plans were stored, and how many products are sold no more."""

    products: int
    plans: int
    withdrawn: int


# The channel that stands for all stores.
EVERY_STORE = "store"

Prices = Mapping[str, Mapping[str, int]]


class Goods(NamedTuple):
    """What decisions ask about a product; its brand is known when it is sold no more, too."""

    category: str
    brand: str
    sold: bool


def import_catalogue(connection: Connection, tenant: str, catalogue: Catalogue) -> Imported:
    """Store a whole catalogue: what it does not name any more is no longer sold.

    Plans are added by store, zone and number. None is changed or taken away, since past dwell is
    read by them: raises CatalogueError where one is stored with other goods or another beginning.
    Content that is not named stays, since what people saw is read by it.
    Where each brand's goods stand is noted anew.
    """
    check(catalogue)
    _add_plans(connection, tenant, catalogue.plans)
    gone = connection.execute(
        "UPDATE product SET active = false WHERE tenant = %s AND active AND product <> ALL(%s)",
        (tenant, [each.product for each in catalogue.products]),
    ).rowcount
    with connection.cursor() as cursor:
        cursor.executemany(_PUT_PRODUCT, [_product_row(tenant, p) for p in catalogue.products])
        films = [film for p in catalogue.products if (film := _film(p)) is not None]
        told = [_content_row(tenant, each) for each in (*films, *catalogue.contents)]
        cursor.executemany(_PUT_CONTENT, told)
    _put_prices(connection, tenant, catalogue.products)
    _fill_shelves(connection, tenant)
    if catalogue.members_consent is not None:
        set_members_consent(connection, tenant, catalogue.members_consent)
    return Imported(products=len(catalogue.products), plans=len(catalogue.plans), withdrawn=gone)


def goods_of(connection: Connection, tenant: str, products: Collection[str]) -> dict[str, Goods]:
    """Return what is known of these products; those that were never in a catalogue are left out."""
    rows = connection.execute(
        "SELECT product, category, brand, active FROM product"
        " WHERE tenant = %s AND product = ANY(%s)",
        (tenant, sorted(products)),
    )
    return {product: Goods(*rest) for product, *rest in rows}


def sold_of(goods: Mapping[str, Goods]) -> dict[str, str]:
    """Return which of these products are sold now, each with its category."""
    return {product: each.category for product, each in goods.items() if each.sold}


def publish_catalogue(
    connection: Connection, tenant: str, stores: Iterable[str]
) -> list[StoreChange]:
    """Return what stores are to be told of the catalogue: only what differs from the last time.

    With it go the keys that the tenant's codes are signed for. What the stores were told is noted
    in the caller's transaction.
    """
    goods = products_of(connection, tenant)
    prices = prices_of(connection, tenant)
    everywhere = [(("product", view.product), encode_view(view)) for view in goods]
    if (keys := code_keys_view(connection, tenant)) is not None:
        everywhere.append((("setting", keys.name), encode_view(keys)))
    changes: list[StoreChange] = []
    for store in sorted(set(stores)):
        own = [
            (("product", view.product), encode_view(view))
            for view in priced(goods, prices, (store, EVERY_STORE))
        ]
        plans = [
            (("plan", f"{plan.zone}@{plan.valid_from}"), encode_view(plan))
            for plan in _plans(connection, tenant, store)
        ]
        wanted = dict([*everywhere, *own, *plans])
        changes.extend(
            StoreChange(tenant=tenant, store=store, change=Change(table=view, key=key, value=value))
            for (view, key), value in _differing(connection, tenant, store, wanted).items()
        )
    return changes


def products_of(connection: Connection, tenant: str) -> list[ProductView]:
    """Return the products that a tenant sells, by product number."""
    rows = connection.execute(
        "SELECT product, name, brand, category, price_cents, currency, image, about, low_stock,"
        " series, video FROM product WHERE tenant = %s AND active ORDER BY product",
        (tenant,),
    )
    return [
        msgspec.structs.replace(ProductView(*fields), video=_video(video))
        for *fields, video in rows
    ]


def _video(stored: object) -> VideoView | None:
    found = msgspec.convert(stored, Video | None)
    if found is None:
        return None
    return VideoView(found.content, found.file, found.poster, found.captions)


def prices_of(connection: Connection, tenant: str) -> Prices:
    """Return the prices by channel that differ from the catalogue's own, by product."""
    prices: dict[str, dict[str, int]] = {}
    rows = connection.execute(
        "SELECT product, channel, price_cents FROM product_price WHERE tenant = %s", (tenant,)
    )
    for product, channel, price_cents in rows:
        prices.setdefault(product, {})[channel] = price_cents
    return prices


def priced(
    goods: Iterable[ProductView], prices: Prices, channels: Sequence[str]
) -> Iterable[ProductView]:
    """Yield the goods of which the first of these channels that has one has a price of its own."""
    for view in goods:
        held = prices.get(view.product, {})
        cents = next((held[each] for each in channels if each in held), view.price_cents)
        if cents != view.price_cents:
            yield msgspec.structs.replace(view, price_cents=cents)


def goods_in(connection: Connection, tenant: str, channel: str) -> list[ProductView]:
    """Return what a channel sells, at its own prices, by product number."""
    goods = products_of(connection, tenant)
    own = {each.product: each for each in priced(goods, prices_of(connection, tenant), (channel,))}
    return [own.get(view.product, view) for view in goods]


def brands_of(connection: Connection, tenant: str) -> list[str]:
    """Return the brands of all goods that ever stood in a tenant's catalogue, by name."""
    rows = connection.execute(
        "SELECT DISTINCT brand FROM product WHERE tenant = %s AND brand <> '' ORDER BY brand",
        (tenant,),
    )
    return [brand for (brand,) in rows]


_PUT_PRODUCT = """
INSERT INTO product (tenant, product, name, about, brand, category, price_cents, currency, image,
    low_stock, series, topics, video, active)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, true)
ON CONFLICT (tenant, product) DO UPDATE SET name = excluded.name, about = excluded.about,
    brand = excluded.brand, category = excluded.category, price_cents = excluded.price_cents,
    currency = excluded.currency, image = excluded.image, low_stock = excluded.low_stock,
    series = excluded.series, topics = excluded.topics, video = excluded.video,
    active = true
"""
_PUT_CONTENT = """
INSERT INTO content (tenant, content, form, brand, series, topics) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant, content) DO UPDATE SET form = excluded.form, brand = excluded.brand,
    series = excluded.series, topics = excluded.topics
"""


def _put_prices(connection: Connection, tenant: str, products: Sequence[Product]) -> None:
    """Store the prices of channels anew: a catalogue says all of them."""
    connection.execute("DELETE FROM product_price WHERE tenant = %s", (tenant,))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO product_price (tenant, product, channel, price_cents)"
            " VALUES (%s, %s, %s, %s)",
            [
                (tenant, each.product, channel, cents)
                for each in products
                for channel, cents in each.prices.items()
            ],
        )


def _add_plans(connection: Connection, tenant: str, plans: Sequence[ShelfPlan]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO shelf_plan (tenant, store, zone, plan, valid_from, products)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (tenant, store, zone, plan) DO NOTHING",
            [
                (tenant, each.store, each.zone, each.plan, each.valid_from, list(each.products))
                for each in plans
            ],
        )
    rows = connection.execute(
        "SELECT store, zone, plan, valid_from, products FROM shelf_plan WHERE tenant = %s",
        (tenant,),
    )
    stored = {(store, zone, plan): (at, set(products)) for store, zone, plan, at, products in rows}
    changed = [
        f"plan {each.plan} of zone {each.zone} in {each.store or 'every store'}"
        for each in plans
        if stored[each.store, each.zone, each.plan] != (each.valid_from, set(each.products))
    ]
    if changed:
        raise CatalogueError(
            f"a stored plan never changes, since past dwell is read by it: "
            f"{'; '.join(changed[:PROBLEMS_SHOWN_MAX])}; give what stands there now a new number "
            "and the time from which it holds"
        )


def _fill_shelves(connection: Connection, tenant: str) -> None:
    """Note anew how many goods of each brand stand in each zone by each plan."""
    connection.execute("DELETE FROM brand_shelf WHERE tenant = %s", (tenant,))
    connection.execute(FILL_SHELVES.format(condition="shelf.tenant = %s").encode(), (tenant,))


def _product_row(tenant: str, product: Product) -> tuple[object, ...]:
    return (
        tenant,
        product.product,
        Jsonb(product.name),
        Jsonb(product.about),
        product.brand,
        product.category,
        product.price_cents,
        product.currency,
        product.image,
        product.low_stock,
        product.series,
        list(product.topics),
        None if product.video is None else Jsonb(msgspec.to_builtins(product.video)),
    )


def _film(product: Product) -> Content | None:
    """Return the video of a product as content: what it is about is what the product is about."""
    if product.video is None:
        return None
    return Content(
        content=product.video.content,
        form="video",
        brand=product.brand,
        series=product.series,
        topics=product.topics,
    )


def _content_row(tenant: str, content: Content) -> tuple[object, ...]:
    return (
        tenant,
        content.content,
        content.form,
        content.brand,
        content.series,
        list(content.topics),
    )


def _plans(connection: Connection, tenant: str, store: str) -> list[PlanView]:
    """Return the plans that hold in a store: its own for a zone, else those for every store."""
    rows = connection.execute(
        "SELECT zone, plan, valid_from, products FROM shelf_plan AS held WHERE tenant = %s"
        " AND (store = %s OR store = '' AND NOT EXISTS (SELECT 1 FROM shelf_plan AS own"
        "  WHERE own.tenant = held.tenant AND own.store = %s AND own.zone = held.zone))"
        " ORDER BY zone, valid_from, plan",
        (tenant, store, store),
    )
    return [
        PlanView(zone=zone, plan=plan, valid_from=valid_from, products=tuple(products))
        for zone, plan, valid_from, products in rows
    ]


def _differing(
    connection: Connection, tenant: str, store: str, wanted: dict[tuple[str, str], bytes]
) -> dict[tuple[str, str], bytes | None]:
    """Return what differs from what the store was told, None for what is gone, and note it."""
    rows = connection.execute(
        "SELECT view, key, checksum FROM catalogue_view WHERE tenant = %s AND store = %s"
        " ORDER BY view, key FOR UPDATE",
        (tenant, store),
    )
    before = {(view, key): bytes(checksum) for view, key, checksum in rows}
    checksums = {
        key: hashlib.blake2b(value, digest_size=8).digest() for key, value in wanted.items()
    }
    changed = [key for key in wanted if before.get(key) != checksums[key]]
    gone = [key for key in before if key not in wanted]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO catalogue_view (tenant, store, view, key, checksum)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (tenant, store, view, key)"
            " DO UPDATE SET checksum = excluded.checksum",
            [(tenant, store, *key, checksums[key]) for key in changed],
        )
        cursor.executemany(
            "DELETE FROM catalogue_view"
            " WHERE tenant = %s AND store = %s AND view = %s AND key = %s",
            [(tenant, store, *key) for key in gone],
        )
    return {**{key: wanted[key] for key in changed}, **dict.fromkeys(gone)}
