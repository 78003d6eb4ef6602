"""Tells when a frame of a stream was taken: the network delivers evenly taken frames unevenly."""

# A stream's own clock is believed only this far behind the frame's arrival.
AGE_MS_MAX = 5_000
# The quickest frame of so long shows how the stream's clock lies to ours; clocks drift.
WINDOW_MS = 10_000


class StreamClock:
    """Turns the places of frames in a stream into our time; pure.

    The frame that came quickest is taken to be without delay; a later one that took longer was
    taken earlier than it came, by that much. Where the stream has no usable places, a frame was
    taken when it came. The answer never lies after the arrival, and never goes back.
    """

    def __init__(self) -> None:
        self._place_ms = -1.0
        self._began_ms = 0
        self._least_ms: float | None = None
        self._least_before_ms: float | None = None
        self._last_ms = 0

    def taken_at(self, place_ms: float, came_ms: int) -> int:
        """Return when the frame at this place, which came just now, was taken."""
        if place_ms <= self._place_ms or self._least_ms is None:
            self._begin(came_ms)
        self._place_ms = place_ms
        if came_ms - self._began_ms > WINDOW_MS:
            self._least_before_ms, self._least_ms, self._began_ms = self._least_ms, None, came_ms
        delay_ms = came_ms - place_ms
        self._least_ms = delay_ms if self._least_ms is None else min(self._least_ms, delay_ms)
        least_ms = self._least_ms
        if self._least_before_ms is not None:
            least_ms = min(least_ms, self._least_before_ms)
        if delay_ms - least_ms > AGE_MS_MAX:
            self._begin(came_ms)
            self._least_ms = least_ms = delay_ms
        self._last_ms = max(self._last_ms, min(came_ms, round(place_ms + least_ms)))
        return self._last_ms

    def _begin(self, came_ms: int) -> None:
        """Forget how the clocks lie to each other: the stream began anew, or jumped."""
        self._began_ms = came_ms
        self._least_ms = self._least_before_ms = None
