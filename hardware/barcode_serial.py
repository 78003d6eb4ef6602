"""A scanner on a serial line: each scan is a line of bytes that ends with CR, LF or both."""

import os
import select
import termios
from collections.abc import Sequence

import msgspec

from hardware.clock import mono_ms
from hardware.driver import Act, ActResult, DeviceError, cannot_act
from hardware.readings import CODE_BYTES_MAX, CodeReading, Reading

READ_BYTES_MAX = 4096
SPEEDS = {
    9600: termios.B9600,
    19200: termios.B19200,
    38400: termios.B38400,
    57600: termios.B57600,
    115200: termios.B115200,
}


class BarcodeSerialOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the driver `barcode-serial`.

    `port` is the scanner's device, best one of `/dev/serial/by-id/` or `by-path/`, which stays the
    same when devices are numbered anew. The line has 8 data bits and no parity.
    """

    port: str
    speed: int = 9600

    def __post_init__(self) -> None:
        if self.speed not in SPEEDS:
            raise ValueError(f"speed: no {self.speed}; known: {', '.join(map(str, SPEEDS))}")


class LineSplitter:
    """Cuts what comes from a scanner into codes; pure.

    A line longer than CODE_BYTES_MAX is noise and left out whole; `refused` counts such lines.
    """

    def __init__(self) -> None:
        self._begun = bytearray()
        self._too_long = False
        self.refused = 0

    def feed(self, received: bytes) -> list[bytes]:
        """Take what was received, and return the lines that are now complete and not empty."""
        lines: list[bytes] = []
        for part in received.replace(b"\r", b"\n").splitlines(keepends=True):
            if not self._too_long:
                self._begun += part.removesuffix(b"\n")
            self._too_long = self._too_long or len(self._begun) > CODE_BYTES_MAX
            if part.endswith(b"\n"):
                lines += self._end()
        return lines

    def _end(self) -> list[bytes]:
        line, self._begun = bytes(self._begun), bytearray()
        if self._too_long:
            self._too_long = False
            self.refused += 1
            return []
        return [line] if line else []


class BarcodeSerial:
    """The driver `barcode-serial`."""

    def __init__(self, options: BarcodeSerialOptions) -> None:
        self._options = options
        self._file = -1
        self._splitter = LineSplitter()

    def open(self) -> None:
        """Open the line; raises DeviceError when the scanner is not there."""
        self.close()
        try:
            self._file = os.open(self._options.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            _make_raw(self._file, SPEEDS[self._options.speed])
        except (OSError, termios.error) as error:
            self.close()
            raise self._lost("cannot be opened", error) from error
        self._splitter = LineSplitter()

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Return the codes whose lines are complete."""
        if self._file < 0:
            raise DeviceError("the serial scanner is not open")
        try:
            readable, _, _ = select.select([self._file], [], [], timeout_s)
            if not readable:
                return []
            received = os.read(self._file, READ_BYTES_MAX)
        except OSError as error:
            raise self._lost("was lost", error) from error
        if not received:
            raise self._lost("was unplugged", None)
        at_ms = mono_ms()
        return [
            CodeReading(data=line, symbology="", at_mono_ms=at_ms)
            for line in self._splitter.feed(received)
        ]

    def act(self, act: Act) -> ActResult:
        """Say that this scanner only reads."""
        return cannot_act(act)

    def close(self) -> None:
        """Give the line back."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _lost(self, what: str, error: Exception | None) -> DeviceError:
        because = f": {error.args[-1]}" if error is not None else ""
        return DeviceError(
            f"the serial scanner at {self._options.port} {what}{because}; check its cable"
        )


def _make_raw(file: int, speed: int) -> None:
    """Let every byte pass as it is, with 8 data bits, at this speed."""
    flags = termios.tcgetattr(file)
    flags[0] = termios.IGNBRK
    flags[1] = 0
    flags[2] = termios.CS8 | termios.CREAD | termios.CLOCAL
    flags[3] = 0
    flags[4] = flags[5] = speed
    flags[6][termios.VMIN], flags[6][termios.VTIME] = 1, 0
    termios.tcsetattr(file, termios.TCSANOW, flags)
