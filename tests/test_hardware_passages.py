"""A passage counts once in its direction; U-turns are nobody, and a family is one group."""

from hardware.people.passages import PassageClock
from hardware.people.paths import Fix, Walker
from hardware.people.rules import PeopleRules
from hardware.people.staff import StaffWatch
from hardware.readings import Passage

LINES = {"door": ((200.0, 100.0), (200.0, 0.0))}
LEFT, RIGHT = (190.0, 50.0), (210.0, 50.0)


def walker(number: int, at_ms: int, *feet: tuple[float, float]) -> Walker:
    fixes = tuple(Fix(at_ms=at_ms, foot=foot, tall=50) for foot in feet)
    return Walker(number=number, fixes=fixes, first_ms=0, there_ms=at_ms)


def passages(clock: PassageClock, *frames: tuple[int, list[Walker]]) -> list[Passage]:
    return [one for at_ms, walkers in frames for one in clock.update(walkers, at_ms)]


def test_a_passage_counts_once_in_its_direction() -> None:
    clock = PassageClock(LINES)
    frames = [
        (0, [walker(1, 0, LEFT), walker(2, 0, RIGHT)]),
        (500, [walker(1, 500, RIGHT), walker(2, 500, LEFT)]),
        (9000, [walker(1, 9000, RIGHT), walker(2, 9000, LEFT)]),
    ]
    assert passages(clock, *frames) == [
        Passage(line="door", people_in=1, people_out=1, groups_in=1)
    ]
    assert clock.finish() == ()


def test_whoever_turns_round_at_once_is_no_visitor() -> None:
    for back_ms, told in ((1500, 0), (4000, 2)):
        clock = PassageClock(LINES)
        frames = [
            (0, [walker(1, 0, LEFT)]),
            (500, [walker(1, 500, RIGHT)]),
            (back_ms, [walker(1, back_ms, LEFT)]),
        ]
        assert len([*passages(clock, *frames), *clock.finish()]) == told


def test_who_come_in_side_by_side_are_one_group_and_the_next_another() -> None:
    clock = PassageClock(LINES, PeopleRules(group_s=2))
    frames = [
        (0, [walker(1, 0, LEFT), walker(2, 0, (185.0, 60.0)), walker(3, 0, LEFT)]),
        (500, [walker(1, 500, RIGHT), walker(2, 500), walker(3, 500)]),
        (1000, [walker(2, 1000, (205.0, 60.0)), walker(3, 1000)]),
        (6000, [walker(3, 6000, RIGHT)]),
    ]
    told = [*passages(clock, *frames), *clock.finish()]
    assert sum(one.people_in for one in told) == 3
    assert sum(one.groups_in for one in told) == 2


def test_the_end_tells_what_still_waited() -> None:
    clock = PassageClock(LINES)
    passages(clock, (0, [walker(1, 0, LEFT)]), (100, [walker(1, 100, RIGHT)]))
    assert clock.finish() == (Passage(line="door", people_in=1, groups_in=1),)


def test_staff_are_whoever_enters_their_zone_or_stays_too_long() -> None:
    rules = PeopleRules(staff_zones=("back",), staff_s=60)
    watch = StaffWatch({"back": ((0, 0), (100, 0), (100, 100), (0, 100))}, rules)
    assert watch.update([walker(1, 0, RIGHT), walker(2, 0, (50.0, 50.0))]) == {2}
    assert watch.update([walker(1, 61_000, RIGHT), walker(2, 61_000, RIGHT)]) == {1, 2}
    assert watch.update([walker(3, 50_000, RIGHT)]) == frozenset()
