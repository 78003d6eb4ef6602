"""The store's half of the delivery protocol, as decisions free of I/O, clock and threads.

A shell (`uplink.py`; the simulator has its own) keeps one DeliveryState in the thread of its link:

- start: `DeliveryState(...)` from what is on disk: the fields above `connected`, nothing else;
- link up: `on_connected`, which also counts the session (save it first), then publish `birth_of`;
  publish it again whenever `birth_due` says so, after `on_birth` with a fresh nonce or the old one;
- link down: `on_disconnected`;
- after each commit of the recorder: `on_recorded`; after eviction, expiry or found damage:
  `on_absent` (the ranges are on disk already); after pruning of receipted rows: `on_pruned`;
- then, and on each tick: `next_batch` until it gives None. A Plan names rows: read them, encode the
  Batch with `before` = chain checksum of row `first - 1`, publish; `on_unsent` if that failed;
- Receipt: `on_receipt`. "moved": save watermark, owner and ranges (only now may rows up to the
  watermark be pruned, and still only after `kept_after_receipt_s`). "birth": `on_birth` with a
  fresh nonce and publish it. "forked": in one transaction begin a new random stream whose first
  seqs are the `carried` absent ranges, followed by *all* rows of the old stream that are still
  kept, received or not, recorded again with their Origin (an Origin they already have is kept);
  then `on_forked` and a Birth;
- Update: `on_update`. "apply": change the local view and save applied and applied_owner of the
  returned state in one transaction, keep that state only if it committed, then publish
  `applied_of`. "answer": publish `applied_of`. "birth": as above.

Every function returns a new state; `now_ms` is monotonic time in ms, never the wall clock.
"""

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from edge_agent.delivery.delivery_state import DeliveryLimits, DeliveryState, Flight, Plan, doubled
from edge_agent.delivery.sending import next_batch, on_unsent
from wire.messages import Absent, Applied, Birth, Receipt, Update
from wire.ranges import above, add, missing, union

__all__ = [
    "DeliveryLimits",
    "DeliveryState",
    "Flight",
    "Plan",
    "ReceiptOutcome",
    "UpdateOutcome",
    "applied_of",
    "birth_due",
    "birth_of",
    "carried",
    "next_batch",
    "on_absent",
    "on_birth",
    "on_connected",
    "on_disconnected",
    "on_forked",
    "on_pruned",
    "on_receipt",
    "on_recorded",
    "on_unsent",
    "on_update",
]

ReceiptOutcome = Literal["moved", "same", "forked", "birth"]
UpdateOutcome = Literal["apply", "answer", "birth", "same"]


def on_connected(
    state: DeliveryState, now_ms: int, nonce: bytes, live_from: int | None = None
) -> DeliveryState:
    """Begin a session: nothing is under way, and what is queued belongs to the back lane.

    `live_from` is the first seq young enough for the live lane; without it, live is what is
    recorded from now on.
    """
    return replace(
        state,
        connected=True,
        session=state.session + 1,
        nonce=nonce,
        birth_ms=now_ms,
        births=1,
        live_from=state.head + 1 if live_from is None else live_from,
        flights=(),
        credit=1,
        silences=0,
    )


def on_disconnected(state: DeliveryState) -> DeliveryState:
    """End a session: what was under way may or may not arrive, so it counts as unsent."""
    return replace(state, connected=False, flights=(), nonce=b"")


def on_birth(state: DeliveryState, now_ms: int, nonce: bytes) -> DeliveryState:
    """Say birth: from now on the Receipt that repeats this nonce tells what the cloud holds."""
    births = state.births + 1 if state.nonce else 1
    return replace(state, nonce=nonce, birth_ms=now_ms, births=births)


def birth_due(state: DeliveryState, now_ms: int, limits: DeliveryLimits) -> bool:
    """Tell whether the last Birth has gone without an answer for too long."""
    if not (state.connected and state.nonce) or state.forked:
        return False
    wait_ms = doubled(limits.birth_timeout_ms, state.births - 1, limits.birth_timeout_ms_max)
    return now_ms - state.birth_ms >= wait_ms


def birth_of(
    state: DeliveryState, *, version: str = "", operator: str = "", sent_at: int = 0
) -> Birth:
    """Return the Birth that describes this state."""
    return Birth(
        stream=state.stream,
        session=state.session,
        nonce=state.nonce,
        head=state.head,
        watermark=state.watermark,
        applied=state.applied,
        owner=state.applied_owner,
        version=version,
        operator=operator,
        sent_at=sent_at,
    )


def on_recorded(state: DeliveryState, head: int) -> DeliveryState:
    """Take note that rows up to `head` are on disk."""
    return replace(state, head=head) if head > state.head else state


def on_absent(state: DeliveryState, absent: tuple[Absent, ...], first_kept: int) -> DeliveryState:
    """Take note of the rows that are gone unsent: all there are, ascending, and what is kept."""
    return replace(state, absent=absent, first_kept=first_kept)


def on_pruned(state: DeliveryState, first_kept: int) -> DeliveryState:
    """Take note that receipted rows below `first_kept` are deleted."""
    settled = min(first_kept - 1, state.watermark)
    absent = tuple(gone for gone in state.absent if gone.last > settled)
    return replace(state, absent=absent, first_kept=first_kept)


def on_receipt(
    state: DeliveryState, receipt: Receipt, chain_at: Callable[[int], int | None]
) -> tuple[DeliveryState, ReceiptOutcome]:
    """Learn what the cloud holds, committed.

    `chain_at` gives the chain checksum at a seq, as far as the disk knows it: that of the row, or
    the one that the row after it names as the one before, or, at the head, that of the last row
    ever recorded. A watermark is believed only if the checksum there is ours; one at a row that is
    gone is passed over, since a later one will be at a row that is known.

    A Receipt from an owner that this store does not know raises nothing (it may be older than a
    restore of the cloud) and lowers nothing: only the answer to our Birth, by its nonce, does. What
    was under way to another owner before counts as unsent then, since that one answers no more.
    """
    if receipt.stream != state.stream or state.forked:
        return state, "same"
    own = chain_at(receipt.watermark) if receipt.watermark > state.watermark else None
    if receipt.verdict == "forked" or _speaks_of_other_rows(state, receipt, own):
        return replace(state, forked=True, flights=()), "forked"
    answers = bool(state.nonce) and receipt.nonce == state.nonce
    if not answers and receipt.owner != state.owner:
        return state, "same" if state.nonce else "birth"
    watermark = receipt.watermark
    if watermark > state.watermark and own is None:
        watermark = state.watermark
    if answers:
        ranges = above(add(receipt.ranges, 1, receipt.watermark), watermark)
    else:
        watermark = max(state.watermark, watermark)
        ranges = above(union(state.ranges, receipt.ranges), watermark)
    held = add(ranges, 1, watermark)
    flights = tuple([f for f in state.flights if missing(held, f.first, f.last)])
    if answers and receipt.owner != state.owner:
        flights = ()
    moved = (watermark, ranges, receipt.owner) != (state.watermark, state.ranges, state.owner)
    state = replace(
        state,
        owner=receipt.owner,
        nonce=b"" if answers else state.nonce,
        watermark=watermark,
        ranges=ranges,
        flights=flights,
        credit=receipt.credit,
        silences=0 if moved else state.silences,
    )
    return state, "moved" if moved else "same"


def carried(state: DeliveryState) -> tuple[Absent, ...]:
    """Return the absent ranges that begin a new stream, so that no loss goes unreported.

    Rows that went unsent and unreceipted keep their number and reason, but take seqs 1 to n.
    """
    numbered: list[Absent] = []
    for gone in state.absent:
        length = gone.last - max(gone.first, state.watermark + 1) + 1
        if length > 0:
            first = numbered[-1].last + 1 if numbered else 1
            numbered.append(Absent(first, first + length - 1, gone.reason))
    return tuple(numbered)


def on_forked(
    state: DeliveryState, stream: bytes, head: int, absent: tuple[Absent, ...]
) -> DeliveryState:
    """Go on with a new stream: `head` rows so far, of which the absent ones will not be sent."""
    return replace(
        state,
        stream=stream,
        head=head,
        first_kept=1,
        absent=absent,
        watermark=0,
        ranges=(),
        forked=False,
        nonce=b"",
        live_from=head + 1,
        flights=(),
        silences=0,
    )


def on_update(state: DeliveryState, update: Update) -> tuple[DeliveryState, UpdateOutcome]:
    """Decide what to do with an Update; for "apply" the state is that after its commit.

    After the cloud was restored its revisions count something else, so that under a new owner
    nothing but a snapshot is applied.
    """
    if not state.owner or update.owner != state.owner:
        return state, "same" if state.nonce else "birth"
    same_count = state.applied_owner == update.owner
    if same_count and update.end <= state.applied:
        return state, "answer"
    if not update.snapshot and not (same_count and update.start <= state.applied):
        return state, "answer"
    return replace(state, applied=update.end, applied_owner=update.owner), "apply"


def applied_of(state: DeliveryState) -> Applied:
    """Return the Applied that acknowledges what is applied and asks for what is above it."""
    return Applied(owner=state.applied_owner, revision=state.applied)


def _speaks_of_other_rows(state: DeliveryState, receipt: Receipt, own: int | None) -> bool:
    """Tell whether the cloud holds rows of this stream that another outbox wrote.

    `own` is our checksum at the watermark, where it is new and known.
    """
    held = receipt.ranges[-1][1] if receipt.ranges else receipt.watermark
    if held > state.head:
        return True
    return own is not None and bool(receipt.checksum) and own != receipt.checksum
