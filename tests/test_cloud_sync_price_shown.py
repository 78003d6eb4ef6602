"""Every price that was shown is noted, and where channels disagreed it is said for how long."""

from collections.abc import Iterator
from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import Connection

from cloud_sync.catalogue import goods_in, import_catalogue, publish_catalogue
from cloud_sync.catalogue_file import Catalogue, Product
from cloud_sync.reports.price_shown import (
    HOLDS_US,
    Difference,
    Held,
    Price,
    Shown,
    differences,
    differing,
    fold,
    held,
)
from tests.shopper_builders import NOW, TENANT, happened, rolled_back
from wire.events import Viewed
from wire.views import ProductView, decode_view

HOUR = 3_600_000_000
TEA = "6901234000016"


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    with rolled_back(postgres_server) as connection:
        yield connection


def shown(
    connection: Connection, store: str | None, cents: int, at: int, currency: str = "CNY"
) -> None:
    fold(
        connection,
        [happened(Viewed(TEA, price_cents=cents, currency=currency), store=store, at=at)],
    )


def found(connection: Connection, since: int = NOW, until: int = NOW + 9 * HOUR):
    return differences(connection, TENANT, since, until)


def test_channels_that_agree_are_not_listed(connection: Connection):
    shown(connection, "s0001", 8_800, NOW)
    shown(connection, None, 8_800, NOW + HOUR)
    assert found(connection) == (1, [])


def test_a_product_is_listed_while_its_price_differs(connection: Connection):
    shown(connection, "s0001", 8_800, NOW)
    shown(connection, None, 8_500, NOW + HOUR)
    shown(connection, None, 8_800, NOW + 3 * HOUR)
    products, (difference,) = found(connection)
    assert products == 1
    assert difference == Difference(
        product=TEA,
        since=NOW + HOUR,
        until=NOW + 3 * HOUR,
        prices=(Price(8_500, "CNY", ("shop",)), Price(8_800, "CNY", ("s0001",))),
    )
    assert difference.lasted_s == 7_200


def test_only_what_lies_in_the_time_asked_for_is_told(connection: Connection):
    shown(connection, "s0001", 8_800, NOW - 5 * HOUR)
    shown(connection, None, 8_500, NOW - 5 * HOUR)
    _, (difference,) = found(connection, NOW, NOW + HOUR)
    assert (difference.since, difference.until) == (NOW, NOW + HOUR)
    assert found(connection, NOW + 30 * HOUR, NOW + 40 * HOUR)[1] == []


def test_the_same_price_in_another_currency_is_another_price(connection: Connection):
    shown(connection, "s0001", 8_800, NOW)
    shown(connection, "s0002", 8_800, NOW, "EUR")
    assert len(found(connection)[1]) == 1


def test_what_names_no_price_is_none(connection: Connection):
    fold(
        connection,
        [
            happened(Viewed(TEA), at=NOW),
            happened(Viewed(TEA, price_cents=5, currency="no"), at=NOW),
        ],
    )
    assert found(connection) == (0, [])


def test_a_price_holds_a_day_after_it_was_shown_last():
    (one, other) = held(
        [Shown("web", 5, "CNY", 0, HOUR), Shown("web", 5, "CNY", 2 * HOUR + HOLDS_US, 3 * HOLDS_US)]
    )
    assert (one.until, other.since) == (HOUR + HOLDS_US, 2 * HOUR + HOLDS_US)


views = st.tuples(st.sampled_from("abc"), st.sampled_from((5, 6)), st.integers(0, 60))


@given(st.lists(views, max_size=12))
@settings(max_examples=100, deadline=None)
def test_prices_differ_at_a_moment_exactly_where_the_report_says_so(said):
    prices = held(Shown(c, cents, "CNY", at * HOUR, at * HOUR) for c, cents, at in said)
    listed = list(differing("p", prices, 0, 90 * HOUR))
    for moment in range(90):
        at = moment * HOUR + HOUR // 2
        holding = {each.price_cents for each in prices if each.since <= at < each.until}
        covered = [each for each in listed if each.since <= at < each.until]
        assert (len(holding) > 1) == (len(covered) == 1)
    for _, channel in groupby(sorted(prices), key=lambda each: each.channel):
        ordered: list[Held] = sorted(channel, key=lambda each: each.since)
        assert all(a.until <= b.since for a, b in pairwise(ordered))


def goods(**prices: int) -> Catalogue:
    tea = Product(
        product=TEA,
        name={"zh": "春茶", "en": "Tea"},
        brand="Maru",
        category="tea",
        price_cents=8_800,
        currency="CNY",
        prices=prices,
    )
    return Catalogue(products=(tea,))


def price_in(connection: Connection, store: str) -> int | None:
    """The price that a store is told now, None where it is told nothing new."""
    views = [
        decode_view(each.change.value)
        for each in publish_catalogue(connection, TENANT, [store])
        if each.change.value is not None
    ]
    return next((each.price_cents for each in views if isinstance(each, ProductView)), None)


def test_a_channel_sells_at_its_own_price_and_all_others_at_the_catalogues(connection: Connection):
    import_catalogue(connection, TENANT, goods(web=8_500, store=9_000, s0002=9_100))
    assert [goods_in(connection, TENANT, each)[0].price_cents for each in ("web", "app")] == [
        8_500,
        8_800,
    ]
    assert (price_in(connection, "s0001"), price_in(connection, "s0002")) == (9_000, 9_100)
    import_catalogue(connection, TENANT, goods(web=8_500))
    assert price_in(connection, "s0001") == 8_800
    assert price_in(connection, "s0001") is None
