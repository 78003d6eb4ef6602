"""When a lane's frames get a costly look, and by which stage."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hardware.codes.turns import LOOKS_SAVED_MAX, Turns

REASONS = st.lists(st.booleans(), min_size=30, max_size=200)


def looks(reasons: list[bool]) -> list[int | None]:
    turns = Turns(3)
    return [turns.take(wanted=wanted) for wanted in reasons]


@given(REASONS)
def test_every_stage_is_tried_within_ten_frames_whatever_there_is_to_see(
    reasons: list[bool],
) -> None:
    tried = looks(reasons)
    for stage in range(3):
        at = [-1, *(frame for frame, each in enumerate(tried) if each == stage), len(tried)]
        assert max(later - earlier for earlier, later in pairwise(at)) <= 10


@given(REASONS)
def test_on_average_every_second_frame_at_most_gets_a_costly_look(reasons: list[bool]) -> None:
    tried = [each for each in looks(reasons) if each is not None]
    assert len(tried) <= len(reasons) / 2 + LOOKS_SAVED_MAX


def test_what_comes_into_view_is_looked_at_at_once_by_the_most_fruitful_stage() -> None:
    for still in range(12):
        assert looks([False] * still + [True])[-1] == 0


def test_the_next_frames_of_what_came_into_view_get_the_other_stages_too() -> None:
    assert set(looks([False] * 9 + [True] * 5)[9:]) == {0, 1, 2}


def test_a_view_that_always_moves_uses_its_savings_up_and_still_gets_its_turns() -> None:
    tried = looks([True] * 300)[100:]
    assert 90 <= sum(each is not None for each in tried) <= 101
