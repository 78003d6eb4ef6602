"""A scanner that pretends to be a keyboard: its key strokes are taken from Linux's event device.

The device is grabbed, so that scans are typed nowhere else.
"""

import fcntl
import os
import select
import struct
from collections.abc import Sequence

import msgspec

from hardware.clock import mono_ms
from hardware.driver import Act, ActResult, DeviceError, cannot_act
from hardware.readings import CODE_BYTES_MAX, CodeReading, Reading

# struct input_event of linux/input.h: two longs of time, then type, code, value.
EVENT = struct.Struct("llHHi")
EVENTS_PER_READ_MAX = 256
EV_SYN, EV_KEY = 0, 1
SYN_DROPPED = 3
KEY_DOWN, KEY_UP = 1, 0
ENTER_KEYS = frozenset({28, 96})
SHIFT_KEYS = frozenset({42, 54})
CONTROL_KEYS = frozenset({29, 97})
EVIOCGRAB = 0x40044590

# linux/input-event-codes.h on a US layout: key number, plain, shifted.
_ROWS = (
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (57, " ", " "),
)
PLAIN = {first + at: key for first, keys, _ in _ROWS for at, key in enumerate(keys)}
SHIFTED = {first + at: key for first, _, keys in _ROWS for at, key in enumerate(keys)}


class BarcodeKeyboardOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the driver `barcode-keyboard`.

    `path` is the event device, best one of `/dev/input/by-path/` (the socket it is plugged into) or
    `by-id/`. The scanner must be set to a US keyboard and to end a scan with Enter.
    """

    path: str


class KeyStrokes:
    """Turns key strokes into codes; pure. Ctrl with `]` is GS (0x1d), as GS1 codes need it."""

    def __init__(self) -> None:
        self._typed = bytearray()
        self._held: set[int] = set()
        self._too_long = False
        self.refused = 0

    def press(self, kind: int, key: int, value: int) -> bytes | None:
        """Take one input event; return the code when Enter completes one."""
        if kind == EV_SYN and key == SYN_DROPPED:
            self._too_long = True  # strokes were lost: what was typed so far is no code
        if kind != EV_KEY:
            return None
        if key in SHIFT_KEYS | CONTROL_KEYS:
            (self._held.discard if value == KEY_UP else self._held.add)(key)
            return None
        if value != KEY_DOWN:
            return None
        if key in ENTER_KEYS:
            return self._enter()
        letter = (SHIFTED if self._held & SHIFT_KEYS else PLAIN).get(key, "")
        if self._held & CONTROL_KEYS and letter:
            letter = chr(ord(letter.upper()) & 0x1F)
        self._typed += letter.encode("ascii")
        self._too_long = self._too_long or len(self._typed) > CODE_BYTES_MAX
        if self._too_long:
            self._typed.clear()
        return None

    def _enter(self) -> bytes | None:
        code, self._typed = bytes(self._typed), bytearray()
        if self._too_long:
            self._too_long = False
            self.refused += 1
            return None
        return code or None


class BarcodeKeyboard:
    """The driver `barcode-keyboard`."""

    def __init__(self, options: BarcodeKeyboardOptions) -> None:
        self._path = options.path
        self._file = -1
        self._strokes = KeyStrokes()
        self._rest = b""

    def open(self) -> None:
        """Grab the device; raises DeviceError when it is not there or not ours to read."""
        self.close()
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
            if self._path.startswith("/dev/input/"):
                fcntl.ioctl(self._file, EVIOCGRAB, 1)
        except OSError as error:
            self.close()
            raise DeviceError(
                f"the scanner at {self._path} cannot be opened: {error.strerror}; "
                "is it plugged in, and this program in the group `input`?"
            ) from error
        self._strokes, self._rest = KeyStrokes(), b""

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Return the codes that Enter has completed."""
        if self._file < 0:
            raise DeviceError("the keyboard scanner is not open")
        try:
            readable, _, _ = select.select([self._file], [], [], timeout_s)
            if not readable:
                return []
            received = os.read(self._file, EVENT.size * EVENTS_PER_READ_MAX)
        except OSError as error:
            raise DeviceError(f"the scanner at {self._path} was lost: {error.strerror}") from error
        if not received:
            raise DeviceError(f"the scanner at {self._path} was unplugged")
        return self._codes(self._rest + received)

    def act(self, act: Act) -> ActResult:
        """Say that this scanner only reads."""
        return cannot_act(act)

    def close(self) -> None:
        """Let go of the device."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _codes(self, received: bytes) -> list[CodeReading]:
        whole = len(received) - len(received) % EVENT.size
        self._rest = received[whole:]
        at_ms = mono_ms()
        codes = [self._strokes.press(*event[2:]) for event in EVENT.iter_unpack(received[:whole])]
        return [
            CodeReading(data=code, symbology="", at_mono_ms=at_ms)
            for code in codes
            if code is not None
        ]
