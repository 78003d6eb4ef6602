"""Who shows a staff's badge in a zone is left out of its count, and nobody else is."""

import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.devices import attention
from edge_agent.places import Place, moment
from edge_agent.visits import badges, traffic
from hardware.driver import DeviceError
from hardware.readings import CodeReading, Passage, PeopleReading, Stay
from tests.edge_store import Shop, a_shop
from tests.test_edge_agent_devices import RULES, a_device
from wire.events import Door

CAMERA = Place(device="camera-1", zone="shoes")
BADGE = b"STAFF-0007"
AWAY_S = 60


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def stays(shop: Shop, *spans_s: tuple[float, float], zone: str = "shoes") -> list[int]:
    """Let people stand in the zone from and to seconds after the start; return the dwells."""
    for entered_s, left_s in spans_s:
        stay = Stay(
            zone=zone,
            entered_mono_ms=round(entered_s * 1000),
            left_mono_ms=round(left_s * 1000),
            people_max=1,
        )
        reading = PeopleReading(at_mono_ms=round(left_s * 1000), stays=(stay,))
        shop.recorder.write(lambda w, r=reading: attention.take(w, shop.clock.now(), CAMERA, r))
    return [event.body.dwell_ms // 1000 for event in shop.events("dwell")]


def show(shop: Shop, *times_s: float, data: bytes = BADGE, doors: Collection[str] = ()) -> None:
    rules = replace(
        RULES, badges=frozenset({BADGE}), badge_away_s=AWAY_S, badge_doors=frozenset(doors)
    )
    device = a_device(
        shop,
        *(CodeReading(data=data, symbology="QR", at_mono_ms=round(at * 1000)) for at in times_s),
    )
    device.equipment = replace(device.equipment, rules=rules)
    with pytest.raises(DeviceError):
        device.run(threading.Event())


def test_the_stay_in_which_a_badge_was_shown_is_not_counted_and_others_are(shop: Shop):
    show(shop, 10)
    assert stays(shop, (2, 8), (5, 30), (9, 40)) == [6, 31]
    assert shop.events("scan") == []


def test_who_showed_a_badge_is_staff_while_they_come_and_go(shop: Shop):
    show(shop, 10)
    assert stays(shop, (5, 30), (50, 80), (130, 150)) == []
    assert stays(shop, (211, 220)) == [9]


def test_a_badge_counts_in_its_zone_alone(shop: Shop):
    show(shop, 10)
    assert stays(shop, (5, 30), zone="socks") == [25]


def test_another_code_is_no_badge(shop: Shop):
    show(shop, 10, data=b"STAFF-0008")
    assert stays(shop, (5, 30)) == [25]
    assert len(shop.events("scan")) == 1


def count(shop: Shop, at_s: float, waiting_s: Sequence[float], zone: str = "shoes") -> None:
    """Let so many people be in the zone at a time, who have been there for so long."""
    reading = PeopleReading(
        at_mono_ms=round(at_s * 1000),
        counts={zone: len(waiting_s)},
        waiting_ms={zone: tuple(round(each * 1000) for each in waiting_s)},
    )
    shop.recorder.write(lambda w: attention.take(w, shop.clock.now(), CAMERA, reading))


def queue(shop: Shop, at_s: float, zone: str = "shoes") -> tuple[int, float | None]:
    """Return how many wait in the zone, and for how long the first of them has."""
    at = moment(shop.clock.now(), round(at_s * 1000)).at
    (seen,) = [each for each in traffic.zones(shop.connection, at, 0) if each.zone == zone]
    waited_us = None if seen.waiting_since is None else at - seen.waiting_since
    return seen.people, None if waited_us is None else waited_us / 1_000_000


def test_who_showed_a_badge_is_not_in_the_queue_until_they_leave(shop: Shop):
    count(shop, 5, [3])
    show(shop, 10)
    count(shop, 12, [10, 2])
    assert queue(shop, 12) == (1, 2)
    count(shop, 30, [20])  # who works there has gone; their stay is told when they are not back
    stays(shop, (2, 30))
    count(shop, 32, [22])
    assert queue(shop, 32) == (1, 22)
    count(shop, 40, [30, 0])  # and is back within the time that badges allow
    assert queue(shop, 40) == (1, None)
    count(shop, 50, [])
    count(shop, 200, [4])
    assert queue(shop, 200) == (1, 4)


def test_a_zone_that_is_empty_holds_nobody_with_a_badge(shop: Shop):
    count(shop, 5, [3])
    show(shop, 10)
    count(shop, 20, [])
    count(shop, 90, [2])
    assert queue(shop, 90) == (1, 2)


def test_a_badge_that_is_shown_twice_is_one_person(shop: Shop):
    count(shop, 5, [3, 1])
    show(shop, 10, 20)
    count(shop, 25, [23, 21])
    assert queue(shop, 25)[0] == 1


def test_who_steps_out_for_a_moment_comes_back_as_staff(shop: Shop):
    count(shop, 5, [3])
    show(shop, 10)
    count(shop, 80, [])
    count(shop, 82, [79])
    assert queue(shop, 82) == (0, None)


def passages(shop: Shop, *people: tuple[float, int, int], zone: str = "shoes") -> list[Door]:
    """Let so many pass the door at these times, in and out; return what was recorded."""
    for at_s, people_in, people_out in people:
        passage = Passage(
            line="door", people_in=people_in, people_out=people_out, groups_in=people_in
        )
        reading = PeopleReading(at_mono_ms=round(at_s * 1000), passages=(passage,))
        place = Place(device="camera-1", zone=zone)
        shop.recorder.write(lambda w, r=reading, p=place: attention.take(w, shop.clock.now(), p, r))
    return [event.body for event in shop.events("door")]


def test_who_shows_a_badge_at_a_door_passes_it_once_uncounted(shop: Shop):
    show(shop, 10, doors={"shoes"})
    assert passages(shop, (12, 1, 0)) == []
    assert passages(shop, (13, 1, 0)) == [Door("door", 1, 0, 1)]
    show(shop, 20, doors={"shoes"})
    assert passages(shop, (22, 1, 2))[1:] == [Door("door", 0, 2, 0)]
    footfall = traffic.footfall(shop.connection, 0)
    assert (footfall.people_in, footfall.people_out) == (1, 2)


def test_a_badge_shown_elsewhere_or_long_before_lets_nobody_pass_uncounted(shop: Shop):
    show(shop, 10)  # no reader at a door
    assert len(passages(shop, (12, 1, 0))) == 1
    show(shop, 20, doors={"shoes"})
    assert len(passages(shop, (21, 1, 0), zone="socks")) == 2
    assert len(passages(shop, (20 + AWAY_S + 1, 0, 1))) == 3


def test_old_badges_are_forgotten(shop: Shop):
    show(shop, 10)
    later = shop.clock.now().at + 2 * badges.KEPT_US
    shop.recorder.write(lambda w: badges.show(w, "shoes", later, 0))
    assert shop.connection.execute("SELECT count(*) FROM badges").fetchone() == (1,)
