"""The store's one database file: one thread writes it, many read it."""

import fcntl
import threading
from contextlib import AbstractContextManager
from pathlib import Path

from edge_agent.database import salvage, streams
from edge_agent.database.migrations import migrate
from edge_agent.database.sqlite import sqlite3

BUSY_MS = 10_000
# Who wipes holds up all writers, and comes again: it waits for readers only so long.
WIPE_WAIT_MS = 200
WRITER_CACHE_KIB = 2_048
READER_CACHE_KIB = 256  # each thread of the web server has a reader
WAL_BYTES_KEPT = 16 * 1024 * 1024
# A commit that finds so much in the write-ahead log brings it into the file itself.
WAL_PAGES_MAX = 4_000

# Earlier versions can corrupt a write-ahead log that two processes reset at the same time.
SQLITE_SHARED = (3, 51, 3)
SHARED = sqlite3.sqlite_version_info >= SQLITE_SHARED

READER_PRAGMAS = ("query_only=ON", "synchronous=FULL", f"cache_size=-{READER_CACHE_KIB}")
WRITER_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    # What is deleted is overwritten, so that nothing of a shopper who was erased stays in the file.
    "secure_delete=ON",
    f"cache_size=-{WRITER_CACHE_KIB}",
    f"journal_size_limit={WAL_BYTES_KEPT}",
)


class DatabaseError(Exception):
    """The store's database cannot be used."""


class DatabaseInUse(DatabaseError):
    """Another process writes this file."""


class immediate:  # noqa: N801 (it is used as a function)
    """Runs a block in one transaction that takes the write lock at once.

    A deferred begin would fail half-way with "database is locked" where two connections first
    read and then write.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        try:
            if failed is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


class Database:
    """The store's SQLite file.

    Guarantees:
    - one process at a time opens it for writing, and in it only the recorder writes;
    - a file that SQLite cannot read is set aside with its bytes, never deleted; what can be read
      of it is in the new file (`salvaged` tells where the old one lies and what was saved);
    - a commit at the usual `synchronous=FULL` is on disk when it returns.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.salvaged: salvage.Salvaged | None = None
        self._own = threading.local()
        self._guard = threading.Lock()
        self._readers: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._writer: sqlite3.Connection | None = None
        if read_only:
            _check_shared(path)
            return
        try:
            if path.is_dir():
                raise DatabaseError(f"{path} is a folder; move it away, or name another file")
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = path.with_name(path.name + ".lock").open("a")
        except OSError as error:
            raise DatabaseError(
                f"{path} cannot be used: {error.strerror}; give the agent's account the right to "
                "write there, or name another folder"
            ) from error
        _lock_file(self._lock.fileno(), path)
        self._writer = self._open_or_salvage()

    @property
    def writer(self) -> sqlite3.Connection:
        """Return the one connection that writes; it belongs to the recorder."""
        if self._writer is None:
            raise DatabaseError(f"{self.path} was opened to read only, or is closed")
        return self._writer

    def reader(self) -> sqlite3.Connection:
        """Return this thread's connection for reading; keep no cursor of it open for long."""
        connection: sqlite3.Connection | None = getattr(self._own, "reader", None)
        if connection is None:
            uri = f"{self.path.absolute().as_uri()}?mode={'rw' if self._writer else 'ro'}"
            connection = _connect(uri, READER_PRAGMAS)
            with self._guard:
                self._close_readers_of_ended_threads()
                self._readers.append((threading.current_thread(), connection))
            self._own.reader = connection
        return connection

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Run the block in one immediate transaction; for the recorder alone."""
        return immediate(self.writer)

    def checkpoint(self) -> None:
        """Bring what the write-ahead log holds into the file, while commits go on.

        Who stands before a screen would wait 30 ms for it otherwise, once in a few hundred commits.
        With an older SQLite, in which only the writer may do it, they still do.
        """
        if SHARED:
            self.reader().execute("PRAGMA wal_checkpoint(PASSIVE)")

    def reopen_writer(self) -> None:
        """Open the writing connection anew, after an error whose outcome only the file knows."""
        self.writer.close()
        self._writer = _open_writer(self.path)

    @property
    def damaged(self) -> bool:
        """Tell whether the file waits to be salvaged at the next start."""
        return salvage.marker(self.path).exists()

    def mark_damaged(self) -> None:
        """Have the file salvaged at the next start: SQLite found it malformed."""
        salvage.marker(self.path).touch()

    def close(self) -> None:
        """Close all connections; safe to call twice."""
        with self._guard:
            for _, connection in self._readers:
                connection.close()
            self._readers.clear()
        self._own = threading.local()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._lock.close()

    def _open_or_salvage(self) -> sqlite3.Connection:
        if not salvage.marker(self.path).exists():
            try:
                return _open_writer(self.path)
            except sqlite3.DatabaseError as error:
                if not salvage.is_damage(error):
                    raise DatabaseError(
                        f"{self.path} cannot be opened: {error}; free or repair the disk, then "
                        "start again"
                    ) from error
        set_aside = salvage.set_aside(self.path)
        connection = _open_writer(self.path)
        with immediate(connection):
            self.salvaged = salvage.salvage(set_aside, connection)
        return connection

    def _close_readers_of_ended_threads(self) -> None:
        for thread, connection in self._readers:
            if not thread.is_alive():
                connection.close()
        self._readers = [pair for pair in self._readers if pair[0].is_alive()]


def wipe(connection: sqlite3.Connection) -> bool:
    """Leave nothing of what was deleted in the file and its log; False when it must wait.

    To be called between two transactions. Pages freed before deleting overwrote them are
    overwritten by writing the file anew, once.
    """
    connection.execute(f"PRAGMA busy_timeout={WIPE_WAIT_MS}")
    try:
        (is_done,) = connection.execute("SELECT freed FROM overwritten").fetchone()
        if not is_done:
            connection.execute("VACUUM")
            connection.execute("UPDATE overwritten SET freed = 1")
        (blocked, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not blocked
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return False
        raise
    finally:
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")


def _connect(uri: str, pragmas: tuple[str, ...]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_MS / 1_000, isolation_level=None, check_same_thread=False
    )
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _open_writer(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=rwc"
    connection = _connect(uri, WRITER_PRAGMAS)
    try:
        if migrate(connection):
            # One that has made tables takes half as long again for each commit, measured, for good.
            connection.close()
            connection = _connect(uri, WRITER_PRAGMAS)
        if SHARED:
            connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES_MAX}")
        with immediate(connection):
            streams.begin_first(connection)
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def _lock_file(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DatabaseInUse(
            f"{path} is written by another process; stop the other agent, or give this one "
            "another file"
        ) from error


def _check_shared(path: Path) -> None:
    if not SHARED:
        raise DatabaseInUse(
            f"{path} cannot be read from a second process with SQLite {sqlite3.sqlite_version}; "
            f"{'.'.join(map(str, SQLITE_SHARED))} or later can share it"
        )
