"""Faults planted into the decisions, each the product with one guard taken out.

The simulator is worth something only if it finds every one of them.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from functools import partial

from msgspec.structs import replace

from cloud_sync.intake.accept import Accepted, Held, StreamState, accept
from edge_agent.clock import Instant
from edge_agent.delivery.delivery import (
    DeliveryLimits,
    DeliveryState,
    Plan,
    ReceiptOutcome,
    UpdateOutcome,
    next_batch,
    on_receipt,
    on_update,
)
from storebridge.simulation.disk import MemoryDisk
from storebridge.simulation.ledger import Accept, MemoryLedger
from storebridge.simulation.rules import Rules
from storebridge.simulation.seams import Found
from storebridge.simulation.store import believing
from wire.events import Event, Origin
from wire.messages import AbsentReason, Batch, Receipt, Update
from wire.ranges import missing

ChainAt = Callable[[int], int | None]


class _ReusesSeqs(MemoryDisk):
    """Counts from the highest row that is kept, as SQLite does without AUTOINCREMENT."""

    def load(self, now: Instant) -> DeliveryState:
        self.head = max(self.rows, default=0)
        return super().load(now)


class _DeletesWhatItSends(MemoryDisk):
    def read(self, first: int, last: int) -> Found:
        known = range(first, last + 1)
        there = [seq for seq in known if seq in self.rows]
        if len(there) < len(known):
            gone = tuple(seq for seq in known if seq not in self.rows)
            return Found((), gone, 0)
        found = super().read(first, last)
        for seq in known:
            del self.rows[seq]
        return found


class _TrustsTheTab(MemoryDisk):
    """Redeems because the page showed the coupon, without looking again in the same commit."""

    def redeem(self, coupon: str, event: Event) -> int | None:
        self.used.add(coupon)
        return self.record(event)


class _ForgetsReceivedRows(MemoryDisk):
    """Records only unreceived rows again in a new stream."""

    def begin_stream(self, stream: bytes) -> Mapping[int, int]:
        self.rows = {seq: row for seq, row in self.rows.items() if seq > self.watermark}
        return super().begin_stream(stream)


class _PrunesAtOnce(MemoryDisk):
    def prune(self, now: Instant, kept_ms: int) -> int:
        return super().prune(now, min(kept_ms, 0))


class _AgesByTheWallClock(MemoryDisk):
    """Counts the age of receipts by a clock that can be set."""

    def hear(self, now: Instant) -> None:
        self.heard_ms = now.at // 1_000


class _AgesInSilence(MemoryDisk):
    """Lets receipts grow old while the cloud says nothing."""

    def prune(self, now: Instant, kept_ms: int) -> int:
        self.hear(now)
        return super().prune(now, kept_ms)


class _TrustsRanges(MemoryDisk):
    """Leaves out of its losses what the cloud says to hold above the watermark."""

    def declare(self, first: int, last: int, reason: AbsentReason) -> None:
        trusted = self.ranges if reason == "evicted" else ()
        for start, end in missing(trusted, first, last):
            super().declare(start, end, reason)


class _KeepsNoLosses(MemoryDisk):
    """Begins a new stream without the losses of the old one."""

    def begin_stream(self, stream: bytes) -> Mapping[int, int]:
        self.absents = ()
        return super().begin_stream(stream)


def _accept_again(
    state: StreamState, batch: Batch, origins: Mapping[int, Origin], held: AbstractSet[Origin]
) -> Accepted:
    fresh = accept(StreamState(), batch, origins, frozenset())
    return replace(accept(state, batch, origins, held), rows=fresh.rows)


def _accept_without_origins(
    state: StreamState, batch: Batch, _origins: Mapping[int, Origin], _held: AbstractSet[Origin]
) -> Accepted:
    return accept(state, batch)


def _accept_unchained(
    state: StreamState, batch: Batch, origins: Mapping[int, Origin], held: AbstractSet[Origin]
) -> Accepted:
    blank = replace(state, held=tuple(Held(h.first, h.last, 0, 0) for h in state.held))
    accepted = accept(blank, batch, origins, held)
    blank_held = tuple(Held(h.first, h.last, 0, 0) for h in accepted.state.held)
    return replace(accepted, state=replace(accepted.state, held=blank_held))


def _believe_unchained(
    state: DeliveryState, receipt: Receipt, _chain_at: ChainAt
) -> tuple[DeliveryState, ReceiptOutcome]:
    return on_receipt(state, replace(receipt, checksum=0), lambda _: 0)


def _believe_anyone(
    state: DeliveryState, receipt: Receipt, chain_at: ChainAt
) -> tuple[DeliveryState, ReceiptOutcome]:
    asked = replace(state, nonce=b"asked")
    return on_receipt(asked, replace(receipt, nonce=b"asked"), chain_at)


def _believe_every_owner(
    state: DeliveryState, receipt: Receipt, chain_at: ChainAt
) -> tuple[DeliveryState, ReceiptOutcome]:
    """Only ever raise, whoever says so: a restored cloud is never noticed."""
    owner = state.owner or receipt.owner
    return on_receipt(
        replace(state, owner=owner, nonce=b""), replace(receipt, owner=owner), chain_at
    )


def _ignore_forks(
    state: DeliveryState, receipt: Receipt, _chain_at: ChainAt
) -> tuple[DeliveryState, ReceiptOutcome]:
    ranges = tuple(r for r in receipt.ranges if r[1] <= state.head)
    mark = min(receipt.watermark, state.head)
    stored = replace(receipt, verdict="stored", watermark=mark, ranges=ranges, checksum=0)
    return on_receipt(state, stored, lambda _: 0)


def _receive_at_sending(
    state: DeliveryState, now_ms: int, limits: DeliveryLimits
) -> tuple[DeliveryState, Plan | None]:
    state, plan = next_batch(state, now_ms, limits)
    return (state, None) if plan is None else (believing(state, plan), plan)


def _declare_nothing(
    state: DeliveryState, now_ms: int, limits: DeliveryLimits
) -> tuple[DeliveryState, Plan | None]:
    state, plan = next_batch(state, now_ms, limits)
    return state, plan and replace(plan, absent=())


def _apply_anything(state: DeliveryState, update: Update) -> tuple[DeliveryState, UpdateOutcome]:
    if not state.owner:
        return on_update(state, update)
    return replace(state, applied=update.end, applied_owner=update.owner), "apply"


def _apply_any_owner(state: DeliveryState, update: Update) -> tuple[DeliveryState, UpdateOutcome]:
    return on_update(replace(state, owner=update.owner, applied_owner=update.owner), update)


def _accepting(fault: Accept) -> Rules:
    return Rules(ledger=partial(MemoryLedger, accept=fault))


PLANTED: dict[str, Rules] = {
    "acknowledge-before-commit": Rules(receipt_before_commit=True),
    "seq-reuse": Rules(disk=_ReusesSeqs),
    "puback-as-receipt": Rules(puback_is_receipt=True),
    "no-de-duplication": _accepting(_accept_again),
    "ranges-moved-at-sending": Rules(next_batch=_receive_at_sending),
    "rows-deleted-at-sending": Rules(disk=_DeletesWhatItSends),
    "revision-ignored": Rules(on_update=_apply_anything),
    "non-atomic-redeem": Rules(disk=_TrustsTheTab),
    "no-row-chain": Rules(
        ledger=partial(MemoryLedger, accept=_accept_unchained), on_receipt=_believe_unchained
    ),
    "no-nonce": Rules(on_receipt=_believe_anyone),
    "owner-ignored": Rules(on_receipt=_believe_every_owner),
    "owner-ignored-in-updates": Rules(on_update=_apply_any_owner),
    "forks-ignored": Rules(on_receipt=_ignore_forks),
    "origins-ignored": _accepting(_accept_without_origins),
    "forked-streams-go-on": Rules(ledger=partial(MemoryLedger, freezes=False)),
    "silent-eviction": Rules(next_batch=_declare_nothing),
    "only-unreceived-recorded-again": Rules(disk=_ForgetsReceivedRows),
    "losses-forgotten-at-a-fork": Rules(disk=_KeepsNoLosses),
    "pruned-at-receipt": Rules(disk=_PrunesAtOnce),
    "retention-by-wall-clock": Rules(disk=_AgesByTheWallClock),
    "retention-in-silence": Rules(disk=_AgesInSilence),
    "ranges-trusted-at-eviction": Rules(disk=_TrustsRanges),
}
