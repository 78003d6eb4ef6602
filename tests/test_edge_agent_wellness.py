"""A fault of a device is said once when it starts and once when it ends."""

import logging

import pytest

from edge_agent.devices.wellness import ANOTHER_REASON_S, Wellness


@pytest.fixture
def wellness(caplog: pytest.LogCaptureFixture) -> Wellness:
    caplog.set_level(logging.INFO)
    return Wellness("reader-1")


def test_a_fault_is_logged_once_when_it_starts_and_once_when_it_ends(
    wellness: Wellness, caplog: pytest.LogCaptureFixture
):
    assert wellness.turn("ok", "", 0)
    for second in range(1, 200):
        wellness.turn("failed", ("timed out", "refused")[second % 2], second)
    wellness.turn("degraded", "garbage", 200)
    for second in (201, 202):
        wellness.turn("ok", "", second)
    assert [each.getMessage() for each in caplog.records] == [
        "reader-1 failed: refused",
        "reader-1 is well again after 200.0 s",
    ]


def test_what_stays_the_same_is_recorded_once(wellness: Wellness):
    assert wellness.turn("failed", "unplugged", 0)
    assert not wellness.turn("failed", "unplugged", 10_000)
    assert wellness.turn("ok", "", 10_001)
    assert not wellness.turn("ok", "", 20_000)


def test_two_reasons_in_turn_for_one_failure_do_not_fill_the_outbox(wellness: Wellness):
    recorded = [
        wellness.turn("failed", ("timed out", "refused")[second % 2], second)
        for second in range(601)
    ]
    assert sum(recorded) <= 1 + 600 / ANOTHER_REASON_S


def test_a_reason_that_has_changed_is_recorded_at_last(wellness: Wellness):
    assert wellness.turn("failed", "unplugged", 0)
    assert not wellness.turn("failed", "permission denied", 1)
    assert wellness.turn("failed", "permission denied", 1 + ANOTHER_REASON_S)
    assert wellness.turn("degraded", "garbage", 62)
    assert wellness.turn("degraded", "stuck-trigger", 63)
