"""How fast somebody may come: so many at once, then so many a second."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

REMEMBERED_MAX = 20_000


@dataclass(slots=True)
class Pace:
    """Buckets by name: each holds `burst`, and is filled again by `per_s` a second.

    Guarantees: at most REMEMBERED_MAX names are remembered; the one that came longest ago is
    forgotten first, and begins with a full bucket when it comes again.
    """

    burst: float
    per_s: float
    _left: "OrderedDict[str, tuple[float, int]]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, name: str, count: int, now: int) -> float:
        """Take from the bucket of a name at `now` (µs UTC).

        Returns 0 when there was enough; else nothing is taken, and it is the time in seconds after
        which there will be.
        """
        with self._lock:
            left, at = self._left.pop(name, (self.burst, now))
            left = min(self.burst, left + max(now - at, 0) / 1_000_000 * self.per_s)
            enough = left >= count
            self._left[name] = (left - count if enough else left, now)
            while len(self._left) > REMEMBERED_MAX:
                self._left.popitem(last=False)
        return 0.0 if enough else (min(count, self.burst) - left) / self.per_s
