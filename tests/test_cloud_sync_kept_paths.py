from collections.abc import Iterator
from itertools import count

import pytest
from psycopg import Connection

from cloud_sync.catalogue import import_catalogue
from cloud_sync.catalogue_file import Catalogue, ShelfPlan
from cloud_sync.cloud import wall_time
from cloud_sync.reports.funnel import Flow
from cloud_sync.reports.kept_paths import brand_funnel, count_due
from cloud_sync.shoppers.profiles.stage_rules import StageRule, set_rules
from tests.shopper_builders import DAY, TENANT, fold_all, happened, member, rolled_back, web
from tests.test_cloud_sync_brand_hour import goods
from wire.events import Arrival, Dwell, Followed, Line, Purchased, Saved, Viewed

NOW = wall_time()


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    """A catalogue of the brands a and b; what is counted belongs to no other test."""
    with rolled_back(postgres_server) as connection:
        plans = (ShelfPlan(zone="wall", plan=1, products=("a1",)),)
        import_catalogue(connection, TENANT, Catalogue(products=goods(a1="a", b1="b"), plans=plans))
        yield connection


_orders = count(1)


def did(who: str, body, *, at: int = NOW, store: str = "s0001", zone: str = "", also=()):
    return happened(body, member(who), *also, at=at, store=store, zone=zone, accepted_at=NOW)


def order(*brands: str) -> Purchased:
    lines = tuple(Line(f"{brand}1", 1, 100, brand) for brand in brands)
    return Purchased(f"o-{next(_orders)}", lines, 100 * len(lines), "CNY")


def shoppers(connection: Connection, brand: str) -> tuple[int, ...]:
    """How many stand at awareness, interest, purchase and loyalty after a fresh count."""
    connection.execute("UPDATE funnel_count SET rests_until = '-infinity'")
    count_due(connection)
    return tuple(brand_funnel(connection, TENANT, brand).shoppers.values())


def test_a_stage_rests_on_the_goods_of_the_brand_alone(connection):
    fold_all(
        connection,
        [
            did("once", Viewed(product="a1")),
            did("saver", Saved("a1")),
            did("follower", Followed("a")),
            did("stander", Dwell(NOW, 25_000, confidence_pct=90, plan=1), zone="wall"),
            did("passer", Dwell(NOW, 2_000, confidence_pct=90, plan=1), zone="wall"),
            did("buyer", order("a")),
            did("friend", order("a", "b")),
            did("friend", order("a"), store="s0002"),
            did("friend of b", order("b")),
            did("friend of b", order("b"), store="s0002"),
            did("nobody's", Arrival()),
            did("lost", order("a"), at=NOW - 400 * DAY),
            did("cooled", Saved("a1"), at=NOW - 100 * DAY),
        ],
    )
    # Aware: who looked once, passed by, bought over a year ago, or saved over 90 days ago.
    assert shoppers(connection, "a") == (4, 3, 1, 1)
    assert shoppers(connection, "b") == (0, 0, 1, 1)


def test_who_is_joined_counts_once(connection):
    fold_all(connection, [did("ann", order("a")), happened(order("a"), web("w1"), at=NOW)])
    assert shoppers(connection, "a") == (0, 0, 2, 0)
    fold_all(connection, [did("ann", Arrival(), also=(web("w1"),))])
    assert shoppers(connection, "a") == (0, 0, 0, 1)


def test_a_count_rests_before_the_next_one(connection):
    fold_all(connection, [did("ann", order("a"))])
    assert shoppers(connection, "a") == (0, 0, 1, 0)
    # All of this test is one transaction, for which time stands still: the rest is not over.
    fold_all(connection, [did("bob", order("a"))])
    count_due(connection)
    found = brand_funnel(connection, TENANT, "a")
    assert tuple(found.shoppers.values()) == (0, 0, 1, 0)
    assert abs(found.counted_at - NOW) < 3_600_000_000
    assert brand_funnel(connection, "elsewhere", "a").counted_at == 0


def test_a_brand_is_shown_how_the_shoppers_of_its_own_goods_moved(connection):
    fold_all(
        connection,
        [
            did("ann", Viewed(product="a1"), at=NOW - 40 * DAY),
            did("ann", order("a"), at=NOW - 2 * DAY),
            did("bob", Saved("a1")),
            did("cat", order("b")),
        ],
    )
    assert shoppers(connection, "a") == (0, 1, 1, 0)
    assert brand_funnel(connection, TENANT, "a").flows == [
        Flow(before="", after="interest", shoppers=1),
        Flow(before="awareness", after="purchase", shoppers=1),
    ]


def test_new_rules_are_counted_by_at_once(connection):
    fold_all(connection, [did("ann", Viewed(product="a1"))])
    assert shoppers(connection, "a") == (1, 0, 0, 0)
    set_rules(connection, TENANT, [StageRule(stage="interest", act="viewed")])
    count_due(connection)
    assert tuple(brand_funnel(connection, TENANT, "a").shoppers.values()) == (0, 1, 0, 0)
