"""What devices say: a code was read or could not be, people were seen, the device is unwell.

Times are the reading computer's monotonic clock in ms, so that they can be compared with each
other and turned into wall time by whoever knows it. A reading names neither device nor store; no
reading carries a picture or a track number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Quad = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
DeviceCondition = Literal["ok", "degraded", "failed"]

# A QR code holds at most 2,953 bytes (ISO/IEC 18004, version 40-L); nothing longer is a code.
CODE_BYTES_MAX = 4096

# Two or five more digits beside an EAN or UPC code (the number of an issue, a price). A lane that
# expects one of these gets them behind the product's digits, as scanners send them.
ADD_ONS = ("EAN-2", "EAN-5")

# What a lane may expect, and a reading may name (but for add-ons, which come with a product's
# code); "" where the device does not say (keyboard, serial).
SYMBOLOGIES = (
    "",
    "QR",
    "MicroQR",
    "DataMatrix",
    "EAN-13",
    "EAN-8",
    "UPC-A",
    "UPC-E",
    "Code128",
    "Code39",
    "ITF",
    *ADD_ONS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeReading:
    """A code was in view of a reader: its bytes exactly as decoded, and where it was seen.

    A camera reads the same code again in every frame; telling these from a second showing is the
    receiver's part. `quad` holds the corners in pixels of the frame, in the code's own order.
    `sure` is False where the reader saw something but could not make sure what it says: nothing
    may be done on it but to ask that it be shown again. `aim_id` is the symbology identifier of
    ISO/IEC 15424 where the reader knows it: `]C1`, `]d2` and `]Q3` announce GS1 element strings,
    `]E3` an add-on behind the product's digits.
    """

    data: bytes
    symbology: str
    at_mono_ms: int
    quad: Quad | None = None
    sure: bool = True
    aim_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One person's stay in a zone has ended; `people_max` is the most that stood there meanwhile.

    Short losses of sight are already joined: `left_mono_ms` is when the person was last seen there.
    `engaged` is set where the stay was long enough to count as engagement.
    """

    zone: str
    entered_mono_ms: int
    left_mono_ms: int
    people_max: int
    engaged: bool = False

    @property
    def dwell_ms(self) -> int:
        """Return how long the stay lasted, never negative."""
        return max(0, self.left_mono_ms - self.entered_mono_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """People crossed a counting line since the last reading, inwards or outwards.

    `groups_in` counts those who came in without somebody of their own group before them.
    """

    line: str
    people_in: int = 0
    people_out: int = 0
    groups_in: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleReading:
    """How many people are in each zone now, and which stays and passages have ended.

    Given whenever one of these changes. `waiting_ms` says for each zone how long everybody in it is
    there now, the longest first: at a till, how long its queue waits. `detector` names what saw
    them; `fallback` is set where that is the built-in stand-in, so that every figure made of it can
    say so.
    """

    at_mono_ms: int
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    waiting_ms: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    stays: tuple[Stay, ...] = ()
    passages: tuple[Passage, ...] = ()
    detector: str = ""
    fallback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReading:
    """The device changed its condition; `reason` is one word, such as `stalled` or `black`."""

    at_mono_ms: int
    condition: DeviceCondition
    reason: str = ""
    figures: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableReading:
    """A picture was put before the reader as a file, and is broken or of an unknown format.

    A live camera that gives a broken frame says so by its health: nobody shows frames.
    """

    at_mono_ms: int


Reading = CodeReading | PeopleReading | HealthReading | UnreadableReading
