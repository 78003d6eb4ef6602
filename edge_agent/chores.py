"""What the agent does by itself from time to time, one chore after the other in one thread."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edge_agent import forgetting
from edge_agent.clock import Instant, StoreTime
from edge_agent.database.database import Database
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.recorder import Recorder, RecordError, Writing
from edge_agent.delivery.tidy import TIDY_S, tidy
from edge_agent.places import Place, event_at
from edge_agent.visits import basket, visits

TICK_S = 1.0
FORGET_EVERY_S = 600.0
CHECKPOINT_EVERY_S = 30.0
MISTAKE = "a mistake in the program; see the log"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """Something done every so often."""

    name: str
    every_s: float
    do: Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How long things last in the store."""

    idle_s_max: float
    walk_away_s: float
    visits_kept_days: int
    personal_days_max: int
    traffic_kept_days: int
    outbox: Limits


def store_chores(
    recorder: Recorder,
    database: Database,
    clock: StoreTime,
    terms: Terms,
    tills: Mapping[str, Place],
) -> tuple[Chore, ...]:
    """Return the chores that keep the store's tables in order; `tills` says where each stands."""

    def end_visits() -> None:
        now = clock.now()
        idle_before = now.at - int(terms.idle_s_max * 1_000_000)
        left_before = now.at - int(terms.walk_away_s * 1_000_000)

        def end(writing: Writing) -> None:
            due = visits.due(writing.connection, idle_before=idle_before, left_before=left_before)
            for kiosk, by in due:
                visits.end_in(writing, now, kiosk, by=by)
            for till in basket.abandoned(writing.connection, idle_before):
                _put_back(writing, now, tills.get(till, Place(device=till, zone="")))

        # Looked up first, since an empty commit would wake every screen.
        reader = database.reader()
        due = visits.due(reader, idle_before=idle_before, left_before=left_before)
        if due or basket.abandoned(reader, idle_before):
            recorder.write(end)

    def forget() -> None:
        now = clock.now()
        forgetting.forget(recorder, database, now, terms.visits_kept_days, terms.traffic_kept_days)
        forgetting.forget_persons(recorder, database, now, terms.personal_days_max)

    def tidy_outbox() -> None:
        tidy(recorder, terms.outbox, clock.now())

    return (
        Chore(name="end visits", every_s=TICK_S, do=end_visits),
        Chore(name="tidy the outbox", every_s=TIDY_S, do=tidy_outbox),
        Chore(name="bring the log in", every_s=CHECKPOINT_EVERY_S, do=database.checkpoint),
        Chore(name="forget what is old", every_s=FORGET_EVERY_S, do=forget),
    )


def _put_back(writing: Writing, now: Instant, till: Place) -> None:
    """Put back the goods of a basket that is nobody's."""
    basket.put_back(
        writing, till.device, lambda body, brand: event_at(till, now, body, brand=brand)
    )


class Rounds:
    """Does each chore when it is due.

    Guarantees: what the database refuses costs one turn of one chore; a mistake in one ends `run`,
    which can be begun again, and then keeps no other from its turn. `failing` says which chores
    failed at their last turn, and why.
    """

    def __init__(self, chores: Sequence[Chore]) -> None:
        self.failing: dict[str, str] = {}
        self._chores = tuple(chores)
        self._due_s = [0.0] * len(self._chores)
        self._next = 0

    def run(self, stop: threading.Event) -> None:
        """Do what is due until told to stop."""
        while not stop.is_set():
            for _ in self._chores:
                # Noted beforehand, so that after a mistake the turn is that of the next one.
                index, self._next = self._next, (self._next + 1) % len(self._chores)
                if time.monotonic() >= self._due_s[index]:
                    chore = self._chores[index]
                    self._due_s[index] = time.monotonic() + chore.every_s
                    self._do(chore)
            stop.wait(max(0.05, min(self._due_s) - time.monotonic()))

    def _do(self, chore: Chore) -> None:
        reason = MISTAKE
        try:
            chore.do()
            reason = ""
        except (RecordError, sqlite3.Error) as error:
            reason = str(error)
            if chore.name not in self.failing:
                log.warning("cannot %s: %s", chore.name, error)
        finally:
            if reason:
                self.failing[chore.name] = reason
            else:
                self.failing.pop(chore.name, None)
