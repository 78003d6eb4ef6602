"""A reader that reads far less than usual at its hour is found; a closed store blames nobody."""

from pathlib import Path

import pytest

from edge_agent.devices import reads
from edge_agent.devices.reads import WEEK_US, WEEKS_MAX, rate, reading_little
from edge_agent.visits.traffic import HOUR_US, hour_of
from tests.edge_store import NOON, a_shop

HOUR = hour_of(NOON)
HALF_PAST = HOUR + HOUR_US // 2


def weeks(*counts: int, now: tuple[int, int] = (0, 0)) -> dict[int, int]:
    """An hour's counts one week ago, two weeks ago …; `now` are the last hour and this."""
    past = {
        HOUR - back * WEEK_US - ago * HOUR_US: count
        for back, count in enumerate(counts, 1)
        for ago in (0, 1)
    }
    first = {HOUR - len(counts) * WEEK_US - 2 * HOUR_US: 1}
    return first | past | {HOUR - HOUR_US: now[0], HOUR: now[1]}


def test_a_quarter_of_the_usual_is_little():
    usual = weeks(40, 36, 50, now=(10, 4))
    assert rate(usual, HALF_PAST).usual == 60
    assert rate(usual, HALF_PAST).is_little
    assert not rate(weeks(40, 36, 50, now=(12, 4)), HALF_PAST).is_little


def test_a_weak_week_shows_that_it_may_be_so():
    assert not rate(weeks(40, 12, 50, now=(6, 4)), HALF_PAST).is_little


@pytest.mark.parametrize("usual", [weeks(40, 36), weeks(10, 9, 8), {}])
def test_without_three_weeks_and_twenty_reads_nothing_is_usual(usual: dict[int, int]):
    assert reading_little({"till": usual}, HALF_PAST) == frozenset()


def test_one_of_two_that_is_silent_is_blamed_and_a_closed_store_is_not():
    silent, busy = weeks(40, 36, 50), weeks(40, 36, 50, now=(38, 20))
    assert reading_little({"a": silent, "b": busy}, HALF_PAST) == {"a"}
    assert reading_little({"a": silent, "b": silent}, HALF_PAST) == frozenset()
    assert reading_little({"a": silent}, HALF_PAST) == {"a"}
    # One that was never used much says nothing of whether the store is open.
    assert reading_little({"a": silent, "b": weeks(1, 1, 1)}, HALF_PAST) == {"a"}


def test_counts_are_kept_by_device_and_hour_and_forgotten_in_time(tmp_path: Path):
    with a_shop(tmp_path) as shop:
        old = NOON - (WEEKS_MAX * WEEK_US + 3 * HOUR_US)
        for at in (old, NOON, NOON + 1, NOON + HOUR_US):
            shop.recorder.write(lambda w, at=at: reads.add(w, "till", at))
        assert reads.hours(shop.connection, NOON)["till"] == {HOUR: 2, HOUR + HOUR_US: 1}
        shop.recorder.write(lambda w: reads.forget_old(w, NOON))
        kept = shop.connection.execute("SELECT hour_at FROM device_hours").fetchall()
        assert [hour for (hour,) in kept] == [HOUR, HOUR + HOUR_US]
