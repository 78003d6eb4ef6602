"""The messages that cross the wire: Batch, Receipt, Update, Applied, Birth, Heartbeat, Death.

The topic of a message names its tenant and store, so that no payload can disagree with the
address that the broker checked; see `wire/topics.py`.
"""

from typing import Literal

import msgspec

Lane = Literal["live", "back"]
AbsentReason = Literal["evicted", "expired", "damaged", "erased"]
Verdict = Literal["stored", "forked"]

# A stream's id is unique within its store, for which 64 random bits are plenty; the rest is zero,
# and left out on the wire where it costs most. Those of older stores are random throughout.
STREAM_BYTES = 16
STREAM_RANDOM_BYTES = 8
NONCE_BYTES = 8


class Absent(msgspec.Struct, frozen=True, array_like=True):
    """Rows `first` to `last` (inclusive) of a stream that will never be sent, and why."""

    first: int
    last: int
    reason: AbsentReason


class Batch(msgspec.Struct, frozen=True):
    """Consecutive rows of one stream, from seq `first` on, as the outbox holds them.

    `rows` are encoded events (see `wire/codec.py`); `before` is the chain checksum of the row
    before the first (0 for none), from which the cloud recomputes the chain. `absent` accounts for
    rows that no longer exist, in ascending ranges that end at `first - 1`, each beginning where
    the one before it ends; a Batch may consist of them alone.
    """

    stream: bytes
    first: int
    lane: Lane
    before: int
    rows: tuple[bytes, ...]
    absent: tuple[Absent, ...] = ()

    @property
    def last(self) -> int:
        """Return the seq of the last row, `first - 1` when there is none."""
        return self.first + len(self.rows) - 1


class Receipt(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """What the cloud holds of a stream, committed: all up to `watermark`, and the ranges above it.

    `owner` is the random id of the shard's owner (a new one after a restore from backup);
    `credit` the number of back-lane Batches that may be under way; `verdict` "forked" tells the
    store that another outbox wrote this stream and that it must start a new one. A Receipt may
    lower what the edge believes only if `nonce` repeats that of its last Birth. `checksum` is the
    chain checksum of the row at the watermark (0: unknown), which the store compares with its own
    row's: a cloud that holds another outbox's rows under these numbers is found out by it.
    """

    owner: bytes
    stream: bytes
    watermark: int
    ranges: tuple[tuple[int, int], ...] = ()
    credit: int = 4
    verdict: Verdict = "stored"
    nonce: bytes = b""
    checksum: int = 0


class Change(msgspec.Struct, frozen=True, array_like=True):
    """A downlink key's new value (an encoded view, see `wire/views.py`), or None: it is gone."""

    table: str
    key: str
    value: bytes | None


class Update(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """All downlink keys of a store that changed in the revisions (start, end].

    A snapshot holds all keys there are, starts at 0 and replaces everything.
    """

    owner: bytes
    start: int
    end: int
    changes: tuple[Change, ...]
    snapshot: bool = False


class Applied(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """The store has applied the downlink up to `revision`; the cloud repeats what is above it."""

    owner: bytes
    revision: int


class Birth(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The store is online with this stream; retained by the broker.

    `session` grows with every connection, so that an old session's Death is told apart.
    `head` is the highest seq recorded, `applied` the downlink revision applied under `owner`
    (empty when none), `boots` maps boot numbers to what is known of them.
    """

    stream: bytes
    session: int
    nonce: bytes
    head: int
    watermark: int
    applied: int
    owner: bytes = b""
    version: str = ""
    operator: str = ""
    sent_at: int = 0


class DeviceState(msgspec.Struct, frozen=True, array_like=True):
    """How one device is: ok, degraded or failed, with the reason in words."""

    device: str
    driver: str
    state: str
    reason: str = ""
    since: int = 0


class TillQueue(msgspec.Struct, frozen=True, array_like=True):
    """How many wait in the zone of a till, and how long the first of them has done so.

    `stays` and `dwell_s` are of those who left it in this hour: their mean is the usual wait.
    """

    zone: str
    people: int
    waited_s: int = 0
    stays: int = 0
    dwell_s: int = 0


class Heartbeat(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """How the store is now; not kept, the newest counts. Times in µs UTC, ages in ms."""

    session: int
    head: int
    watermark: int
    queue_rows: int
    queue_bytes: int
    oldest_age_ms: int
    sent_at: int
    clock: int
    mono_ms: int
    boot: int
    absent_rows: int = 0
    devices: tuple[DeviceState, ...] = ()
    queues: tuple[TillQueue, ...] = ()


class Death(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """The connection of this session ended: the broker's will, or a clean goodbye."""

    session: int
    clean: bool = False


Message = Batch | Receipt | Update | Applied | Birth | Heartbeat | Death
