"""Keeps an eye on the camera itself: takes its frames and notices when it is stalled or black."""

import threading

import numpy as np

from hardware.clock import mono_ms
from hardware.frames import Frame, FrameError, FrameSlot, FrameSource, SourceEndedError
from hardware.readings import DeviceCondition, HealthReading

STALL_MS_DEFAULT = 5_000
# A covered lens or a dark shop: dim everywhere, without contrast, for so long.
BLACK_MEAN_MAX = 16.0
BLACK_SPREAD_MAX = 8.0
BLACK_MS = 3_000
# Every so manieth pixel in each direction is looked at: 0.2 % of them show darkness well enough.
BLACK_STEP = 23


class Watch:
    """A frame source whose condition is reported when it changes, and only then.

    After the last frame of a file it says so once and rests. A slot that somebody draws into may
    rest as long as it likes; it never counts as stalled.
    """

    def __init__(self, source: FrameSource, *, stall_ms: int = STALL_MS_DEFAULT) -> None:
        self._source = source
        self._stall_ms = 0 if isinstance(source, FrameSlot) else stall_ms
        self._seen_ms = 0
        self._dark_since_ms: int | None = None
        self._condition: DeviceCondition = "ok"
        self._reason = ""
        self._frames = 0
        self._skipped = 0
        self._ended = False

    def open(self) -> None:
        """Open the source; raises DeviceError when it cannot be."""
        self._source.open()
        self._seen_ms = mono_ms()
        self._dark_since_ms = None
        self._ended = False

    def look(self, timeout_s: float) -> tuple[Frame | None, list[HealthReading]]:
        """Return the next frame, if one came in time, and what changed with the camera.

        Raises DeviceError when the source was lost.
        """
        if self._ended:
            threading.Event().wait(timeout_s)
            return None, []
        try:
            frame = self._source.take(timeout_s)
        except FrameError:
            self._skipped += 1
            self._seen_ms = mono_ms()
            return None, self._turn("degraded", "unreadable-image")
        except SourceEndedError:
            self._ended = True
            return None, self._turn("ok", "ended")
        now_ms = mono_ms()
        if frame is not None:
            self._frames += 1
            self._seen_ms = now_ms
            if self._is_black(frame):
                return frame, self._turn("degraded", "black")
            return frame, self._turn("ok", "")
        if self._stall_ms and now_ms - self._seen_ms > self._stall_ms:
            return None, self._turn("failed", "stalled")
        return None, []

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _turn(self, condition: DeviceCondition, reason: str) -> list[HealthReading]:
        if (condition, reason) == (self._condition, self._reason):
            return []
        self._condition, self._reason = condition, reason
        figures = {"frames": self._frames, "skipped": self._skipped}
        return [
            HealthReading(at_mono_ms=mono_ms(), condition=condition, reason=reason, figures=figures)
        ]

    def _is_black(self, frame: Frame) -> bool:
        sample = frame.pixels[::BLACK_STEP, ::BLACK_STEP]
        if np.mean(sample) > BLACK_MEAN_MAX or np.std(sample) > BLACK_SPREAD_MAX:
            self._dark_since_ms = None
            return False
        if self._dark_since_ms is None:
            self._dark_since_ms = frame.at_mono_ms
        return frame.at_mono_ms - self._dark_since_ms >= BLACK_MS
