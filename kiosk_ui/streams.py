"""Streams that push to open screens, a bounded number of them, each of which ends with its page."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator

from flask import Response, stream_with_context

from edge_agent.doorbell import Doorbell

# Each stream holds a thread of the web server, which has twice as many at least.
STREAMS_MAX = 16
# A client that has left is noticed by the next write: this often, and not later.
HEARTBEAT_S = 10.0
# A store that records hundreds of events a second does not redraw its screens for each.
LOOKS_PER_S_MAX = 40
# This share of a look is drawing: one that finds nothing to draw counts that much less.
IDLE_LOOK_SHARE = 0.75
RETRY_AFTER_S = 5
# A comment, which browsers drop; written even when there is nothing else to send.
HEARTBEAT = ":\n\n"


class Streams:
    """Counts the open streams of a store, so that they cannot take all threads of its server."""

    def __init__(
        self,
        doorbell: Doorbell,
        streams_max: int = STREAMS_MAX,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._doorbell = doorbell
        self._heartbeat_s = heartbeat_s
        self._free = threading.BoundedSemaphore(streams_max)
        self._closed = threading.Event()

    def close(self) -> None:
        """End every stream now, instead of at its next frame."""
        self._closed.set()
        self._doorbell.ring()

    def open(self, look: Callable[[bool], Iterable[str]]) -> Response:
        """Answer with a stream of what `look` returns, now, after each ring and at heartbeats.

        `look` is told whether a heartbeat is due, when it should send something in any case.
        With all streams taken the answer is 503; the page then asks again by itself.
        """
        if not self._free.acquire(blocking=False):
            return Response(status=503, headers={"Retry-After": str(RETRY_AFTER_S)})
        frames = stream_with_context(self._frames(look))
        response = Response(frames, mimetype="text/event-stream")
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"
        # Released here and not at the end of the generator, which may never have begun.
        response.call_on_close(self._free.release)
        return response

    def _frames(self, look: Callable[[bool], Iterable[str]]) -> Iterator[str]:
        pace = Pace(LOOKS_PER_S_MAX)
        rung = self._doorbell.count
        beat_at = time.monotonic() + self._heartbeat_s
        yield from look(True)
        while not self._closed.is_set():
            wait_s = beat_at - time.monotonic()
            if wait_s > 0:
                rung = self._doorbell.wait(rung, wait_s)
            if self._closed.is_set():
                return
            due = time.monotonic() >= beat_at
            if due:
                beat_at = time.monotonic() + self._heartbeat_s
            pace.keep()
            idle = True
            for text in look(due):
                idle = False
                yield text
            if idle:
                pace.give_back(IDLE_LOOK_SHARE)
            if due:
                yield HEARTBEAT


class Pace:
    """Lets a few looks pass at once, and spreads many over the second."""

    def __init__(self, per_s_max: int) -> None:
        self._per_s = per_s_max
        self._left = float(per_s_max)
        self._at = time.monotonic()

    def keep(self) -> None:
        """Wait, where the pace asks for it."""
        now = time.monotonic()
        self._left = min(self._per_s, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            time.sleep((1 - self._left) / self._per_s)
        self._left -= 1

    def give_back(self, share: float) -> None:
        """Count the last look less, by a share of it."""
        self._left += share


def frame(event: str, text: str, mark: str = "") -> str:
    """Return one event of a stream; lines of the text become lines of the frame.

    Every line end counts that the format knows (CR LF, LF, CR), so that no text can end a frame.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    head = f"id: {mark}\n" if mark else ""
    return f"{head}event: {event}\n" + "".join(f"data: {line}\n" for line in lines) + "\n"
