"""A camera that is plugged into this machine (V4L2), by its device file."""

import errno
import os
import re
from dataclasses import dataclass

import cv2

from hardware.cameras.capture import CaptureError

# The driver's own time of a frame is believed only this far behind its arrival.
AGE_MS_MAX = 5_000
_WISH = re.compile(r"(?:size=(?P<width>\d{2,5})x(?P<height>\d{2,5}))?&?(?:rate=(?P<rate>\d{1,3}))?")
_CODES = {errno.EACCES: "not-allowed", errno.EPERM: "not-allowed", errno.EBUSY: "busy"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugged:
    """A camera by its device file, and the size and rate that are wished of it (0: any)."""

    path: str
    width: int = 0
    height: int = 0
    rate: int = 0

    @property
    def title(self) -> str:
        """Name the camera in a sentence."""
        return f"the camera {self.path}"


def parse_plugged(text: str) -> Plugged:
    """Return the camera that a text such as `/dev/video0?size=1280x720&rate=15` names.

    Raises ValueError when it names none.
    """
    path, _, wish = text.partition("?")
    wished = _WISH.fullmatch(wish)
    if not path.startswith("/dev/") or wished is None:
        raise ValueError("expects /dev/video0?size=1280x720&rate=15, or the first part alone")
    numbers = {name: int(value or 0) for name, value in wished.groupdict().items()}
    return Plugged(path=path, **numbers)


def open_plugged(plugged: Plugged) -> cv2.VideoCapture:
    """Take the camera into use; raises CaptureError with why it cannot be."""
    try:
        os.close(os.open(plugged.path, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        raise CaptureError(_CODES.get(error.errno or 0, "no-device")) from error
    capture = cv2.VideoCapture(plugged.path, cv2.CAP_V4L2)
    if not capture.isOpened():
        raise CaptureError("busy")
    if plugged.width:
        # Compressed: uncompressed frames of this size do not fit through USB 2.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, plugged.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, plugged.height)
    if plugged.rate:
        capture.set(cv2.CAP_PROP_FPS, plugged.rate)
    return capture


def taken_at(driver_ms: float, came_ms: int) -> int:
    """Return when a frame was taken: by the driver's time where that is of our clock."""
    return round(driver_ms) if came_ms - AGE_MS_MAX < driver_ms <= came_ms else came_ms
