"""What every decoder of codes in frames can do.

A decoder may itself be made of decoders (a cascade) or run them in another process: whoever reads
frames sees only this interface.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from hardware.cameras.frames import Pixels
from hardware.readings import Quad

# What a lane reads when its options do not say: shoppers' QR codes and the goods' numbers. Not
# UPC-E: it is so short that ZBar finds it in parts of other codes.
SYMBOLOGIES_DEFAULT = ("QR", "EAN-13", "EAN-8", "UPC-A", "Code128")


# What speaks for a code: nothing more than one reader of edges ("seen"), even that against what
# another way of reading says ("doubtful"), or error correction or several ways that agree
# ("proven").
Trust = Literal["doubtful", "seen", "proven"]

# Bars carry one check digit, so one wrong number in ten passes it; these carry error correction.
SELF_PROVING = frozenset({"QR", "MicroQR", "DataMatrix"})

# Codes of no fixed length: readers take a part of one for a code.
PARTLY_READ = frozenset({"Code128", "Code39", "ITF"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """One code found in a picture: its bytes, what it is, and its corners in pixels.

    `aim_id` is the symbology identifier of ISO/IEC 15424 where the reader knows it: `]C1`, `]d2`
    and `]Q3` say that the bytes are GS1 element strings, their FNC1 separators written as GS.
    `text` is what they say where the reader knows how each part of them is written; it stays within
    one process, since whoever acts on a code acts on its bytes.
    """

    data: bytes
    symbology: str
    quad: Quad
    trust: Trust = "seen"
    aim_id: str = ""
    text: str = ""


class Decoder(Protocol):
    """Finds codes in grey pictures. Belongs to one thread; never raises for what it is shown."""

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found, each once."""


def overlap(one: Decoded, other: Decoded) -> bool:
    """Tell whether one of two codes has its middle within the other."""
    return _holds_middle(one, other) or _holds_middle(other, one)


def _holds_middle(one: Decoded, other: Decoded) -> bool:
    x = sum(corner[0] for corner in other.quad) / 4
    y = sum(corner[1] for corner in other.quad) / 4
    columns, rows = [corner[0] for corner in one.quad], [corner[1] for corner in one.quad]
    return min(columns) - 1 <= x <= max(columns) + 1 and min(rows) - 1 <= y <= max(rows) + 1
