"""Frames of a camera, in memory only, and the slot in which the newest one waits.

Nothing here or in any reader of frames writes one to disk, to a log or to a socket.
"""

import threading
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hardware.clock import mono_ms

Pixels = NDArray[np.uint8]

# A frame or image with more pixels is refused: about what a 24-megapixel camera gives.
PIXELS_MAX = 25_000_000


class FrameError(Exception):
    """One frame or image cannot be used; the next one may. The message says why."""


class AwayError(Exception):
    """A camera is away; its source keeps trying, and gives frames when it is back.

    Raised once for each fault. The message says what happened and what to do; `answers` tells
    whether somebody is there, who gives no frames for a reason of their own.
    """

    def __init__(self, message: str, *, answers: bool) -> None:
        super().__init__(message)
        self.answers = answers


class SourceEndedError(Exception):
    """The source has no further frames: a file or folder was played to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture (rows x columns x BGR, 8 bits each) and when it was taken."""

    pixels: Pixels
    at_mono_ms: int
    number: int


class FrameSource(Protocol):
    """Where frames come from.

    Guarantees:
    - `take` returns within its time-out, also while a camera's own read hangs;
    - a frame is given once; a live source gives the newest and drops what came before it;
    - a live source that lost its camera says so once and opens it again by itself;
    - a file read as fast as possible drops none.
    """

    def open(self) -> None:
        """Begin to read; raises DeviceError when that is not possible now."""

    def take(self, timeout_s: float) -> Frame | None:
        """Return the next frame, None when none came in time.

        Raises FrameError for one unusable frame, SourceEndedError after the last, AwayError where
        a live source lost its camera, and DeviceError when a file or folder was lost.
        """

    def close(self) -> None:
        """Stop reading; safe to call twice."""


class FrameSlot:
    """A live frame source in memory: whoever draws or captures puts frames in, one reader takes.

    The newest frame wins: one that was not taken in time is dropped and counted in `dropped`,
    unless it was put with a time to wait. `taken` is the number of the last frame that was taken,
    `awaited` tells whether a reader waits for one now.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._failure: Exception | None = None
        self._number = 0
        self.taken = 0
        self.dropped = 0
        self.awaited = False

    def open(self) -> None:
        """Forget what came before."""
        with self._changed:
            self._frame = None
            self._failure = None
            self._changed.notify_all()

    def put(self, pixels: Pixels, at_mono_ms: int | None = None, *, wait_s: float = 0.0) -> int:
        """Show a frame, and return its number.

        Waits at most `wait_s` for the frame before it to be taken. The pixels must not be changed
        afterwards.
        """
        with self._changed:
            if wait_s > 0:
                self._changed.wait_for(lambda: self._frame is None, wait_s)
            if self._frame is not None:
                self.dropped += 1
            self._number += 1
            at = mono_ms() if at_mono_ms is None else at_mono_ms
            self._frame = Frame(pixels=pixels, at_mono_ms=at, number=self._number)
            self._changed.notify_all()
            return self._number

    def fail(self, failure: Exception) -> None:
        """Let the reader find this failure after the frame that still waits."""
        with self._changed:
            self._failure = failure
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Frame | None:
        """Take the newest frame, waiting at most `timeout_s`; raises what `fail` was given."""
        with self._changed:
            self.awaited = True
            self._changed.wait_for(
                lambda: self._frame is not None or self._failure is not None, timeout_s
            )
            self.awaited = False
            frame, self._frame = self._frame, None
            if frame is not None:
                self.taken = frame.number
                self._changed.notify_all()
            elif self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            return frame

    def close(self) -> None:
        """Forget the frame that waits."""
        self.open()
