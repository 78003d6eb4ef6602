"""The monotonic clock by which readings are timed."""

import time


def mono_ms() -> int:
    """Return the reading computer's monotonic time in ms."""
    return time.monotonic_ns() // 1_000_000
