"""A camera is missed by how often it usually gives frames, not for resting as it always does."""

import pytest

from hardware.cameras.patience import (
    MISSED_S_MAX,
    MISSED_S_MIN,
    OPENING_S_MIN,
    WELL_AFTER_S,
    Patience,
)


def seen(patience: Patience, every_s: float, until_s: float, at_s: float = 0.0) -> float:
    while at_s <= until_s:
        patience.frames(at_s)
        at_s += every_s
    return at_s - every_s


@pytest.mark.parametrize(
    ("every_s", "limit_s"), [(0.04, MISSED_S_MIN), (1.0, 4.0), (5.0, MISSED_S_MAX)]
)
def test_frames_are_missed_after_a_few_of_their_usual_intervals(every_s: float, limit_s: float):
    patience = Patience()
    patience.begin(0.0)
    last_s = seen(patience, every_s, 30.0)
    assert not patience.is_over(last_s + limit_s - 0.01)
    assert patience.is_over(last_s + limit_s + 0.01)


def test_a_camera_that_gave_no_frame_yet_has_time_to_open_and_longer_each_time():
    patience = Patience()
    patience.begin(0.0)
    assert not patience.is_over(OPENING_S_MIN)
    assert patience.is_over(OPENING_S_MIN + 0.1)
    patience.give_up(20.0)
    assert not patience.is_over(20.0 + 2 * OPENING_S_MIN)
    assert patience.is_over(20.1 + 2 * OPENING_S_MIN)


def test_a_camera_that_gives_some_frames_at_once_and_then_rests_is_left_alone_soon():
    patience, at_s, given_up = Patience(), 0.0, 0
    patience.begin(at_s)
    for _ in range(40):
        for _ in range(3):
            patience.frames(at_s)
            at_s += 0.05
        at_s += 5.0
        if patience.is_over(at_s):
            patience.give_up(at_s)
            given_up += 1
    assert given_up == 2


def test_one_long_pause_is_forgotten_within_seconds():
    patience = Patience()
    patience.begin(0.0)
    last_s = seen(patience, 0.5, 10.0)
    last_s = seen(patience, 0.5, 25.0, at_s=last_s + 1.9)
    assert patience.is_over(last_s + MISSED_S_MIN + 0.5)


def test_who_was_missed_and_stays_well_is_missed_as_soon_as_before():
    patience = Patience()
    patience.begin(0.0)
    last_s = seen(patience, 0.1, 5.0)
    patience.give_up(last_s + 3.0)
    last_s = seen(patience, 0.1, last_s + 10.0, at_s=last_s + 4.0)
    assert not patience.is_over(last_s + 1.5 * MISSED_S_MIN)
    last_s = seen(patience, 0.1, last_s + WELL_AFTER_S + 1.0, at_s=last_s + 0.1)
    assert patience.is_over(last_s + MISSED_S_MIN + 0.1)
