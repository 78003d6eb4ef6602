"""Makes a decoder load all of itself: libraries open files at their first use."""

import codecs
import ctypes
from collections.abc import Iterator

import numpy as np

from hardware.cameras.frames import Pixels

_SIDE = 240

# A QR code that says `warm`, a row of 21 modules a number, 1 for a dark one.
_QR = (
    *(0x1FCB7F, 0x104E41, 0x175B5D, 0x174A5D, 0x17455D, 0x104141, 0x1FD57F),
    *(0x001B00, 0x1DFEC4, 0x04244B, 0x13451F, 0x0FAC41, 0x0C415B, 0x001AA9),
    *(0x1FD6E3, 0x1053B2, 0x1756E3, 0x174466, 0x17551D, 0x10546A, 0x1FD957),
)
_QR_MODULES = 21
# The bars of EAN-13 9780201379624.
_EAN_13 = 0x576253934E6550A274A1B2E5
_EAN_MODULES = 95
# What looks like a code and is none leads a decoder through its last attempts; one that spreads
# them over frames has made them all after so many.
_ATTEMPTS = 12

# What a code may say that its bytes are written in (AIM's extended channel interpretations), by
# Python's names, and by those that ZBar asks the C library for (its qrcode/qrdectxt.c).
_CODECS = (
    *("ascii", "latin-1", "utf-8", "utf-16-be", "utf-16-le", "utf-32-be", "utf-32-le", "cp437"),
    *(f"iso8859-{part}" for part in range(2, 17) if part != 12),
    *("cp1250", "cp1251", "cp1252", "cp1256"),
    *("shift_jis", "cp932", "big5", "gb2312", "gbk", "gb18030", "euc_kr", "cp949", "euc_jp"),
)
_CONVERTERS = ("CP437", "SJIS", "BIG5", *(f"ISO8859-{part}" for part in range(1, 17)))


def load_character_sets() -> None:
    """Load what reads each character set, for good: Python's codecs, and the C library's.

    Without its converter ZBar finds nothing in a QR code that names its character set.
    """
    for name in _CODECS:
        codecs.lookup(name)
    libc = ctypes.CDLL(None)
    for name in _CONVERTERS:
        libc.iconv_open(b"UTF-8", name.encode("ascii"))


def warm_up_pictures() -> Iterator[Pixels]:
    """Yield a picture without a code, one with too much in it, bars that say nothing, two codes."""
    chance = np.random.default_rng(1)
    yield np.full((_SIDE, _SIDE), 128, np.uint8)
    yield chance.integers(0, 255, (_SIDE, _SIDE), np.uint8)
    for _ in range(_ATTEMPTS):
        yield _drawn([list(chance.integers(0, 2, _EAN_MODULES))] * 40, magnified=3)
    yield _drawn([_modules(row, _QR_MODULES) for row in _QR], magnified=6)
    yield _drawn([_modules(_EAN_13, _EAN_MODULES)] * 40, magnified=3)


def _modules(row: int, count: int) -> list[int]:
    return [row >> place & 1 for place in reversed(range(count))]


def _drawn(rows: list[list[int]], *, magnified: int) -> Pixels:
    light = np.pad(np.where(np.array(rows, bool), 0, 255), 12, constant_values=255)
    return np.kron(light, np.ones((magnified, magnified))).astype(np.uint8)
