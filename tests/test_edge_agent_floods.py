"""Hands are told from scanners gone mad."""

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.devices.floods import (
    LOOSE_MS,
    STUCK_PAUSE_MS_MAX,
    STUCK_READINGS,
    UNKNOWN_AT_ONCE_MAX,
    UNKNOWN_PER_S_MAX,
    Noise,
    Trigger,
)


def test_the_same_code_fifty_times_a_second_is_a_stuck_trigger_until_it_rests():
    trigger = Trigger()
    pulled = [trigger.pull(b"x", 20 * number) for number in range(500)]
    assert pulled == [False] * (STUCK_READINGS - 1) + [True] * (501 - STUCK_READINGS)
    last_ms = 20 * 499
    assert trigger.is_stuck(last_ms + LOOSE_MS)
    assert not trigger.is_stuck(last_ms + LOOSE_MS + 1)
    assert not trigger.pull(b"x", last_ms + LOOSE_MS + 1)


def test_another_code_ends_it_at_once():
    trigger = Trigger()
    assert [trigger.pull(b"x", 20 * number) for number in range(100)][-1]
    assert not trigger.pull(b"y", 2_001)
    assert not trigger.is_stuck(2_001)


@given(st.lists(st.integers(STUCK_PAUSE_MS_MAX + 1, 5_000), max_size=200))
def test_no_hand_is_taken_for_a_stuck_trigger(pauses_ms: list[int]):
    trigger, at_ms = Trigger(), 0
    for pause_ms in pauses_ms:
        at_ms += pause_ms
        assert not trigger.pull(b"the same bottle again", at_ms)


def test_a_hundred_different_codes_a_second_are_no_flood():
    trigger = Trigger()
    assert not any(trigger.pull(b"%d" % number, 10 * number) for number in range(1_000))


def test_noise_is_let_through_only_as_fast_as_hands_scan():
    noise = Noise()
    heard = [noise.hear(10 * number) for number in range(1_000)]  # a hundred a second, for 10 s
    assert heard.count(False) <= UNKNOWN_AT_ONCE_MAX + 10 * UNKNOWN_PER_S_MAX
    assert noise.is_loud(10_000)
    assert not noise.is_loud(10_000 + 1_000 * UNKNOWN_AT_ONCE_MAX // UNKNOWN_PER_S_MAX // 2)


def test_unknown_codes_by_hand_are_all_taken():
    noise = Noise()
    assert not any(noise.hear(1_000 * number // UNKNOWN_PER_S_MAX) for number in range(1_000))
    assert not noise.is_loud(100_000)
