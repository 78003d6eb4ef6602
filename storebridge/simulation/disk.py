"""A store's disk in memory: what a method changed stays, whatever crashes afterwards."""

from bisect import bisect_right
from collections.abc import Mapping
from random import Random
from typing import Self

import msgspec

from edge_agent.clock import Instant
from edge_agent.delivery.delivery import DeliveryState, carried
from storebridge.simulation.numbered import number_of, with_origin
from storebridge.simulation.seams import Dropped, Found
from wire.codec import chain, encode_event
from wire.events import Event, Origin
from wire.messages import Absent, AbsentReason, Update
from wire.ranges import Ranges


class Kept(msgspec.Struct, frozen=True):
    """One row on the disk; `before` is the chain checksum of the row before it."""

    seq: int
    before: int
    checksum: int
    row: bytes

    @property
    def sound(self) -> bool:
        """Tell whether the row is what was written."""
        return chain(self.before, self.row) == self.checksum


class MemoryDisk:
    """The outbox, stream, local view and wallet of one store; see `seams.Disk`."""

    def __init__(self, stream: bytes) -> None:
        self.stream = stream
        self.head = 0
        self.checksum = 0
        self.first_kept = 1
        self.rows: dict[int, Kept] = {}
        self.absents: tuple[Absent, ...] = ()
        self.watermark = 0
        self.ranges: Ranges = ()
        self.owner = b""
        self.applied = 0
        self.applied_owner = b""
        self.session = 0
        self.boots = 0
        self.heard_ms = 0
        self.heard: tuple[int, int] = (0, 0)
        self.receipts: list[tuple[int, int]] = []
        self.keys: dict[str, bytes] = {}
        self.used: set[str] = set()

    def copied(self) -> Self:
        """Return a copy, as a backup makes it."""
        copy = type(self)(self.stream)
        copy.__dict__.update(self.__dict__)
        copy.rows = dict(self.rows)
        copy.receipts = list(self.receipts)
        copy.keys = dict(self.keys)
        copy.used = set(self.used)
        return copy

    def crash(self) -> None:
        """Lose nothing: each write is whole."""

    def boot(self) -> int:
        """Count a start and return its number."""
        self.boots += 1
        return self.boots

    def load(self, _now: Instant) -> DeliveryState:
        """Read the state of the delivery."""
        return self._state()

    def record(self, event: Event) -> int:
        """Append an event and return its seq."""
        return self._append(encode_event(event))

    def read(self, first: int, last: int) -> Found:
        """Read rows, each checked."""
        kept = [self.rows[seq] for seq in range(first, last + 1)]
        damaged = tuple([row.seq for row in kept if chain(row.before, row.row) != row.checksum])
        return Found(tuple([row.row for row in kept]), damaged, self.chain_at(first - 1) or 0)

    def chain_at(self, seq: int) -> int | None:
        """Return the chain checksum at a seq, as far as rows that are kept tell it."""
        if seq == self.head:
            return self.checksum
        row, following = self.rows.get(seq), self.rows.get(seq + 1)
        if row is not None:
            return row.checksum
        return following.before if following is not None else None

    def save_session(self, session: int) -> None:
        """Keep the number of a session."""
        self.session = session

    def save(self, state: DeliveryState, now: Instant) -> None:
        """Keep what a receipt taught, and that the cloud was heard now."""
        self.hear(now)
        self.watermark = state.watermark
        self.ranges = state.ranges
        self.owner = state.owner
        while self.receipts and self.receipts[-1][0] > self.watermark:
            self.receipts.pop()
        if not self.receipts or self.receipts[-1][0] < self.watermark:
            self.receipts.append((self.watermark, self.heard_ms))

    def hear(self, now: Instant) -> None:
        """Count the running time up to this word of the cloud, as the store's retention does."""
        boot, mono_ms = self.heard
        self.heard = (now.boot, now.mono_ms)
        if boot == now.boot:
            self.heard_ms += max(0, now.mono_ms - mono_ms)

    def set_aside(self, state: DeliveryState, seqs: tuple[int, ...], _now: Instant) -> None:
        """Take damaged rows out of the outbox and declare them absent, what is held kept first."""
        self.watermark = state.watermark
        self.ranges = state.ranges
        for seq in seqs:
            self.rows.pop(seq, None)
            self.declare(seq, seq, "damaged")

    def declare(self, first: int, last: int, reason: AbsentReason) -> None:
        """Note rows that will never be sent."""
        listed = sorted((*self.absents, Absent(first, last, reason)), key=_first)
        joined = listed[:1]
        for gone in listed[1:]:
            before = joined[-1]
            if before.reason == gone.reason and before.last + 1 == gone.first:
                joined[-1] = Absent(before.first, gone.last, gone.reason)
            else:
                joined.append(gone)
        self.absents = tuple(joined)

    def prune(self, _now: Instant, kept_ms: int) -> int:
        """Delete rows whose receipt is old enough, and return the lowest seq kept."""
        latest_ms = self.heard_ms - kept_ms
        if not self.receipts or self.receipts[0][1] > latest_ms:
            return self.first_kept
        due = bisect_right(self.receipts, latest_ms, key=_received_ms)
        last = self.receipts[due - 1][0]
        del self.receipts[:due]
        for seq in range(self.first_kept, last + 1):
            self.rows.pop(seq, None)
        self.first_kept = max(self.first_kept, last + 1)
        return self.first_kept

    def make_room(self, rows_max: int) -> Dropped:
        """Delete rows above a limit, received ones first, and declare the others absent."""
        excess = len(self.rows) - rows_max
        if excess <= 0:
            return Dropped((), self.first_kept)
        oldest = sorted(self.rows)[:excess]
        for seq in oldest:
            del self.rows[seq]
            if seq > self.watermark:
                self.declare(seq, seq, "evicted")
        self.first_kept = max(self.first_kept, oldest[-1] + 1)
        return Dropped(tuple(oldest), self.first_kept)

    def begin_stream(self, stream: bytes) -> Mapping[int, int]:
        """Begin a new stream with the losses of the old one, and record all kept rows again."""
        former, rows = self.stream, self.rows
        losses = carried(self._state())
        lost = [
            seq
            for gone in self.absents
            for seq in range(max(gone.first, self.watermark + 1), gone.last + 1)
        ]
        seqs = {seq: at for at, seq in enumerate(lost, 1)}
        self.stream, self.rows, self.absents = stream, {}, losses
        self.head = losses[-1].last if losses else 0
        self.checksum, self.first_kept = 0, 1
        self.watermark, self.ranges, self.receipts = 0, (), []
        for seq, kept in sorted(rows.items()):
            if kept.sound:
                seqs[seq] = self._append(with_origin(kept.row, Origin(former, seq, kept.checksum)))
            else:
                self.head += 1
                seqs[seq] = self.head
                self.declare(self.head, self.head, "damaged")
        return seqs

    def apply(self, update: Update) -> None:
        """Change the local view, together with the revision applied."""
        if update.snapshot:
            self.keys.clear()
        for change in update.changes:
            if change.value is None:
                self.keys.pop(change.key, None)
            else:
                self.keys[change.key] = change.value
        self.applied, self.applied_owner = update.end, update.owner

    def view(self) -> Mapping[str, bytes]:
        """Return the local view."""
        return self.keys

    def redeemed(self, coupon: str) -> bool:
        """Tell whether a coupon was used here."""
        return coupon in self.used

    def redeem(self, coupon: str, event: Event) -> int | None:
        """Use a coupon and record it at once: its seq, or None when it was used before."""
        if coupon in self.used:
            return None
        self.used.add(coupon)
        return self.record(event)

    def damage(self, rng: Random) -> int | None:
        """Flip a bit of some sound row at rest; its event's number, None when there is no row."""
        kept = rng.choice(list(self.rows.values())) if self.rows else None
        if kept is None or not kept.sound:
            return None
        flipped = bytes((kept.row[0] ^ 1,)) + kept.row[1:]
        self.rows[kept.seq] = Kept(kept.seq, kept.before, kept.checksum, flipped)
        return number_of(kept.row)

    def erase(self, rng: Random) -> int | None:
        """Delete some sound row, received or not, and declare it absent; its event's number."""
        kept = rng.choice(list(self.rows.values())) if self.rows else None
        if kept is None or not kept.sound:
            return None
        del self.rows[kept.seq]
        self.declare(kept.seq, kept.seq, "erased")
        return number_of(kept.row)

    def _state(self) -> DeliveryState:
        return DeliveryState(
            stream=self.stream,
            head=self.head,
            first_kept=self.first_kept,
            absent=self.absents,
            watermark=self.watermark,
            ranges=self.ranges,
            owner=self.owner,
            applied=self.applied,
            applied_owner=self.applied_owner,
            session=self.session,
        )

    def _append(self, row: bytes) -> int:
        self.head += 1
        checksum = chain(self.checksum, row)
        self.rows[self.head] = Kept(self.head, self.checksum, checksum, row)
        self.checksum = checksum
        return self.head


def _received_ms(receipt: tuple[int, int]) -> int:
    return receipt[1]


def _first(gone: Absent) -> int:
    return gone.first
