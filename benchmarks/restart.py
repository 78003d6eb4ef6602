"""A long queue costs no more than a short one: at the restart, and at each step of the drain.

`python -m benchmarks.restart FILE` opens a store's file, records one event, prints how long both
took, and ends as by a power cut.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import backlog
from benchmarks.outboxes import fill, many_rows
from benchmarks.processes import said_by
from benchmarks.receipts import ReceiptingCloud
from benchmarks.result import Goal, Result
from edge_agent.clock import FixedClock
from edge_agent.database.database import Database
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.recorder import Recorder
from edge_agent.delivery.tidy import tidy
from edge_agent.doorbell import Doorbell
from edge_agent.uplink import StoreIdentity, Uplink
from wire.codec import ROWS_PER_BATCH_MAX
from wire.loopback import LoopbackBroker, LoopbackLink

TENANT, STORE = "maru", "s0001"
HOUR_US = 3_600_000_000
DRAIN_TIMEOUT_S = 120.0
# The first steps of a turn, while the line comes up, are not counted.
STEPS_BEFORE = 10


def restart(
    *,
    many: int = 1_000_000,
    few: int = 10_000,
    drain_many: int = 10_000_000,
    drain_few: int = 100_000,
    steps: int = 80,
    runs: int = 7,
) -> Iterator[Result]:
    """Measure the restart with `many` and `few` queued, and drain `steps` Batches a turn."""
    with TemporaryDirectory(prefix="storebridge-bench-") as folder:
        yield from _restarts(Path(folder), many, few, runs)
    with TemporaryDirectory(prefix="storebridge-bench-") as folder:
        yield from _drains(Path(folder), drain_many, drain_few, steps, runs)


def _restarts(folder: Path, many: int, few: int, runs: int) -> Iterator[Result]:
    files = {count: _filled(folder, count) for count in (many, few)}
    took_ms: dict[int, list[float]] = {many: [], few: []}
    for run in range(runs + 1):
        for count in (many, few) if run % 2 else (few, many):
            _forget_pages(files[count])
            said = said_by("benchmarks.restart", files[count])
            if run:  # the first leaves the write-ahead log that the others find
                took_ms[count].append(said["ms"])
    value, peer = statistics.median(took_ms[many]), statistics.median(took_ms[few])
    yield Result(
        name=f"restart: from opening to the first record, {many:,} queued",
        value=value,
        unit="ms",
        goal=Goal(of="value", better="at most", number=300),
        runs=runs,
    )
    yield Result(
        name=f"restart: {many:,} queued beside {few:,}",
        value=value,
        unit="ms",
        goal=Goal(of="ratio", better="at most", number=1.5),
        peer=f"the same with {few:,} queued",
        peer_value=peer,
        runs=runs,
    )


def _filled(folder: Path, count: int) -> Path:
    at = time.time_ns() // 1_000
    path = folder / f"{count}.sqlite3"
    fill(path, many_rows(count, at=at), recorded_at=at - HOUR_US)
    return path


def _forget_pages(path: Path) -> None:
    """Have the system forget what it holds of a file in memory, as after a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _drains(folder: Path, many: int, few: int, steps: int, runs: int) -> Iterator[Result]:
    draining = {count: Draining(_filled(folder, count)) for count in (many, few)}
    took_ms: dict[int, list[float]] = {many: [], few: []}
    for run in range(runs):
        for count in (many, few) if run % 2 else (few, many):
            took_ms[count].append(draining[count].step_ms(steps))
    for each in draining.values():
        each.close()
    yield Result(
        name=f"drain: a step of {ROWS_PER_BATCH_MAX} rows, {many:,} queued",
        value=statistics.median(took_ms[many]),
        unit="ms",
        goal=Goal(of="ratio", better="at most", number=1.5),
        peer=f"the same with {few:,} queued",
        peer_value=statistics.median(took_ms[few]),
        runs=runs,
    )


class Draining:
    """A store with a backlog that it sends, to a cloud that receipts, a part at a time."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        self._recorder = Recorder(self._database, Doorbell(), Limits())
        self._recorder.start()
        self._clock = FixedClock(time.time_ns() // 1_000)
        self._broker = LoopbackBroker()
        link = LoopbackLink(self._broker, "cloud")
        self._cloud = ReceiptingCloud(link, tenant=TENANT, store=STORE)
        self._cloud_link = link

    def step_ms(self, steps: int) -> float:
        """Send so many Batches and delete their rows; returns the time that one of them took."""
        self._clock.advance(120)  # what was receipted in the last turn has its mark by now
        was = self._cloud.rows
        wanted = self._cloud.take((STEPS_BEFORE + steps) * ROWS_PER_BATCH_MAX)
        link = LoopbackLink(self._broker, f"{TENANT}-{STORE}")
        identity = StoreIdentity(tenant=TENANT, store=STORE)
        uplink = Uplink(self._database, self._recorder, link, self._clock, identity)
        uplink.start()
        if not self._cloud.wait(timeout_s=DRAIN_TIMEOUT_S):
            raise TimeoutError(f"the backlog is not drained after {DRAIN_TIMEOUT_S:g} s")
        uplink.close()
        began_s = time.perf_counter()
        tidy(self._recorder, Limits(kept_after_receipt_s=0), self._clock.now())
        deleting_s = time.perf_counter() - began_s
        came = [each for each in self._cloud.came if was < each[1] <= wanted][STEPS_BEFORE - 1 :]
        sending_s = came[-1][0] - came[0][0]
        return (sending_s + deleting_s) / (len(came) - 1) * 1_000

    def close(self) -> None:
        """Close the store."""
        self._cloud_link.close()
        self._recorder.close()
        self._database.close()


def main() -> None:
    """Restart a store and print how long it took."""
    event = next(backlog.events(1, at=time.time_ns() // 1_000))
    began_s = time.perf_counter()
    database = Database(Path(sys.argv[1]))
    recorder = Recorder(database, Doorbell(), Limits())
    recorder.start()
    recorder.record(event)
    print(json.dumps({"ms": (time.perf_counter() - began_s) * 1_000}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
