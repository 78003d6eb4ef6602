"""Tells a scanner in use from one gone mad: a trigger that is stuck, or a line full of noise."""

# The same code so often in a row, never a pause as long as a hand makes: nobody scans like that.
STUCK_READINGS = 25
STUCK_PAUSE_MS_MAX = 200
# Without that code for so long, or with another one, it has come loose.
LOOSE_MS = 1_000
# Codes that nobody understands: so many at once, and so many a second, come from hands.
UNKNOWN_AT_ONCE_MAX = 50
UNKNOWN_PER_S_MAX = 10


class Trigger:
    """Watches whether the same code comes over and over; pure."""

    def __init__(self) -> None:
        self._code = b""
        self._at_mono_ms = 0
        self._readings = 0

    def pull(self, code: bytes, at_mono_ms: int) -> bool:
        """Take a reading, and tell whether the trigger is stuck."""
        pause_ms = LOOSE_MS if self._readings >= STUCK_READINGS else STUCK_PAUSE_MS_MAX
        again = code == self._code and at_mono_ms - self._at_mono_ms <= pause_ms
        self._readings = self._readings + 1 if again else 1
        self._code, self._at_mono_ms = code, at_mono_ms
        return self._readings >= STUCK_READINGS

    def is_stuck(self, at_mono_ms: int) -> bool:
        """Tell whether the trigger is still stuck."""
        return self._readings >= STUCK_READINGS and at_mono_ms - self._at_mono_ms <= LOOSE_MS


class Noise:
    """Watches how many codes come that nobody understands; pure."""

    def __init__(self) -> None:
        self._room = float(UNKNOWN_AT_ONCE_MAX)
        self._at_mono_ms = 0

    def hear(self, at_mono_ms: int) -> bool:
        """Take a code that nobody understands, and tell whether it is one too many."""
        self._refill(at_mono_ms)
        if self._room < 1:
            return True
        self._room -= 1
        return False

    def is_loud(self, at_mono_ms: int) -> bool:
        """Tell whether there is still more noise than there was room for half of."""
        self._refill(at_mono_ms)
        return self._room < UNKNOWN_AT_ONCE_MAX / 2

    def _refill(self, at_mono_ms: int) -> None:
        elapsed_ms = max(0, at_mono_ms - self._at_mono_ms)
        self._room = min(UNKNOWN_AT_ONCE_MAX, self._room + elapsed_ms * UNKNOWN_PER_S_MAX / 1_000)
        self._at_mono_ms = max(self._at_mono_ms, at_mono_ms)
