"""The one writer of the store's database: it records events, many writers to one fsync."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any, Generic, TypeVar

from edge_agent.clock import wall_us
from edge_agent.database import outbox, salvage
from edge_agent.database.database import Database, wipe
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery import retention
from edge_agent.delivery.errors import OutboxFull, RecorderClosed, RecordError
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.losses import Losses
from edge_agent.delivery.writing import Writing
from edge_agent.doorbell import Doorbell
from edge_agent.operators import Operators
from wire.codec import encode_event
from wire.events import Event

__all__ = ["OutboxFull", "RecordError", "Recorder", "RecorderClosed", "Writing"]

T = TypeVar("T")

NOBODY = Operators()
GROUP_WRITES_MAX = 1_000
# While several write at once, a commit waits this long for those that the last one served.
LINGER_MS_MAX = 2
# Of commits that are no news, such as the receipts of a backlog, the bell tells this often.
TOLD_EVERY_S = 1.0

# What SQLite says when it is the disk or the file that fails, not the statement.
STORAGE_ERRORS = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_BUSY,
    }
)


class _Waiter(Generic[T]):
    """One call of `write`, until its group is on disk; `row` where it only appends this one."""

    __slots__ = ("change", "done", "durable", "error", "news", "result", "row")

    def __init__(
        self,
        change: Callable[[Writing], T],
        *,
        durable: bool = True,
        news: bool = True,
        row: bytes = b"",
    ) -> None:
        self.change = change
        self.durable = durable
        self.news = news
        self.row = row
        self.result: list[T] = []
        self.error: BaseException | None = None
        self.done: threading.Lock | None = None

    def run(self, writing: Writing) -> None:
        """Run the change in a savepoint of its own; keep what it raises for its caller."""
        before = writing.tail
        writing.execute("SAVEPOINT writer")
        try:
            self.result.append(self.change(writing))
        except Exception as error:
            # It belongs to the writer's thread, unless it is the disk that fails.
            if is_storage_error(error):
                raise
            self.error = error
        if not writing.connection.in_transaction:
            raise RecordError("a writer ended the transaction; a change must not commit or undo")
        if self.error is not None:
            writing.execute("ROLLBACK TO writer")
            writing.tail = before
        writing.execute("RELEASE writer")

    def answer(self) -> None:
        """Let the caller go on, if it waits in another thread."""
        if self.done is not None:
            self.done.release()

    def fail(self, error: BaseException) -> None:
        """Tell the caller that its write was not recorded."""
        self.result.clear()
        self.error = error


def is_storage_error(error: BaseException) -> bool:
    """Tell whether SQLite reports a failing disk or file, such as a full disk."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.Error) and code is not None and code & 0xFF in STORAGE_ERRORS


def _alike(group: Sequence[_Waiter[Any]]) -> Iterable[Sequence[_Waiter[Any]]]:
    """Part a group, in its order, into those that only append a row and those that do more."""
    if len(group) == 1:
        return (group,)
    return (tuple(part) for _, part in groupby(group, lambda waiter: bool(waiter.row)))


def _run(writing: Writing, waiters: Sequence[_Waiter[Any]]) -> None:
    """Run changes: those that only append a row all at once, since none can fail alone.

    It saves each of them two statements, and with them two waits for the other threads.
    """
    rows = [waiter.row for waiter in waiters]
    seqs = writing.append_rows(rows) if rows[0] else None
    if seqs is None:
        for waiter in waiters:
            waiter.run(writing)
        return
    for waiter, seq in zip(waiters, seqs, strict=True):
        waiter.result.append(seq)


class Recorder:
    """Records what happens in the store.

    Guarantees:
    - `write` and `record` return after the fsync of the commit that holds their change;
    - a change that raises is undone alone; the exception reaches its caller only;
    - when the disk fails, each writer of the group gets a RecordError, and nothing that got one
      is reported as recorded; the next write tries again;
    - a writer that a full outbox turns away gets OutboxFull, and is counted in `refused`;
    - changes with `durable=False` are applied in order like the others, but a power cut may undo
      the last of them: for what can be fetched or computed again;
    - after each commit the doorbell rings; where nothing in it is news, once a second at most.

    A lone writer commits in its own thread; writers that come meanwhile are gathered by the
    recorder's thread, at most GROUP_WRITES_MAX to a commit. Callers wait for theirs, so that as
    many changes wait at most as there are threads. A change must not write through the recorder.
    """

    def __init__(
        self,
        database: Database,
        doorbell: Doorbell,
        limits: Limits,
        *,
        now: Callable[[], int] = wall_us,
        operators: Operators = NOBODY,
    ) -> None:
        self._database = database
        self._operators = operators
        self._doorbell = doorbell
        self._limits = limits
        self._now = now
        self._waiting: deque[_Waiter[Any]] = deque()
        self._wake = threading.Event()
        self._gate = threading.Lock()
        self._turn = threading.Lock()  # who has it uses the database's writer and the tail
        self._last_size = 0
        self._wanted = 1  # waiting writers that wake the recorder's thread
        self._closed = True
        self._thread: threading.Thread | None = None
        self._tail = outbox.tail_of(database.writer)
        self._full_sync = True
        self._unsure = False  # only the file knows what became of the last commit
        self._told_s = 0.0
        self.failure = ""
        self.refused = Losses()
        self.commits = 0
        self.writes = 0

    def start(self) -> None:
        """Start the thread that commits."""
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Record what waits, then stop; later writes raise RecorderClosed. Safe to call twice."""
        with self._gate:
            self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._turn:
            pass  # a lone writer may still be at its commit

    def wipe(self) -> bool:
        """Overwrite what was deleted, in the file and its log; False where a reader is in the way.

        Writers wait meanwhile: for as long as a checkpoint takes, and once in the life of a file
        that an earlier version has written for as long as it takes to write it anew.
        """
        with self._turn:
            return wipe(self._database.writer)

    @property
    def doorbell(self) -> Doorbell:
        """Return the bell that rings after each commit."""
        return self._doorbell

    @property
    def running(self) -> bool:
        """Tell whether writes are taken."""
        return not self._closed

    def record(self, event: Event) -> int:
        """Record an event and return its seq, once it is on disk.

        Raises what `Writing.append` raises, and what `write` does.
        """
        row = encode_event(self._operators.sign(event))
        if self._take_turn():
            seq = 0
            try:
                seq = self._append_alone(row)
            finally:
                self._end_turn()
            if seq:
                self._doorbell.ring()
                return seq
        return self._wait_for(_Waiter(lambda writing: writing.append_row(row), row=row))

    def write(
        self, change: Callable[[Writing], T], *, durable: bool = True, news: bool = True
    ) -> T:
        """Run the change in the next commit and return its result, once it is on disk.

        One that is no `news` changes nothing that a screen shows at once or a reader waits for.

        Raises what the change raises, RecordError when the disk fails, RecorderClosed after close.
        """
        return self._wait_for(_Waiter(change, durable=durable, news=news))

    def _wait_for(self, waiter: _Waiter[T]) -> T:
        if self._take_turn(waiter):
            try:
                self._commit([waiter])
            finally:
                self._end_turn()
        elif waiter.done is not None:
            if len(self._waiting) >= self._wanted:
                self._wake.set()
            waiter.done.acquire()
        if waiter.error is not None:
            if isinstance(waiter.error, OutboxFull):
                self.refused.add(self._now())
            raise waiter.error
        return waiter.result[0]

    def _take_turn(self, waiter: _Waiter[T] | None = None) -> bool:
        """Take the turn, to commit in the own thread, if nobody else wants it; else join them."""
        with self._gate:
            if self._closed:
                raise RecorderClosed("the recorder is closed; nothing can be recorded any more")
            if not self._waiting and self._last_size <= 1 and self._turn.acquire(blocking=False):
                return True
            if waiter is not None:
                waiter.done = threading.Lock()
                waiter.done.acquire()
                self._waiting.append(waiter)
            return False

    def _end_turn(self) -> None:
        self._turn.release()
        if self._waiting:
            self._wake.set()

    def _append_alone(self, row: bytes) -> int:
        """Commit one row and nothing else, and return its seq; 0, with nothing done, without room.

        Each waits for the disk and goes on with cold caches: this is the shortest way there is.
        """
        if self._unsure or not retention.has_room(self._tail, 1, len(row), self._limits):
            return 0
        self._synchronise(full=True)
        self._unsure = True
        try:
            with self._database.transaction() as connection:
                tail = outbox.append(connection, self._tail, row, self._now())
                outbox.save_tail(connection, tail)
        except sqlite3.Error as error:
            raise self._failed(error) from error
        self._tail = tail
        self._unsure = False
        self.commits += 1
        self.writes += 1
        self._last_size = 1
        return tail.head

    def _run(self) -> None:
        try:
            while not self._closed or self._waiting:
                self._wanted = 1
                if not self._waiting and not self._closed:
                    self._wake.wait()
                self._wake.clear()
                if self._last_size > 1:
                    self._linger(self._last_size)
                while self._waiting:
                    with self._turn:
                        size = min(len(self._waiting), GROUP_WRITES_MAX)
                        self._commit([self._waiting.popleft() for _ in range(size)])
        finally:
            self._turn_away()

    def _linger(self, expected: int) -> None:
        self._wanted = expected
        if len(self._waiting) < expected:
            self._wake.wait(LINGER_MS_MAX / 1_000)
        self._wake.clear()

    def _commit(self, group: Sequence[_Waiter[Any]]) -> None:
        """Commit a group and answer its writers; for whoever has the turn."""
        failure: BaseException = RecorderClosed("the recorder's thread ended; nothing was recorded")
        recorded = False
        try:
            self._record(group)
            recorded = True
        except (sqlite3.Error, RecordError) as error:
            failure = error
        finally:
            if recorded:
                self.failure = ""
                self.commits += 1
                self.writes += len(group)
            else:
                self._fail(group, failure)
            self._last_size = len(group)
            for waiter in group:
                waiter.answer()
        self._tell(news=any(waiter.news for waiter in group))

    def _tell(self, *, news: bool) -> None:
        now_s = time.monotonic()
        if news or now_s - self._told_s >= TOLD_EVERY_S:
            self._told_s = now_s
            self._doorbell.ring()

    def _record(self, group: Sequence[_Waiter[Any]]) -> None:
        if self._unsure:
            self._database.reopen_writer()
            self._tail = outbox.tail_of(self._database.writer)
            self._full_sync = True
        self._unsure = True
        self._synchronise(full=any(waiter.durable for waiter in group))
        with self._database.transaction() as connection:
            writing = Writing(connection, self._tail, self._limits, self._now(), self._operators)
            for waiters in _alike(group):
                _run(writing, waiters)
            if writing.tail is not self._tail:
                outbox.save_tail(connection, writing.tail)
        self._tail = writing.tail
        self._unsure = False

    def _synchronise(self, *, full: bool) -> None:
        if full != self._full_sync:
            self._database.writer.execute(f"PRAGMA synchronous={'FULL' if full else 'NORMAL'}")
            self._full_sync = full

    def _fail(self, group: Sequence[_Waiter[Any]], error: BaseException) -> None:
        """Tell all writers of a group that none of it is recorded."""
        for waiter in group:
            waiter.fail(self._failed(error))

    def _failed(self, error: BaseException) -> RecordError:
        """Note that the disk fails, and return what a writer is told."""
        self.failure = f"nothing can be recorded: {error}"
        if salvage.is_damage(error):
            self._database.mark_damaged()
        failure = RecordError(f"not recorded: {error}; free or repair the disk, then try again")
        failure.__cause__ = error
        return failure

    def _turn_away(self) -> None:
        """Answer whoever still waits when the thread ends, also when it ends by a mistake."""
        with self._gate:
            self._closed = True
        while self._waiting:
            waiter = self._waiting.popleft()
            waiter.fail(RecorderClosed("the recorder's thread ended; nothing was recorded"))
            waiter.answer()
