"""How frames are taken from a camera: opened, grabbed one after the other, opened again when lost.

A capture grabs every frame, since a stream that is not read falls behind, but makes pixels only of
those that somebody waits for: a camera may give more frames than are looked at.
"""

from typing import Protocol

from hardware.cameras.frames import PIXELS_MAX, FrameError, Pixels
from hardware.clock import mono_ms

# Between two attempts to open a camera that does not answer: with the time to open it, it is back
# within a second. One that answers otherwise is asked less often, and one that refuses a password
# rarely: cameras lock out whoever tries too many.
RETRY_S = 0.25
ANSWERED_RETRY_S = 1.0
REFUSED_RETRY_S = 60.0
# A capture comes back from each call within this time, as far as the library below it lets it.
CALL_S_MAX = 5.0
BROKEN_FRAMES_MAX = 50
# A frame that was there without waiting, or was taken so long ago, is followed by newer ones; they
# are passed over for so long at most.
WAITED_MS_MIN = 2
STALE_MS = 500
PASSED_OVER_MS_MAX = 500

# Why a camera gives no frames, with what to do; `{}` is what the camera is called.
REASONS = {
    "no-device": "{} is not there: was it unplugged?",
    "busy": "{} is in use by another program: close that",
    "not-allowed": "{} may not be used by this user: add it to the group video",
    "unknown-name": "{} has a name that nobody knows: check the address, and the network's DNS",
    "unreachable": "{} does not answer: is it switched on, and in this network?",
    "refused": "{} refuses connections: is its port right, and its stream switched on?",
    "unauthorized": "{} wants a name and a password, or refuses those it was given",
    "untrusted": "{} has a certificate that nobody vouches for",
    "no-stream": "{} has no stream at this path",
    "no-video": "{} answers, but gives no video that can be read",
    "lost": "{} gives no more frames: was it unplugged?",
    "too-large": f"{{}} gives frames above {PIXELS_MAX} pixels: set a lower resolution",
    "crashed": "{} made the video library crash: it is being started again",
}
# A camera that does not answer shows it in one of these ways after the other: it is one fault.
SILENT = frozenset({"no-device", "unknown-name", "unreachable", "refused", "lost"})
REFUSED = frozenset({"unauthorized", "untrusted"})


class CaptureError(Exception):
    """A camera gives no frames: `code` is a key of REASONS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Capture(Protocol):
    """A camera that frames are taken from; belongs to one thread."""

    def open(self) -> None:
        """Begin; raises CaptureError when that is not possible now."""

    def grab(self) -> int:
        """Wait for the next frame, and return when it was taken (ms); raises CaptureError."""

    def pixels(self) -> Pixels:
        """Return the frame grabbed last; raises FrameError for a broken one."""

    def close(self) -> None:
        """End; safe to call twice."""


class Viewer(Protocol):
    """Whoever wants the frames of a capture."""

    @property
    def gone(self) -> bool:
        """Tell whether nobody will want a frame any more."""

    @property
    def waits(self) -> bool:
        """Tell whether a frame is wanted now."""

    def show(self, pixels: Pixels, at_mono_ms: int) -> None:
        """Take a frame."""

    def note(self, code: str) -> None:
        """Note why there are no frames, empty while there are."""

    def rest(self, time_s: float) -> None:
        """Wait, or less when nobody will want a frame any more."""


def keep_grabbing(capture: Capture, viewer: Viewer) -> None:
    """Show a camera's frames until nobody wants one any more; one that was lost is tried again."""
    while not viewer.gone:
        code = ""
        try:
            capture.open()
            _grab(capture, viewer)
        except CaptureError as error:
            code = error.code
        finally:
            capture.close()
        _rest(viewer, code)


def _rest(viewer: Viewer, code: str) -> None:
    """Wait for the next attempt, and say meanwhile why there are no frames."""
    left_s = ANSWERED_RETRY_S
    if code in SILENT:
        left_s = RETRY_S
    elif code in REFUSED:
        left_s = REFUSED_RETRY_S
    while left_s > 0 and not viewer.gone:
        viewer.note(code)
        viewer.rest(min(left_s, ANSWERED_RETRY_S))
        left_s -= ANSWERED_RETRY_S


def _grab(capture: Capture, viewer: Viewer) -> None:
    broken = 0
    stale_since_ms: int | None = None
    while not viewer.gone:
        began_ms = mono_ms()
        at_ms = capture.grab()
        now_ms = mono_ms()
        viewer.note("")
        if now_ms - began_ms >= WAITED_MS_MIN and now_ms - at_ms <= STALE_MS:
            stale_since_ms = None
        elif stale_since_ms is None:
            stale_since_ms = now_ms
        if not viewer.waits:
            continue
        if stale_since_ms is not None and now_ms - stale_since_ms <= PASSED_OVER_MS_MAX:
            continue
        try:
            pixels = capture.pixels()
        except FrameError:
            broken += 1
            if broken >= BROKEN_FRAMES_MAX:
                raise CaptureError("no-video") from None
            continue
        broken = 0
        if pixels.shape[0] * pixels.shape[1] > PIXELS_MAX:
            raise CaptureError("too-large")
        viewer.show(pixels, at_ms)
