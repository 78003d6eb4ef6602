"""A scanner that Linux shows as a file: its bytes are taken as they come, and cut into codes."""

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hardware.driver import Act, ActResult, DeviceAway, DeviceError, cannot_act
from hardware.readings import CodeReading, Reading
from hardware.scanners.clarity import Clarity
from hardware.scanners.cutter import Cutter
from hardware.scanners.pump import Chunk, Pump

# What the kernel says of a device that is no longer plugged in.
GONE = frozenset({0, errno.EIO, errno.ENODEV, errno.ENXIO})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is peculiar to a kind of scanner.

    `title` names the device and `hint` says what to do when it cannot be opened. `open_file`
    raises OSError. `quiet_s` is the pause that the cutter is told of; `first_quiet_s` one after the
    opening.
    """

    title: str
    hint: str
    open_file: Callable[[], int]
    make_cutter: Callable[[], Cutter]
    quiet_s: float
    first_quiet_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Opened:
    pump: Pump
    cutter: Cutter
    clarity: Clarity


class FileScanner:
    """The driver of a scanner that is a file.

    What came before the device was lost is read; what came only in part is never joined with what
    comes after it was opened again.
    """

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._opened: _Opened | None = None

    def open(self) -> None:
        """Take the scanner into use; raises DeviceAway when it is not there or not ours to read."""
        self.close()
        kind = self._kind
        try:
            file = kind.open_file()
        except OSError as error:
            raise DeviceAway(
                f"{kind.title} cannot be opened: {error.strerror}; {kind.hint}"
            ) from error
        pump = Pump(file, quiet_s=kind.quiet_s, first_quiet_s=kind.first_quiet_s)
        self._opened = _Opened(pump, kind.make_cutter(), Clarity())

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Return the codes that are complete, and whether they come clearly."""
        opened = self._opened
        if opened is None:
            raise DeviceError(f"{self._kind.title} is not open")
        try:
            chunks = opened.pump.take(timeout_s)
        except OSError as error:
            if error.errno in GONE:
                raise DeviceAway(f"{self._kind.title} was unplugged") from error
            raise DeviceAway(f"{self._kind.title} was lost: {error.strerror}") from error
        return [reading for chunk in chunks for reading in _cut(chunk, opened)]

    def act(self, act: Act) -> ActResult:
        """Say that this scanner only reads."""
        return cannot_act(act)

    def close(self) -> None:
        """Give the scanner back."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.pump.close()


def open_to_read(path: str, flags: int = os.O_RDONLY) -> int:
    """Open a device's file without waiting for it; raises OSError."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _cut(chunk: Chunk, opened: _Opened) -> list[Reading]:
    cutter = opened.cutter
    codes = cutter.feed(chunk.received) if chunk.received else cutter.quiet()
    readings: list[Reading] = [
        CodeReading(data=code, symbology="", at_mono_ms=chunk.at_mono_ms) for code in codes
    ]
    return readings + opened.clarity.judge(len(codes), cutter.refused)
