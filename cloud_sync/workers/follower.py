"""The follower: goes on from the ledger to the shoppers, the decisions and back to the stores."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from cloud_sync.database import Database
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.intake.tail import TAIL_EVENTS_MAX
from cloud_sync.publisher import Publisher
from cloud_sync.workers.folding import (
    BUSY_EVENTS,
    DUE_SHOPPERS_MAX,
    HURRIED_SHOPPERS_MAX,
    Folding,
)
from cloud_sync.workers.pending import pending
from cloud_sync.workers.shards import Lease, Leases

_log = logging.getLogger(__name__)

# After the database was lost a loop tries again this often.
DATABASE_RETRY_S = 0.5
# The backlog's events gather for up to the first time before they are folded, as long as more of
# them come and nobody was named live for a while: whoever stands at a kiosk waits for the fold.
FOLD_PATIENCE_MS = 1_000
FOLD_PAUSE_MS = 100
PATIENT_WHEN_QUIET_S = 10.0
DUE_PAUSE_MS = 500
DUE_WAIT_MS_MAX = 5_000
# With so many events received and not folded yet, no more of a backlog is taken in.
BEHIND_EVENTS_MAX = TAIL_EVENTS_MAX // 2
# A live event named somebody within this time: the follower takes short steps, and gives way to new
# ones.
HURRIED_WITHIN_S = 1.0
GIVEN_WAY_S_MAX = 0.02
# A live event that is answered by the fold waits until those before it are folded.
HURRIED_BEHIND_MAX = 300
LOST = (psycopg.OperationalError, psycopg.InterfaceError)


@dataclass(slots=True, kw_only=True)
class Figures:
    """What a worker has counted since it started."""

    appended: int = 0
    poisoned: int = 0
    receipts: int = 0
    folded: int = 0
    updates: int = 0
    unreadable_topics: int = 0
    database_losses: int = 0


def until_closed(
    closing: threading.Event, turn: Callable[[], None], leases: Leases, figures: Figures
) -> None:
    """Turn until closed; after the database was lost, with new leases."""
    while not closing.is_set():
        try:
            turn()
        except LOST as error:
            # What a turn did not commit is done again: by the store, or from the fold's position.
            figures.database_losses += 1
            _log.warning("the database was lost (%s); trying again", type(error).__name__)
            leases.void()
            closing.wait(DATABASE_RETRY_S)


class Follower:
    """Folds, decides and publishes for the shards held, in a thread beside the one that receives.

    Both work at once, since each spends half its time waiting for the database. They meet there:
    what `ring` hands over saves reading it back, and a lost ring costs one poll interval.

    Guarantees:
    - a fold and what follows from it commit only under the newest lease of the shard;
    - what the database or another worker prevents is done again from the fold's position.
    """

    def __init__(
        self,
        database: Database,
        leases: Leases,
        folding: Folding,
        publisher: Publisher,
        figures: Figures,
        *,
        poll_s: float,
    ) -> None:
        self._database = database
        self._leases = leases
        self._folding = folding
        self._publisher = publisher
        self._figures = figures
        self._poll_s = poll_s
        self._bell = threading.Event()
        self._closing = threading.Event()
        self._way = threading.Event()
        self._way.set()
        self._quiet_s = 0.0
        self._backlog_at_ms = 0
        self._folded_at_ms = 0
        self._due_at_ms = time.monotonic_ns() // 1_000_000
        self._more = False
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    @property
    def alive(self) -> bool:
        """Tell whether its thread runs."""
        return self._thread.is_alive()

    @property
    def is_behind(self) -> bool:
        """Tell whether so much waits to be folded that no more of a backlog should come in."""
        most = HURRIED_BEHIND_MAX if self._is_hurried else BEHIND_EVENTS_MAX
        return self._folding.remembered > most

    @property
    def _is_hurried(self) -> bool:
        return self._quiet_s < HURRIED_WITHIN_S

    def start(self) -> None:
        """Follow the ledger from now on."""
        self._thread.start()

    def close(self) -> None:
        """Finish the turn and stop."""
        self._closing.set()
        self._bell.set()
        if self._thread.is_alive():
            self._thread.join()

    def ring(
        self,
        appended: Mapping[int, Sequence[LedgerEvent]],
        *,
        quiet_s: float,
        backlog: bool,
    ) -> None:
        """Say what was just committed; `quiet_s` is the time since a live event named somebody."""
        self._folding.remember(appended)
        self._quiet_s = quiet_s
        if backlog:
            self._backlog_at_ms = time.monotonic_ns() // 1_000_000
        self._bell.set()

    def give_way(self) -> None:
        """Begin no step until the next `giving_way` is over, for GIVEN_WAY_S_MAX at most."""
        self._way.clear()

    @contextmanager
    def giving_way(self) -> Iterator[None]:
        """Begin no step in the block, for GIVEN_WAY_S_MAX at most: somebody stands at a screen."""
        self.give_way()
        try:
            yield
        finally:
            self._way.set()

    def _run(self) -> None:
        until_closed(self._closing, self._turn, self._leases, self._figures)

    def _turn(self) -> None:
        if not self._more:
            self._bell.wait(self._poll_s)
        self._bell.clear()
        leases = self._leases.held("follower")
        if not leases:
            self._more = False
            return
        now = time.time_ns() // 1000
        now_ms = time.monotonic_ns() // 1_000_000
        with self._database.question(min(leases)) as connection:
            waiting = pending(connection, leases)
        patient = self._is_patient(now_ms)
        hurried = self._is_hurried
        self._way.wait(GIVEN_WAY_S_MAX)
        step = self._folding.step(leases, now, waiting.behind, patient=patient, hurried=hurried)
        self._figures.folded += step.folded
        if step.folded or waiting.updates:
            # What live events led to goes out before anybody of the backlog is decided.
            self._figures.updates += self._publisher.send(now_ms)
        busy = patient or step.folded >= BUSY_EVENTS
        rest = False
        if not busy:
            self._way.wait(GIVEN_WAY_S_MAX)
            rest = (waiting.shoppers and self._decide_due(leases, now, now_ms)) or (
                waiting.interests and self._folding.count_interests(leases)
            )
        self._more = step.more or rest

    def _is_patient(self, now_ms: int) -> bool:
        """Tell whether the backlog may gather before it is folded."""
        if (
            now_ms - self._backlog_at_ms < FOLD_PAUSE_MS
            and now_ms - self._folded_at_ms < FOLD_PATIENCE_MS
            and self._quiet_s > PATIENT_WHEN_QUIET_S
        ):
            return True
        self._folded_at_ms = now_ms
        return False

    def _decide_due(self, leases: Mapping[int, Lease], now: int, now_ms: int) -> bool:
        """Decide some of those whom old events touched; says whether there may be more of them.

        While a backlog comes in, its next message may touch the same shoppers again: they wait
        until it pauses, or until DUE_WAIT_MS_MAX after the last round was over.
        """
        comes_in = now_ms - self._backlog_at_ms < DUE_PAUSE_MS
        if comes_in and now_ms - self._due_at_ms < DUE_WAIT_MS_MAX:
            return False
        most = HURRIED_SHOPPERS_MAX if self._is_hurried else DUE_SHOPPERS_MAX
        more = self._folding.decide_due(leases, now, most=most)
        if not more:
            self._due_at_ms = now_ms
        return more
