"""Outboxes that hold any number of events, filled at once."""

from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path

from benchmarks import backlog
from edge_agent.database import outbox
from edge_agent.database.database import Database, immediate
from edge_agent.database.outbox import Tail
from edge_agent.database.sqlite import sqlite3
from wire.codec import chain

DIFFERENT_ROWS = 10_000


def many_rows(count: int, *, at: int) -> Iterator[bytes]:
    """Yield rows for a large outbox: DIFFERENT_ROWS of them, again and again."""
    return islice(cycle(backlog.rows(min(count, DIFFERENT_ROWS), at=at)), count)


def fill(path: Path, rows: Iterable[bytes], *, recorded_at: int) -> Tail:
    """Fill the outbox of a new store's file, as the recorder would have, and return its end."""
    Database(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    # A power cut would cost a benchmark, no events.
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    filling = _Filling(outbox.tail_of(connection), recorded_at)
    with immediate(connection):
        connection.executemany(outbox.INSERT, filling.columns(rows))
        outbox.save_tail(connection, filling.tail)
    connection.close()
    return filling.tail


class _Filling:
    """The end of a stream while rows are appended to it."""

    def __init__(self, tail: Tail, recorded_at: int) -> None:
        self.tail = tail
        self._recorded_at = recorded_at

    def columns(self, rows: Iterable[bytes]) -> Iterator[tuple[object, ...]]:
        """Yield what is inserted; afterwards `tail` is the new end."""
        was = self.tail
        seq, before, bytes_to = was.head, was.checksum, was.bytes_to
        for row in rows:
            seq += 1
            bytes_to += len(row)
            checksum = chain(before, row)
            yield was.base + seq, self._recorded_at, before, checksum, bytes_to, row
            before = checksum
        self.tail = Tail(
            was.number,
            was.stream,
            was.base,
            seq,
            before,
            bytes_to,
            was.kept_rows + seq - was.head,
            was.kept_bytes + bytes_to - was.bytes_to,
            was.absent_rows,
        )
