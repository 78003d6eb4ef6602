"""The line to the cloud: it sends what the outbox holds, and hears what the cloud answers.

All decisions stand in `delivery.py`; here are the thread, the reading and the writing.
"""

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent import downlink, health
from edge_agent.clock import Instant, StoreTime
from edge_agent.database import outbox, salvage, streams
from edge_agent.database.database import Database
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery import delivery, delivery_store
from edge_agent.delivery.delivery_state import DeliveryLimits, Plan
from edge_agent.delivery.recorder import Recorder, RecordError
from edge_agent.supervisor import Supervised
from edge_agent.visits import traffic
from wire.codec import DecodeError, decode, encode
from wire.link import Link, Will
from wire.messages import (
    NONCE_BYTES,
    Batch,
    Death,
    Heartbeat,
    Message,
    Receipt,
    TillQueue,
    Update,
)
from wire.topics import applied_topic, beat_topic, down_topic, state_topic, up_topic

HEARTBEAT_S = 10
# How long the uplink sleeps when nothing wakes it.
POLL_S = 0.5
# Rows younger than this at the moment of connecting belong to the live lane.
LIVE_AGE_S = 30
# Answers of the cloud that wait to be heard; more are dropped, since the cloud repeats them.
INBOX_MAX = 1_000
# How long closing waits for the step under way.
CLOSE_S_MAX = 3.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreIdentity:
    """Who speaks: the store, its tenant and operator, and the version of its program.

    `tills` are the zones in which its tills stand, of whose queues it tells.
    """

    tenant: str
    store: str
    operator: str = ""
    version: str = ""
    tills: frozenset[str] = frozenset()


class Uplink:
    """Keeps one stream flowing to the cloud while there is a line, and waits while there is none.

    Guarantees:
    - a row is sent only when its checksum proves it whole; a damaged one is set aside and declared;
    - a row counts as received only by the cloud's Receipt, never by the broker's word;
    - whatever fails here (line, disk, hostile bytes) costs one step and is tried again; a mistake
      in the program costs the thread a pause as well, and is told by `failure` until a step went
      well.
    """

    def __init__(
        self,
        database: Database,
        recorder: Recorder,
        link: Link,
        clock: StoreTime,
        identity: StoreIdentity,
        limits: DeliveryLimits | None = None,
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._link = link
        self._clock = clock
        self._identity = identity
        self._limits = limits or DeliveryLimits()
        # What came from the cloud wakes nobody else: the screens look when it has been applied.
        self._bell = recorder.doorbell.first()
        self._inbox: deque[Callable[[Instant], None]] = deque()
        self._thread = Supervised("uplink", self._run, on_failed=self._note_mistake)
        self._connecting = False
        self._open = False
        self._absent_rows = -1
        self._beat_ms = 0
        self.failure = ""
        self._state = delivery_store.load(database.writer, clock.now())

    @property
    def up(self) -> bool:
        """Tell whether the line stands and is used."""
        return self._link.up and self.alive and not self.failure

    @property
    def alive(self) -> bool:
        """Tell whether the uplink's thread runs."""
        return self._thread.alive

    def start(self) -> None:
        """Begin to connect and to send."""
        self._open = True
        self._thread.start()
        self._link.open(
            subscriptions=(down_topic(self._identity.tenant, self._identity.store),),
            on_message=lambda _, payload: self._hear(payload),
            on_up=lambda: self._post(self._connected),
            on_down=lambda reason: self._post(lambda now: self._disconnected(now, reason)),
            will=self._will,
        )

    def close(self) -> None:
        """Say goodbye and stop; safe to call twice."""
        if not self._open:
            return
        self._open = False
        self._thread.stop()
        self._bell.ring()
        self._thread.join(CLOSE_S_MAX)
        try:
            if self._state.connected:
                self._publish_state(Death(session=self._state.session, clean=True))
        finally:
            self._link.close()

    def _will(self) -> Will:
        death = Death(session=self._state.session + 1)
        topic = state_topic(self._identity.tenant, self._identity.store)
        return Will(topic=topic, payload=encode(death))

    def _hear(self, payload: bytes) -> None:
        if len(self._inbox) < INBOX_MAX:
            self._post(lambda now: self._receive(now, payload))

    def _post(self, step: Callable[[Instant], None]) -> None:
        self._inbox.append(step)
        self._bell.ring()

    def _run(self, stop: threading.Event) -> None:
        bell = self._bell
        while not stop.is_set():
            seen = bell.count
            try:
                busy = self._step()
                self.failure = ""
            except (sqlite3.Error, RecordError) as error:
                busy = False
                self._note_failure(error)
            if not busy:
                bell.wait(seen, POLL_S)

    def _note_failure(self, error: Exception) -> None:
        if salvage.is_damage(error):
            self._database.mark_damaged()
        failure = f"the uplink waits for the database: {error}"
        if failure != self.failure:
            log.warning(failure)
        self.failure = failure

    def _note_mistake(self, reason: str) -> None:
        self.failure = f"the uplink failed and begins again: {reason}"

    def _step(self) -> bool:
        """Hear what came, then send what may be sent; says whether there is more to do at once."""
        now = self._clock.now()
        while self._inbox:
            self._inbox.popleft()(now)
        if self._connecting:
            self._greet(now)
        if self._state.forked:
            self._begin_stream(now)
        connection = self._database.reader()
        tail = outbox.tail_of(connection)
        self._look_at(connection, tail)
        if delivery.birth_due(self._state, now.mono_ms, self._limits):
            self._give_birth(now, self._state.nonce)
        while (batch := self._next_batch(connection, tail, now)) is not None:
            if not self._publish_batch(batch):
                break
        if self._state.connected and now.mono_ms - self._beat_ms >= HEARTBEAT_S * 1_000:
            self._beat(connection, now)
        if streams.former_rows(connection, tail) == 0:
            return False
        delivery_store.record_again(self._recorder, now)
        return True

    def _look_at(self, connection: sqlite3.Connection, tail: outbox.Tail) -> None:
        """Take note of what was recorded, thrown away and pruned."""
        first_kept = outbox.first_kept(connection, tail)
        self._state = delivery.on_recorded(self._state, tail.head)
        if tail.absent_rows != self._absent_rows:
            gone = outbox.absent_ranges(connection)
            self._state = delivery.on_absent(self._state, gone, first_kept)
            self._absent_rows = tail.absent_rows
        elif first_kept != self._state.first_kept:
            self._state = delivery.on_pruned(self._state, first_kept)

    def _next_batch(
        self, connection: sqlite3.Connection, tail: outbox.Tail, now: Instant
    ) -> tuple[Plan, Batch] | None:
        """Read the rows of the next Plan, once those found damaged are out of the way."""
        while True:
            self._state, plan = delivery.next_batch(self._state, now.mono_ms, self._limits)
            if plan is None:
                return None
            found = outbox.read(connection, tail.base, plan.first, plan.last)
            if not found.damaged:
                before = outbox.chain_at(connection, tail, plan.first - 1) or 0
                return plan, _batch_of(self._state.stream, plan, before, found)
            self._state = delivery.on_unsent(self._state, plan)
            log.warning("%d rows of the outbox are damaged and set aside", len(found.damaged))
            delivery_store.set_aside(self._recorder, self._state, found.damaged, now)
            self._absent_rows = -1
            self._look_at(connection, outbox.tail_of(connection))

    def _publish_batch(self, planned: tuple[Plan, Batch]) -> bool:
        plan, batch = planned
        topic = up_topic(self._identity.tenant, self._identity.store, plan.lane)
        sent = False
        try:
            sent = self._link.publish(topic, encode(batch), qos=1)
        finally:
            if not sent:
                self._state = delivery.on_unsent(self._state, plan)
        return sent

    def _connected(self, _: Instant) -> None:
        self._state = delivery.on_disconnected(self._state)
        self._connecting = True

    def _greet(self, now: Instant) -> None:
        """Begin a session once, and say so; a step that fails here is made good by the next."""
        connection = self._database.reader()
        if not self._state.connected:
            tail = outbox.tail_of(connection)
            self._look_at(connection, tail)
            live_from = outbox.first_since(connection, tail, now.at - LIVE_AGE_S * 1_000_000)
            nonce = secrets.token_bytes(NONCE_BYTES)
            state = delivery.on_connected(self._state, now.mono_ms, nonce, live_from)
            delivery_store.save_session(self._recorder, state.session)
            self._state = state
        self._publish_birth(now)
        self._beat(connection, now)
        self._connecting = False
        log.info("online")

    def _disconnected(self, _: Instant, reason: str) -> None:
        self._state, self._connecting = delivery.on_disconnected(self._state), False
        log.info("offline: %s", reason)

    def _give_birth(self, now: Instant, nonce: bytes) -> None:
        self._state = delivery.on_birth(self._state, now.mono_ms, nonce)
        self._publish_birth(now)

    def _publish_birth(self, now: Instant) -> None:
        self._publish_state(
            delivery.birth_of(
                self._state,
                version=self._identity.version,
                operator=self._identity.operator,
                sent_at=now.at,
            )
        )

    def _publish_state(self, message: Message) -> None:
        topic = state_topic(self._identity.tenant, self._identity.store)
        self._link.publish(topic, encode(message), qos=1, retain=True)

    def _beat(self, connection: sqlite3.Connection, now: Instant) -> None:
        self._beat_ms = now.mono_ms
        queues = traffic.queues(connection, now.at, self._identity.tills)
        beat = heartbeat(health.stored_in(connection), self._state.session, now, queues)
        topic = beat_topic(self._identity.tenant, self._identity.store)
        self._link.publish(topic, encode(beat))

    def _receive(self, now: Instant, payload: bytes) -> None:
        try:
            message = decode(payload)
        except DecodeError as error:
            log.warning("a message from the cloud cannot be read: %s", error)
            return
        match message:
            case Receipt():
                self._receive_receipt(now, message)
            case Update():
                self._receive_update(now, message)
            case _:
                log.warning("the cloud sent a %s, which is for it alone", type(message).__name__)

    def _receive_receipt(self, now: Instant, receipt: Receipt) -> None:
        connection = self._database.reader()
        tail = outbox.tail_of(connection)
        self._look_at(connection, tail)
        self._state, outcome = delivery.on_receipt(
            self._state, receipt, lambda seq: outbox.chain_at(connection, tail, seq)
        )
        match outcome:
            case "moved" | "same":
                # Also one that says nothing new is a word of the cloud that holds all this.
                if receipt.owner == self._state.owner:
                    delivery_store.save_received(self._recorder, self._state, now)
            case "birth":
                self._give_birth(now, secrets.token_bytes(NONCE_BYTES))
            case "forked":
                log.warning(
                    "another outbox wrote this stream: a new one begins (restored or cloned store)"
                )

    def _begin_stream(self, now: Instant) -> None:
        """Begin a new stream; the next step does it where this one fails."""
        tail, absent = delivery_store.begin_stream(self._recorder)
        self._state = delivery.on_forked(self._state, tail.stream, tail.head, absent)
        self._absent_rows = -1
        if self._state.connected:
            self._give_birth(now, secrets.token_bytes(NONCE_BYTES))

    def _receive_update(self, now: Instant, update: Update) -> None:
        state, outcome = delivery.on_update(self._state, update)
        match outcome:
            case "apply":
                downlink.apply(self._recorder, update)
                self._state = state
                self._answer()
            case "answer":
                self._answer()
            case "birth":
                self._give_birth(now, secrets.token_bytes(NONCE_BYTES))
            case "same":
                pass

    def _answer(self) -> None:
        topic = applied_topic(self._identity.tenant, self._identity.store)
        self._link.publish(topic, encode(delivery.applied_of(self._state)))


def heartbeat(
    stored: health.Stored, session: int, now: Instant, queues: tuple[TillQueue, ...] = ()
) -> Heartbeat:
    """Return how the store is now, as the cloud shall know it."""
    return Heartbeat(
        session=session,
        head=stored.tail.head,
        watermark=stored.watermark,
        queue_rows=stored.queue.rows,
        queue_bytes=stored.queue.size_bytes,
        oldest_age_ms=health.age_ms(stored.queue.oldest_at, now),
        sent_at=now.at,
        clock=int(now.quality),
        mono_ms=now.mono_ms,
        boot=now.boot,
        absent_rows=stored.tail.absent_rows,
        devices=stored.devices,
        queues=queues,
    )


def _batch_of(stream: bytes, plan: Plan, before: int, found: outbox.Read) -> Batch:
    return Batch(
        stream=stream,
        first=plan.first,
        lane=plan.lane,
        before=found.rows[0].before if found.rows else before,
        rows=tuple(row.row for row in found.rows),
        absent=plan.absent,
    )
