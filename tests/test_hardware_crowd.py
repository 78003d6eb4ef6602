"""People who touch each other in the picture are told apart by what they were before."""

from hardware.people.crowd import NARROW_MS_MAX, Crowd
from hardware.people.detector import Box


def box(left: float, right: float, top: float = 20.0, bottom: float = 80.0) -> Box:
    return Box(left=left, top=top, right=right, bottom=bottom)


def middles(boxes: list[Box]) -> list[float]:
    return sorted(each.centre[0] for each in boxes)


def test_two_who_come_together_stay_two_at_either_end_of_what_they_are_seen_as():
    crowd = Crowd()
    before = crowd.apart([box(38, 58), box(60, 80)], [], 0)
    assert middles(crowd.apart([box(40, 81)], before, 100)) == [50, 71]


def test_the_nearer_one_stands_where_the_thing_ends_and_the_other_behind():
    crowd = Crowd()
    before = [box(38, 58, 10, 60), box(60, 80, 20, 80)]
    crowd.apart(before, [], 0)
    behind, near = crowd.apart([box(39, 80, 10, 82)], before, 100)
    assert (behind.bottom, near.bottom) == (60, 82)


def test_whoever_is_not_known_as_a_person_divides_nothing():
    crowd = Crowd()
    crowd.apart([box(38, 58), box(60, 80)], [], 0)
    assert crowd.apart([box(40, 81)], [box(60, 80)], 100) == [box(40, 81)]


def test_one_who_vanished_behind_another_is_not_there_for_ever():
    crowd = Crowd()
    people = crowd.apart([box(38, 58), box(50, 70)], [], 0)
    for at_ms in range(100, NARROW_MS_MAX + 200, 100):
        people = crowd.apart([box(40, 62)], people, at_ms)
        assert len(people) == 2
    assert crowd.apart([box(40, 62)], people, NARROW_MS_MAX + 300) == [box(40, 62)]
