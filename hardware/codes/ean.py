"""How product codes are printed: the modules of each digit, and the grammar of each kind of code.

A digit takes seven modules. Left of the middle its parity says more: odd (L) or even (G), which
spells the first digit of an EAN-13, or number system and check digit of a UPC-E. Right of the
middle there is one form (R). Source: GS1 General Specifications 5.2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DIGIT_MODULES = 7
_ODD = tuple(f"{bits:07b}" for bits in (0x0D, 0x19, 0x13, 0x3D, 0x23, 0x31, 0x2F, 0x3B, 0x37, 0x0B))
_SWAP = str.maketrans("01", "10")
# The forms of the ten digits, 1 for a bar: right of the middle, and left of it the ten odd ones,
# then the ten even ones.
RIGHT = tuple(bits.translate(_SWAP) for bits in _ODD)
LEFT = (*_ODD, *(bits[::-1] for bits in RIGHT))

# Which left digits are even, by the first digit of an EAN-13 and by the check digit of a UPC-E
# (of number system 0; inverted for 1).
_EAN_13_PARITY = tuple(
    f"{even:06b}" for even in (0x00, 0x0B, 0x0D, 0x0E, 0x13, 0x19, 0x1C, 0x15, 0x16, 0x1A)
)
_UPC_E_PARITY = tuple(
    f"{even:06b}" for even in (0x38, 0x34, 0x32, 0x31, 0x2C, 0x26, 0x23, 0x2A, 0x29, 0x25)
)
# Its six digits stand in the long form where the last one says, and weigh there as they stand.
_UPC_E_WEIGHTS = {
    "012": (1, 3, 3, 1, 3, 1),
    "3": (1, 3, 1, 1, 3, 0),
    "4": (1, 3, 1, 3, 3, 0),
    "56789": (1, 3, 1, 3, 1, 3),
}

START, CENTRE, END, END_UPC_E = "101", "01010", "101", "010101"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to fill a code: the parity of each digit, and what the check digit asks of them.

    The digits, each times its weight, and `offset` must come to a multiple of ten. `head` and
    `tail` are digits that the parity spells. Only digits of `last` may stand last.
    """

    even: str
    weights: tuple[int, ...]
    offset: int = 0
    head: str = ""
    tail: str = ""
    last: str = "0123456789"

    def spells(self, digits: str) -> bool:
        """Tell whether these digits would be printed in this way."""
        last = digits[-1 - len(self.tail)]
        return digits.startswith(self.head) and digits.endswith(self.tail) and last in self.last


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grammar:
    """How one kind of product code is built; `ways` are all those in which it can be filled.

    `quiet` modules beside it are bright at least: the standard asks for more, printers keep less.
    Short codes, which other codes may seem to hold, are taken at the standard's word.
    """

    quiet: int
    left: int
    right: int
    centre: str
    end: str
    ways: tuple[Way, ...]

    @property
    def digits(self) -> int:
        """Return how many digits are printed as bars."""
        return self.left + self.right

    @property
    def begins(self) -> NDArray[np.intp]:
        """Return at which module each digit begins."""
        right = len(START) + self.left * DIGIT_MODULES + len(self.centre)
        firsts = (len(START), right)
        counts = (self.left, self.right)
        return np.concatenate(
            [
                first + DIGIT_MODULES * np.arange(count)
                for first, count in zip(firsts, counts, strict=True)
            ]
        )

    @property
    def guards_begin(self) -> tuple[int, ...]:
        """Return at which module start, middle (if there is one) and end begin, quiet zones too."""
        middle = len(START) + self.left * DIGIT_MODULES
        end = self.modules - len(self.end)
        return (-self.quiet, middle, end) if self.centre else (-self.quiet, end)

    @property
    def modules(self) -> int:
        """Return the width of the whole code without its quiet zones."""
        guards = len(START) + len(self.centre) + len(self.end)
        return guards + self.digits * DIGIT_MODULES


EAN_13 = Grammar(
    quiet=3,
    left=6,
    right=6,
    centre=CENTRE,
    end=END,
    ways=tuple(
        Way(even=even + "0" * 6, weights=(3, 1) * 6, offset=first, head=str(first))
        for first, even in enumerate(_EAN_13_PARITY)
    ),
)
EAN_8 = Grammar(
    quiet=6, left=4, right=4, centre=CENTRE, end=END, ways=(Way(even="0" * 8, weights=(3, 1) * 4),)
)
UPC_E = Grammar(
    quiet=6,
    left=6,
    right=0,
    centre="",
    end=END_UPC_E,
    ways=tuple(
        Way(
            even=even if system == "0" else even.translate(_SWAP),
            weights=weights,
            offset=3 * int(system) + check,
            head=system,
            tail=str(check),
            last=last,
        )
        for system in "01"
        for check, even in enumerate(_UPC_E_PARITY)
        for last, weights in _UPC_E_WEIGHTS.items()
    ),
)
