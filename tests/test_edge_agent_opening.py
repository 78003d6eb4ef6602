"""Whoever is seen outside the opening hours is staff, and is not counted."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from edge_agent.devices import attention
from edge_agent.opening import LEAVING_US, hours, opening
from edge_agent.places import Place
from edge_agent.visits import traffic
from hardware.people.passages import PassageClock
from hardware.people.paths import Paths
from hardware.people.stays import StayClock
from hardware.people.tracker import Tracker
from hardware.people.zones import ZoneMap
from hardware.readings import Passage, PeopleReading
from settings.checks import Expected
from storebridge.simulated.walks import Stop, Walk, WalkScene
from tests.edge_store import Shop, a_shop
from tests.sights import NoisyEye
from wire.events import Clock, Dwell

SIZE = (768, 432)
ZONES = ZoneMap(
    zones={"shoes": ((250, 180), (520, 180), (520, 380), (250, 380))},
    lines={"door": ((120.0, 431.0), (120.0, 60.0))},
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("texts", "open_at", "shut_at"),
    [
        ([], ["2026-11-28T03:00:00Z"], []),
        (  # a Saturday in Shanghai, eight hours ahead
            ["mon-fri 09:30-21:00", "sat 10:00-18:00"],
            ["2026-11-28T02:00:00Z", "2026-11-28T09:59:59Z", "2026-11-27T01:30:00Z"],
            ["2026-11-28T01:59:59Z", "2026-11-28T10:00:00Z", "2026-11-29T04:00:00Z"],
        ),
        (  # a night belongs to the day on which it begins, and a week goes round
            ["fri-sun 18:00-02:00"],
            ["2026-11-27T10:00:00Z", "2026-11-27T17:59:00Z", "2026-11-29T17:59:00Z"],
            ["2026-11-26T17:00:00Z", "2026-11-27T18:00:00Z", "2026-11-30T17:00:00Z"],
        ),
        (["sun-mon 00:00-24:00"], ["2026-11-28T16:00:00Z"], ["2026-11-30T16:00:00Z"]),
    ],
)
def test_hours_are_those_of_the_clocks_on_the_wall(
    texts: list[str], open_at: list[str], shut_at: list[str]
):
    open_hours = opening(texts, "Asia/Shanghai")
    assert all(open_hours.is_open(at(text)) for text in open_at)
    assert not any(open_hours.is_open(at(text)) for text in shut_at)


@pytest.mark.parametrize(
    "text", ["mon", "09:30-21:00", "mon 9:30-21:00", "mon 09:30-24:01", "mon 10:00-10:00", "", 7]
)
def test_hours_that_cannot_be_read_are_refused(text: object):
    with pytest.raises(Expected, match="mon-fri 09:30-21:00"):
        hours(text)


def test_who_comes_in_after_closing_is_not_counted_and_the_last_shoppers_are(shop: Shop):
    """By walks whose truth is exact: one comes before closing and stays; one comes after it."""
    walks = [
        Walk(starts_s=n, stops=(Stop(at=(-40, 300)), Stop(at=(380, 280), wait_s=wait_s), way_out))
        for n, wait_s, way_out in ((5, 80, Stop(at=(-40, 300))), (110, 12, Stop(at=(-40, 300))))
    ]
    ends_s = max(walk.ends_s for walk in walks) + 6
    truth = WalkScene(SIZE, 0, walks).truth(ZONES, until_s=ends_s)
    began = shop.clock.now()
    closes = datetime.fromtimestamp(began.at / 1_000_000 + 60, UTC)
    open_hours = opening([f"{closes:%a} 00:00-{closes:%H:%M}".lower()], "UTC")
    assert open_hours.is_open(began.at)
    eye = NoisyEye(walks, SIZE, np.random.default_rng(3))
    tracker, paths = Tracker(SIZE), Paths(SIZE)
    stays, passages = StayClock(ZONES), PassageClock(dict(ZONES.lines))
    for tenth in range(0, round(ends_s * 10), 2):
        at_ms = began.mono_ms + tenth * 100
        walkers = paths.update(tracker.update(eye.look(tenth / 10), at_ms), at_ms)
        reading = PeopleReading(
            at_mono_ms=at_ms,
            stays=stays.update(walkers, at_ms),
            passages=passages.update(walkers, at_ms),
        )
        if reading.stays or reading.passages:
            place = Place(device="camera-1", zone="shoes")
            shop.recorder.write(
                lambda w, p=place, r=reading: attention.take(w, began, p, r, open_hours)
            )
    assert len(truth.stays) == 2
    (event,) = shop.events("dwell")
    assert isinstance(event.body, Dwell)
    real_s = truth.stays[0].leave_s - truth.stays[0].enter_s
    assert abs(event.body.dwell_ms / 1000 / real_s - 1) < 0.03
    footfall = traffic.footfall(shop.connection, began.at)
    assert (footfall.people_in, footfall.people_out) == (1, 2)
    assert open_hours.may_leave(began.at + LEAVING_US)
    assert not open_hours.may_leave(began.at + 60_000_000 + LEAVING_US)


def test_a_clock_that_nobody_believes_leaves_nobody_out(shop: Shop):
    now = replace(shop.clock.now(), quality=Clock.UNKNOWN)
    shut = datetime.fromtimestamp(now.at / 1_000_000 - 3 * 3600, UTC)
    open_hours = opening([f"{shut:%a} 00:00-{shut:%H:%M}".lower()], "UTC")
    passages = (Passage(line="door", people_in=1, people_out=0),)
    reading = PeopleReading(at_mono_ms=now.mono_ms, passages=passages)
    place = Place(device="camera-1", zone="shoes")
    for instant in (now, replace(now, quality=Clock.SYNCED)):
        shop.recorder.write(lambda w, i=instant: attention.take(w, i, place, reading, open_hours))
    assert len(shop.events("door")) == 1
