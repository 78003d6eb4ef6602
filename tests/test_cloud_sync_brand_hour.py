from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from psycopg import Connection

from cloud_sync.catalogue import import_catalogue
from cloud_sync.catalogue_file import Catalogue, Product, ShelfPlan
from cloud_sync.reports import brand_hour, shelf_hour, store_hour
from cloud_sync.reports.brand_hour import fold, totals
from tests.shopper_builders import NOW, TENANT, happened, rolled_back
from wire.events import (
    CouponRedeemed,
    Dwell,
    Line,
    OfferShown,
    Purchased,
    Returned,
    Saved,
    Scan,
    Viewed,
)

HOUR = store_hour.HOUR_US
SINCE = NOW // HOUR * HOUR


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    with rolled_back(postgres_server) as connection:
        yield connection


def named(brand: str, body, **at):
    each = happened(body, **at)
    return replace(each, event=replace(each.event, brand=brand))


def goods(**brands: str) -> tuple[Product, ...]:
    return tuple(
        Product(
            product=number,
            name={"zh": number, "en": number},
            brand=brand,
            category="things",
            price_cents=100,
            currency="CNY",
        )
        for number, brand in brands.items()
    )


def seen(connection: Connection, brand: str) -> brand_hour.BrandTotals:
    return totals(connection, TENANT, brand, SINCE, SINCE + HOUR)


def test_an_order_counts_for_each_of_its_brands_with_its_own_lines(connection):
    lines = (Line("a1", 2, 500, "a"), Line("a2", 1, 300, "a"), Line("b1", 1, 9_000, "b"))
    sold = Purchased("o", lines, 9_800, "CNY")
    fold(connection, [happened(sold), happened(sold, store="s0002"), happened(sold, store=None)])
    found = seen(connection, "a")
    assert found.products["a1"] == {"pieces": 6, "paid_cents.CNY": 1_500}
    assert found.products["a2"] == {"pieces": 3, "paid_cents.CNY": 900}
    assert found.products[""] == {"orders": 3}
    assert found.stores == {
        store: {"orders": 1, "pieces": 3, "paid_cents.CNY": 800} for store in ("s0001", "s0002", "")
    }
    assert "a1" not in seen(connection, "b").products


def test_events_add_up_in_any_order_and_returns_stand_apart(connection):
    back = Returned("o", (Line("a1", 1, 250, "a"),), 250, "CNY")
    events = [
        named("a", Viewed(product="a1")),
        named("a", Scan("product", "ean13", "a1")),
        named("a", Saved("a1")),
        named("a", Saved("a1", saved=False)),
        named("a", OfferShown("spring")),
        named("a", CouponRedeemed("c1")),
        happened(back),
        named("b", Viewed(product="b1")),
    ]
    fold(connection, events[::-1][:4])
    fold(connection, events[::-1][4:])
    assert seen(connection, "a").products == {
        "a1": {"views": 1, "scans": 1, "saves": 1, "returned": 1, "refunded_cents.CNY": 250},
        "": {"offers_shown": 1, "redemptions": 1},
    }


def test_where_a_channel_does_not_say_the_brand_the_catalogue_does(connection):
    import_catalogue(connection, TENANT, Catalogue(products=goods(a1="a", b1="b")))
    sold = Purchased("o", (Line("a1", 1, 500), Line("b1", 1, 100), Line("x", 1, 7)), 607, "CNY")
    fold(connection, [happened(sold, store=None), happened(Viewed(product="a1"), store=None)])
    assert seen(connection, "a").stores == {
        "": {"pieces": 1, "paid_cents.CNY": 500, "orders": 1, "views": 1}
    }
    assert seen(connection, "b").stores[""]["orders"] == 1


@pytest.mark.parametrize(
    "body",
    [
        Viewed(content="film"),
        Scan("member", "qrcode"),
        OfferShown("spring"),
        CouponRedeemed("c"),
        Purchased("o", (Line("a1", 0, 5),), 5, "CNY"),
    ],
)
def test_what_speaks_of_no_goods_and_no_brand_counts_for_nobody(connection, body):
    fold(connection, [happened(body)])
    assert connection.execute("SELECT count(*) FROM brand_hour").fetchone() == (0,)


def test_hostile_figures_and_names_break_nothing(connection):
    huge = Line("a1", 2**62, 2**62, "a\0" * 200)
    events = [
        happened(Purchased("o", (huge, Line("no/product", 1, 1, "a")), 1, "CN")),
        named("a", Viewed(product="no product \0")),
        happened(Dwell(entered_at=NOW, dwell_ms=5, plan=2**40), zone="z\0" * 200),
    ]
    fold(connection, events)
    store_hour.fold(connection, events)
    shelf_hour.fold(connection, events)
    assert seen(connection, "a" * 64).products["a1"] == {"pieces": 10_000}


def plan(number: int, zone: str, *products: str, store: str = "") -> ShelfPlan:
    return ShelfPlan(store=store, zone=zone, plan=number, products=products)


def test_a_brand_sees_the_stays_where_its_goods_stood_by_the_plan_of_that_time(connection):
    plans = (
        plan(1, "wall", "a1"),
        plan(2, "wall", "b1"),
        plan(1, "wall", "b1", store="s0002"),
        plan(3, "table", "a1", "b1"),
    )
    import_catalogue(connection, TENANT, Catalogue(products=goods(a1="a", b1="b"), plans=plans))
    stays = [
        ("s0001", "wall", 1),
        ("s0001", "wall", 2),
        ("s0002", "wall", 1),
        ("s0001", "table", 3),
    ]
    events = [
        happened(Dwell(entered_at=NOW, dwell_ms=1_000 * n, plan=plan), zone=zone, store=store)
        for n, (store, zone, plan) in enumerate(stays, 1)
    ]
    shelf_hour.fold(connection, events)
    shelves = connection.execute(
        "SELECT zone, plan, store, goods FROM brand_shelf WHERE tenant = %s AND brand = 'a'"
        " ORDER BY zone, plan, store",
        (TENANT,),
    ).fetchall()
    # The second store has plan 1 of its own, in which none of these goods stand.
    assert shelves == [("table", 3, "", 1), ("wall", 1, "", 1), ("wall", 1, "s0002", 0)]
    connection.execute(
        "SELECT set_config('role', 'storebridge_brand', true),"
        " set_config('storebridge.tenant', %s, true), set_config('storebridge.brand', 'a', true)",
        (TENANT,),
    )
    assert seen(connection, "a").stores == {"s0001": {"stays": 2, "dwell_ms": 5_000}}


def test_shelves_follow_the_catalogue(connection):
    for brands in ({"a1": "a", "b1": "b"}, {"a1": "b", "b1": "b"}):
        catalogue = Catalogue(products=goods(**brands), plans=(plan(1, "wall", "a1", "b1"),))
        import_catalogue(connection, TENANT, catalogue)
    rows = connection.execute("SELECT brand, goods FROM brand_shelf WHERE tenant = %s", (TENANT,))
    assert rows.fetchall() == [("b", 2)]
