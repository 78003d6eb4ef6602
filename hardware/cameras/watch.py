"""Keeps an eye on the camera itself: whether it gives frames, and whether they can be of use."""

import threading

import numpy as np

from hardware.cameras.camera import is_live
from hardware.cameras.frames import (
    AwayError,
    Frame,
    FrameError,
    FrameSlot,
    FrameSource,
    SourceEndedError,
)
from hardware.cameras.look import look_at
from hardware.cameras.sight import Sight
from hardware.clock import mono_ms
from hardware.readings import DeviceCondition, HealthReading

STALL_MS_DEFAULT = 5_000
# A covered lens or a dark shop: dim everywhere, without contrast, for so long.
BLACK_MEAN_MAX = 16.0
BLACK_SPREAD_MAX = 8.0
BLACK_MS = 3_000
# Every so manieth pixel in each direction is looked at: 0.2 % of them show darkness well enough.
BLACK_STEP = 23
# How often the picture of a live camera is measured; see `sight.py`.
LOOK_EVERY_MS = 1_000

# What a look finds (sight.py) and a capture says (capture.py) reaches staff through here: these
# must have words in looks/reasons.py.
DEVICE_REASONS = (
    "blank",
    "frozen",
    "blurred",
    "moved",
    "… is not there: was it unplugged?",
    "… is in use by another program: close that",
    "… may not be used by this user: add it to the group video",
    "… has a name that nobody knows: check the address, and the network's DNS",
    "… does not answer: is it switched on, and in this network?",
    "… refuses connections: is its port right, and its stream switched on?",
    "… wants a name and a password, or refuses those it was given",
    "… has a certificate that nobody vouches for",
    "… has no stream at this path",
    "… answers, but gives no video that can be read",
    "… gives no more frames: was it unplugged?",
    "… gives frames above … pixels: set a lower resolution",
    "… made the video library crash: it is being started again",
)


class Watch:
    """A frame source whose condition is reported when it changes, and only then.

    Of a live camera nothing is said until its first frame came, or why there is none. One that is
    away stays failed for the reason it went, until its frames come again.
    After the last frame of a file it says so once and rests. A slot that somebody draws into may
    rest as long as it likes; it never counts as stalled.
    """

    def __init__(
        self,
        source: FrameSource,
        *,
        stall_ms: int = STALL_MS_DEFAULT,
        sight: Sight | None = None,
    ) -> None:
        self._source = source
        self._sight = sight or (Sight() if is_live(source) else None)
        self._looked_ms: int | None = None
        self._stall_ms = 0 if isinstance(source, FrameSlot) else stall_ms
        self._seen_ms = 0
        self._dark_since_ms: int | None = None
        self._condition: DeviceCondition | None = None
        self._reason = ""
        self._frames = 0
        self._skipped = 0
        self._ended = False

    @property
    def skipped(self) -> int:
        """Return how many pictures could not be read since the start."""
        return self._skipped

    @property
    def is_late(self) -> bool:
        """Tell whether the source opens also where its camera is away."""
        return is_live(self._source)

    def open(self) -> None:
        """Open the source; raises DeviceError when it cannot be."""
        self._source.open()
        self._seen_ms = mono_ms()
        self._dark_since_ms = None
        # What opens without an error is taken to be well, but for a camera that may be away.
        self._condition, self._reason = None if self.is_late else "ok", ""
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
        except AwayError as away:
            if away.answers or self._condition != "failed":
                return None, self._turn("failed", str(away))
            return None, []
        except SourceEndedError:
            self._ended = True
            return None, self._turn("ok", "ended")
        now_ms = mono_ms()
        if frame is not None:
            self._frames += 1
            self._seen_ms = now_ms
            if self._is_black(frame):
                return frame, self._turn("degraded", "black")
            fault = self._fault(frame)
            return frame, self._turn("degraded", fault) if fault else self._turn("ok", "")
        late = self._stall_ms and now_ms - self._seen_ms > self._stall_ms
        if late and self._condition != "failed":
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

    def _fault(self, frame: Frame) -> str:
        """Return what the picture shows to be wrong with the camera."""
        if self._sight is None:
            return ""
        if self._looked_ms is None or frame.at_mono_ms - self._looked_ms >= LOOK_EVERY_MS:
            self._looked_ms = frame.at_mono_ms
            return self._sight.see(look_at(frame.pixels))
        return self._sight.fault

    def _is_black(self, frame: Frame) -> bool:
        sample = frame.pixels[::BLACK_STEP, ::BLACK_STEP]
        if np.mean(sample) > BLACK_MEAN_MAX or np.std(sample) > BLACK_SPREAD_MAX:
            self._dark_since_ms = None
            return False
        if self._dark_since_ms is None:
            self._dark_since_ms = frame.at_mono_ms
        return frame.at_mono_ms - self._dark_since_ms >= BLACK_MS
