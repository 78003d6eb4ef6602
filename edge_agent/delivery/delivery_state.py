"""What the store knows about the delivery of its stream, as plain values.

`delivery.py` says how they are used.
"""

from dataclasses import dataclass

import msgspec

from wire.batch import ROWS_PER_BATCH_MAX
from wire.messages import Absent, Lane
from wire.ranges import Ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLimits:
    """How much may be under way, and after how long a silence things are said again.

    When a limit is reached, sending waits for the next receipt. At `ranges_max` ranges above the
    watermark the live lane no longer jumps ahead but goes on where it is, so that a bad line
    cannot break a stream into ever more pieces. Repeats wait twice as long each time, up to the
    `_max`. What a killed cloud worker has not answered is sent to the next one as soon as that one
    answers the Birth that it provoked: within five seconds, whenever `receipt_timeout_ms` ends.
    """

    rows_per_batch_max: int = ROWS_PER_BATCH_MAX
    live_batches_max: int = 4
    back_batches_max: int = 32
    ranges_max: int = 32
    receipt_timeout_ms: int = 4_000
    receipt_timeout_ms_max: int = 60_000
    birth_timeout_ms: int = 5_000
    birth_timeout_ms_max: int = 60_000


class Plan(msgspec.Struct, frozen=True):
    """Which rows make the next Batch: `first` to `last`, none when last < first.

    The absent ranges end at `first - 1`.
    """

    lane: Lane
    first: int
    last: int
    absent: tuple[Absent, ...] = ()

    @property
    def start(self) -> int:
        """Return the lowest seq that the Batch accounts for."""
        return self.absent[0].first if self.absent else self.first


class Flight(msgspec.Struct, frozen=True):
    """A Batch under way: the seqs it accounts for, and when it was sent."""

    lane: Lane
    first: int
    last: int
    sent_ms: int


class DeliveryState(msgspec.Struct, frozen=True, kw_only=True):
    """What the store knows about the delivery of its stream and of its downlink.

    All rows below `first_kept` are gone from the disk. `absent` are the rows above the watermark
    that will never be sent. `ranges` are what the cloud holds above the watermark. The fields
    from `connected` on begin anew with each start.
    """

    stream: bytes
    head: int = 0
    first_kept: int = 1
    absent: tuple[Absent, ...] = ()
    watermark: int = 0
    ranges: Ranges = ()
    owner: bytes = b""
    applied: int = 0
    applied_owner: bytes = b""
    session: int = 0

    connected: bool = False
    forked: bool = False
    nonce: bytes = b""
    birth_ms: int = 0
    births: int = 0
    live_from: int = 1
    flights: tuple[Flight, ...] = ()
    credit: int = 1
    silences: int = 0


def doubled(wait_ms: int, times: int, wait_ms_max: int) -> int:
    """Return a wait doubled so many times, up to its limit."""
    return min(wait_ms << min(times, 16), wait_ms_max)
