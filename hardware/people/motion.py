"""Where something moves in a camera's picture: the cheap question before the dear one.

A small grey copy of the frame is compared with the one before and with one of half a second ago:
the first shows who walks, the second who moves slowly. No copy ever leaves this object.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.cameras.frames import Pixels
from hardware.people.detector import Box

WORK_WIDTH_PX = 160
CHANGE_MIN = 12
SLOW_MS = 400
NEVER_MS = -(10**9)

Mask = NDArray[np.uint8]


class MotionMap:
    """Remembers for each place of the picture when it last changed."""

    def __init__(self) -> None:
        self._before: Pixels | None = None
        self._earlier: Pixels | None = None
        self._earlier_ms = 0
        self._moved_ms: NDArray[np.int64] = np.full((1, 1), NEVER_MS, np.int64)
        self._factor = 1
        self.moving: Mask = np.zeros((1, 1), np.uint8)

    @property
    def factor(self) -> int:
        """Return how many pixels of the frame one place of the map is wide and high."""
        return self._factor

    def see(self, pixels: Pixels, at_ms: int) -> None:
        """Take the next frame."""
        small, self._factor = _shrunk(pixels)
        before, earlier = self._before, self._earlier
        if before is None or earlier is None or before.shape != small.shape:
            self._before = self._earlier = small
            self._earlier_ms = at_ms
            self._moved_ms = np.full(small.shape, NEVER_MS, np.int64)
            self.moving = np.full(small.shape, 255, np.uint8)
            return
        change = cv2.max(cv2.absdiff(small, before), cv2.absdiff(small, earlier))
        _, changed = cv2.threshold(change, CHANGE_MIN, 255, cv2.THRESH_BINARY)
        moving = cv2.morphologyEx(changed, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
        self.moving = np.asarray(moving, np.uint8)
        self._moved_ms[self.moving > 0] = at_ms
        self._before = small
        if at_ms - self._earlier_ms >= SLOW_MS:
            self._earlier, self._earlier_ms = small, at_ms

    def last_ms(self, box: Box) -> int:
        """Return when a notable part of a box last changed, NEVER_MS when it has not."""
        height, width = self._moved_ms.shape
        left, right = _span(box.left, box.right, self._factor, width)
        top, bottom = _span(box.top, box.bottom, self._factor, height)
        times = np.sort(self._moved_ms[top:bottom, left:right], axis=None)
        return int(times[-1 - times.size // 25]) if times.size else NEVER_MS

    def places(self) -> list[Box]:
        """Return the boxes, in pixels of the frame, around what moves now."""
        if not self.moving.any():
            return []
        spread = cv2.dilate(self.moving, np.ones((5, 5), np.uint8))
        _, _, parts, _ = cv2.connectedComponentsWithStats(spread)
        return [
            Box(
                left=float(x), top=float(y), right=float(x + width), bottom=float(y + height)
            ).scaled(self._factor)
            for x, y, width, height, _ in parts[1:]
        ]


def _span(start: float, end: float, factor: int, size: int) -> tuple[int, int]:
    first = min(max(0, int(start) // factor), size - 1)
    return first, min(max(first + 1, int(end) // factor + 1), size)


def _shrunk(pixels: Pixels) -> tuple[Pixels, int]:
    """Return a grey copy and how many times smaller it is: halving is the quickest by far."""
    small, factor = pixels, 1
    while small.shape[1] >= 2 * WORK_WIDTH_PX and small.shape[0] >= 2:
        height, width = small.shape[0] // 2, small.shape[1] // 2
        even = small[: 2 * height, : 2 * width]
        small = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA))
        factor *= 2
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY) if small.ndim == 3 else small
    return np.asarray(grey, np.uint8), factor
