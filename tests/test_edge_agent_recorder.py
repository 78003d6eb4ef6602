import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge_agent.database import outbox
from edge_agent.database.database import Database
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.recorder import OutboxFull, Recorder, RecorderClosed, RecordError, Writing
from tests.edge_builders import WAIT_S, Gate, StoreParts, event, number_of, store_in, wait_until
from wire.codec import EncodeError


class Producers:
    """Threads that write at once, and what became of each write."""

    def __init__(self, recorder: Recorder, changes: list) -> None:
        self.results: dict[int, object] = {}
        self.errors: dict[int, Exception] = {}
        self._recorder = recorder
        self._threads = [
            threading.Thread(target=self._write, args=pair) for pair in enumerate(changes)
        ]
        for thread in self._threads:
            thread.start()
        wait_until(lambda: len(recorder._waiting) == len(changes), "the writes to queue up")

    def _write(self, number: int, change) -> None:
        try:
            self.results[number] = self._recorder.write(change)
        except (sqlite3.Error, RecordError, ArithmeticError) as error:
            self.errors[number] = error

    def join(self) -> None:
        for thread in self._threads:
            thread.join(WAIT_S)
            assert not thread.is_alive()


def appending(number: int):
    return lambda writing: writing.append(event(number))


def test_events_are_recorded_in_order_with_consecutive_seqs(tmp_path: Path):
    with store_in(tmp_path) as store:
        assert [store.recorder.record(event(number)) for number in range(5)] == [1, 2, 3, 4, 5]
        assert store.numbers() == [0, 1, 2, 3, 4]


def test_seqs_go_on_after_a_restart_even_when_all_rows_are_gone(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(5)
        store.tear("DELETE FROM outbox")
    with store_in(tmp_path) as store:
        assert store.recorder.record(event(9)) == 6


def test_many_writers_share_a_commit(tmp_path: Path):
    with store_in(tmp_path) as store:
        gate = Gate(store.recorder)
        producers = Producers(store.recorder, [appending(number) for number in range(50)])
        before = store.recorder.commits
        gate.open()
        producers.join()
        assert sorted(producers.results.values()) == list(range(1, 51))
        assert store.recorder.commits == before + 2  # the gate's own, and one for all the others


def test_a_writer_that_raises_undoes_only_its_own_part(tmp_path: Path):
    def half_way(writing: Writing) -> None:
        writing.append(event(99))
        writing.execute("INSERT INTO calls VALUES ('c1', 'kiosk-1', 'door', '', 1, NULL)")
        raise ZeroDivisionError

    with store_in(tmp_path) as store:
        gate = Gate(store.recorder)
        producers = Producers(store.recorder, [appending(1), half_way, appending(2)])
        gate.open()
        producers.join()
        assert isinstance(producers.errors.pop(1), ZeroDivisionError)
        assert not producers.errors
        assert sorted(producers.results.values()) == [1, 2]
        assert sorted(store.numbers()) == [1, 2]
        assert store.tail.kept_rows == 2
        assert store.database.reader().execute("SELECT * FROM calls").fetchall() == []


def test_a_broken_constraint_reaches_its_writer_alone(tmp_path: Path):
    def twice(writing: Writing) -> None:
        for _ in range(2):
            writing.execute("INSERT INTO claims VALUES ('coupon', x'01', 1)")

    with store_in(tmp_path) as store:
        gate = Gate(store.recorder)
        producers = Producers(store.recorder, [twice, appending(1)])
        gate.open()
        producers.join()
        assert isinstance(producers.errors[0], sqlite3.IntegrityError)
        assert producers.results == {1: 1}


@pytest.mark.parametrize("statement", ["COMMIT", "ROLLBACK"])
def test_a_writer_that_ends_the_transaction_fails_its_group_loudly(tmp_path: Path, statement: str):
    with store_in(tmp_path) as store:
        with pytest.raises(RecordError, match="must not commit or undo"):
            store.recorder.write(lambda writing: writing.execute(statement))
        assert store.recorder.record(event(1)) == 1
        assert store.numbers() == [1]


def test_a_full_disk_fails_every_writer_of_the_group_and_nothing_is_half_recorded(tmp_path: Path):
    def flood(writing: Writing) -> None:
        for number in range(100_000):
            writing.append(event(number))

    with store_in(tmp_path) as store:
        store.record(3)
        gate = Gate(store.recorder)
        producers = Producers(store.recorder, [appending(10), flood, appending(11)])
        pages = store.database.reader().execute("PRAGMA page_count").fetchone()[0]
        store.database.writer.execute(f"PRAGMA max_page_count = {pages + 3}")
        gate.open()
        producers.join()
        assert not producers.results
        assert len(producers.errors) == 3
        for error in producers.errors.values():
            assert isinstance(error, RecordError)
            assert "disk is full" in str(error)
        assert store.recorder.failure
        assert store.numbers() == [0, 1, 2]
        # The limit was that of the connection: the recorder opens a new one and goes on.
        assert store.recorder.record(event(12)) == 4
        assert not store.recorder.failure
        assert store.numbers() == [0, 1, 2, 12]


def test_a_full_disk_fails_a_lone_recording_and_the_next_one_goes_on(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(3)
        pages = store.database.reader().execute("PRAGMA page_count").fetchone()[0]
        store.database.writer.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(RecordError, match="disk is full"):
            list(map(store.recorder.record, map(event, range(3, 1_000))))
        assert store.recorder.failure
        kept = store.numbers()
        assert store.recorder.record(event(9)) == len(kept) + 1
        assert not store.recorder.failure
        assert store.numbers() == [*kept, 9]


def test_a_closed_recorder_records_what_waits_and_refuses_what_comes(tmp_path: Path):
    with store_in(tmp_path) as store:
        gate = Gate(store.recorder)
        producers = Producers(store.recorder, [appending(number) for number in range(5)])
        closing = threading.Thread(target=store.recorder.close)
        closing.start()
        wait_until(lambda: not store.recorder.running, "the recorder to close")
        with pytest.raises(RecorderClosed):
            store.recorder.record(event(9))
        gate.open()
        closing.join(WAIT_S)
        producers.join()
        assert sorted(producers.results.values()) == [1, 2, 3, 4, 5]
        store.recorder.close()


def test_an_event_above_the_limit_is_refused_to_its_writer(tmp_path: Path):
    with store_in(tmp_path) as store:
        with pytest.raises(EncodeError, match="above the limit"):
            store.recorder.record(event(1, product="9" * 10_000))
        assert store.recorder.record(event(2)) == 1


def test_only_a_group_without_durable_writes_skips_the_fsync(tmp_path: Path):
    def level(writing: Writing) -> int:
        return writing.execute("PRAGMA synchronous").fetchone()[0]

    full, normal = 2, 1
    with store_in(tmp_path) as store:
        assert store.recorder.write(level, durable=False) == normal
        assert store.recorder.write(level) == full
        assert store.recorder.write(level, durable=False) == normal
        store.recorder.record(event(1))
        assert store.database.writer.execute("PRAGMA synchronous").fetchone()[0] == full
        assert store.recorder.write(level, durable=False) == normal
        gate = Gate(store.recorder)
        producers = Producers(store.recorder, [level])
        gate.open()
        producers.join()
        assert producers.results == {0: full}


def test_every_commit_rings_the_doorbell(tmp_path: Path):
    with store_in(tmp_path) as store:
        seen = store.doorbell.count
        store.recorder.record(event(1))
        assert store.doorbell.wait(seen, WAIT_S) == seen + 1


def test_a_change_and_its_event_are_recorded_together(tmp_path: Path):
    def change(writing: Writing) -> int:
        writing.execute("INSERT INTO claims VALUES ('coupon', x'01', 1)")
        return writing.append(event(1))

    with store_in(tmp_path) as store:
        assert store.recorder.write(change) == 1
        assert store.database.reader().execute("SELECT coupon FROM claims").fetchall() == [
            ("coupon",)
        ]


PRODUCER = """
import sys, threading
from pathlib import Path
from tests.edge_builders import event, store_in

with store_in(Path(sys.argv[1])) as store:
    def produce(first):
        for number in range(first, first + 1_000_000):
            seq = store.recorder.record(event(number))
            sys.stdout.write(f"{seq} {number}\\n")
            sys.stdout.flush()
    for thread in range(8):
        threading.Thread(target=produce, args=(thread * 1_000_000,), daemon=True).start()
    threading.Event().wait()
"""


@pytest.mark.parametrize("lines", [1, 200, 1_500])
def test_kill_9_loses_nothing_that_a_producer_was_told(tmp_path: Path, lines: int):
    child = subprocess.Popen(
        [sys.executable, "-c", PRODUCER, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(lines)]
    os.kill(child.pid, signal.SIGKILL)
    told += child.stdout.readlines()
    child.wait(WAIT_S)
    child.stdout.close()
    accepted = {tuple(map(int, line.split())) for line in told if line.endswith(b"\n")}
    assert len(accepted) >= lines
    with store_in(tmp_path) as store:
        kept = seqs_and_numbers(store)
    assert accepted <= kept
    assert sorted(seq for seq, _ in kept) == list(range(1, len(kept) + 1))


def seqs_and_numbers(store: StoreParts) -> set[tuple[int, int]]:
    found = outbox.read(store.database.reader(), 0, 1, store.tail.head)
    assert not found.damaged
    return {(row.seq, number_of(row.row)) for row in found.rows}


def test_the_first_record_after_a_start_does_not_wait_for_the_queue_to_be_read(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(20_000)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    database = Database(tmp_path / "store.sqlite3")
    database.writer.set_progress_handler(count, 1_000)
    tail = outbox.tail_of(database.writer)
    database.close()
    assert tail.head == tail.kept_rows == 20_000
    assert steps <= 1


def test_records_of_a_group_that_find_no_room_are_refused_alone(tmp_path: Path):
    refused: list[Exception] = []
    seqs: list[int] = []

    def record(recorder: Recorder, number: int) -> None:
        try:
            seqs.append(recorder.record(event(number)))
        except OutboxFull as error:
            refused.append(error)

    limits = Limits(rows_max=3, rows_policy="refuse-new")
    with store_in(tmp_path, limits) as store:
        gate = Gate(store.recorder)
        threads = [threading.Thread(target=record, args=(store.recorder, n)) for n in range(5)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(store.recorder._waiting) == 5, "the records to queue up")
        gate.open()
        for thread in threads:
            thread.join(WAIT_S)
        assert sorted(seqs) == [1, 2, 3]
        assert len(refused) == 2
        assert len(store.numbers()) == 3
