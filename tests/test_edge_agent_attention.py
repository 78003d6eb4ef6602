"""A stay is joined to a visit only where it is sure whose it was, and counts in any case."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.devices import attention
from edge_agent.places import Place
from edge_agent.visits import traffic, visits
from edge_agent.visits.visits import Visit
from hardware.readings import Passage, PeopleReading, Stay
from tests.edge_store import (
    ANNA,
    BO,
    KIOSK,
    MINUTE_US,
    NOON,
    SHOE,
    SOCK,
    Shop,
    a_plan,
    a_shop,
    a_shopper,
)
from wire.events import Door, Dwell, Event
from wire.identifiers import Identifier

CAMERA = Place(device="camera-1", zone="shoes")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def stay_and_scan(
    shop: Shop,
    *scans_at_s: tuple[Identifier, float],
    stay_s: float = 20,
    people_max: int = 1,
    consented: bool = True,
) -> Event:
    """Let somebody stand in the zone, and members scan at seconds of the stay; return the dwell."""
    for identifier in (ANNA, BO):
        shop.knows(identifier, a_shopper(identifier.key, consented=consented))
    began_ms, now_s = shop.clock.now().mono_ms, 0.0
    for identifier, at_s in scans_at_s:
        shop.clock.advance(at_s - now_s)
        now_s = at_s
        shop.begin(identifier)
    shop.clock.advance(stay_s + 2 - now_s)
    stay = Stay(
        zone="shoes",
        entered_mono_ms=began_ms,
        left_mono_ms=began_ms + int(stay_s * 1_000),
        people_max=people_max,
    )
    see(shop, PeopleReading(at_mono_ms=shop.clock.now().mono_ms, stays=(stay,)))
    return shop.events("dwell")[-1]


def see(shop: Shop, reading: PeopleReading) -> None:
    shop.recorder.write(lambda w: attention.take(w, shop.clock.now(), CAMERA, reading))


def confidence(event: Event) -> int:
    assert isinstance(event.body, Dwell)
    return event.body.confidence_pct


def test_a_stay_is_joined_to_the_consenting_member_who_scanned_alone(shop: Shop):
    event = stay_and_scan(shop, (ANNA, 2))
    assert event.identifiers == (ANNA,)
    assert confidence(event) == 90
    assert event.visit == visits.current(shop.connection, "kiosk-1").visit  # type: ignore[union-attr]


def test_a_stay_without_a_scan_is_anonymous(shop: Shop):
    event = stay_and_scan(shop)
    assert (event.identifiers, event.visit, confidence(event)) == ((), b"", 0)
    assert isinstance(event.body, Dwell)
    assert (event.body.entered_at, event.body.dwell_ms) == (NOON, 20_000)


@pytest.mark.parametrize("fault", ["two people", "no consent", "two members", "late", "before"])
def test_a_stay_is_anonymous_where_it_could_be_anothers(shop: Shop, fault: str):
    match fault:
        case "two people":
            event = stay_and_scan(shop, (ANNA, 2), people_max=2)
        case "no consent":
            event = stay_and_scan(shop, (ANNA, 2), consented=False)
        case "two members":
            event = stay_and_scan(shop, (ANNA, 2), (BO, 5))
        case "late":
            event = stay_and_scan(shop, (ANNA, 15))
        case _:
            shop.begin(ANNA)
            shop.clock.advance(1)
            event = stay_and_scan(shop)
    assert (event.identifiers, event.visit, confidence(event)) == ((), b"", 0)


def test_a_scan_after_the_stay_does_not_claim_it(shop: Shop):
    event = stay_and_scan(shop, (ANNA, 21))
    assert (event.identifiers, confidence(event)) == ((), 0)


def test_nothing_is_surer_than_the_counter(shop: Shop):
    assert confidence(stay_and_scan(shop, (ANNA, 0))) == attention.CONFIDENCE_PCT_MAX


def test_dwell_means_the_goods_of_the_plan_in_force_when_it_began(shop: Shop):
    shop.tell("plan", "shoes/1", a_plan("shoes", 1, NOON - MINUTE_US, "p1"))
    shop.tell("plan", "shoes/2", a_plan("shoes", 2, NOON + 1_000_000, "p2"))
    event = stay_and_scan(shop)
    assert isinstance(event.body, Dwell)
    assert event.body.plan == 1


def test_a_stay_belongs_to_a_brand_where_all_goods_of_the_zone_are_of_it(shop: Shop):
    def brand(*products: str) -> str:
        shop.tell("plan", "shoes/1", a_plan("shoes", 1, NOON - MINUTE_US, *products))
        return stay_and_scan(shop).brand

    shop.sells(SHOE, brand="acme")
    shop.sells(SOCK, brand="acme")
    assert brand(SHOE, SOCK) == "acme"
    shop.sells(SOCK, brand="other")
    assert brand(SHOE, SOCK) == ""
    assert brand(SHOE, "4000000000006") == ""
    assert brand() == ""


def test_counts_stays_and_passages_become_the_stores_traffic(shop: Shop):
    at_mono_ms = shop.clock.now().mono_ms
    see(
        shop,
        PeopleReading(
            at_mono_ms=at_mono_ms,
            counts={"shoes": 3},
            passages=(Passage(line="door", people_in=2, people_out=1),),
        ),
    )
    stay_and_scan(shop)
    at = shop.clock.now().at
    (zone,) = traffic.zones(shop.connection, at, NOON - MINUTE_US)
    assert (zone.people, zone.hour_stays, zone.today_stays, zone.mean_dwell_s) == (3, 1, 1, 20)
    footfall = traffic.footfall(shop.connection, NOON)
    assert (footfall.people_in, footfall.people_out) == (2, 1)
    assert shop.events("door")[0].body == Door("door", 2, 1)


def test_who_has_waited_longest_in_a_zone_is_known_by_since_when(shop: Shop):
    at_ms = shop.clock.now().mono_ms
    counts, waiting = {"shoes": 2, "hats": 0}, {"shoes": (90_000, 3_000), "hats": ()}
    see(shop, PeopleReading(at_mono_ms=at_ms, counts=counts, waiting_ms=waiting))
    now = shop.clock.now().at
    zones = {each.zone: each for each in traffic.zones(shop.connection, now, 0)}
    seen_at, since = zones["shoes"].seen_at, zones["shoes"].waiting_since
    assert seen_at is not None
    assert since == seen_at - 90_000_000
    assert zones["hats"].waiting_since is None


def a_visit(**changed: object) -> Visit:
    fields: dict[str, object] = {
        "visit": b"12345678",
        "kiosk": "kiosk-1",
        "zone": "shoes",
        "identifiers": (ANNA,),
        "began_at": 1_000_000,
        "touched_at": 1_000_000,
        "named_at": 1_000_000,
        "consented": True,
    }
    return Visit(**{**fields, **changed})  # type: ignore[arg-type]


def test_of_two_visits_in_one_zone_neither_is_given_the_stay():
    stay = Stay(zone="shoes", entered_mono_ms=0, left_mono_ms=10_000, people_max=1)
    assert attention.attend(stay, 0, 10_000_000, [a_visit()]) == (a_visit(), 90)
    both = [a_visit(), a_visit(kiosk="kiosk-2", visit=b"87654321")]
    assert attention.attend(stay, 0, 10_000_000, both) == (None, 0)


def test_a_wish_for_the_ordinary_page_is_respected(shop: Shop):
    """Anna scans, asks for the ordinary page and goes on standing there: nothing names her."""
    shop.knows(ANNA, a_shopper("shopper-7", consented=True))
    began_ms = shop.clock.now().mono_ms
    shop.clock.advance(1)
    shop.begin(ANNA)
    shop.clock.advance(14)
    visits.end(shop.recorder, shop.clock, KIOSK.device, "ordinary")
    shop.clock.advance(5)
    left_ms = shop.clock.now().mono_ms
    stays = [Stay(zone="shoes", entered_mono_ms=began_ms, left_mono_ms=left_ms, people_max=1)]
    # The counter lost her for a moment, and somebody scans at the same kiosk.
    shop.clock.advance(1)
    shop.begin(BO)
    shop.clock.advance(20)
    again_ms = shop.clock.now().mono_ms
    stays += [Stay(zone="shoes", entered_mono_ms=left_ms, left_mono_ms=again_ms, people_max=1)]
    shop.knows(BO, a_shopper("shopper-8", consented=True))
    see(shop, PeopleReading(at_mono_ms=again_ms, stays=tuple(stays)))
    for event in shop.events("dwell"):
        assert (event.identifiers, event.visit, confidence(event)) == ((), b"", 0)


def test_the_wish_for_the_ordinary_page_does_not_bind_those_who_come_later(shop: Shop):
    shop.begin(BO)
    visits.end(shop.recorder, shop.clock, KIOSK.device, "ordinary")
    shop.clock.advance(visits.ORDINARY_HOLDS_S + 1)
    assert confidence(stay_and_scan(shop, (ANNA, 2))) == 90


def test_a_visit_that_ended_by_the_ordinary_page_is_given_no_stay():
    stay = Stay(zone="shoes", entered_mono_ms=0, left_mono_ms=10_000, people_max=1)
    ended = a_visit(ended_at=9_900_000, ended_by="ordinary")
    assert attention.attend(stay, 0, 10_000_000, [ended]) == (None, 0)


def test_a_visit_named_after_the_stay_is_not_given_it():
    """Somebody tapped without a name and left; the next one scans at the same kiosk."""
    stay = Stay(zone="shoes", entered_mono_ms=0, left_mono_ms=10_000, people_max=1)
    later = a_visit(began_at=0, named_at=10_500_000)
    assert attention.attend(stay, 0, 10_000_000, [later]) == (None, 0)
