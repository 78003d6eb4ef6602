"""The cloud's database in memory: what was committed stays, whatever crashes afterwards."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Self

from msgspec.structs import replace

from cloud_sync.intake.accept import AcceptedRow, StreamState
from cloud_sync.intake.revisions import UNKNOWN, DownState
from storebridge.simulation.numbered import number_of
from wire.events import Origin
from wire.messages import Absent, Change

NEW_STREAM = StreamState()
TABLE = "product"


class MemoryLedger:
    """Streams, ledger and downlink keys of one store; see `seams.Ledger`."""

    def __init__(self, owner: bytes) -> None:
        self.streams: dict[bytes, StreamState] = {}
        self.rows: list[int] = []
        self.identities: set[tuple[bytes, int, int]] = set()
        self.declared: dict[bytes, frozenset[int]] = {}
        self.values: dict[str, tuple[int, bytes | None]] = {}
        self.downlink = DownState(owner=owner)

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

    def state(self, stream: bytes) -> StreamState:
        """Return what is known of a stream."""
        return self.streams.get(stream, NEW_STREAM)

    def held(self, origins: Sequence[Origin]) -> AbstractSet[Origin]:
        """Return which of these origins name an event that is held."""
        return {o for o in origins if (o.stream, o.seq, o.checksum) in self.identities}

    def commit(
        self,
        states: Mapping[bytes, StreamState],
        rows: Sequence[tuple[bytes, AcceptedRow]],
        absent: Sequence[tuple[bytes, Absent]],
    ) -> None:
        """Append rows and keep the states of their streams, in one transaction."""
        self.streams.update(states)
        for stream, row in rows:
            self.rows.append(number_of(row.row))
            self.identities.add((stream, row.seq, row.checksum))
            if row.origin:
                origin = row.origin
                self.identities.add((origin.stream, origin.seq, origin.checksum))
        for stream, gone in absent:
            seqs = frozenset(range(gone.first, gone.last + 1))
            self.declared[stream] = self.declared.get(stream, frozenset()) | seqs

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

    def changes(self, start: int, end: int) -> tuple[Change, ...]:
        """Return the keys changed in the revisions (start, end]."""
        return tuple(
            Change(TABLE, key, value)
            for key, (revision, value) in self.values.items()
            if start < revision <= end
        )

    def down(self) -> DownState:
        """Return the state of the store's downlink."""
        return self.downlink

    def save_down(self, state: DownState) -> None:
        """Keep the state of the store's downlink."""
        self.downlink = state
