"""Traffic is kept by the hour, for the zones and the door."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.visits import traffic
from edge_agent.visits.traffic import HOUR_US, Footfall
from tests.edge_store import NOON, Shop, a_shop
from wire.messages import TillQueue

HOUR_AT = traffic.hour_of(NOON)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def stay(shop: Shop, at: int, dwell_s: int, zone: str = "shoes", people_max: int = 1) -> None:
    shop.recorder.write(lambda w: traffic.add_stay(w, zone, at, dwell_s * 1_000, people_max))


def test_stays_of_this_hour_and_of_today_are_told_apart(shop: Shop):
    stay(shop, HOUR_AT - 1, 30)
    stay(shop, HOUR_AT, 10)
    stay(shop, HOUR_AT + 1, 20)
    shop.recorder.write(lambda w: traffic.see(w, "shoes", 4, NOON))
    (zone,) = traffic.zones(shop.connection, NOON, HOUR_AT - 5 * HOUR_US)
    assert (zone.people, zone.seen_at) == (4, NOON)
    assert (zone.hour_stays, zone.hour_dwell_s) == (2, 30)
    assert (zone.today_stays, zone.today_dwell_s, zone.mean_dwell_s) == (3, 60, 20)


def test_yesterday_does_not_count_today(shop: Shop):
    stay(shop, HOUR_AT - HOUR_US, 30)
    (zone,) = traffic.zones(shop.connection, NOON, HOUR_AT)
    assert (zone.people, zone.seen_at, zone.today_stays, zone.mean_dwell_s) == (0, None, 0, 0)


def test_the_hours_of_a_chart_are_in_order_with_the_most_people_at_once(shop: Shop):
    stay(shop, HOUR_AT, 10, "hats")
    stay(shop, HOUR_AT - 1, 10, "shoes", people_max=2)
    stay(shop, HOUR_AT - 2, 5, "shoes", people_max=5)
    hours = traffic.hours(shop.connection, HOUR_AT - HOUR_US)
    assert [(each.zone, each.stays, each.dwell_s, each.people_max) for each in hours] == [
        ("shoes", 2, 15, 5),
        ("hats", 1, 10, 1),
    ]


def test_who_passed_the_door_is_added_up(shop: Shop):
    for people_in, people_out in ((2, 0), (1, 3)):
        shop.recorder.write(
            lambda w, i=people_in, o=people_out: traffic.add_passage(w, "door", NOON, i, o)
        )
    assert traffic.footfall(shop.connection, HOUR_AT) == Footfall(
        people_in=3, people_out=3, people_inside=0, last_hour_at=HOUR_AT
    )
    assert traffic.footfall(shop.connection, HOUR_AT + HOUR_US) == Footfall(
        people_in=0, people_out=0, people_inside=0
    )


def test_those_inside_are_never_fewer_than_none_and_an_hour_that_missed_some_costs_no_later_one(
    shop: Shop,
):
    for hour, came, went in ((0, 1, 4), (1, 5, 2)):
        at = NOON + hour * HOUR_US
        shop.recorder.write(
            lambda w, at=at, i=came, o=went: traffic.add_passage(w, "door", at, i, o)
        )
    assert traffic.footfall(shop.connection, HOUR_AT).people_inside == 3


def test_the_queues_at_the_tills_are_told_and_no_other_zone(shop: Shop):
    stay(shop, HOUR_AT + 1, 90, zone="tills")
    stay(shop, HOUR_AT - 1, 10, zone="tills")
    for zone in ("tills", "shoes"):
        shop.recorder.write(lambda w, z=zone: traffic.see(w, z, 2, NOON, NOON - 40_000_000))
    told = traffic.queues(shop.connection, NOON + 5_000_000, frozenset({"tills", "never-counted"}))
    assert told == (TillQueue("tills", people=2, waited_s=45, stays=1, dwell_s=90),)
    assert traffic.queues(shop.connection, NOON, frozenset()) == ()
