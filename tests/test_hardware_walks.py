"""Following and zones against walks whose truth is exact: noise, misses, cut-offs, crossings."""

import numpy as np
import pytest

from hardware.people.passages import PassageClock
from hardware.people.paths import Paths
from hardware.people.stays import StayClock
from hardware.people.tracker import Tracker
from hardware.people.zones import ZoneMap
from hardware.readings import Stay
from storebridge.simulated.walks import Stop, Truth, Walk, WalkScene, crossing_walks, side_by_side
from tests.sights import NoisyEye

SIZE = (768, 432)
ZONES = ZoneMap(
    zones={"shelf": ((250, 180), (520, 180), (520, 380), (250, 380))},
    lines={"door": ((120.0, 431.0), (120.0, 60.0))},
)


def counted(walks: list[Walk], seed: int, every_s: float) -> tuple[list[Stay], int, int]:
    """Look at the walks at uneven times, as a busy camera does."""
    rng = np.random.default_rng([seed, 11])
    eye = NoisyEye(walks, SIZE, rng)
    tracker, paths = Tracker(SIZE), Paths(SIZE)
    clock, passages = StayClock(ZONES), PassageClock(dict(ZONES.lines))
    stays: list[Stay] = []
    told = []
    at_s, until_s = 0.0, max(walk.ends_s for walk in walks) + 6
    while at_s < until_s:
        at_ms = round(at_s * 1000)
        walkers = paths.update(tracker.update(eye.look(at_ms / 1000), at_ms), at_ms)
        stays += clock.update(walkers, at_ms)
        told += passages.update(walkers, at_ms)
        at_s += every_s * float(rng.uniform(0.6, 1.4))
    stays += clock.finish()
    told += passages.finish()
    return stays, sum(one.people_in for one in told), sum(one.people_out for one in told)


def truth_of(walks: list[Walk]) -> Truth:
    return WalkScene(SIZE, 0, walks).truth(ZONES, until_s=max(walk.ends_s for walk in walks) + 1)


def person_seconds_off(stays: list[Stay], truth: Truth) -> float:
    real = sum(stay.leave_s - stay.enter_s for stay in truth.stays)
    return sum(stay.dwell_ms for stay in stays) / 1000 / real - 1


@pytest.mark.parametrize("every_s", [0.1, 0.2, 0.4])
@pytest.mark.parametrize("seed", range(3))
def test_one_after_another_is_timed_within_3_percent(seed: int, every_s: float) -> None:
    rng = np.random.default_rng(seed)
    walks = [
        Walk(
            starts_s=1 + 22 * n,
            stops=(
                Stop(at=(-40, 300)),
                Stop(at=(float(rng.uniform(300, 470)), float(rng.uniform(220, 350))), wait_s=9),
                Stop(at=(808, 300)),
            ),
        )
        for n in range(4)
    ]
    truth = truth_of(walks)
    stays, came_in, went_out = counted(walks, seed, every_s)
    assert len(stays) == len(truth.stays) == 4
    assert abs(person_seconds_off(stays, truth)) < 0.03
    assert (came_in, went_out) == truth.passages["door"] == (4, 0)


@pytest.mark.parametrize("seed", range(3))
def test_two_who_stand_side_by_side_for_15_s_are_two_visits(seed: int) -> None:
    walks = side_by_side(SIZE, at=(380, 300), apart_px=60, wait_s=15, seed=seed)
    truth = truth_of(walks)
    stays, came_in, _ = counted(walks, seed, 0.2)
    assert len(stays) == len(truth.stays) == 2
    assert abs(person_seconds_off(stays, truth)) < 0.03
    assert [stay.people_max for stay in stays] == [2, 2]
    assert came_in == 2


@pytest.mark.parametrize("seed", range(4))
def test_crossing_before_somebody_who_stands_breaks_no_visit(seed: int) -> None:
    walks = crossing_walks(SIZE, at=(385, 280), wait_s=20, passers=3, seed=seed)
    truth = truth_of(walks)
    stays, _, _ = counted(walks, seed, 0.2)
    real = sorted(stay.leave_s - stay.enter_s for stay in truth.stays)
    assert len(stays) == len(real)
    assert abs(max(stay.dwell_ms for stay in stays) / 1000 - real[-1]) < 0.6
    assert abs(person_seconds_off(stays, truth)) < 0.05


@pytest.mark.parametrize("seed", range(4))
def test_who_comes_in_below_the_picture_is_timed_by_their_feet(seed: int) -> None:
    bottom = ZoneMap(zones={"table": ((250, 300), (520, 300), (520, 432), (250, 432))})
    walk = Walk(
        starts_s=1, stops=(Stop(at=(380, 600)), Stop(at=(385, 380), wait_s=8), Stop(at=(380, 600)))
    )
    eye = NoisyEye([walk], SIZE, np.random.default_rng(seed), tall_share=0.8)
    tracker, paths, clock = Tracker(SIZE), Paths(SIZE), StayClock(bottom)
    stays: list[Stay] = []
    for at_ms in range(0, 25_000, 200):
        walkers = paths.update(tracker.update(eye.look(at_ms / 1000), at_ms), at_ms)
        stays += clock.update(walkers, at_ms)
    (stay,) = [*stays, *clock.finish()]
    (real,) = WalkScene(SIZE, 0, [walk]).truth(bottom, until_s=25).stays
    assert abs(stay.entered_mono_ms / 1000 - real.enter_s) < 0.3
    assert abs(stay.left_mono_ms / 1000 - real.leave_s) < 0.3
