"""Stays are intervals by frame time, joined over short losses and never negative."""

from hypothesis import given
from hypothesis import strategies as st

from hardware.people.paths import Fix, Walker
from hardware.people.rules import PeopleRules
from hardware.people.stays import StayClock
from hardware.people.zones import ZoneMap
from hardware.readings import Stay

ZONES = ZoneMap(zones={"shelf": ((0, 0), (100, 0), (100, 100), (0, 100))})
INSIDE, OUTSIDE = (50.0, 50.0), (150.0, 50.0)
RULES = PeopleRules()


def walker(
    number: int,
    foot: tuple[float, float],
    at_ms: int,
    *,
    first_ms: int = 0,
    over: bool = False,
) -> Walker:
    fix = Fix(at_ms=at_ms, foot=foot, tall=50)
    return Walker(number=number, fixes=(fix,), first_ms=first_ms, there_ms=at_ms, over=over)


def stays(clock: StayClock, *frames: tuple[int, list[Walker]]) -> list[Stay]:
    return [stay for at_ms, walkers in frames for stay in clock.update(walkers, at_ms)]


def test_a_stay_begins_and_ends_between_two_places_where_the_edge_is() -> None:
    clock = StayClock(ZONES)
    path = [(0, 120.0), (1000, 80.0), (5000, 80.0), (6000, 160.0)]
    frames = [(at, [walker(1, (x, 50.0), at)]) for at, x in path]
    (stay,) = stays(clock, *frames, (20_000, []))
    assert (stay.zone, stay.entered_mono_ms, stay.left_mono_ms) == ("shelf", 500, 5250)
    assert (stay.dwell_ms, stay.people_max, stay.engaged) == (4750, 1, False)


def test_a_long_stay_is_engagement() -> None:
    clock = StayClock(ZONES, PeopleRules(engaged_s=4))
    inside = [(at, [walker(1, INSIDE, at)]) for at in range(0, 5001, 500)]
    (stay,) = [*stays(clock, *inside), *clock.finish()]
    assert stay.engaged


def test_whoever_is_back_within_the_gap_never_left() -> None:
    for back_ms, dwells in ((3000, [3000]), (4000, [1625])):
        clock = StayClock(ZONES)
        frames = [
            (0, [walker(1, (100.0 - 1e-6, 50.0), 0)]),
            (1500, [walker(1, INSIDE, 1500)]),
            (1750, [walker(1, OUTSIDE, 1750)]),
            (back_ms - 100, [walker(1, OUTSIDE, back_ms - 100)]),
            (back_ms, [walker(1, INSIDE, back_ms)]),
        ]
        ended = stays(clock, *frames)
        assert [stay.dwell_ms for stay in [*ended, *clock.finish()]] == dwells


def test_a_person_lost_inside_and_found_there_again_is_the_same() -> None:
    clock = StayClock(ZONES)
    frames = [
        (0, [walker(1, INSIDE, 0)]),
        (2000, [walker(1, INSIDE, 2000, over=True)]),
        (6800, [walker(2, INSIDE, 6800, first_ms=6600)]),
        (7000, [walker(2, INSIDE, 7000, over=True)]),
        (60_000, []),
    ]
    (stay,) = stays(clock, *frames)
    assert (stay.dwell_ms, stay.people_max) == (7000, 1)


def test_whoever_is_lost_inside_left_when_last_there() -> None:
    clock = StayClock(ZONES)
    frames = [
        (0, [walker(1, INSIDE, 0)]),
        (9000, [Walker(number=1, fixes=(), first_ms=0, there_ms=8000, over=True)]),
        (60_000, []),
    ]
    assert [stay.dwell_ms for stay in stays(clock, *frames)] == [8000]


def test_two_side_by_side_are_two_stays_that_know_of_each_other() -> None:
    clock = StayClock(ZONES)
    both = [(at, [walker(1, INSIDE, at), walker(2, INSIDE, at)]) for at in range(0, 15_001, 500)]
    clock.update(both[0][1], 0)
    assert clock.counts() == {"shelf": 2}
    assert stays(clock, *both[1:]) == []
    assert clock.waiting_ms(15_000) == {"shelf": (15_000, 15_000)}
    assert [(stay.dwell_ms, stay.people_max) for stay in clock.finish()] == [(15_000, 2)] * 2


def test_walking_through_is_passing_by() -> None:
    clock = StayClock(ZONES)
    assert stays(clock, (0, [walker(1, INSIDE, 0, over=True)]), (60_000, [])) == []
    assert RULES.pass_by_s > 0


def test_staff_are_forgotten() -> None:
    clock = StayClock(ZONES)
    stays(clock, (0, [walker(1, INSIDE, 0)]), (5000, [walker(1, INSIDE, 5000)]))
    clock.drop(frozenset({1}))
    assert clock.counts() == {"shelf": 0}
    assert clock.finish() == ()


@given(
    st.lists(
        st.tuples(
            st.integers(1, 4000),
            st.lists(st.tuples(st.integers(1, 4), st.booleans()), unique_by=lambda one: one[0]),
        ),
        max_size=40,
    )
)
def test_whatever_is_seen_nothing_is_negative_and_time_adds_up(
    frames: list[tuple[int, list[tuple[int, bool]]]],
) -> None:
    clock = StayClock(ZONES)
    at_ms = 0
    ended: list[Stay] = []
    for after_ms, people in frames:
        at_ms += after_ms
        walkers = [
            walker(number, INSIDE if inside else OUTSIDE, at_ms) for number, inside in people
        ]
        ended += clock.update(walkers, at_ms)
        assert 0 <= clock.counts()["shelf"] <= 4
    ended += clock.finish()
    assert all(0 <= stay.entered_mono_ms <= stay.left_mono_ms <= at_ms for stay in ended)
    assert all(1 <= stay.people_max <= 4 for stay in ended)
    assert sum(stay.dwell_ms for stay in ended) <= 4 * at_ms
