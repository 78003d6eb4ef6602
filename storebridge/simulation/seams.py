"""What the simulation asks of a store's disk and of the cloud's database.

The memory versions (`disk.py`, `ledger.py`) are quick; the real ones (`real_disk.py`,
`real_ledger.py`) let the same schedules run over files and servers, through the product's own
reading and writing. Each method is one transaction: after a crash it happened whole or not at all.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from random import Random
from typing import Protocol, Self

import msgspec

from cloud_sync.intake.accept import StreamState
from edge_agent.clock import Instant
from edge_agent.delivery.delivery import DeliveryState
from wire.events import Event
from wire.messages import Applied, Batch, Birth, Update

Uplinked = Batch | Birth | Applied


class Found(msgspec.Struct, frozen=True):
    """What was read for a Plan: sound rows, the seqs found damaged, the checksum before the first.

    `before` is 0 when it is not known.
    """

    rows: tuple[bytes, ...]
    damaged: tuple[int, ...]
    before: int


class Dropped(msgspec.Struct, frozen=True):
    """Rows that a disk let go for want of room."""

    seqs: tuple[int, ...]
    first_kept: int


class Stored(msgspec.Struct, frozen=True):
    """What a commit leaves to answer: the states of streams, and the nonces of Births by stream.

    `refused` counts messages that contradict themselves.
    """

    states: Mapping[bytes, StreamState]
    nonces: Mapping[bytes, bytes]
    refused: int


class Disk(Protocol):
    """A store's disk: outbox, stream, local view and wallet."""

    def copied(self) -> Self:
        """Return a copy, as a backup makes it."""

    def damage(self, rng: Random) -> int | None:
        """Flip a bit of some sound row at rest; its event's number, None when there is no row."""

    def erase(self, rng: Random) -> int | None:
        """Delete some row, since its shopper was erased, received or not; its event's number."""

    def crash(self) -> None:
        """Lose what is not committed, in the middle of a write."""

    def boot(self) -> int:
        """Count a start and return its number."""

    def load(self, now: Instant) -> DeliveryState:
        """Read the state of the delivery."""

    def record(self, event: Event) -> int:
        """Append an event and return its seq."""

    def read(self, first: int, last: int) -> Found:
        """Read rows, each checked."""

    def chain_at(self, seq: int) -> int | None:
        """Return the chain checksum at a seq, as far as rows that are kept tell it."""

    def save_session(self, session: int) -> None:
        """Keep the number of a session before anything is said in it."""

    def save(self, state: DeliveryState, now: Instant) -> None:
        """Keep what a receipt taught, and that the cloud was heard now."""

    def set_aside(self, seqs: tuple[int, ...], now: Instant) -> None:
        """Take damaged rows out of the outbox and declare them absent."""

    def prune(self, now: Instant, kept_ms: int) -> int:
        """Delete rows whose receipt was old enough when the cloud was last heard.

        Returns the lowest seq kept.
        """

    def make_room(self, rows_max: int) -> Dropped:
        """Delete rows above a limit, received ones first, and declare the others absent."""

    def begin_stream(self, stream: bytes) -> Mapping[int, int]:
        """Begin a new stream with the losses of the old one, and record all kept rows again.

        Returns the new seq of each former one. A disk may call the stream otherwise than proposed.
        """

    def apply(self, update: Update) -> None:
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

    def store(self, messages: Sequence[Uplinked], now_ms: int) -> Stored:
        """Store messages in one transaction."""

    def updates(self, now_ms: int) -> Sequence[Update]:
        """Return what is due of the downlink, and count it as sent."""

    def crash(self, messages: Sequence[Uplinked], now_ms: int) -> None:
        """Lose what is not committed, with a transaction under way that stores these messages."""

    def events(self) -> Sequence[int]:
        """Return the numbers of all events held, in order, one for each ledger row."""

    def reported(self) -> Mapping[bytes, AbstractSet[int]]:
        """Return the seqs that were reported absent, by stream."""

    def put(self, key: str, value: bytes | None) -> None:
        """Change a downlink key."""

    def keys(self) -> Mapping[str, bytes]:
        """Return all downlink keys that have a value."""
