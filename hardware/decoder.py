"""What every decoder of codes in frames can do.

A decoder may itself be made of decoders (a cascade) or run them in another process: whoever reads
frames sees only this interface.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hardware.frames import Pixels
from hardware.readings import Quad

# What a lane reads when its options do not say: shoppers' QR codes and the goods' numbers. Not
# UPC-E: it is so short that ZBar finds it in parts of other codes.
SYMBOLOGIES_DEFAULT = ("QR", "EAN-13", "EAN-8", "UPC-A", "Code128")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """One code found in a picture: its bytes, what it is, and its corners in pixels."""

    data: bytes
    symbology: str
    quad: Quad


class Decoder(Protocol):
    """Finds codes in grey pictures. Belongs to one thread; never raises for what it is shown."""

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found, each once."""
