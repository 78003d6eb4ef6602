"""The time of a frame follows the stream's own clock, never beyond what can be true."""

from hypothesis import given
from hypothesis import strategies as st

from hardware.cameras.stream_clock import AGE_MS_MAX, StreamClock


def test_frames_that_come_in_a_burst_were_taken_one_after_the_other():
    clock = StreamClock()
    assert [clock.taken_at(place, 1_000 + place) for place in (0, 100, 200)] == [1000, 1100, 1200]
    burst = [clock.taken_at(place, 1_700) for place in (300, 400, 500, 600, 700)]
    assert burst == [1300, 1400, 1500, 1600, 1700]


def test_a_stream_without_places_goes_by_arrival():
    clock = StreamClock()
    assert [clock.taken_at(0, at) for at in (10, 50, 90)] == [10, 50, 90]


def test_a_stream_whose_clock_jumps_is_believed_anew():
    clock = StreamClock()
    clock.taken_at(5_000, 100)
    assert clock.taken_at(0, 200) == 200
    assert clock.taken_at(10, 60_000) == 60_000


def test_a_clock_that_runs_slow_is_followed():
    clock = StreamClock()
    ages = [at - clock.taken_at(at * 0.999, at) for at in range(0, 600_000, 100)]
    assert max(ages) <= 21  # what it loses in two windows


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 3_000)), min_size=1))
def test_no_frame_was_taken_after_it_came_or_before_the_one_before(steps):
    clock, came, last = StreamClock(), 0, 0
    for place, wait in steps:
        came += wait
        taken = clock.taken_at(place, came)
        assert max(last, came - AGE_MS_MAX - 1) <= taken or taken == last
        assert last <= taken <= came
        last = taken
