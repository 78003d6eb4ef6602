"""Connections to the database, by what is wanted from it."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, LiteralString, TypeVar

import psycopg
from psycopg import Connection

from cloud_sync.database.migrations import Migration, migrate
from cloud_sync.database.sight import Sight, take

_log = logging.getLogger(__name__)

CONNECTIONS_MAX = 16
CONNECT_TIMEOUT_S = 10
# A deadlock or serialization failure is repeated this often, each after up to the delay below.
ATTEMPTS_MAX = 6
RETRY_DELAY_S_MAX = 0.2

# With many partitions planning a statement takes far longer than running it, and PostgreSQL would
# plan it anew each time. A plan that is kept must not read whole tables, as it would where they
# were small when it was made.
_Plans = Literal["anew", "by key"]
_PLANNED: Mapping[_Plans, LiteralString] = {
    "anew": "RESET plan_cache_mode; RESET enable_seqscan",
    "by key": "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off",
}

T = TypeVar("T")
RETRIED = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


class Database:
    """A pool of connections to one PostgreSQL, or to one that is spread over many machines.

    Guarantees:
    - `ledger` and `shopper` give a connection inside a transaction that commits when the block
      ends and is undone when it raises; `question` one without, for single statements;
    - `seen_by` gives one that only reads, and only what the one who looks may see;
    - at most `connections_max` are open; who asks for more waits for one to come back;
    - a connection that broke is not given out again;
    - all but `shopper` and `seen_by` give one that plans a statement once, to look rows up by key.
    """

    def __init__(self, dsn: str, *, connections_max: int = CONNECTIONS_MAX) -> None:
        """Name the database; connections are opened when first needed."""
        self.dsn = dsn
        self._idle: dict[_Plans, list[Connection]] = {"anew": [], "by key": []}
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(connections_max)
        self._closed = False

    def migrate(self, migrations: Sequence[Migration]) -> list[Migration]:
        """Bring the tables to this version and return the steps that were applied."""
        return migrate(self.dsn, migrations)

    def ledger(self, shard: int) -> AbstractContextManager[Connection]:
        """Open a transaction where the ledger and streams of a shard live."""
        del shard  # one server holds all shards; a spread database is entered by it
        return self._transaction("by key")

    def shopper(self, tenant: str, shopper: str = "") -> AbstractContextManager[Connection]:
        """Open a transaction where a shopper of the tenant lives."""
        del tenant, shopper
        return self._transaction("anew")

    def seen_by(self, sight: Sight) -> AbstractContextManager[Connection]:
        """Open a transaction that only reads, and only what the one who looks may see."""
        return self._seen_by(sight)

    def pipelined(self, shard: int) -> AbstractContextManager[Connection]:
        """Open a transaction like `ledger`, in which nothing waits but for answers that are read.

        What a statement is refused for is raised by the next one that waits, or by the commit. It
        takes no COPY, and a `rowcount` is not known until then.
        """
        del shard
        return self._pipelined()

    def question(self, shard: int) -> AbstractContextManager[Connection]:
        """Open a connection where a shard lives, for statements that each stand alone."""
        del shard
        return self._connected("by key")

    def close(self) -> None:
        """Close the idle connections; those in use are closed when they come back."""
        with self._lock:
            self._closed = True
            idle = self._all_idle()
        for connection in idle:
            connection.close()

    @contextmanager
    def _transaction(self, plans: _Plans) -> Iterator[Connection]:
        with self._connected(plans) as connection, connection.transaction():
            yield connection

    @contextmanager
    def _seen_by(self, sight: Sight) -> Iterator[Connection]:
        with self._transaction("anew") as connection:
            take(connection, sight)
            yield connection

    @contextmanager
    def _pipelined(self) -> Iterator[Connection]:
        with (
            self._connected("by key") as connection,
            connection.pipeline(),
            connection.transaction(),
        ):
            yield connection

    @contextmanager
    def _connected(self, plans: _Plans) -> Iterator[Connection]:
        with self._free:
            planned, connection = self._take(plans)
            try:
                if planned != plans:
                    connection.execute(_PLANNED[plans])
                yield connection
            finally:
                self._give_back(connection, plans)

    def _take(self, plans: _Plans) -> tuple[_Plans, Connection]:
        """Return an idle connection or a new one, and how it plans; an idle one comes first."""
        with self._lock:
            for planned in (plans, *self._idle):
                if idle := self._idle[planned]:
                    return planned, idle.pop()
        connection = psycopg.connect(self.dsn, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)
        return "anew", connection

    def _give_back(self, connection: Connection, plans: _Plans) -> None:
        with self._lock:
            if not connection.broken and not connection.closed and not self._closed:
                self._idle[plans].append(connection)
                return
            # One broken connection means the server went: its idle siblings are broken, too.
            idle = self._all_idle()
        for each in (connection, *idle):
            each.close()

    def _all_idle(self) -> list[Connection]:
        """Take all idle connections out; for whoever has the lock."""
        taken = [connection for idle in self._idle.values() for connection in idle]
        for idle in self._idle.values():
            idle.clear()
        return taken


@contextmanager
def pipelining(connection: Connection) -> Iterator[None]:
    """Let the statements of the block go to the server without waiting for each.

    In a transaction that is pipelined itself, its end does not wait for them either.
    """
    if connection.info.pipeline_status:
        yield
        return
    with connection.pipeline():
        yield


def retried(
    place: Callable[[], AbstractContextManager[Connection]], work: Callable[[Connection], T]
) -> T:
    """Do `work` in a transaction at `place`, again when it met a deadlock.

    The last attempt's error is raised. `work` runs anew each time and must have no effect outside
    its transaction.
    """
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            with place() as connection:
                return work(connection)
        except RETRIED:
            if attempt == ATTEMPTS_MAX:
                raise
            time.sleep(random.uniform(0, RETRY_DELAY_S_MAX))  # noqa: S311 (spreads load only)
            _log.info("a transaction met a deadlock and is repeated")
    raise AssertionError("unreachable: the last attempt returns or raises")
