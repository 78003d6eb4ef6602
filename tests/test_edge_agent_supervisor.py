"""Work that fails is tried again, alone, ever more slowly, and says so once."""

import logging
import threading
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.supervisor import Delays, Supervised, retry_delay_s
from hardware.driver import DeviceAway, DeviceError

QUICK = Delays(retry_delay_s_min=0.001, retry_delay_s_max=0.002)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_the_wait_grows_to_its_limit_and_never_above(failures: int, chance: float):
    delays = Delays(retry_delay_s_min=0.2, retry_delay_s_max=30)
    delay_s = retry_delay_s(failures, delays, chance)
    assert 0.1 <= delay_s <= 30
    assert retry_delay_s(failures + 1, delays, 1) >= delay_s


@pytest.mark.parametrize("error", [DeviceError("unplugged"), ZeroDivisionError("a mistake")])
def test_failing_work_begins_again_and_a_mistake_is_logged_once(
    error: Exception, caplog: pytest.LogCaptureFixture
):
    reasons: list[str] = []
    done = threading.Event()

    def work(_: threading.Event) -> None:
        if len(reasons) == 5:
            done.set()
            return
        raise error

    with caplog.at_level(logging.WARNING):
        supervised = Supervised("reader", work, on_failed=reasons.append, delays=QUICK)
        supervised.start()
        assert done.wait(20)
        assert supervised.join(20)
    assert len(set(reasons)) == 1
    assert supervised.restarts == 5
    assert len(caplog.records) == (0 if isinstance(error, DeviceError) else 1)
    assert all(each.exc_info for each in caplog.records)


def test_a_device_that_is_away_is_looked_for_at_a_steady_pace():
    looked_s: list[float] = []
    found = threading.Event()

    def work(_: threading.Event) -> None:
        looked_s.append(time.monotonic())
        if len(looked_s) == 20:
            found.set()
            return
        raise DeviceAway("not there")

    slow = Delays(retry_delay_s_min=600, retry_delay_s_max=600, away_s=0.01)
    supervised = Supervised("reader", work, on_failed=lambda _: None, delays=slow)
    supervised.start()
    assert found.wait(20)
    assert supervised.join(20)
    assert all(after - before >= 0.01 for before, after in pairwise(looked_s))


def test_work_that_is_waiting_to_begin_again_stops_at_once():
    failed = threading.Event()

    def work(_: threading.Event) -> None:
        raise DeviceError("unplugged")

    supervised = Supervised(
        "reader",
        work,
        on_failed=lambda _: failed.set(),
        delays=Delays(retry_delay_s_min=600, retry_delay_s_max=600),
    )
    supervised.start()
    assert failed.wait(20)
    supervised.stop()
    assert supervised.join(20)


def test_work_that_hangs_is_left_to_itself():
    freed = threading.Event()
    supervised = Supervised("reader", lambda _: bool(freed.wait(60)), on_failed=lambda _: None)  # type: ignore[arg-type]
    supervised.start()
    supervised.stop()
    assert not supervised.join(0.05)
    freed.set()
    assert supervised.join(20)


def test_a_mistake_in_saying_so_does_not_end_the_work():
    done = threading.Event()
    attempts = []

    def work(_: threading.Event) -> None:
        attempts.append(1)
        if len(attempts) == 3:
            done.set()
            return
        raise DeviceError("unplugged")

    def say(_: str) -> None:
        raise ValueError("a mistake in the program")

    supervised = Supervised("reader", work, on_failed=say, delays=QUICK)
    supervised.start()
    assert done.wait(20)
    assert supervised.join(20)
    assert not supervised.alive
