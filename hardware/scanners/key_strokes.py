"""Turns the key strokes of a scanner that types into codes."""

import struct
import unicodedata
from typing import Literal

from hardware.scanners.cutter import Pieces
from hardware.scanners.layouts import ALONE, LAYOUTS, PAD_DIGITS

Suffix = Literal["enter", "tab", "none"]

# struct input_event of linux/input.h: two longs of time, then type, code, value.
EVENT = struct.Struct("llHHi")
EV_SYN, EV_KEY = 0, 1
SYN_DROPPED = 3
KEY_DOWN, KEY_UP = 1, 0
ENDS: dict[Suffix, frozenset[int]] = {
    "enter": frozenset({28, 96}),
    "tab": frozenset({15}),
    "none": frozenset(),
}
SHIFT, CONTROL, CAPS_LOCK = frozenset({42, 54}), frozenset({29, 97}), 58
ALT, ALT_GR = 56, 100
# Scanners type characters that have no key as Ctrl with the key that bears `[`, `\`, `]` on a US
# keyboard, whatever the country; or, those of GS1 and its kin (FS, GS, RS, US), as F7 to F10.
CONTROL_BY_PLACE = {26: 0x1B, 43: 0x1C, 27: 0x1D}
FUNCTION_KEYS = {65: 0x1C, 66: 0x1D, 67: 0x1E, 68: 0x1F}
BYTE_MAX, NUMBER_DIGITS_MAX = 0xFF, 5
CONTROL_LETTERS = frozenset("@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_")


class KeyStrokes:
    """The cutter of scanners that type. What was typed for a letter outside ASCII is UTF-8.

    Any byte may also come as its number, typed on the number pad while Alt is held. The first
    strokes are left out unless a pause came before them: they may be the tail of a scan that began
    before the device was opened.
    """

    def __init__(self, layout: str = "us", suffix: Suffix = "enter", gs: str = "") -> None:
        self._layout = LAYOUTS[layout]
        self._suffix: Suffix = suffix
        self._gs = gs.encode()
        self._pieces = Pieces()
        self._rest = b""
        self._settled = False
        self._held: set[int] = set()
        self._capitals = False
        self._accent = ""
        self._number = ""

    @property
    def refused(self) -> int:
        """Return how many scans were left out."""
        return self._pieces.refused

    def feed(self, received: bytes) -> list[bytes]:
        """Take input events as the kernel hands them out, also when cut."""
        whole = self._rest + received
        end = len(whole) - len(whole) % EVENT.size
        self._rest = whole[end:]
        codes: list[bytes] = []
        for _, _, kind, key, value in EVENT.iter_unpack(whole[:end]):
            if kind == EV_SYN and key == SYN_DROPPED:
                # The kernel lost strokes: perhaps letters, perhaps that Shift was let go.
                self._held.clear()
                self._pieces.spoil()
            elif kind == EV_KEY:
                codes += self._stroke(key, value)
        return codes

    def quiet(self) -> list[bytes]:
        """End the code by the pause, or leave out what was cut off."""
        self._settled = True
        self._held.clear()
        if self._suffix == "none":
            return self._end()
        self._accent = self._number = ""
        self._pieces.drop()
        return []

    def _stroke(self, key: int, value: int) -> list[bytes]:
        if not self._settled:
            self._settled = True
            self._pieces.spoil()
        if key in SHIFT or key in CONTROL or key in (ALT, ALT_GR):
            (self._held.discard if value == KEY_UP else self._held.add)(key)
            if key == ALT and value == KEY_UP:
                self._end_number()
            return []
        if value != KEY_DOWN:
            return []
        if key in ENDS[self._suffix]:
            return self._end()
        if key == CAPS_LOCK:
            self._capitals = not self._capitals
        elif ALT in self._held and key in PAD_DIGITS:
            self._number = (self._number + PAD_DIGITS[key])[:NUMBER_DIGITS_MAX]
        elif key in FUNCTION_KEYS:
            self._add(bytes([FUNCTION_KEYS[key]]))
        else:
            self._type(key)
        return []

    def _type(self, key: int) -> None:
        """Add the letter of a key, as the keys held with it make it."""
        letter = self._letter(key)
        if self._held & CONTROL and ALT not in self._held:
            self._control(key, letter)
        elif letter in ALONE:
            self._settle_accent()
            self._accent = letter
        elif self._accent and letter:
            accent, self._accent = self._accent, ""
            self._pieces.add(_accented(accent, letter).encode())
        else:
            self._add(letter.encode())

    def _letter(self, key: int) -> str:
        # Windows takes Ctrl with Alt for AltGr, and so do scanners.
        third = ALT_GR in self._held or (ALT in self._held and bool(self._held & CONTROL))
        if third and key in self._layout.third:
            return self._layout.third[key]
        level = self._layout.shifted if self._held & SHIFT else self._layout.plain
        letter = level.get(key, "")
        return letter.swapcase() if self._capitals and letter.isalpha() else letter

    def _control(self, key: int, letter: str) -> None:
        if letter and letter.upper() in CONTROL_LETTERS:
            self._add(bytes([ord(letter.upper()) & 0x1F]))
        elif key in CONTROL_BY_PLACE:
            self._add(bytes([CONTROL_BY_PLACE[key]]))

    def _end_number(self) -> None:
        number, self._number = self._number, ""
        if not number:
            return
        if int(number) > BYTE_MAX:
            self._pieces.spoil()
        else:
            self._add(bytes([int(number)]))

    def _add(self, part: bytes) -> None:
        self._settle_accent()
        self._pieces.add(part)

    def _settle_accent(self) -> None:
        """Add the accent of a dead key that no letter followed."""
        if self._accent:
            self._pieces.add(ALONE[self._accent].encode())
            self._accent = ""

    def _end(self) -> list[bytes]:
        self._settle_accent()
        codes = self._pieces.end()
        return [code.replace(self._gs, b"\x1d") for code in codes] if self._gs else codes


def _accented(accent: str, letter: str) -> str:
    """Return what a dead key and the letter after it give."""
    if letter == " ":
        return ALONE[accent]
    joined = unicodedata.normalize("NFC", letter + accent)
    return joined if len(joined) == 1 else ALONE[accent] + letter
