"""Who shows a staff's badge in a zone is left out of its count, and nobody else is."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.devices import attention
from edge_agent.places import Place
from edge_agent.visits import badges
from hardware.driver import DeviceError
from hardware.readings import CodeReading, PeopleReading, Stay
from tests.edge_store import Shop, a_shop
from tests.test_edge_agent_devices import RULES, a_device

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


def show(shop: Shop, at_s: float, data: bytes = BADGE) -> None:
    rules = replace(RULES, badges=frozenset({BADGE}), badge_away_s=AWAY_S)
    reading = CodeReading(data=data, symbology="QR", at_mono_ms=round(at_s * 1000))
    device = a_device(shop, reading)
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
    show(shop, 10, b"STAFF-0008")
    assert stays(shop, (5, 30)) == [25]
    assert len(shop.events("scan")) == 1


def test_old_badges_are_forgotten(shop: Shop):
    show(shop, 10)
    later = shop.clock.now().at + 2 * badges.KEPT_US
    shop.recorder.write(lambda w: badges.show(w, "shoes", later, 0))
    assert shop.connection.execute("SELECT count(*) FROM badges").fetchone() == (1,)
