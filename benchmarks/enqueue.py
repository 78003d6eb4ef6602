"""Durable enqueue: one event a commit beside bare SQLite, and many producers beside a peer."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from benchmarks.processes import said_by
from benchmarks.producers import an_event, our_queue
from benchmarks.result import Goal, Result
from benchmarks.syncs import build_counter
from edge_agent.database import outbox
from edge_agent.database.database import Database
from edge_agent.database.sqlite import sqlite3
from wire.codec import encode_event

T = TypeVar("T")

BARE = "bare SQLite, same two tables and durability"
# Written before anything is counted: by then both write-ahead logs have their full length, and are
# overwritten from the start. A log that still grows costs the file system half a commit more.
BEFORE_EVENTS = 2_000
PEER = "persist-queue SQLiteAckQueue, same producers"


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one turn came to, an event."""

    per_s: float
    cpu_us: float


def enqueue(
    *,
    events: int = 20,
    turns: int = 151,
    before: int = BEFORE_EVENTS,
    producers: int = 100,
    each: int = 100,
    runs: int = 3,
) -> Iterator[Result]:
    """Measure `events` a turn alone, then `each` events a producer (the peer a tenth of them)."""
    with TemporaryDirectory(prefix="storebridge-bench-") as folder:
        yield from _one_a_commit(Path(folder), events, turns, before)
    with TemporaryDirectory(prefix="storebridge-bench-") as folder:
        yield from _many_producers(Path(folder), producers, each, runs)


def _one_a_commit(folder: Path, events: int, turns: int, before: int) -> Iterator[Result]:
    ours: list[_Turn] = []
    bare: list[_Turn] = []
    made = [an_event(number) for number in range(events)]
    encoded = [encode_event(event) for event in made]
    with our_queue(folder / "ours.sqlite3") as recorder, bare_queue(folder / "bare") as insert:
        for _ in range(before // events):
            _timed(insert, encoded)
            _timed(recorder.record, made)
        for turn in range(turns):
            if turn % 2:
                ours.append(_timed(recorder.record, made))
            bare.append(_timed(insert, encoded))
            if not turn % 2:
                ours.append(_timed(recorder.record, made))
    yield Result(
        name="enqueue: one event a commit",
        value=statistics.median(turn.per_s for turn in ours),
        unit="events/s",
        goal=Goal(of="ratio", better="at least", number=0.8),
        peer=BARE,
        peer_value=statistics.median(turn.per_s for turn in bare),
        runs=turns,
    )
    yield Result(
        name="enqueue: processor time, one event a commit",
        value=statistics.median(turn.cpu_us for turn in ours),
        unit="µs/event",
        peer=BARE,
        peer_value=statistics.median(turn.cpu_us for turn in bare),
        runs=turns,
    )


@contextmanager
def bare_queue(path: Path) -> Iterator[Callable[[bytes], object]]:
    """Give what puts a row into the same two tables with nothing around it."""
    Database(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    head = 0

    def insert(row: bytes) -> None:
        nonlocal head
        head += 1
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(outbox.INSERT, (head, head, head, head, head, row))
        connection.execute(outbox.SAVE_TAIL, (head, head, head, head, head, 0, 1))
        connection.execute("COMMIT")

    yield insert
    connection.close()


def _timed(put: Callable[[T], object], values: Sequence[T]) -> _Turn:
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    for value in values:
        put(value)
    took_s, took_cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    return _Turn(len(values) / took_s, took_cpu_s / len(values) * 1e6)


def _many_producers(folder: Path, producers: int, each: int, runs: int) -> Iterator[Result]:
    counting = build_counter(folder)
    ours, peer = [], []
    for run in range(runs):
        at = folder / str(run)
        at.mkdir()
        arguments = ("benchmarks.producers", "ours", at / "ours", producers, each)
        fewer = ("benchmarks.producers", "peer", at / "peer", producers, max(1, each // 10))
        if run % 2:
            ours.append(said_by(*arguments, environ=counting))
        peer.append(said_by(*fewer, environ=counting))
        if not run % 2:
            ours.append(said_by(*arguments, environ=counting))
    yield Result(
        name=f"enqueue: {producers} producers",
        value=statistics.median(run["events"] / run["seconds"] for run in ours),
        unit="events/s",
        goal=Goal(of="ratio", better="at least", number=6),
        peer=PEER,
        peer_value=statistics.median(run["events"] / run["seconds"] for run in peer),
        runs=runs,
    )
    yield Result(
        name=f"enqueue: {producers} producers, events a sync",
        value=statistics.median(run["events"] / run["syncs"] for run in ours),
        unit="events/fdatasync",
        goal=Goal(of="value", better="at least", number=20),
        peer=PEER if counting else "no C compiler to count calls: commits are counted",
        peer_value=statistics.median(run["events"] / run["syncs"] for run in peer),
        runs=runs,
    )
    yield Result(
        name=f"enqueue: processor time, {producers} producers",
        value=statistics.median(run["cpu_s"] / run["events"] for run in ours) * 1e6,
        unit="µs/event",
        peer=PEER,
        peer_value=statistics.median(run["cpu_s"] / run["events"] for run in peer) * 1e6,
        runs=runs,
    )
