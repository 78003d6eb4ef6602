"""The worker: takes what comes over the link into the ledger; its follower goes on from there."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from cloud_sync.config import CloudConfig
from cloud_sync.database import Database, retried
from cloud_sync.decisions.prepared import Asked
from cloud_sync.intake.accept import receipt_of
from cloud_sync.intake.incoming import Incoming, take_apart
from cloud_sync.intake.receive import Received, receive
from cloud_sync.intake.revisions import Put
from cloud_sync.intake.waiting import Waiting
from cloud_sync.privacy.watch import Watch
from cloud_sync.publisher import Publisher
from cloud_sync.workers.folding import Decide, Fold, Folding
from cloud_sync.workers.follower import Figures, Follower, until_closed
from cloud_sync.workers.greeting import Greeting
from cloud_sync.workers.shards import Lease, LeaseLimits, Leases
from wire.codec import encode
from wire.identifiers import Identifier
from wire.link import Link
from wire.messages import Heartbeat
from wire.topics import SHARDS, TopicError, down_topic, shard_filters

_log = logging.getLogger(__name__)

# How often receiving learns of erasures.
LOOK_FOR_ERASURES_S = 1.0
# Who was missed at the arrival is greeted as soon as nobody is in the way: tried so often, so long.
GREET_AGAIN_AFTER_S = 0.004
GREET_AGAIN_S_MAX = 0.25

ALL_SHARDS = ("sb/+/up/+/+/+", "sb/+/state/+/+", "sb/+/beat/+/+", "sb/+/applied/+/+")


class Worker:
    """Receives and stores for the shards that it holds, in one thread; its follower has another.

    Guarantees:
    - a Receipt leaves only after the commit that stored what it acknowledges;
    - what the database or another worker prevents is done again by the store, which repeats what
      has no Receipt;
    - a backlog comes in only as fast as it is folded.
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
        self._database = database
        self._publisher = Publisher(database, self._link.publish)
        self._watch = Watch()
        self._looked_at_s = float("-inf")
        self._follower = Follower(
            database,
            self._leases,
            Folding(database, fold, decide, events_max=limits.fold_events_max, watch=self._watch),
            self._publisher,
            self.figures,
            poll_s=limits.poll_s,
        )
        self._waiting = Waiting(
            live_max=limits.live_messages_max,
            back_max=limits.back_messages_max,
            full_wait_s_max=limits.full_wait_s_max,
            on_live=self._follower.give_way,
        )
        self._owners: frozenset[bytes] = frozenset()
        self._missed: dict[Asked, Identifier] = {}
        self._missed_until_s = 0.0
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
        """Tell whether both threads of `start` run; they end by `close`, or by our mistake."""
        return self._thread.is_alive() and self._follower.alive

    @property
    def shards(self) -> int:
        """Return how many shards this worker works on now."""
        return len(self._owners)

    def run(self) -> None:
        """Run the loop until `close` is called from another thread."""
        self._leases.start()
        self._follower.start()
        self._link.open(
            subscriptions=(),
            on_message=self._waiting.put,
            on_up=lambda: _log.info("the link to the broker is up"),
            on_down=lambda reason: _log.warning("the link to the broker is down: %s", reason),
            will=lambda: None,
        )
        try:
            until_closed(self._closing, self._turn, self._leases, self.figures)
        finally:
            self._link.close()
            self._follower.close()
            self._leases.close()

    def _turn(self) -> None:
        leases = self._leases.held("worker")
        self._follow(leases)
        limits = self._limits
        waited_for = self._greet_missed(leases)
        full = waited_for or self._follower.is_behind
        messages = self._waiting.take(
            live_max=limits.live_per_turn_max,
            back_busy=0 if full else limits.back_per_turn_busy,
            back_quiet=0 if full else limits.back_per_turn_quiet,
            timeout_s=GREET_AGAIN_AFTER_S if waited_for else limits.poll_s,
        )
        if not messages:
            return
        self._look_for_erasures()
        incoming = self._decoded(leases, messages)
        # A backlog is a transaction of its own: nobody at a screen waits for it.
        back = [each for each in incoming if each.topic.lane == "back"]
        if any(each.topic.lane == "live" and each.names_somebody for each in incoming):
            self._waiting.hurry()
        with self._follower.giving_way():
            self._store(leases, [each for each in incoming if each.topic.lane != "back"])
        self._store(leases, back, backlog=True)
        for each in incoming:
            if isinstance(each.message, Heartbeat):
                lease = leases[each.topic.shard]
                self._publisher.wake(each.topic.tenant, each.topic.store, lease)

    def _look_for_erasures(self) -> None:
        """Learn who was erased, now and then: what they say is not even stored from then on.

        The fold looks for itself, under its lock; this spares the ledger what must go again.
        """
        now_s = time.monotonic()
        if now_s - self._looked_at_s >= LOOK_FOR_ERASURES_S:
            self._looked_at_s = now_s
            with self._database.question(0) as connection:
                self._watch.ask(connection)()

    def _store(
        self, leases: Mapping[int, Lease], incoming: Sequence[Incoming], *, backlog: bool = False
    ) -> None:
        """Store messages in one transaction; then tell what follows from it, at once."""
        now = time.time_ns() // 1000
        greeting = Greeting(leases, now)
        for received in receive(self._database, incoming, now, greeting.ask):
            # Somebody stands at the screen: this goes before all else.
            self._hand_over(received.greeted)
            self._publisher.forget(leases, received.gone)
            self._publisher.hear(leases, received.said, _now_ms())
            self._follower.ring(received.events, quiet_s=self._waiting.quiet_s(), backlog=backlog)
            self._answer(leases, received)
        if greeting.missed:
            self._missed |= greeting.missed
            self._missed_until_s = time.monotonic() + GREET_AGAIN_S_MAX

    def _greet_missed(self, leases: Mapping[int, Lease]) -> bool:
        """Greet those in whose way somebody was before; says whether anybody still waits.

        After GREET_AGAIN_S_MAX they are the fold's, which has them in its queue anyway.
        """
        missed, self._missed = self._missed, {}
        if not missed or time.monotonic() > self._missed_until_s:
            return False
        greeting = Greeting(leases, time.time_ns() // 1000)
        shard = next(iter(missed)).shard
        with self._follower.giving_way():
            greeted = retried(
                lambda: self._database.pipelined(shard), lambda c: greeting.again(c, missed)
            )
        self._hand_over(greeted)
        self._missed = greeting.missed
        return bool(self._missed)

    def _hand_over(self, greeted: Sequence[Put]) -> None:
        for put in greeted:
            self.figures.updates += self._publisher.hand_over(put, _now_ms())

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
                incoming.append(self._watch.hide(each))
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
            self.figures.receipts += self._link.publish(
                down_topic(key.tenant, key.store), encode(receipt)
            )
        self.figures.appended += received.appended
        self.figures.poisoned += received.poisoned


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
