"""Tells whether what a scanner sends are whole codes: once when it stops, once when it is back."""

from hardware.clock import mono_ms
from hardware.readings import DeviceCondition, HealthReading

# So many whole codes in a row show that it was put right.
CLEAR_CODES = 3


class Clarity:
    """How clearly a scanner is heard since it was opened."""

    def __init__(self) -> None:
        self._refused = 0
        self._clear = CLEAR_CODES

    def judge(self, codes: int, refused: int) -> list[HealthReading]:
        """Take how many codes came whole just now, and how many scans were refused so far."""
        was_clear = self._clear >= CLEAR_CODES
        if refused > self._refused:
            self._refused, self._clear = refused, 0
            return self._turn("degraded", "garbage") if was_clear else []
        self._clear += codes
        return self._turn("ok", "") if not was_clear and self._clear >= CLEAR_CODES else []

    def _turn(self, condition: DeviceCondition, reason: str) -> list[HealthReading]:
        figures = {"refused": self._refused}
        return [
            HealthReading(at_mono_ms=mono_ms(), condition=condition, reason=reason, figures=figures)
        ]
