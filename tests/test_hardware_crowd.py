"""People who touch each other in the picture are told apart by what they were before."""

from collections.abc import Sequence

import numpy as np

from hardware.people.crowd import NARROW_MS_MAX, Crowd, Mask
from hardware.people.detector import Box
from hardware.people.usual_size import SAMPLES_MIN


def box(left: float, right: float, top: float = 20.0, bottom: float = 80.0) -> Box:
    return Box(left=left, top=top, right=right, bottom=bottom)


def mask(boxes: Sequence[Box]) -> Mask:
    changed = np.zeros((144, 192), np.uint8)
    for each in boxes:
        changed[int(each.top) : int(each.bottom), int(each.left) : int(each.right)] = 255
    return changed


PLAIN = mask([])


def middles(boxes: list[Box]) -> list[float]:
    return sorted(each.centre[0] for each in boxes)


def test_two_who_come_together_stay_two_at_either_end_of_what_they_are_seen_as():
    crowd = Crowd()
    before = crowd.apart([box(38, 58), box(60, 80)], [], 0, PLAIN)
    assert middles(crowd.apart([box(40, 81)], before, 100, PLAIN)) == [50, 71]


def test_the_nearer_one_stands_where_the_thing_ends_and_the_other_behind():
    crowd = Crowd()
    before = [box(38, 58, 10, 60), box(60, 80, 20, 80)]
    crowd.apart(before, [], 0, PLAIN)
    behind, near = crowd.apart([box(39, 80, 10, 82)], before, 100, PLAIN)
    assert (behind.bottom, near.bottom) == (60, 82)


def test_whoever_is_not_known_as_a_person_divides_nothing():
    crowd = Crowd()
    crowd.apart([box(38, 58), box(60, 80)], [], 0, PLAIN)
    assert crowd.apart([box(40, 81)], [box(60, 80)], 100, PLAIN) == [box(40, 81)]


def test_one_who_vanished_behind_another_is_not_there_for_ever():
    crowd = Crowd()
    people = crowd.apart([box(38, 58), box(50, 70)], [], 0, PLAIN)
    for at_ms in range(100, NARROW_MS_MAX + 200, 100):
        people = crowd.apart([box(40, 62)], people, at_ms, PLAIN)
        assert len(people) == 2
    assert crowd.apart([box(40, 62)], people, NARROW_MS_MAX + 300, PLAIN) == [box(40, 62)]


def acquainted() -> Crowd:
    """One that has seen how large somebody alone appears."""
    crowd, people = Crowd(), [box(20, 42)]
    for look in range(SAMPLES_MIN + 25):
        people = crowd.apart([box(20 + look, 42 + look)], people, look * 100, PLAIN)
    return crowd


def test_two_who_were_never_seen_apart_are_two_by_the_usual_size():
    pair = [box(40, 62), box(66, 88)]
    assert middles(acquainted().apart([box(40, 88)], [], 9_000, mask(pair))) == [51, 77]


def test_one_who_joins_somebody_from_the_pictures_edge_is_seen_at_once():
    crowd = acquainted()
    alone = crowd.apart([box(140, 162)], [], 9_000, mask([box(140, 162)]))
    both = crowd.apart([box(140, 190)], alone, 9_100, mask([box(140, 162), box(166, 190)]))
    assert len(both) == 2


def test_who_spreads_their_arms_stays_one():
    thin = [box(40, 88, 40, 46), box(54, 74)]
    assert len(acquainted().apart([box(40, 88)], [], 9_000, mask(thin))) == 1
