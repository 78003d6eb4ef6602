from pathlib import Path

import pytest

from edge_agent.database import outbox
from edge_agent.delivery import retention
from edge_agent.delivery.errors import OutboxFull
from edge_agent.delivery.limits import Limits
from tests.edge_builders import StoreParts, event, store_in
from wire.codec import encode_event
from wire.messages import Absent

ROW_BYTES = len(encode_event(event(1)))


def absent(store: StoreParts) -> tuple[Absent, ...]:
    return outbox.absent_ranges(store.database.reader())


@pytest.mark.parametrize(
    "limits",
    [Limits(rows_max=10), Limits(bytes_max=10 * ROW_BYTES)],
    ids=["by rows", "by bytes"],
)
def test_beyond_a_limit_the_oldest_rows_are_evicted_counted_and_declared(
    tmp_path: Path, limits: Limits
):
    with store_in(tmp_path, limits) as store:
        for number in range(25):
            store.recorder.record(event(number))
            assert store.tail.kept_rows <= 10
            assert store.tail.kept_bytes <= 10 * ROW_BYTES
        assert store.numbers(first=16) == list(range(15, 25))
        assert absent(store) == (Absent(1, 15, "evicted"),)
        assert store.tail.absent_rows == 15


def test_rows_that_the_cloud_holds_go_first_and_are_no_loss(tmp_path: Path):
    with store_in(tmp_path, Limits(rows_max=10)) as store:
        store.record(10)
        store.receipt(4)
        store.record(4, first=10)
        assert absent(store) == ()
        assert store.numbers(first=5) == list(range(4, 14))
        store.record(1, first=14)
        assert absent(store) == (Absent(5, 5, "evicted"),)


def test_a_loss_is_declared_also_where_the_cloud_holds_rows_above_its_watermark(tmp_path: Path):
    """They may be a clone's; only the watermark is proved by its checksum."""
    with store_in(tmp_path, Limits(rows_max=5)) as store:
        store.record(5)
        store.receipt(0, ((2, 3),))
        store.record(4, first=5)
        assert absent(store) == (Absent(1, 4, "evicted"),)


@pytest.mark.parametrize(
    "limits",
    [
        Limits(rows_max=10, rows_policy="refuse-new"),
        Limits(bytes_max=10 * ROW_BYTES, bytes_policy="refuse-new"),
    ],
    ids=["by rows", "by bytes"],
)
def test_where_new_events_are_refused_none_is_evicted(tmp_path: Path, limits: Limits):
    with store_in(tmp_path, limits) as store:
        store.record(10)
        with pytest.raises(OutboxFull, match="let the store go online"):
            store.recorder.record(event(10))
        assert store.numbers() == list(range(10))
        store.receipt(1)
        assert store.recorder.record(event(11)) == 11
        assert absent(store) == ()


def test_where_new_events_are_refused_by_age_the_oldest_one_decides(tmp_path: Path):
    limits = Limits(age_s_max=60, age_policy="refuse-new")
    with store_in(tmp_path, limits) as store:
        store.record(2)
        store.clock.advance(61)
        with pytest.raises(OutboxFull, match="60 s"):
            store.recorder.record(event(3))
        store.receipt(2)
        assert store.recorder.record(event(3)) == 3


def test_a_writer_that_raises_after_an_eviction_undoes_it(tmp_path: Path):
    def change(writing):
        writing.append(event(99))
        raise ZeroDivisionError

    with store_in(tmp_path, Limits(rows_max=3)) as store:
        store.record(3)
        with pytest.raises(ZeroDivisionError):
            store.recorder.write(change)
        assert store.numbers() == [0, 1, 2]
        assert absent(store) == ()
        assert store.tail.absent_rows == 0


def test_rows_are_expired_from_the_oldest_on_and_declared(tmp_path: Path):
    limits = Limits(age_s_max=60)
    with store_in(tmp_path, limits) as store:
        store.record(3)
        store.clock.advance(50)
        store.record(2, first=3)
        store.clock.advance(20)

        def change(writing):
            writing.tail = retention.expire(
                writing.connection, writing.tail, limits, store.clock.now().at
            )

        store.recorder.write(change)
        store.recorder.write(change)
        assert absent(store) == (Absent(1, 3, "expired"),)
        assert store.numbers(first=4) == [3, 4]


def test_a_full_outbox_does_not_pay_for_each_event(tmp_path: Path):
    with store_in(tmp_path, Limits(rows_max=1_000)) as store:
        store.record(1_000)
        store.record(1, first=1_000)
        assert store.tail.kept_rows == 991
