"""A scanner on a serial line: each scan is a line of bytes that ends with CR, LF or both."""

import fcntl
import os
import re
import termios
from typing import Literal

import msgspec

from hardware.scanners.cutter import LineSplitter
from hardware.scanners.file_scanner import FileScanner, Kind, open_to_read
from hardware.scanners.serial_ports import ListPorts, PortFinder, list_ports

SPEEDS = {
    speed: getattr(termios, f"B{speed}")
    for speed in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
}
FRAMINGS = {
    "8N1": termios.CS8,
    "8E1": termios.CS8 | termios.PARENB,
    "8O1": termios.CS8 | termios.PARENB | termios.PARODD,
    "7E1": termios.CS7 | termios.PARENB,
    "7O1": termios.CS7 | termios.PARENB | termios.PARODD,
}
USB = re.compile(r"[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}")
GAP_MS_DEFAULT = 100
# A pause within a scan that no scanner makes: what came before it was cut off.
CUT_OFF_S = 0.5


class BarcodeSerialOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the driver `barcode-serial`.

    The scanner is found by its `port` (a device, best one of `/dev/serial/by-id/` or `by-path/`),
    or by what it is, whatever port it gets: its `serial_number`, its `usb` numbers such as
    `05e0:1701`, or both. `framing` is its data bits, parity and stop bits. `suffix` is what ends a
    scan: a `line` end, or with `none` that nothing came for `gap_ms`.
    """

    port: str = ""
    serial_number: str = ""
    usb: str = ""
    speed: int = 9600
    framing: str = "8N1"
    suffix: Literal["line", "none"] = "line"
    gap_ms: int = GAP_MS_DEFAULT

    def __post_init__(self) -> None:
        if bool(self.port) == bool(self.serial_number or self.usb):
            raise ValueError("port, serial_number, usb: expects the first, or one of the others")
        if self.usb and not USB.fullmatch(self.usb):
            raise ValueError("usb: expects two numbers such as 05e0:1701")
        if self.speed not in SPEEDS:
            raise ValueError(f"speed: no {self.speed}; known: {', '.join(map(str, SPEEDS))}")
        if self.framing not in FRAMINGS:
            raise ValueError(f"framing: no {self.framing!r}; known: {', '.join(FRAMINGS)}")
        if not 20 <= self.gap_ms <= 2_000:
            raise ValueError("gap_ms: expects 20 to 2,000 ms")


def barcode_serial(
    options: BarcodeSerialOptions, *, list_ports: ListPorts = list_ports
) -> FileScanner:
    """Build the driver `barcode-serial`."""
    finder = PortFinder(serial_number=options.serial_number, usb=options.usb, list_ports=list_ports)

    def open_file() -> int:
        file = open_to_read(options.port or finder.find(), os.O_RDWR | os.O_NOCTTY)
        try:
            # Two programs would each get a part of every scan.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _make_raw(file, SPEEDS[options.speed], FRAMINGS[options.framing])
        except OSError:
            os.close(file)
            raise
        return file

    by_pause = options.suffix == "none"
    named = " ".join(filter(None, (options.serial_number, options.usb)))
    return FileScanner(
        Kind(
            title=f"the serial scanner {f'at {options.port}' if options.port else named}",
            hint="check its cable, and that nothing else uses it",
            open_file=open_file,
            make_cutter=lambda: LineSplitter(by_pause=by_pause),
            quiet_s=options.gap_ms / 1_000 if by_pause else CUT_OFF_S,
        )
    )


def _make_raw(file: int, speed: int, framing: int) -> None:
    """Let every byte pass as it is, at this speed; raises OSError for what is no serial line.

    What has come already stays: a scan of just now would be cut by throwing it away.
    """
    try:
        flags = termios.tcgetattr(file)
        flags[0] = termios.IGNBRK | (termios.INPCK if framing & termios.PARENB else 0)
        flags[1] = 0
        flags[2] = framing | termios.CREAD | termios.CLOCAL
        flags[3] = 0
        flags[4] = flags[5] = speed
        flags[6][termios.VMIN], flags[6][termios.VTIME] = 1, 0
        termios.tcsetattr(file, termios.TCSANOW, flags)
    except termios.error as error:
        raise OSError(*error.args) from error
