"""The worker: one loop from the link to the ledger, the shoppers and back to the stores."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from cloud_sync.config import CloudConfig
from cloud_sync.database import Database
from cloud_sync.folding import BUSY_EVENTS, Decide, Fold, Folding
from cloud_sync.intake.accept import receipt_of
from cloud_sync.intake.incoming import Incoming, take_apart
from cloud_sync.intake.receive import Received, receive
from cloud_sync.intake.waiting import Waiting, is_backlog
from cloud_sync.publisher import Publisher
from cloud_sync.shards import Lease, LeaseLimits, Leases
from wire.codec import encode
from wire.link import Link
from wire.messages import Heartbeat
from wire.topics import SHARDS, TopicError, down_topic, shard_filters

_log = logging.getLogger(__name__)

ALL_SHARDS = ("sb/+/up/+/+/+", "sb/+/state/+/+", "sb/+/beat/+/+", "sb/+/applied/+/+")
# After the database was lost the loop tries again this often.
DATABASE_RETRY_S = 0.5
# The backlog's events gather for up to the first time before they are folded, as long as more of
# them come and no live event came within the second: whoever stands at a kiosk waits for the fold.
FOLD_PATIENCE_MS = 1_000
PATIENT_WHEN_QUIET_S = 10.0
DUE_PAUSE_MS = 500
DUE_WAIT_MS_MAX = 5_000
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


class Worker:
    """Receives, stores, folds, decides and publishes for the shards that it holds.

    Guarantees:
    - a Receipt leaves only after the commit that stored what it acknowledges;
    - a fold and what follows from it commit only under the newest lease of the shard;
    - what the database or another worker prevents is done again: by the store, which repeats
      what has no Receipt, and from the fold's position.
    """

    def __init__(
        self,
        config: CloudConfig,
        database: Database,
        link_factory: Callable[[str], Link],
        fold: Fold,
        decide: Decide,
    ) -> None:
        """`link_factory` makes a link that signs in under the client id given."""
        limits = config.worker
        self.figures = Figures()
        self._limits = limits
        self._leases = Leases(
            database, LeaseLimits(lease_s=limits.lease_s, renew_every_s=limits.renew_every_s)
        )
        self._link = link_factory(f"cloud-{self._leases.worker.hex()[:16]}")
        self._waiting = Waiting(
            live_max=limits.live_messages_max,
            back_max=limits.back_messages_max,
            full_wait_s_max=limits.full_wait_s_max,
        )
        self._database = database
        self._folding = Folding(database, fold, decide, events_max=limits.fold_events_max)
        self._publisher = Publisher(database, self._publish_down)
        self._owners: frozenset[bytes] = frozenset()
        self._more = False
        self._backlog_at_ms = 0
        self._due_at_ms = time.monotonic_ns() // 1_000_000
        self._folded_at_ms = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self.run, name="worker", daemon=True)

    def start(self) -> None:
        """Run the loop in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Finish the turn, give the shards back and stop; safe to call twice."""
        self._closing.set()
        self._waiting.close()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def alive(self) -> bool:
        """Tell whether the thread of `start` runs; it ends by `close`, or by our mistake."""
        return self._thread.is_alive()

    @property
    def shards(self) -> int:
        """Return how many shards this worker works on now."""
        return len(self._owners)

    def run(self) -> None:
        """Run the loop until `close` is called from another thread."""
        self._leases.start()
        self._link.open(
            subscriptions=(),
            on_message=self._waiting.put,
            on_up=lambda: _log.info("the link to the broker is up"),
            on_down=lambda reason: _log.warning("the link to the broker is down: %s", reason),
            will=lambda: None,
        )
        try:
            while not self._closing.is_set():
                self._turn_or_wait()
        finally:
            self._link.close()
            self._leases.close()

    def _turn_or_wait(self) -> None:
        try:
            self._turn()
        except LOST as error:
            # What was taken in this turn has no Receipt, so its stores send it again.
            self.figures.database_losses += 1
            _log.warning("the database was lost (%s); trying again", type(error).__name__)
            self._leases.void()
            self._closing.wait(DATABASE_RETRY_S)

    def _turn(self) -> None:
        leases = self._leases.held()
        self._follow(leases)
        limits = self._limits
        messages = self._waiting.take(
            live_max=limits.live_per_turn_max,
            back_busy=limits.back_per_turn_busy,
            back_quiet=limits.back_per_turn_quiet,
            timeout_s=0 if self._more else limits.poll_s,
        )
        now = time.time_ns() // 1000
        now_ms = time.monotonic_ns() // 1_000_000
        if any(is_backlog(topic) for topic, _ in messages):
            self._backlog_at_ms = now_ms
        incoming = self._decoded(leases, messages)
        for received in receive(self._database, incoming, now):
            self._answer(leases, received)
            self._folding.remember(received.events)
            self._publisher.forget(leases, received.gone)
            self._publisher.hear(leases, received.said, now_ms)
        for each in incoming:
            if isinstance(each.message, Heartbeat):
                lease = leases[each.topic.shard]
                self._publisher.wake(each.topic.tenant, each.topic.store, lease)
        patient = self._is_patient(messages, now_ms)
        step = self._folding.step(leases, now, patient=patient)
        self.figures.folded += step.folded
        # What live events led to goes out before anybody of the backlog is decided.
        self.figures.updates += self._publisher.send(now_ms)
        busy = patient or step.folded >= BUSY_EVENTS
        due = not busy and self._decide_due(leases, now, now_ms)
        self._more = step.more or due

    def _is_patient(self, messages: Sequence[tuple[str, bytes]], now_ms: int) -> bool:
        """Tell whether the backlog may gather before it is folded."""
        if (
            messages
            and now_ms - self._folded_at_ms < FOLD_PATIENCE_MS
            and self._waiting.quiet_s() > PATIENT_WHEN_QUIET_S
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
        more = self._folding.decide_due(leases, now)
        if not more:
            self._due_at_ms = now_ms
        return more

    def _follow(self, leases: Mapping[int, Lease]) -> None:
        """Subscribe to the shards held, and forget what was known under an older lease."""
        owners = frozenset(lease.owner for lease in leases.values())
        if owners == self._owners:
            return
        self._owners = owners
        self._publisher.forget(leases)
        if len(leases) == SHARDS:
            self._link.subscribe(ALL_SHARDS)
        else:
            self._link.subscribe(tuple(f for shard in sorted(leases) for f in shard_filters(shard)))

    def _decoded(
        self, leases: Mapping[int, Lease], messages: Sequence[tuple[str, bytes]]
    ) -> list[Incoming]:
        """Take messages apart; those of shards that are not held are their owner's."""
        incoming = []
        for topic, payload in messages:
            try:
                each = take_apart(topic, payload)
            except TopicError as error:
                self.figures.unreadable_topics += 1
                _log.warning("a message was dropped: %s", error)
                continue
            if each.topic.shard in leases:
                incoming.append(each)
        return incoming

    def _answer(self, leases: Mapping[int, Lease], received: Received) -> None:
        credit = self._waiting.credit()
        for key, state in received.states.items():
            receipt = receipt_of(
                state,
                stream=key.stream,
                owner=leases[key.shard].owner,
                credit=credit,
                nonce=received.nonces.get(key, b""),
            )
            self.figures.receipts += self._publish_down(
                down_topic(key.tenant, key.store), encode(receipt)
            )
        self.figures.appended += received.appended
        self.figures.poisoned += received.poisoned

    def _publish_down(self, topic: str, payload: bytes) -> bool:
        return self._link.publish(topic, payload)
