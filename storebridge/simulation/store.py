"""A simulated store: the shell of the edge's decisions, over a disk and line handed in."""

from collections.abc import Callable, Iterable
from random import Random
from typing import assert_never

from msgspec.structs import replace

from edge_agent.clock import EARLIEST_AT, Instant
from edge_agent.delivery.delivery import (
    DeliveryLimits,
    DeliveryState,
    Plan,
    applied_of,
    birth_due,
    birth_of,
    on_absent,
    on_birth,
    on_connected,
    on_disconnected,
    on_forked,
    on_pruned,
    on_recorded,
    on_unsent,
)
from storebridge.simulation.numbered import numbered
from storebridge.simulation.rules import KEPT_MS, Rules
from storebridge.simulation.seams import Disk
from storebridge.simulation.truth import Lineage, Truth
from wire.events import Clock
from wire.messages import STREAM_BYTES, Batch, Message, Receipt, Update
from wire.ranges import above, add, watermark

LIMITS = DeliveryLimits(
    rows_per_batch_max=8,
    live_batches_max=3,
    back_batches_max=4,
    ranges_max=6,
    receipt_timeout_ms=2_000,
    receipt_timeout_ms_max=8_000,
    birth_timeout_ms=2_000,
    birth_timeout_ms_max=8_000,
)
ROWS_MAX = 10_000
# Looked up once: a machine asks for the moment two hundred times a schedule.
SYNCED = Clock.SYNCED


class SimulatedStore:
    """One machine that runs a store: started, crashed, connected and cut by the schedule."""

    def __init__(
        self,
        disk: Disk,
        lineage: Lineage,
        *,
        rules: Rules,
        truth: Truth,
        random_bytes: Callable[[int], bytes],
        send: Callable[["SimulatedStore", Message, Plan | None], bool],
    ) -> None:
        self.disk = disk
        self.lineage = lineage
        self.running = False
        self.rows_max = ROWS_MAX
        self.wall_offset_ms = 0
        self.state = DeliveryState(stream=b"")
        self._rules = rules
        self._truth = truth
        self._random_bytes = random_bytes
        self._send = send
        self._boot = 0
        self._booted_ms = 0

    def start(self, now_ms: int) -> None:
        """Start from the disk alone."""
        self._boot, self._booted_ms = self.disk.boot(), now_ms
        self.state = self.disk.load(self._now(now_ms))
        self.running = True

    def crash(self) -> None:
        """Stop at once: what is not on the disk is gone."""
        self.running = False
        self.disk.crash()

    def restore(self, disk: Disk, lineage: Lineage) -> None:
        """Put another disk into the stopped machine."""
        self._truth.lost_with_disk(self.lineage, lineage)
        self.disk, self.lineage = disk, lineage

    def connect(self, now_ms: int, young_rows: int) -> None:
        """Begin a session; the youngest rows may still take the live lane."""
        live_from = max(1, self.state.head + 1 - young_rows)
        self.state = on_connected(self.state, now_ms, self._random_bytes(8), live_from)
        self.disk.save_session(self.state.session)
        self._send(self, birth_of(self.state), None)
        self.pump(now_ms)

    def disconnect(self) -> None:
        """Lose the line."""
        self.state = on_disconnected(self.state)

    def record(self, numbers: Iterable[int], now_ms: int) -> None:
        """Record events, each of which the caller is told of; what happens then must lose none."""
        at, stream, seq = self._at(now_ms), self.state.stream, 0
        for number in numbers:
            seq = self.disk.record(numbered(number, at))
            self._truth.recorded(self.lineage, number, stream, seq)
        self.state = on_recorded(self.state, seq)

    def redeem(self, number: int, coupon: str, now_ms: int) -> None:
        """Redeem a coupon, as a tab asks that saw it unused a moment ago."""
        event = numbered(number, self._at(now_ms), coupon)
        seq = self.disk.redeem(coupon, event)
        if seq is not None:
            self._truth.redeemed(self.lineage, coupon)
            self._truth.recorded(self.lineage, number, self.state.stream, seq)
            self.state = on_recorded(self.state, seq)

    def make_room(self, now_ms: int) -> None:
        """Drop what is more than there is room for."""
        dropped = self.disk.make_room(self.rows_max)
        if not dropped.seqs and dropped.first_kept == self.state.first_kept:
            return
        gone = self._truth.numbers(self.lineage, self.state.stream, dropped.seqs)
        self._truth.let_go |= gone
        loaded = self.disk.load(self._now(now_ms))
        self.state = on_absent(self.state, loaded.absent, dropped.first_kept)

    def grow(self) -> None:
        """Give the outbox room again."""
        self.rows_max = ROWS_MAX

    def damage(self, rng: Random) -> None:
        """Flip a bit of some row at rest."""
        number = self.disk.damage(rng)
        if number is not None:
            self._truth.let_go.add(number)

    def erase(self, rng: Random, now_ms: int) -> None:
        """Erase some event that is kept, as if its shopper had asked for it."""
        number = self.disk.erase(rng)
        if number is not None:
            self._truth.let_go.add(number)
            loaded = self.disk.load(self._now(now_ms))
            self.state = on_absent(self.state, loaded.absent, loaded.first_kept)

    def tick(self, now_ms: int) -> None:
        """Do what is due."""
        first_kept = self.disk.prune(self._now(now_ms), KEPT_MS)
        if first_kept != self.state.first_kept:
            self.state = on_pruned(self.state, first_kept)
        if birth_due(self.state, now_ms, LIMITS):
            self._say_birth(now_ms)
        self.pump(now_ms)

    def pump(self, now_ms: int) -> None:
        """Send all that may be under way."""
        while True:
            self.state, plan = self._rules.next_batch(self.state, now_ms, LIMITS)
            if plan is None:
                return
            if not self._send_rows(plan, now_ms):
                return

    def receive(self, message: Message, now_ms: int) -> None:
        """Take a message of the cloud."""
        if isinstance(message, Receipt):
            self._receive_receipt(message, now_ms)
        elif isinstance(message, Update):
            self._receive_update(message, now_ms)

    def on_puback(self, plan: Plan, now_ms: int) -> None:
        """Take the broker's word for the cloud's: a planted fault."""
        self.state = believing(self.state, plan)
        self.disk.save(self.state, self._now(now_ms))

    def _send_rows(self, plan: Plan, now_ms: int) -> bool:
        found = self.disk.read(plan.first, plan.last)
        if found.damaged:
            self.disk.set_aside(self.state, found.damaged, self._now(now_ms))
            loaded = self.disk.load(self._now(now_ms))
            self.state = on_absent(on_unsent(self.state, plan), loaded.absent, loaded.first_kept)
            return True
        batch = Batch(
            stream=self.state.stream,
            first=plan.first,
            lane=plan.lane,
            before=found.before,
            rows=found.rows,
            absent=plan.absent,
        )
        if not self._send(self, batch, plan):
            self.state = on_unsent(self.state, plan)
            return False
        return True

    def _receive_receipt(self, receipt: Receipt, now_ms: int) -> None:
        self.state, outcome = self._rules.on_receipt(self.state, receipt, self.disk.chain_at)
        match outcome:
            case "moved" | "same":
                if receipt.owner == self.state.owner:
                    self.disk.save(self.state, self._now(now_ms))
            case "birth":
                self._say_birth(now_ms)
            case "forked":
                self._begin_stream(now_ms)
            case _:
                assert_never(outcome)
        self.pump(now_ms)

    def _receive_update(self, update: Update, now_ms: int) -> None:
        state, outcome = self._rules.on_update(self.state, update)
        match outcome:
            case "apply":
                self.disk.apply(update)
                self.state = state
                self._send(self, applied_of(self.state), None)
            case "answer":
                self._send(self, applied_of(self.state), None)
            case "birth":
                self._say_birth(now_ms)
            case "same":
                pass
            case _:
                assert_never(outcome)

    def _say_birth(self, now_ms: int) -> None:
        # The same nonce while no answer came, so that a slow line's answer is still known.
        self.state = on_birth(self.state, now_ms, self.state.nonce or self._random_bytes(8))
        self._send(self, birth_of(self.state), None)

    def _begin_stream(self, now_ms: int) -> None:
        seqs = self.disk.begin_stream(self._random_bytes(STREAM_BYTES))
        loaded = self.disk.load(self._now(now_ms))
        self._truth.renumbered(self.lineage, self.state.stream, loaded.stream, seqs)
        self.state = on_forked(self.state, loaded.stream, loaded.head, loaded.absent)
        self._say_birth(now_ms)

    def _now(self, now_ms: int) -> Instant:
        """Return the moment as this machine knows it: its wall clock jumps."""
        return Instant(
            at=self._at(now_ms),
            mono_ms=now_ms - self._booted_ms,
            boot=self._boot,
            quality=SYNCED,
        )

    def _at(self, now_ms: int) -> int:
        return EARLIEST_AT + (now_ms + self.wall_offset_ms) * 1_000


def believing(state: DeliveryState, plan: Plan) -> DeliveryState:
    """Return the state of a store that takes a Plan for received."""
    held = add(add(state.ranges, 1, state.watermark), plan.start, plan.last)
    mark = watermark(held)
    return replace(state, watermark=mark, ranges=above(held, mark))
