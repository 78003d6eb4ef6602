"""Builders for tests of the store's durable half: events, and a running store in a folder."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_agent.clock import FixedClock
from edge_agent.database import outbox
from edge_agent.database.database import Database
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery import retention
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.recorder import Recorder, Writing
from edge_agent.doorbell import Doorbell
from wire.codec import decode_event
from wire.events import Event, Scan

WAIT_S = 20
PAGE = 4_096


def event(number: int = 0, product: str = "4006381333931") -> Event:
    """A scan; `number` tells events apart."""
    return Event(
        occurred_at=1_750_000_000_000_000 + number,
        mono_ms=number,
        boot=1,
        clock=2,
        device="camera-1",
        zone="door",
        identifiers=(),
        body=Scan("product", "ean13", product),
    )


def number_of(row: bytes) -> int:
    """The number that `event` was given."""
    return decode_event(row).mono_ms


@dataclass
class StoreParts:
    path: Path
    database: Database
    doorbell: Doorbell
    recorder: Recorder
    clock: FixedClock

    def record(self, count: int, first: int = 0) -> list[int]:
        """Record so many events in one commit, and return their seqs."""

        def change(writing: Writing) -> list[int]:
            return [writing.append(event(number)) for number in range(first, first + count)]

        return self.recorder.write(change)

    @property
    def tail(self) -> outbox.Tail:
        return outbox.tail_of(self.database.reader())

    def numbers(self, first: int = 1, last: int | None = None) -> list[int]:
        """The numbers of the sound rows of the present stream."""
        tail = self.tail
        found = outbox.read(self.database.reader(), tail.base, first, last or tail.head)
        return [number_of(row.row) for row in found.rows]

    def receipt(self, watermark: int, ranges: tuple[tuple[int, int], ...] = ()) -> None:
        """Note that the cloud holds these seqs."""
        now = self.clock.now()

        def change(writing: Writing) -> None:
            outbox.save_received(writing.connection, watermark, ranges)
            retention.mark_received(writing.connection, watermark, now)

        self.recorder.write(change)

    def tear(self, sql: str, *args: object) -> None:
        """Change the file behind the recorder's back, as a failing disk does."""
        self.recorder.write(lambda writing: writing.execute(sql, args))


@contextmanager
def store_in(
    folder: Path, limits: Limits | None = None, clock: FixedClock | None = None
) -> Iterator[StoreParts]:
    """A running store in a folder; leaving it closes the store."""
    database = Database(folder / "store.sqlite3")
    doorbell = Doorbell()
    clock = clock or FixedClock()
    recorder = Recorder(database, doorbell, limits or Limits(), now=lambda: clock.now().at)
    recorder.start()
    try:
        yield StoreParts(database.path, database, doorbell, recorder, clock)
    finally:
        recorder.close()
        database.close()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds; fails after WAIT_S."""
    until = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < until, f"waited {WAIT_S} s for {what}"
        time.sleep(0.005)


class Gate:
    """A write that keeps the recorder's thread busy until it is opened, so that others queue up."""

    def __init__(self, recorder: Recorder) -> None:
        self._open = threading.Event()
        entered = threading.Event()

        def change(_: Writing) -> None:
            entered.set()
            assert self._open.wait(WAIT_S)

        self._thread = threading.Thread(target=recorder.write, args=(change,))
        self._thread.start()
        assert entered.wait(WAIT_S)

    def open(self) -> None:
        self._open.set()
        self._thread.join(WAIT_S)


def overwrite(path: Path, page: int) -> bytes:
    """Write nonsense over one page of the file, and return what the file is then."""
    content = bytearray(path.read_bytes())
    content[page * PAGE : (page + 1) * PAGE] = b"\xa5" * PAGE
    path.write_bytes(content)
    return bytes(content)


def leaf_pages(path: Path, table: str) -> list[int]:
    """The pages (from 0) that hold rows of a table."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    root = connection.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)
    ).fetchone()[0]
    connection.close()
    content = path.read_bytes()
    page = content[(root - 1) * PAGE : root * PAGE]
    cells = int.from_bytes(page[3:5], "big")
    pointers = [int.from_bytes(page[12 + 2 * n : 14 + 2 * n], "big") for n in range(cells)]
    return [int.from_bytes(page[at : at + 4], "big") - 1 for at in pointers]
