"""How long a camera that gave frames may give none before it is missed: pure, time comes in.

A camera of ten frames a second that says nothing for two seconds hangs; one that gives a frame
every five seconds does not. So the limit follows how far apart the last frames were.
"""

# Frames that stay out for so many times as long as they lately did are missed, but for
# MISSED_S_MIN: networks pause. One that was missed is given twice as long the next time, until it
# was well for WELL_AFTER_S: some cameras give a few frames at once and then rest.
INTERVALS_MAX = 4
MISSED_S_MIN = 2.0
MISSED_S_MAX = 10.0
WELL_AFTER_S = 60.0
# Without a frame so far: opening takes up to 5 s, a start one or two. Each further time it is given
# twice as long, up to the longest.
OPENING_S_MIN = 10.0
OPENING_S_MAX = 80.0
# How fast a long pause is forgotten, each time that frames are told of.
FORGET_SHARE = 0.1


class Patience:
    """Whether frames are due, for one camera."""

    def __init__(self) -> None:
        self._flows = False
        self._heard_s = self._well_since_s = 0.0
        self._usual_s = 0.0
        self._missed_s = MISSED_S_MIN
        self._opening_s = OPENING_S_MIN

    @property
    def flows(self) -> bool:
        """Tell whether frames came last, so that more are due."""
        return self._flows

    def begin(self, at_s: float) -> None:
        """Wait for a first frame: the camera is being opened, or has said why it is away."""
        self._flows = False
        self._heard_s = at_s

    def frames(self, at_s: float) -> None:
        """Take that frames came."""
        if self._flows:
            gap_s = at_s - self._heard_s
            self._usual_s = max(gap_s, self._usual_s + FORGET_SHARE * (gap_s - self._usual_s))
            if at_s - self._well_since_s >= WELL_AFTER_S:
                self._missed_s = MISSED_S_MIN
        else:
            self._usual_s, self._well_since_s = 0.0, at_s
        self._flows, self._heard_s, self._opening_s = True, at_s, OPENING_S_MIN

    def is_over(self, at_s: float) -> bool:
        """Tell whether what was waited for is overdue."""
        return at_s - self._heard_s > self._limit_s()

    def give_up(self, at_s: float) -> None:
        """Take that the wait was ended, and begin anew with more patience."""
        if self._flows:
            self._missed_s = min(self._missed_s * 2, MISSED_S_MAX)
        else:
            self._opening_s = min(self._opening_s * 2, OPENING_S_MAX)
        self.begin(at_s)

    def _limit_s(self) -> float:
        if not self._flows:
            return self._opening_s
        return min(max(self._missed_s, INTERVALS_MAX * self._usual_s), MISSED_S_MAX)
