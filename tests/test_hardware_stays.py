"""Stays are intervals by frame time, joined over short losses and never negative."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hardware.detector import Box
from hardware.readings import Passage, Stay
from hardware.stays import JOIN_GAP_MS, JOIN_LOST_MS, STAY_MS_MIN, StayClock
from hardware.tracker import Track
from hardware.zones import ZoneMap

ZONES = ZoneMap(
    zones={"shelf": ((0, 0), (100, 0), (100, 100), (0, 100))},
    lines={"door": ((200, 0), (200, 100))},
)
INSIDE, OUTSIDE = (50.0, 50.0), (150.0, 50.0)


def track(number: int, foot: tuple[float, float], at_ms: int, first_ms: int = 0) -> Track:
    box = Box(left=0, top=0, right=10, bottom=10)
    return Track(number=number, box=box, foot=foot, first_ms=first_ms, seen_ms=at_ms, hits=9)


def stays(clock: StayClock, *frames: tuple[int, list[Track]]) -> list[Stay]:
    ended: list[Stay] = []
    for at_ms, tracks in frames:
        ended += clock.update(tracks, at_ms).stays
    return ended


def test_a_stay_lasts_from_the_first_frame_inside_to_the_last() -> None:
    clock = StayClock(ZONES)
    inside = [(at, [track(1, INSIDE, at)]) for at in range(1000, 9001, 100)]
    (stay,) = stays(clock, *inside, (9100, [track(1, OUTSIDE, 9100)]), (20_000, []))
    assert (stay.zone, stay.entered_mono_ms, stay.left_mono_ms) == ("shelf", 1000, 9000)
    assert (stay.dwell_ms, stay.people_max) == (8000, 1)


def test_a_step_out_and_back_within_the_gap_is_one_stay() -> None:
    clock = StayClock(ZONES)
    out_ms = 2100 + JOIN_GAP_MS - 100
    frames = [
        (0, [track(1, INSIDE, 0)]),
        (2000, [track(1, INSIDE, 2000)]),
        (2100, [track(1, OUTSIDE, 2100)]),
        (out_ms, [track(1, INSIDE, out_ms)]),
        (60_000, []),
    ]
    (stay,) = stays(clock, *frames)
    assert stay.dwell_ms == out_ms


def test_a_person_lost_inside_and_found_there_again_is_the_same() -> None:
    clock = StayClock(ZONES)
    found_ms = 2000 + JOIN_LOST_MS - 200
    frames = [
        (0, [track(1, INSIDE, 0)]),
        (2000, [track(1, INSIDE, 2000)]),
        (found_ms, [track(2, INSIDE, found_ms, first_ms=found_ms - 200)]),
        (60_000, []),
    ]
    (stay,) = stays(clock, *frames)
    assert (stay.dwell_ms, stay.people_max) == (found_ms, 1)


def test_two_side_by_side_are_two_stays_that_know_of_each_other() -> None:
    clock = StayClock(ZONES)
    both = [(at, [track(1, INSIDE, at), track(2, INSIDE, at)]) for at in range(0, 15_001, 500)]
    assert clock.update(both[0][1], 0).counts == {"shelf": 2}
    ended = stays(clock, *both[1:], (60_000, []))
    assert [(stay.dwell_ms, stay.people_max) for stay in ended] == [(15_000, 2)] * 2


def test_walking_through_is_no_stay() -> None:
    clock = StayClock(ZONES)
    assert stays(clock, (0, [track(1, INSIDE, 0)]), (60_000, [])) == []
    assert STAY_MS_MIN > 0


def test_the_end_of_the_video_ends_every_stay_when_last_seen() -> None:
    clock = StayClock(ZONES)
    stays(clock, (0, [track(1, INSIDE, 0)]), (5000, [track(1, INSIDE, 5000)]))
    finished = clock.finish()
    assert [stay.dwell_ms for stay in finished.stays] == [5000]
    assert finished.counts == {"shelf": 0}


def test_a_passage_counts_once_in_its_direction() -> None:
    clock = StayClock(ZONES)
    clock.update([track(1, (190, 50), 0), track(2, (210, 50), 0)], 0)
    changes = clock.update([track(1, (210, 50), 100), track(2, (190, 50), 100)], 100)
    assert changes.passages == (Passage(line="door", people_in=1, people_out=1),)
    assert clock.update([track(1, (211, 50), 200)], 200).passages == ()


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
    at_ms, most = 0, 0
    ended: list[Stay] = []
    for after_ms, people in frames:
        at_ms += after_ms
        tracks = [
            replace(track(number, INSIDE if inside else OUTSIDE, at_ms), first_ms=at_ms)
            for number, inside in people
        ]
        changes = clock.update(tracks, at_ms)
        most = max(most, changes.counts["shelf"])
        ended += changes.stays
        assert changes.counts["shelf"] >= 0
    ended += clock.finish().stays
    assert all(0 <= stay.entered_mono_ms <= stay.left_mono_ms <= at_ms for stay in ended)
    assert all(1 <= stay.people_max <= most for stay in ended)
    assert sum(stay.dwell_ms for stay in ended) <= most * at_ms
