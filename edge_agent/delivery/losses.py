"""Counts what could not be recorded, so that no loss goes unseen."""

import threading


class Losses:
    """How many times something was lost since the start, and when it last was (µs UTC)."""

    def __init__(self) -> None:
        self.count = 0
        self.last_at: int | None = None
        self._lock = threading.Lock()

    def add(self, at: int) -> int:
        """Count one more, and return how many there are now."""
        with self._lock:
            self.count += 1
            self.last_at = at
            return self.count
