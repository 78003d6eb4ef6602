"""Takes frames through OpenCV's video library: the capture of streams and of plugged cameras.

The library may hang or crash in any of these calls; `capture_program` keeps that away from us.
"""

from collections.abc import Callable

import cv2
import numpy as np

from hardware.cameras.capture import CaptureError
from hardware.cameras.frames import Pixels
from hardware.cameras.images import to_grey
from hardware.clock import mono_ms

# Says when a frame was taken: from its place in ms, as the library tells it, and when it came.
Clock = Callable[[float, int], int]


class LibraryCapture:
    """A camera that `open_camera` opens or raises CaptureError; each opening gets a new clock."""

    def __init__(
        self,
        open_camera: Callable[[], cv2.VideoCapture],
        new_clock: Callable[[], Clock],
        *,
        grey: bool,
    ) -> None:
        self._open_camera = open_camera
        self._new_clock = new_clock
        self._clock = new_clock()
        self._grey = grey
        self._capture: cv2.VideoCapture | None = None

    def open(self) -> None:
        """Open the camera; raises CaptureError."""
        self._capture = self._open_camera()
        self._clock = self._new_clock()

    def grab(self) -> int:
        """Wait for the next frame, and decode it: each may be needed for the one after it."""
        if self._capture is None or not self._capture.grab():
            raise CaptureError("lost")
        return self._clock(self._capture.get(cv2.CAP_PROP_POS_MSEC), mono_ms())

    def pixels(self) -> Pixels:
        """Return the frame."""
        pixels = None if self._capture is None else self._capture.retrieve()[1]
        if pixels is None:
            raise CaptureError("lost")
        frame = np.asarray(pixels, np.uint8)
        return to_grey(frame) if self._grey else frame

    def close(self) -> None:
        """Give the camera back."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None
