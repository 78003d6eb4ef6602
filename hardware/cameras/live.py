"""Sources that give the newest frame of a camera, and open one that was lost again by themselves.

A network camera's images are read in a thread, whose every call ends in time. What needs the video
library is read by a child process, which is killed when it hangs. Frames that are due and do not
come are missed (`patience.py`), long before a connection is given up.
"""

import threading
import time
from collections.abc import Callable

from hardware.cameras.capture import REASONS, RETRY_S, SILENT, Capture, keep_grabbing
from hardware.cameras.capture_child import CaptureChild, ChildEndedError, Noted, Shown
from hardware.cameras.frames import AwayError, Frame, FrameSlot, Pixels
from hardware.cameras.patience import Patience

CLOSE_S_MAX = 1.0
# The code of frames that are due and do not come.
MISSED = "lost"
# Between a crash and the next start of a child: doubled each time, up to the longest. One that ran
# for so long begins anew.
RESTART_S_MAX = 10.0
WELL_AFTER_S = 60.0


class Absence:
    """Tells the faults of a camera apart, so that each is said once."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._code = ""

    def note(self, code: str) -> AwayError | None:
        """Return what to say of an attempt that failed with this code; empty when frames come."""
        before, self._code = self._code, code
        if not code or code == before or (code in SILENT and before in SILENT):
            return None
        return AwayError(REASONS[code].format(self._title), answers=code not in SILENT)


class LiveThread:
    """A camera whose capture does not hang for long, read in a thread of this process."""

    def __init__(self, new_capture: Callable[[], Capture], title: str) -> None:
        self._new_capture = new_capture
        self._title = title
        self._viewer: _SlotViewer | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Start to read; the camera may come later."""
        self.close()
        viewer = self._viewer = _SlotViewer(Absence(self._title))
        self._thread = threading.Thread(
            target=lambda: keep_grabbing(self._new_capture(), viewer), name="capture", daemon=True
        )
        self._thread.start()

    def take(self, timeout_s: float) -> Frame | None:
        """Return the next frame; raises AwayError once when the camera is lost."""
        if self._viewer is None:
            return None
        frame = self._viewer.slot.take(timeout_s)
        if frame is None and (away := self._viewer.missed()):
            raise away
        return frame

    def close(self) -> None:
        """Stop to read; a call under way ends later, and nobody sees what it gives."""
        if self._viewer is not None:
            self._viewer.ended.set()
        if self._thread is not None:
            self._thread.join(CLOSE_S_MAX)
        self._viewer = self._thread = None


class _SlotViewer:
    """Puts frames into a slot, for a reader who waits there."""

    def __init__(self, absence: Absence) -> None:
        self.slot = FrameSlot()
        self.ended = threading.Event()
        self._absence = absence
        self._patience = Patience()

    @property
    def gone(self) -> bool:
        return self.ended.is_set()

    @property
    def waits(self) -> bool:
        return self.slot.awaited

    def show(self, pixels: Pixels, at_mono_ms: int) -> None:
        self.slot.put(pixels, at_mono_ms)

    def note(self, code: str) -> None:
        now_s = time.monotonic()
        if code:
            self._patience.begin(now_s)
        else:
            self._patience.frames(now_s)
        if away := self._absence.note(code):
            self.slot.fail(away)

    def missed(self) -> AwayError | None:
        """Return what to say where frames are due; the call that waits for them goes on."""
        due = self._patience.flows and self._patience.is_over(time.monotonic())
        return self._absence.note(MISSED) if due else None

    def rest(self, time_s: float) -> None:
        self.ended.wait(time_s)


class LiveChild:
    """A camera read by a child process. Belongs to one thread.

    Guarantees:
    - never more than one child has the camera: one that the kernel does not let go is waited for,
      while the next has loaded its libraries;
    - a child that hangs is killed, and one that ended is started again, at a bounded rate.
    """

    def __init__(self, start: Callable[[], CaptureChild], title: str) -> None:
        self._start = start
        self._absence = Absence(title)
        self._patience = Patience()
        self._child: CaptureChild | None = None
        self._dying: CaptureChild | None = None
        self._begun = self._asked = False
        self._number = 0
        self._started_s = self._start_at_s = 0.0
        self._restart_s = RETRY_S

    @property
    def pid(self) -> int | None:
        """Return the process id of the child, if there is one."""
        return None if self._child is None else self._child.pid

    def open(self) -> None:
        """Start the child; the camera may come later."""
        self._start_at_s = 0.0
        self._replace(0)

    def take(self, timeout_s: float) -> Frame | None:
        """Return the next frame; raises AwayError once when the camera is lost."""
        until_s = time.monotonic() + timeout_s
        while True:
            left_s = max(0.0, until_s - time.monotonic())
            if self._replace(min(left_s, RETRY_S)):
                frame = self._hear(max(0.0, until_s - time.monotonic()))
                if frame is not None:
                    return frame
            if time.monotonic() >= until_s:
                return None

    def close(self) -> None:
        """End the child; one that the kernel does not let go is left to it."""
        if self._child is not None:
            self._child.kill()
            if self._begun:
                self._dying = self._child
            else:
                self._child.gone(CLOSE_S_MAX)
            self._child = None
        if self._dying is not None:
            self._dying.gone(CLOSE_S_MAX)

    def _hear(self, timeout_s: float) -> Frame | None:
        child = self._child
        assert child is not None  # noqa: S101 (`_replace` says so)
        if not self._asked:
            self._asked = True
            child.ask()
        try:
            said = child.hear(timeout_s)
        except ChildEndedError:
            self._end(child)
            self._delay()
            self._note("crashed")
            return None
        now_s = time.monotonic()
        match said:
            case None:
                self._doubt(child, now_s)
            case Noted():
                if said.code:
                    self._patience.begin(now_s)
                else:
                    self._patience.frames(now_s)
                self._note(said.code)
            case Shown():
                self._patience.frames(now_s)
                self._note("")
                self._asked = False
                self._number += 1
                pixels = child.pixels(said)
                return Frame(pixels=pixels, at_mono_ms=said.at_mono_ms, number=self._number)
        return None

    def _note(self, code: str) -> None:
        if away := self._absence.note(code):
            raise away

    def _doubt(self, child: CaptureChild, now_s: float) -> None:
        """End a child that says nothing for longer than a camera may."""
        if not self._patience.is_over(now_s):
            return
        flowed = self._patience.flows
        self._patience.give_up(now_s)
        self._end(child)
        self._replace(0)
        if flowed:
            self._note(MISSED)

    def _end(self, child: CaptureChild) -> None:
        """Kill a child that is of no use any more."""
        child.kill()
        self._dying, self._child = child, None

    def _delay(self) -> None:
        """Say when to start the next child after one that ended by itself."""
        now_s = time.monotonic()
        if now_s - self._started_s > WELL_AFTER_S:
            self._restart_s = RETRY_S
        self._start_at_s = now_s + self._restart_s
        self._restart_s = min(self._restart_s * 2, RESTART_S_MAX)

    def _replace(self, wait_s: float) -> bool:
        """Start a child where there is none, and let it begin when the one before it is gone.

        Returns whether one has begun; waits at most `wait_s` where that takes time.
        """
        if self._child is None:
            late_s = self._start_at_s - time.monotonic()
            if late_s > 0:
                time.sleep(min(wait_s, late_s))
                return False
            self._child, self._begun, self._asked = self._start(), False, False
        if not self._begun:
            if self._dying is not None and not self._dying.gone(wait_s):
                return False
            self._dying, self._begun = None, True
            self._started_s = time.monotonic()
            self._patience.begin(self._started_s)
            self._child.begin()
        return True
