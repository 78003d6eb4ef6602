"""The cloud's database in memory: what was committed stays, whatever crashes afterwards."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import repeat
from typing import Self, assert_never

from msgspec.structs import replace

from cloud_sync.intake.accept import (
    Accepted,
    StreamState,
    Unacceptable,
    accept,
    frozen,
)
from cloud_sync.intake.revisions import UNKNOWN, DownState, due, on_applied, on_birth, on_sent
from storebridge.simulation.numbered import TABLE
from storebridge.simulation.seams import Stored, Uplinked
from wire.codec import decode_events
from wire.events import Origin
from wire.messages import Absent, Applied, Batch, Birth, Change, Update

Accept = Callable[[StreamState, Batch, Mapping[int, Origin], AbstractSet[Origin]], Accepted]

NEW_STREAM = StreamState()
# Updates are cut after so many revisions, so that the cutting is simulated too.
REVISIONS_PER_UPDATE_MAX = 6


class MemoryLedger:
    """Streams, ledger and downlink keys of one store; see `seams.Ledger`.

    It decides by `accept`, and by `freezes` whether a stream whose rows were recorded again
    elsewhere takes nothing in any more.
    """

    def __init__(self, owner: bytes, *, accept: Accept = accept, freezes: bool = True) -> None:
        self.streams: dict[bytes, StreamState] = {}
        self.rows: list[int] = []
        self.identities: set[Origin] = set()
        self.declared: dict[bytes, frozenset[int]] = {}
        self.values: dict[str, tuple[int, bytes | None]] = {}
        self.downlink = DownState(owner=owner)
        self._accept = accept
        self._freezes = freezes

    def copied(self) -> Self:
        """Return a copy, as a backup makes it."""
        copy = type(self)(self.downlink.owner)
        copy.__dict__.update(self.__dict__)
        copy.streams = dict(self.streams)
        copy.rows = list(self.rows)
        copy.identities = set(self.identities)
        copy.declared = dict(self.declared)
        copy.values = dict(self.values)
        return copy

    def owner(self) -> bytes:
        """Return the present owner's id."""
        return self.downlink.owner

    def take_over(self, owner: bytes) -> None:
        """Give the shard a new owner."""
        self.downlink = replace(self.downlink, owner=owner, applied=UNKNOWN, sent=UNKNOWN)

    def crash(self, _messages: Sequence[Uplinked], _now_ms: int) -> None:
        """Forget which Updates are under way."""
        self.downlink = replace(self.downlink, sent=UNKNOWN)

    def state(self, stream: bytes) -> StreamState:
        """Return what is known of a stream."""
        return self.streams.get(stream, NEW_STREAM)

    def store(self, messages: Sequence[Uplinked], now_ms: int) -> Stored:
        """Store messages in one transaction, and decide about them in their order."""
        states: dict[bytes, StreamState] = {}
        nonces: dict[bytes, bytes] = {}
        refused = 0
        for message in messages:
            match message:
                case Batch():
                    try:
                        states[message.stream] = self._take(message)
                    except Unacceptable:
                        refused += 1
                case Birth():
                    self.downlink = on_birth(self.downlink, message)
                    states.setdefault(message.stream, NEW_STREAM)
                    nonces[message.stream] = message.nonce
                case Applied():
                    self.downlink = on_applied(self.downlink, message, now_ms)
                case _:
                    assert_never(message)
        return Stored({stream: self.state(stream) for stream in states}, nonces, refused)

    def updates(self, now_ms: int) -> Sequence[Update]:
        """Return what is due of the downlink, and count it as sent."""
        span = due(self.downlink, now_ms)
        if span is None:
            return ()
        updates: list[Update] = []
        while span is not None:
            end = min(span.end, span.start + REVISIONS_PER_UPDATE_MAX)
            changes = tuple(
                Change(TABLE, key, value)
                for key, (revision, value) in self.values.items()
                if span.start < revision <= end
            )
            updates.append(Update(self.owner(), span.start, end, changes, snapshot=span.snapshot))
            self.downlink = on_sent(self.downlink, end, now_ms)
            span = due(self.downlink, now_ms)
        return updates

    def events(self) -> Sequence[int]:
        """Return the numbers of all events held, in order, one for each ledger row."""
        return self.rows

    def reported(self) -> Mapping[bytes, AbstractSet[int]]:
        """Return the seqs that were reported absent, by stream."""
        return self.declared

    def put(self, key: str, value: bytes | None) -> None:
        """Change a downlink key."""
        revision = self.downlink.revision + 1
        self.values[key] = (revision, value)
        self.downlink = replace(self.downlink, revision=revision)

    def keys(self) -> Mapping[str, bytes]:
        """Return all downlink keys that have a value."""
        return {key: value for key, (_, value) in self.values.items() if value is not None}

    def _take(self, batch: Batch) -> StreamState:
        """Append what of a Batch is new and return the state of its stream."""
        events = decode_events(batch.rows)
        origins = {
            seq: event.origin
            for seq, event in enumerate(events, batch.first)
            if event.origin is not None
        }
        held = self.identities.intersection(origins.values())
        accepted = self._accept(self.state(batch.stream), batch, origins, held)
        self.streams[batch.stream] = accepted.state
        new = accepted.rows
        self.rows += [events[seq - batch.first].mono_ms for seq in new.seqs]
        self.identities.update(map(Origin, repeat(batch.stream), new.seqs, new.checksums))
        self.identities.update(new.origins.values())
        for gone in accepted.absent:
            self._report(batch.stream, gone)
        if self._freezes:
            for other in accepted.freeze:
                self.streams[other] = frozen(self.state(other))
        return accepted.state

    def _report(self, stream: bytes, gone: Absent) -> None:
        seqs = frozenset(range(gone.first, gone.last + 1))
        self.declared[stream] = self.declared.get(stream, frozenset()) | seqs
