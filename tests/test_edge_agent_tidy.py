from pathlib import Path

from edge_agent.clock import EARLIEST_AT, FixedClock
from edge_agent.database import outbox
from edge_agent.delivery import retention
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.tidy import tidy
from tests.edge_builders import StoreParts, store_in
from wire.events import Clock
from wire.messages import Absent

DAY_S = 86_400
LIMITS = Limits(kept_after_receipt_s=DAY_S, age_s_max=10 * DAY_S)


def tidied(store: StoreParts) -> int:
    return tidy(store.recorder, LIMITS, store.clock.now())


def test_a_receipted_row_stays_for_the_time_agreed_and_then_goes(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(10)
        store.receipt(6)
        assert tidied(store) == 0
        store.clock.advance(DAY_S - 1)
        store.receipt(7)
        assert tidied(store) == 0
        store.clock.advance(1)
        store.receipt(8)
        assert tidied(store) == 6
        assert store.numbers(first=7) == [6, 7, 8, 9]
        assert outbox.absent_ranges(store.database.reader()) == ()
        assert outbox.first_kept(store.database.reader(), store.tail) == 7


def test_while_the_cloud_is_silent_no_receipt_grows_older(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(10)
        store.receipt(6)
        store.clock.advance(5 * DAY_S)
        assert tidied(store) == 0
        assert len(store.numbers()) == 10


def test_a_row_without_a_receipt_is_never_pruned(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(10)
        store.receipt(0)
        store.clock.advance(5 * DAY_S)
        store.receipt(0)
        assert tidied(store) == 0
        assert len(store.numbers()) == 10


def test_after_a_restore_of_the_cloud_nothing_above_its_watermark_is_pruned(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(10)
        store.receipt(8)
        store.clock.advance(DAY_S)
        store.receipt(3)
        tidied(store)
        assert store.numbers() == list(range(10))


def test_many_rows_go_in_slices(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(2 * retention.SLICE_ROWS_MAX + 5)
        store.receipt(2 * retention.SLICE_ROWS_MAX + 4)
        store.clock.advance(DAY_S)
        store.receipt(2 * retention.SLICE_ROWS_MAX + 4)
        before = store.recorder.commits
        assert tidied(store) == 2 * retention.SLICE_ROWS_MAX + 4
        assert store.recorder.commits > before + 2
        assert store.tail.kept_rows == 1


def test_a_store_that_is_always_online_keeps_few_marks(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(400)
        for watermark in range(400):
            store.clock.advance(1)
            store.receipt(watermark)
        marks = store.database.reader().execute("SELECT count(*) FROM received").fetchone()[0]
        assert marks == 1 + 400 // retention.MARK_S


def test_expired_rows_are_declared_absent(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(4)
        store.clock.advance(10 * DAY_S + 1)
        assert tidied(store) == 4
        assert outbox.absent_ranges(store.database.reader()) == (Absent(1, 4, "expired"),)


def test_a_clock_that_jumps_ahead_throws_nothing_away(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(4)
        store.receipt(2)
        store.clock.set_wall(store.clock.now().at + 3_650 * DAY_S * 1_000_000)
        store.receipt(3)
        assert tidied(store) == 0
        store.clock.set_wall(EARLIEST_AT, quality=Clock.SYNCED)
        assert tidied(store) == 0
        assert store.numbers() == [0, 1, 2, 3]


def test_receipts_do_not_grow_old_when_a_wrong_clock_is_put_right(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(4)
        store.receipt(4)
        store.clock.set_wall(store.clock.now().at + 5 * DAY_S * 1_000_000, quality=Clock.SYNCED)
        store.record(1, first=4)
        store.receipt(5)
        assert tidied(store) == 0
        assert store.numbers() == [0, 1, 2, 3, 4]


def test_the_age_of_receipts_outlives_restarts_without_the_time_between(tmp_path: Path):
    heard_s = 0
    for boot in (1, 2, 3):
        clock = FixedClock(EARLIEST_AT + 2 * boot * DAY_S * 1_000_000, boot=boot)
        with store_in(tmp_path, clock=clock) as store:
            if boot == 1:
                store.record(4)
            store.receipt(3)
            assert tidied(store) == 0
            clock.advance(DAY_S // 2 - 1)
            heard_s += DAY_S // 2 - 1
            store.receipt(3)
            assert tidied(store) == (3 if heard_s >= DAY_S else 0)
