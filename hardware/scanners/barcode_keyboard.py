"""A scanner that pretends to be a keyboard: its key strokes are taken from Linux's event device.

The device is grabbed, so that scans are typed nowhere else.
"""

import fcntl
import os
from collections.abc import Callable

import msgspec

from hardware.scanners.file_scanner import FileScanner, Kind, open_to_read
from hardware.scanners.key_strokes import KeyStrokes, Suffix
from hardware.scanners.layouts import LAYOUTS

EVIOCGRAB = 0x40044590
GAP_MS_DEFAULT = 100
# Scanners pause less than this between two strokes of a scan: what was typed before is cut off.
CUT_OFF_S = 0.5
# A scan under way when the device is opened shows by strokes that come at once.
TAIL_S = 0.06
GS_CHARACTERS_MAX = 8


class BarcodeKeyboardOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the driver `barcode-keyboard`.

    `path` is the event device, best one of `/dev/input/by-path/` (the socket it is plugged into) or
    `by-id/`. `layout` is the country the scanner is set to, `suffix` what it types after each scan:
    with `none` a scan ends when nothing was typed for `gap_ms`. `gs` is what it types in place of
    GS, where that is neither Ctrl-], F8 nor Alt+029.
    """

    path: str
    layout: str = "us"
    suffix: Suffix = "enter"
    gap_ms: int = GAP_MS_DEFAULT
    gs: str = ""

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ValueError(f"layout: no {self.layout!r}; known: {', '.join(LAYOUTS)}")
        if not 20 <= self.gap_ms <= 2_000:
            raise ValueError("gap_ms: expects 20 to 2,000 ms")
        if len(self.gs) > GS_CHARACTERS_MAX:
            raise ValueError(f"gs: expects at most {GS_CHARACTERS_MAX} characters")


def grab(file: int) -> None:
    """Take an event device for ourselves alone; raises OSError when somebody else has it."""
    fcntl.ioctl(file, EVIOCGRAB, 1)


def barcode_keyboard(
    options: BarcodeKeyboardOptions, *, grab: Callable[[int], None] = grab
) -> FileScanner:
    """Build the driver `barcode-keyboard`; `grab` is another for what is no event device."""

    def open_file() -> int:
        file = open_to_read(options.path)
        try:
            grab(file)
        except OSError:
            os.close(file)
            raise
        return file

    by_pause = options.suffix == "none"
    return FileScanner(
        Kind(
            title=f"the scanner at {options.path}",
            hint="is it plugged in, free, and this program in the group `input`?",
            open_file=open_file,
            make_cutter=lambda: KeyStrokes(options.layout, options.suffix, options.gs),
            quiet_s=options.gap_ms / 1_000 if by_pause else CUT_OFF_S,
            first_quiet_s=TAIL_S,
        )
    )
