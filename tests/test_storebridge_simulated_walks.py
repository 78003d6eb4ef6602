"""Drawn walks and their truth, which comes from the walks alone."""

import numpy as np

from hardware.people.zones import ZoneMap
from storebridge.simulated.walks import Stop, Walk, WalkScene, visit_walk

SIZE = (320, 240)
SHELF = ((100.0, 100.0), (200.0, 100.0), (200.0, 200.0), (100.0, 200.0))
ZONES = ZoneMap(zones={"shelf": SHELF}, lines={"door": ((50.0, 239.0), (50.0, 0.0))})
STRAIGHT = Walk(
    starts_s=1.0,
    stops=(Stop(at=(0, 150)), Stop(at=(150, 150), wait_s=4), Stop(at=(300, 150))),
    speed_px_s=100,
)


def test_the_truth_is_exact() -> None:
    truth = WalkScene(SIZE, 0, [STRAIGHT]).truth(ZONES, until_s=20)
    (stay,) = truth.stays
    assert abs(stay.enter_s - 2.0) < 0.02
    assert abs(stay.leave_s - 7.0) < 0.02
    assert truth.passages == {"door": (1, 0)}
    assert STRAIGHT.ends_s == 8.0


def test_who_still_stands_there_at_the_end_is_in_the_truth() -> None:
    truth = WalkScene(SIZE, 0, [STRAIGHT]).truth(ZONES, until_s=4)
    assert [round(stay.leave_s, 2) for stay in truth.stays] == [4.0]


def test_a_person_is_drawn_where_they_stand_and_only_then() -> None:
    scene = WalkScene(SIZE, 0, [STRAIGHT])
    empty = WalkScene(SIZE, 0).frame(3.0).astype(int)
    changed = np.abs(scene.frame(3.0).astype(int) - empty).max(axis=2) > 40
    rows, columns = np.nonzero(changed)
    assert abs(columns.mean() - 150) < 15
    assert 130 < rows.max() < 165
    late = WalkScene(SIZE, 0).frame(9.0)
    assert (scene.frame(9.0) == late).all()


def test_people_may_be_added_while_the_scene_plays() -> None:
    scene = WalkScene(SIZE)
    assert not scene.truth(ZONES, until_s=30).stays
    scene.walks.append(visit_walk(SIZE, SHELF, starts_s=1, stay_s=5, seed=4))
    (stay,) = scene.truth(ZONES, until_s=30).stays
    assert stay.leave_s - stay.enter_s > 5
