from itertools import pairwise
from pathlib import Path

import pytest

from edge_agent.database import outbox
from tests.edge_builders import event, store_in
from wire.codec import chain, encode_event
from wire.messages import Absent


def test_rows_come_back_as_recorded_each_chained_to_the_one_before(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(10)
        rows = outbox.read(store.database.reader(), 0, 3, 6).rows
        assert [row.seq for row in rows] == [3, 4, 5, 6]
        assert [row.row for row in rows] == [encode_event(event(n)) for n in (2, 3, 4, 5)]
        for before, row in pairwise(rows):
            assert row.before == before.checksum
            assert row.checksum == chain(before.checksum, row.row)


def test_reading_deletes_nothing(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(4)
        assert store.numbers() == store.numbers() == [0, 1, 2, 3]


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_flipped_byte_is_found_and_only_that_row_is_lost(tmp_path: Path, seq: int):
    with store_in(tmp_path) as store:
        store.record(5)
        flip(store, "row", seq)
        found = outbox.read(store.database.reader(), 0, 1, 5)
        assert found.damaged == (seq,)
        assert [row.seq for row in found.rows] == [n for n in range(1, 6) if n != seq]


@pytest.mark.parametrize("column", ["before", "checksum"])
@pytest.mark.parametrize("seq", [2, 3, 4])
def test_a_flipped_checksum_loses_nothing(tmp_path: Path, column: str, seq: int):
    with store_in(tmp_path) as store:
        store.record(5)
        whole = outbox.read(store.database.reader(), 0, 1, 5)
        store.tear(f"UPDATE outbox SET {column} = {column} + 1 WHERE id = ?", seq)
        assert outbox.read(store.database.reader(), 0, 1, 5) == whole


def test_a_damaged_row_is_kept_aside_declared_absent_and_counted(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(5)
        flip(store, "row", 3)
        aside = store.database.reader().execute("SELECT row FROM outbox WHERE id = 3").fetchone()

        def change(writing):
            writing.tail = outbox.set_aside(writing.connection, writing.tail, (3,), 77)

        store.recorder.write(change)
        store.recorder.write(change)  # a second finder changes nothing
        reader = store.database.reader()
        assert outbox.absent_ranges(reader) == (Absent(3, 3, "damaged"),)
        assert reader.execute("SELECT stream, seq, found_at, row FROM damaged").fetchall() == [
            (store.tail.stream, 3, 77, *aside)
        ]
        assert (store.tail.kept_rows, store.tail.absent_rows) == (4, 1)
        assert store.recorder.record(event(9)) == 6


def test_a_row_that_the_cloud_holds_is_not_declared_absent(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(5)
        store.receipt(3)

        def change(writing):
            writing.tail = outbox.set_aside(writing.connection, writing.tail, (2,), 77)

        store.recorder.write(change)
        assert outbox.absent_ranges(store.database.reader()) == ()


def test_neighbouring_absent_ranges_become_one(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(9)

        def change(writing):
            for first, last, reason in (
                (1, 2, "evicted"),
                (3, 3, "evicted"),
                (4, 4, "damaged"),
                (6, 6, "damaged"),
            ):
                outbox.declare_absent(writing.connection, first, last, reason)

        store.recorder.write(change)
        assert outbox.absent_ranges(store.database.reader()) == (
            Absent(1, 3, "evicted"),
            Absent(4, 4, "damaged"),
            Absent(6, 6, "damaged"),
        )


def test_the_cloud_s_watermark_settles_what_was_absent_below_it(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(9)

        def change(writing):
            outbox.declare_absent(writing.connection, 2, 3, "evicted")
            outbox.declare_absent(writing.connection, 5, 8, "expired")

        store.recorder.write(change)
        store.receipt(6)
        assert outbox.absent_ranges(store.database.reader()) == (Absent(5, 8, "expired"),)


def test_the_queue_is_what_the_cloud_has_not_receipted(tmp_path: Path):
    with store_in(tmp_path) as store:
        for number in range(10):
            store.clock.advance(1)
            store.recorder.record(event(number))
        size = len(encode_event(event(1)))
        first_at = store.clock.now().at - 9_000_000
        assert queue(store) == outbox.Queue(10, 10 * size, first_at)
        store.receipt(3, ((6, 7),))
        assert queue(store) == outbox.Queue(5, 5 * size, first_at + 3_000_000)
        store.receipt(10)
        assert queue(store) == outbox.Queue(0, 0, None)


def test_the_newest_rows_since_a_moment_are_found(tmp_path: Path):
    with store_in(tmp_path) as store:
        assert outbox.first_since(store.database.reader(), store.tail, 0) == 1
        store.record(3)
        store.clock.advance(100)
        store.record(2)
        now = store.clock.now().at
        assert outbox.first_since(store.database.reader(), store.tail, now) == 4
        assert outbox.first_since(store.database.reader(), store.tail, now + 1) == 6


def queue(store) -> outbox.Queue:
    return outbox.queue(store.database.reader(), store.tail)


def flip(store, column: str, seq: int) -> None:
    """Flip one bit in the middle of a row's bytes."""
    row = bytearray(
        store.database.reader()
        .execute(f"SELECT {column} FROM outbox WHERE id = ?", (seq,))
        .fetchone()[0]
    )
    row[len(row) // 2] ^= 4
    store.tear(f"UPDATE outbox SET {column} = ? WHERE id = ?", bytes(row), seq)
