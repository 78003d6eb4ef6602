from pathlib import Path

from edge_agent.database import outbox, streams
from edge_agent.delivery.delivery_store import begin_stream, record_again
from edge_agent.delivery.limits import Limits
from tests.edge_builders import StoreParts, event, store_in
from wire.codec import decode_event, encode_event
from wire.events import Event, Origin
from wire.messages import Absent


def begin(store: StoreParts) -> bytes:
    """Begin a new stream, and record every former row again; returns the old stream."""
    old = store.tail.stream
    begin_stream(store.recorder)
    move_all(store)
    return old


def move_all(store: StoreParts) -> None:
    while streams.former_rows(store.database.reader(), store.tail):
        record_again(store.recorder, store.clock.now())


def events(store: StoreParts) -> list[Event]:
    tail = store.tail
    found = outbox.read(store.database.reader(), tail.base, 1, tail.head)
    return [decode_event(row.row) for row in found.rows]


def test_a_new_stream_begins_at_1_with_every_kept_row_naming_its_origin(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(5)
        store.receipt(2)
        rows = outbox.read(store.database.reader(), 0, 1, 5).rows
        old = begin(store)
        assert store.tail.stream != old
        assert [(e.mono_ms, e.origin) for e in events(store)] == [
            (row.seq - 1, Origin(old, row.seq, row.checksum)) for row in rows
        ]
        assert store.tail.kept_rows == store.tail.head == 5
        assert outbox.received(store.database.reader(), store.tail.number) == ()


def test_live_events_go_on_while_former_rows_are_recorded_again(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(streams.SLICE_ROWS_MAX + 3)
        begin_stream(store.recorder)
        assert store.recorder.record(event(7_000)) == 1
        record_again(store.recorder, store.clock.now())
        assert store.recorder.record(event(7_001)) == streams.SLICE_ROWS_MAX + 2
        move_all(store)
        numbers = store.numbers()
        assert numbers[0] == 7_000
        assert sorted(numbers) == [*range(streams.SLICE_ROWS_MAX + 3), 7_000, 7_001]


def test_an_event_keeps_its_first_origin_through_a_second_new_stream(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(2)
        first = begin(store)
        store.record(1, first=10)
        second = begin(store)
        assert [(e.mono_ms, e.origin.stream, e.origin.seq) for e in events(store)] == [
            (0, first, 1),
            (1, first, 2),
            (10, second, 3),
        ]


def test_a_second_new_stream_may_begin_before_the_first_has_all_rows(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(streams.SLICE_ROWS_MAX + 2)
        first = store.tail.stream
        begin_stream(store.recorder)
        record_again(store.recorder, store.clock.now())
        store.record(1, first=9_000)
        second = begin(store)
        found = events(store)
        assert sorted(e.mono_ms for e in found) == [*range(streams.SLICE_ROWS_MAX + 2), 9_000]
        assert {e.origin.stream for e in found if e.mono_ms < 9_000} == {first}
        assert {e.origin.stream for e in found if e.mono_ms == 9_000} == {second}


def test_losses_that_the_cloud_has_not_heard_of_are_declared_again_but_counted_once(
    tmp_path: Path,
):
    with store_in(tmp_path, Limits(rows_max=4)) as store:
        store.record(10)
        store.receipt(3)
        begin(store)
        assert outbox.absent_ranges(store.database.reader()) == (Absent(1, 3, "evicted"),)
        assert store.tail.absent_rows == 6
        assert [e.mono_ms for e in events(store)] == [6, 7, 8, 9]


def test_a_row_damaged_before_it_was_recorded_again_is_kept_aside_and_declared(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(3)
        other = encode_event(event(77))
        store.tear("UPDATE outbox SET row = ? WHERE id = 2", other)
        old = begin(store)
        reader = store.database.reader()
        assert [e.mono_ms for e in events(store)] == [0, 2]
        assert reader.execute("SELECT stream, seq, row FROM damaged").fetchall() == [
            (old, 2, other)
        ]
        assert outbox.absent_ranges(reader) == (Absent(2, 2, "damaged"),)


def test_former_rows_that_are_evicted_are_declared_in_the_new_stream(tmp_path: Path):
    with store_in(tmp_path, Limits(rows_max=4)) as store:
        store.record(4)
        begin_stream(store.recorder)
        assert store.recorder.record(event(10)) == 2
        assert outbox.absent_ranges(store.database.reader()) == (Absent(1, 1, "evicted"),)
        move_all(store)
        assert sorted(e.mono_ms for e in events(store)) == [1, 2, 3, 10]


def test_a_restart_half_way_goes_on_where_it_was(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(streams.SLICE_ROWS_MAX + 5)
        begin_stream(store.recorder)
        record_again(store.recorder, store.clock.now())
    with store_in(tmp_path) as store:
        move_all(store)
        assert sorted(e.mono_ms for e in events(store)) == list(range(streams.SLICE_ROWS_MAX + 5))


def test_missing_rows_are_those_neither_kept_nor_accounted_for(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(10)
        store.receipt(2)
        store.tear("DELETE FROM outbox WHERE id IN (1, 5, 6)")
        assert streams.missing_rows(store.database.reader(), store.tail) == 2
