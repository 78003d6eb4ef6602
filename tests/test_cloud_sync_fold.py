"""Folding: whom a batch touches, and that repeats, late events and other workers do no harm."""

from collections.abc import Iterator

import pytest
from psycopg import Connection

from cloud_sync.database.database import Database
from cloud_sync.database.schema import MIGRATIONS
from cloud_sync.shoppers.atoms.interests import count_some
from cloud_sync.shoppers.graph.identity import members_of
from cloud_sync.shoppers.profiles.profile import whole_profiles_of
from cloud_sync.shoppers.profiles.stage import stage_of
from tests.shopper_builders import (
    DAY,
    NOW,
    TENANT,
    app,
    at_once,
    fold_all,
    happened,
    member,
    order,
    rolled_back,
    shopper_of,
    web,
)
from wire.events import Arrival, CouponRedeemed, DeviceHealth, Dwell, Viewed


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    with rolled_back(postgres_server) as one:
        yield one


def test_a_fold_names_the_shoppers_and_stores_that_it_touched(connection: Connection):
    folded = fold_all(
        connection,
        [
            happened(Arrival(), member("M1"), store="s0001"),
            happened(Viewed(product="p1"), web("c"), store=None),
            happened(Dwell(entered_at=NOW, dwell_ms=10), store="s0002"),
        ],
    )
    both = {shopper_of(connection, member("M1")), shopper_of(connection, web("c"))}
    assert folded.touched == folded.live == both
    assert folded.stores == {(TENANT, "s0001"), (TENANT, "s0002")}


def test_the_backlog_is_folded_but_answered_by_nothing(connection: Connection):
    folded = fold_all(
        connection,
        [
            happened(Arrival(), member("M1"), live=False),
            happened(Arrival(), member("M2"), live=True),
        ],
    )
    assert folded.live == {shopper_of(connection, member("M2"))}
    assert folded.touched == folded.live | {shopper_of(connection, member("M1"))}


def test_a_join_names_the_joined_shopper_only(connection: Connection):
    fold_all(connection, [happened(Viewed(), web("c"), store=None)])
    folded = fold_all(connection, [happened(Viewed(), web("c"), member("M1"), store=None)])
    assert folded.touched == {shopper_of(connection, member("M1"))}


def test_an_empty_or_anonymous_batch_touches_nobody(connection: Connection):
    assert fold_all(connection, []).touched == set()
    nobody = [happened(DeviceHealth(state="ok")), happened(order("p1"))]
    assert fold_all(connection, nobody).touched == set()
    assert connection.execute("SELECT store, product, bought FROM store_product").fetchall() == [
        ("s0001", "p1", 1)
    ]


def test_a_join_after_purchases_raises_the_stage(connection: Connection):
    fold_all(
        connection,
        [happened(order("p1"), member("M1")), happened(order("p2"), app("a"), store=None)],
    )
    for identifier in (member("M1"), app("a")):
        key = shopper_of(connection, identifier)
        assert (
            stage_of(whole_profiles_of(connection, members_of(connection, [key]))[key], NOW).stage
            == "purchase"
        )
    fold_all(connection, [happened(Arrival(), member("M1"), app("a"))])
    key = shopper_of(connection, app("a"))
    staged = stage_of(whole_profiles_of(connection, members_of(connection, [key]))[key], NOW)
    assert (staged.stage, staged.because[0].count) == ("loyalty", 2)


def test_an_event_that_comes_days_late_counts_at_its_own_time(connection: Connection):
    fold_all(connection, [happened(Viewed(product="p1"), member("M1"), at=NOW)])
    late = happened(order("p1"), member("M1"), at=NOW - 9 * DAY, accepted_at=NOW + DAY)
    fold_all(connection, [late])
    key = shopper_of(connection, member("M1"))
    facts = whole_profiles_of(connection, members_of(connection, [key]))[key].products["p1"]
    assert (facts.viewed_at, facts.bought_at) == (NOW, NOW - 9 * DAY)


def test_products_of_one_order_or_atom_are_paired_once(connection: Connection):
    fold_all(connection, [happened(order("p1", "p2", "p1"), member("M1"))])
    for _ in range(3):
        fold_all(connection, [happened(Viewed(product="p3"), member("M1"), store=None)])
        count_some(connection, shard=3)
    assert count_some(connection, shard=3) == 0
    rows = connection.execute(
        "SELECT product, other, sum(viewed_together), sum(bought_together) FROM product_pair"
        " WHERE product < other GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    assert rows == [("p1", "p2", 1, 1), ("p1", "p3", 1, 0), ("p2", "p3", 1, 0)]


def test_a_coupon_act_without_identifiers_touches_the_coupons_owner(connection: Connection):
    fold_all(connection, [happened(Arrival(), member("M1"))])
    key = shopper_of(connection, member("M1"))
    connection.execute(
        "INSERT INTO coupon VALUES"
        " (%s, %s, 'code', 'offer', 1, 'p1', 'saved', 1, '', 10, 1, 2, '', '', 0)",
        key,
    )
    folded = fold_all(connection, [happened(CouponRedeemed(coupon="code"), store=None)])
    assert folded.live == {key}
    assert fold_all(connection, [happened(CouponRedeemed(coupon="no such"))]).touched == set()


def test_two_shards_that_touch_one_shopper_at_once_lose_nothing(postgres_dsn: str):
    database = Database(postgres_dsn)
    database.migrate(MIGRATIONS)
    parts = [
        [
            happened(order(f"p{number % 5}"), member("M1"), app(f"a{number % 3}"), store=store)
            for number in range(60)
        ]
        for store in ("s0001", "s0002", "s0003")
    ]
    at_once(database, parts[0], parts[1][::-1], parts[2])
    with database.shopper(TENANT) as connection:
        keys = {shopper_of(connection, app(f"a{number}")) for number in range(3)}
        profile = whole_profiles_of(connection, members_of(connection, keys)).popitem()[1]
    database.close()
    assert len(keys) == 1
    assert profile.money["CNY"].orders == 180
    assert sum(facts.bought for facts in profile.products.values()) == 180
    assert set(profile.stores) == {"s0001", "s0002", "s0003"}
