"""What the simulation asks of a store's disk and of the cloud's database.

The memory versions (`disk.py`, `ledger.py`) are quick; real ones behind the same seams let the same
schedules run over files and servers. Each method is one transaction: after a crash it happened
whole or not at all.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from random import Random
from typing import Protocol, Self

import msgspec

from cloud_sync.intake.accept import AcceptedRow, StreamState
from cloud_sync.intake.revisions import DownState
from edge_agent.delivery import DeliveryState
from wire.events import Event, Origin
from wire.messages import Absent, AbsentReason, Change, Update


class Found(msgspec.Struct, frozen=True):
    """What was read for a Plan: sound rows, the seqs found damaged, the checksum before the first.

    `before` is 0 when it is not known.
    """

    rows: tuple[bytes, ...]
    damaged: tuple[int, ...]
    before: int


class Dropped(msgspec.Struct, frozen=True):
    """Rows that a disk let go for want of room: the numbers of their events, by seq."""

    numbers: Mapping[int, int]
    first_kept: int


class Disk(Protocol):
    """A store's disk: outbox, stream, local view and wallet."""

    def copied(self) -> Self:
        """Return a copy, as a backup makes it."""

    def damage(self, rng: Random) -> int | None:
        """Flip a bit of some sound row at rest; its event's number, None when there is no row."""

    def load(self) -> DeliveryState:
        """Read the state at a start."""

    def record(self, event: Event) -> int:
        """Append an event and return its seq."""

    def read(self, first: int, last: int) -> Found:
        """Read rows, each checked."""

    def chain_at(self, seq: int) -> int | None:
        """Return the chain checksum at a seq, as far as rows that are kept tell it."""

    def save(self, state: DeliveryState, heard_ms: int) -> None:
        """Keep what a receipt taught, and when it was heard (running time of the store)."""

    def declare(self, first: int, last: int, reason: AbsentReason) -> None:
        """Note rows that will never be sent."""

    def prune(self, heard_ms: int, kept_ms: int) -> int:
        """Delete rows whose receipt is old enough by the running time of the last word heard.

        Returns the lowest seq kept.
        """

    def make_room(self, rows_max: int) -> Dropped:
        """Delete rows above a limit, received ones first, and declare the others absent."""

    def begin_stream(self, stream: bytes, carried: tuple[Absent, ...]) -> Mapping[int, int]:
        """Begin a new stream with the carried absent seqs, and record all kept rows again.

        Returns the new seq of each former one.
        """

    def apply(self, update: Update, state: DeliveryState) -> None:
        """Change the local view, together with the revision applied."""

    def view(self) -> Mapping[str, bytes]:
        """Return the local view."""

    def redeemed(self, coupon: str) -> bool:
        """Tell whether a coupon was used here."""

    def redeem(self, coupon: str, event: Event) -> int | None:
        """Use a coupon and record it at once: its seq, or None when it was used before."""


class Ledger(Protocol):
    """The cloud's database: streams, ledger and downlink keys."""

    def copied(self) -> Self:
        """Return a copy, as a backup makes it."""

    def owner(self) -> bytes:
        """Return the present owner's id."""

    def take_over(self, owner: bytes) -> None:
        """Give the shard a new owner."""

    def state(self, stream: bytes) -> StreamState:
        """Return what is known of a stream."""

    def held(self, origins: Sequence[Origin]) -> AbstractSet[Origin]:
        """Return which of these origins name an event that is held."""

    def commit(
        self,
        states: Mapping[bytes, StreamState],
        rows: Sequence[tuple[bytes, AcceptedRow]],
        absent: Sequence[tuple[bytes, Absent]],
    ) -> None:
        """Append rows and keep the states of their streams, in one transaction."""

    def events(self) -> Sequence[int]:
        """Return the numbers of all events held, in order, one for each ledger row."""

    def reported(self) -> Mapping[bytes, AbstractSet[int]]:
        """Return the seqs that were reported absent, by stream."""

    def put(self, key: str, value: bytes | None) -> None:
        """Change a downlink key."""

    def keys(self) -> Mapping[str, bytes]:
        """Return all downlink keys that have a value."""

    def changes(self, start: int, end: int) -> tuple[Change, ...]:
        """Return the keys changed in the revisions (start, end]."""

    def down(self) -> DownState:
        """Return the state of the store's downlink."""

    def save_down(self, state: DownState) -> None:
        """Keep the state of the store's downlink."""
