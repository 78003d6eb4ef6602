"""A connector: tells one other system of shoppers, in a thread of its own that others restart.

Nothing that becomes of one system delays another, nor the worker: all that they share is the
database.
"""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import psycopg

from cloud_sync.cloud import wall_time
from cloud_sync.database import Database, retried
from cloud_sync.flow import queue
from cloud_sync.flow.messages import News, news, read_state
from cloud_sync.flow.senders import AwayError, RefusedError, Sender

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1
# A system that is away is asked again after 1 s, then twice as long each time, up to:
PAUSE_S_MAX = 600
# Whoever could not be told of for so long becomes a dead letter.
GIVE_UP_S = 3 * 86_400
SECOND = 1_000_000
LOST = (psycopg.OperationalError, psycopg.InterfaceError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """Whom a connector tells of: those who allow it, in one of `audiences` where any is named."""

    tenant: str
    connector: str
    audiences: tuple[str, ...] = ()


def pause_s(failures: int, *, chance: float, asked_s: int | None = None) -> float:
    """Return how long to leave a system alone after so many failures in a row (0 the first).

    `chance` is uniform in [0, 1): many connectors do not come back in the same second.
    """
    doubled = min(PAUSE_S_MAX, 2.0 ** min(failures, 30))
    return max(doubled * (0.5 + chance / 2), asked_s or 0)


class Connector:
    """Tells one system of all who are due, until it is closed.

    Guarantees:
    - a message is sent at least once, with the same id when it is sent again;
    - nothing is told without leave that was asked for in the same step;
    - a system that is away is left alone for longer and longer; a message that it refuses becomes
      a dead letter alone, and the others go on.
    """

    def __init__(
        self,
        database: Database,
        purpose: Purpose,
        sender: Sender,
        *,
        now: Callable[[], int] = wall_time,
    ) -> None:
        self._database = database
        self._purpose = purpose
        self._sender = sender
        self._now = now
        self._random = random.SystemRandom()

    @property
    def name(self) -> str:
        """Return its name in the configuration."""
        return self._purpose.connector

    def run(self, stop: threading.Event) -> None:
        """Tell of whoever is due until `stop` is set, and end after what is being sent."""
        while not stop.is_set():
            try:
                told = self.step()
            except LOST as error:
                told = 0
                _log.warning("a connector waits for the database (%s)", type(error).__name__)
            if not told:
                stop.wait(LOOK_EVERY_S)

    def step(self) -> int:
        """Tell of some shoppers who are due, and return of how many; 0: nobody, or not now."""
        due = retried(self._open, self._claim)
        if not due:
            return 0
        found = retried(self._open, lambda connection: self._news(connection, due))
        quiet = [each for each in found if each.message is None]
        self._note(quiet)
        self._send([each for each in found if each.message is not None])
        return len(due)

    def _open(self) -> AbstractContextManager[psycopg.Connection]:
        return self._database.shopper(self._purpose.tenant)

    def _claim(self, connection: psycopg.Connection) -> list[queue.Due]:
        tenant, name = self._purpose.tenant, self._purpose.connector
        row = connection.execute(
            "SELECT paused_until FROM connector WHERE tenant = %s AND connector = %s",
            (tenant, name),
        ).fetchone()
        if row is None or row[0] > self._now():
            return []
        return queue.claim(connection, tenant, name, self._now(), self._sender.messages_max)

    def _news(self, connection: psycopg.Connection, due: Sequence[queue.Due]) -> list[News]:
        purpose = self._purpose
        state = read_state(
            connection, purpose.tenant, purpose.connector, [each.shopper for each in due]
        )
        now = self._now()
        return [
            news(each, state, connector=purpose.connector, wanted=purpose.audiences, now=now)
            for each in due
        ]

    def _send(self, part: Sequence[News]) -> None:
        if not part:
            return
        try:
            self._sender.send([each.message for each in part if each.message is not None])
        except AwayError as error:
            self._wait(part, error)
        except RefusedError as error:
            if len(part) == 1:
                self._bury(part[0], str(error))
                return
            middle = len(part) // 2
            self._send(part[:middle])
            self._send(part[middle:])
        else:
            self._note(part)
            self._sent(len(part))

    def _note(self, part: Sequence[News]) -> None:
        if not part:
            return
        checksums = [(each.due, each.checksum) for each in part]
        tenant, name = self._purpose.tenant, self._purpose.connector
        retried(
            self._open,
            lambda connection: queue.told(connection, tenant, name, checksums, self._now()),
        )

    def _sent(self, count: int) -> None:
        now = self._now()
        with self._open() as connection:
            connection.execute(
                "UPDATE connector SET sent = sent + %s, sent_at = %s, failures = 0, reason = ''"
                " WHERE tenant = %s AND connector = %s",
                (count, now, self._purpose.tenant, self._purpose.connector),
            )

    def _wait(self, part: Sequence[News], error: AwayError) -> None:
        tenant, name = self._purpose.tenant, self._purpose.connector
        with self._open() as connection:
            row = connection.execute(
                "SELECT failures FROM connector WHERE tenant = %s AND connector = %s",
                (tenant, name),
            ).fetchone()
            failures = row[0] if row else 0
            seconds = pause_s(failures, chance=self._random.random(), asked_s=error.retry_after_s)
            now = self._now()
            queue.delay(
                connection,
                tenant,
                name,
                [each.due for each in part],
                until=now + round(seconds * SECOND),
                reason=str(error),
                now=now,
                give_up_before=now - GIVE_UP_S * SECOND,
            )
        if not failures:
            _log.warning("connector %s of %s waits: %s", name, tenant, _ours(str(error)))

    def _bury(self, one: News, reason: str) -> None:
        tenant, name = self._purpose.tenant, self._purpose.connector
        with self._open() as connection:
            queue.bury(connection, tenant, name, one.due, reason, self._now())
        _log.warning("connector %s of %s: a dead letter (%s)", name, tenant, _ours(reason))


def _ours(reason: str) -> str:
    """Return a reason without the other system's own words, which may repeat what it was told."""
    return reason.partition(": ")[0]


def enlist(connection: psycopg.Connection, purposes: Sequence[Purpose]) -> None:
    """Make sure that each connector has its row; a new one tells of everybody who is known."""
    for each in purposes:
        fresh = connection.execute(
            "INSERT INTO connector (tenant, connector) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            (each.tenant, each.connector),
        ).rowcount
        if fresh:
            queue.put_everybody(connection, each.tenant, wall_time())


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a connector stands; times are µs UTC."""

    connector: str
    waiting: int
    oldest_since: int | None
    dead: int
    sent: int
    sent_at: int | None
    failures: int
    paused_until: int
    reason: str


def standings(connection: psycopg.Connection, tenant: str) -> list[Standing]:
    """Return how the connectors of a tenant stand, by name."""
    rows = connection.execute(
        "SELECT connector, count(due.shopper) FILTER (WHERE due.dead_at IS NULL),"
        " min(due.since) FILTER (WHERE due.dead_at IS NULL),"
        " count(due.dead_at), sent, sent_at, failures, paused_until, connector.reason"
        " FROM connector LEFT JOIN connector_due AS due USING (tenant, connector)"
        " WHERE tenant = %s GROUP BY tenant, connector ORDER BY connector",
        (tenant,),
    )
    return [
        Standing(
            connector=name,
            waiting=waiting,
            oldest_since=since,
            dead=dead,
            sent=sent,
            sent_at=sent_at,
            failures=failures,
            paused_until=paused_until,
            reason=reason,
        )
        for name, waiting, since, dead, sent, sent_at, failures, paused_until, reason in rows
    ]


def drop(connection: psycopg.Connection, tenant: str, connector: str) -> bool:
    """Forget a connector with all that it was to tell and has told; tells whether there was one."""
    for table in ("connector_due", "connector_told"):
        connection.execute(
            f"DELETE FROM {table} WHERE tenant = %s AND connector = %s",  # noqa: S608
            (tenant, connector),
        )
    return bool(
        connection.execute(
            "DELETE FROM connector WHERE tenant = %s AND connector = %s", (tenant, connector)
        ).rowcount
    )
