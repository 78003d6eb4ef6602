"""How fast a backlog becomes known: from a store's outbox to shoppers, beside its single steps."""

import secrets
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

import psycopg

from benchmarks import backlog
from benchmarks.outboxes import fill
from benchmarks.processes import ROOT, cpu_s
from benchmarks.result import Goal, Result
from benchmarks.town import HOUR_US, TENANT, StoreParts, Town, a_town, running
from cloud_sync.config import from_table
from cloud_sync.database import Database
from cloud_sync.intake.accept import AcceptedRow
from cloud_sync.intake.copying import LedgerRow
from cloud_sync.intake.incoming import take_apart
from cloud_sync.intake.ledger import store_row
from cloud_sync.intake.receive import receive
from wire.codec import ROWS_PER_BATCH_MAX, chain_all, decode_event, encode
from wire.messages import STREAM_BYTES, Batch
from wire.topics import down_topic, shard_of, up_topic

EVENTS_PER_MEMBER = 60
# As many Batches as the worker takes of the back lane in one turn.
BATCHES_AT_ONCE = from_table({}, {}).worker.back_per_turn_quiet
# With one event a message it may take more messages at once, and has more of them waiting.
SINGLES_WORKER = {"back_messages_max": 10_000, "back_per_turn_quiet": 1_000}
COLUMNS = ("day", "shard", "position", "accepted_at", *LedgerRow._fields)
COPY = f"COPY copied ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
# What psycopg is told of the columns.
TYPES = (
    *("date", "int2", "int8", "int8", "text", "text", "text", "bytea", "int8", "bool", "int8"),
    *("int2", "bytea", "int8", "bytea", "int8", "int8"),
)
POLL_S = 0.01
WINDOW_FULL_S = 0.001
TIMEOUT_S = 300.0
END_TIMEOUT_S = 20.0


class Running(Protocol):
    """A process."""

    @property
    def pid(self) -> int | None:
        """Return its number."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How many events a second became known, and the processor time of one, by who used it."""

    per_s: float
    cpu_us: Mapping[str, float]


def catchup(*, events: int = 150_000, singles: int = 6_000, runs: int = 3) -> Iterator[Result]:
    """Measure backlogs of `events`; of `singles` where each event is a message of its own."""
    road: list[Pace] = []
    alone: list[float] = []
    single: list[Pace] = []
    copied: list[float] = []
    unfolded: list[Pace] = []
    with a_town(stores=4 * runs) as town:
        for run in range(runs):
            first, second, third, fourth = town.stores[4 * run : 4 * run + 4]
            at = time.time_ns() // 1_000 - HOUR_US
            rows = backlog.rows(events, at=at, members=max(1, events // EVENTS_PER_MEMBER))
            single.append(_send_singly(town, first, rows[:singles]))
            road.append(_catch_up(town, second, rows, running(town.worker())))
            unfolded.append(_catch_up(town, fourth, rows, _ledger_worker(town)))
            for ledger_per_s, copy_per_s in _receive_and_copy(town, third, rows):
                alone.append(ledger_per_s)
                copied.append(copy_per_s)
    pace = statistics.median(each.per_s for each in road)
    ledger = statistics.median(alone)
    yield Result(
        name="catch-up: from the outbox to shoppers",
        value=pace,
        unit="events/s",
        goal=Goal(of="ratio", better="at least", number=0.4),
        peer="the ledger alone",
        peer_value=ledger,
        runs=runs,
    )
    yield Result(
        name="catch-up: a hundred events a message",
        value=pace,
        unit="events/s",
        goal=Goal(of="ratio", better="at least", number=6),
        peer="one event a message",
        peer_value=statistics.median(each.per_s for each in single),
        runs=runs,
    )
    yield Result(
        name="catch-up: with the fold",
        value=pace,
        unit="events/s",
        peer="the same road without it",
        peer_value=statistics.median(each.per_s for each in unfolded),
        runs=runs,
    )
    yield Result(
        name="catch-up: the ledger alone",
        value=ledger,
        unit="events/s",
        goal=Goal(of="ratio", better="at least", number=0.5),
        peer="COPY of the same rows",
        peer_value=statistics.median(copied),
        runs=len(alone),
    )
    for part in road[0].cpu_us:
        yield Result(
            name=f"catch-up: processor time, {part}",
            value=statistics.median(each.cpu_us[part] for each in road),
            unit="µs/event",
            runs=runs,
        )


def _catch_up(
    town: Town, store: StoreParts, rows: Sequence[bytes], worker: AbstractContextManager[Running]
) -> Pace:
    """Let a store that was cut off send its backlog, until the last event is folded."""
    store.folder.mkdir()
    fill(store.outbox, rows, recorded_at=time.time_ns() // 1_000 - HOUR_US)
    with _shard(town, store) as shard, worker as working, running(town.agent(store)) as agent:
        pids = {"store": agent.pid or 0, "cloud worker": working.pid or 0}
        return _pace(town, shard, len(rows), pids)


@contextmanager
def _ledger_worker(town: Town) -> Iterator[Running]:
    """Run a cloud worker that folds nothing."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.ledger_worker", str(town.worker_config())],
        cwd=ROOT,
        stdin=subprocess.PIPE,
    )
    try:
        yield worker
    finally:
        worker.communicate(timeout=END_TIMEOUT_S)


def _send_singly(town: Town, store: StoreParts, rows: Sequence[bytes]) -> Pace:
    """Send each event as a message of its own, as many under way as the link takes."""
    topic = up_topic(TENANT, store.name, "back")
    payloads = _payloads(rows, rows_per_batch=1)
    link = town.link(f"{TENANT}-{store.name}")
    heard = threading.Event()

    def send() -> None:
        for payload in payloads:
            while not link.publish(topic, payload, qos=1):
                time.sleep(WINDOW_FULL_S)

    with _shard(town, store) as shard, running(town.worker(**SINGLES_WORKER)) as worker:
        link.open(
            subscriptions=(down_topic(TENANT, store.name),),
            on_message=lambda _topic, _payload: heard.set(),
            on_up=lambda: None,
            on_down=lambda _: None,
            will=lambda: None,
        )
        # The first is sent again until the worker listens; it counts once.
        while not heard.wait(POLL_S):
            link.publish(topic, payloads[0], qos=1)
        threading.Thread(target=send, daemon=True).start()
        pace = _pace(town, shard, len(rows), {"cloud worker": worker.pid or 0})
        link.close()
    return pace


def _pace(town: Town, shard: "Shard", count: int, pids: Mapping[str, int]) -> Pace:
    """Wait from the first event received to the last one folded; see who works meanwhile."""
    pids = {**pids, "broker": town.broker.pid or 0, "database": town.database_pid}
    shard.wait_for(1, "shard_head")
    began_s = time.perf_counter()
    used = {name: cpu_s(pid) for name, pid in pids.items()}
    shard.wait_for(count, "shard_fold")
    took_s = time.perf_counter() - began_s
    cpu_us = {name: (cpu_s(pid) - used[name]) / count * 1e6 for name, pid in pids.items()}
    return Pace(count / took_s, {**cpu_us, "store and cloud together": sum(cpu_us.values())})


class Shard:
    """How far the shard of a store has come since it was first looked at."""

    def __init__(self, connection: psycopg.Connection, store: StoreParts) -> None:
        self._connection = connection
        self._shard = shard_of(TENANT, store.name)
        self._before = self._position("shard_head")

    def wait_for(self, events: int, table: Literal["shard_head", "shard_fold"]) -> None:
        """Wait until so many events are received, or folded."""
        until_s = time.monotonic() + TIMEOUT_S
        while (come := self._position(table) - self._before) < events:
            if time.monotonic() > until_s:
                raise TimeoutError(f"{come} of {events} events in {table} after {TIMEOUT_S:g} s")
            time.sleep(POLL_S)

    def _position(self, table: Literal["shard_head", "shard_fold"]) -> int:
        query = f"SELECT position FROM {table} WHERE shard = %s"
        row = self._connection.execute(query.encode(), (self._shard,)).fetchone()
        return row[0] if row else 0


@contextmanager
def _shard(town: Town, store: StoreParts) -> Iterator[Shard]:
    with psycopg.connect(town.dsn, autocommit=True) as connection:
        yield Shard(connection, store)


def _receive_and_copy(
    town: Town, store: StoreParts, rows: Sequence[bytes]
) -> Iterator[tuple[float, float]]:
    """Take the same events into the ledger, and copy them, some at a time and in turns.

    Yields both in events a second.
    """
    topic = up_topic(TENANT, store.name, "back")
    payloads = _payloads(rows, rows_per_batch=ROWS_PER_BATCH_MAX)
    lines = _ledger_lines(store, rows)
    at_once = BATCHES_AT_ONCE * ROWS_PER_BATCH_MAX
    database = Database(town.dsn)
    with psycopg.connect(town.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE copied (LIKE ledger INCLUDING ALL)")
        # As full as the ledger: what goes into the middle of an index costs more than at its end.
        connection.execute(
            "INSERT INTO copied SELECT * FROM ledger WHERE shard <> %s",
            (shard_of(TENANT, store.name),),
        )
        for first in range(0, len(rows), at_once):
            some = lines[first : first + at_once]
            batches = payloads[first // ROWS_PER_BATCH_MAX :][:BATCHES_AT_ONCE]
            began_s = time.perf_counter()
            incoming = [take_apart(topic, payload) for payload in batches]
            receive(database, incoming, time.time_ns() // 1_000)
            received_s = time.perf_counter()
            with connection.cursor() as cursor, cursor.copy(COPY) as copy:
                copy.set_types(TYPES)
                for line in some:
                    copy.write_row(line)
            copied_s = time.perf_counter()
            yield len(some) / (received_s - began_s), len(some) / (copied_s - received_s)
        connection.execute("DROP TABLE copied")
    database.close()


def _ledger_lines(store: StoreParts, rows: Sequence[bytes]) -> list[tuple[object, ...]]:
    """Return what the ledger would hold of these rows, ready to be copied."""
    shard, stream = shard_of(TENANT, store.name), secrets.token_bytes(STREAM_BYTES)
    day, at = date.today(), time.time_ns() // 1_000  # noqa: DTZ011 (any day will do)
    lines: list[tuple[object, ...]] = []
    for seq, (row, checksum) in enumerate(zip(rows, chain_all(0, rows), strict=True), 1):
        accepted = AcceptedRow(seq, checksum, row)
        event = decode_event(row)
        columns = store_row(TENANT, store.name, stream, accepted, event, live=False)
        lines.append((day, shard, seq, at, *columns))
    return lines


def _payloads(rows: Sequence[bytes], *, rows_per_batch: int) -> list[bytes]:
    """Return rows as the Batches of a new stream, encoded."""
    stream = secrets.token_bytes(STREAM_BYTES)
    befores = [0, *chain_all(0, rows)]
    return [
        encode(
            Batch(
                stream=stream,
                first=first + 1,
                lane="back",
                before=befores[first],
                rows=tuple(rows[first : first + rows_per_batch]),
            )
        )
        for first in range(0, len(rows), rows_per_batch)
    ]
