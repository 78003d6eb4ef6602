"""Says how a device is: in the log once when something is wrong and once when that has ended."""

import logging

from hardware.readings import DeviceCondition

# Another reason for the same failure is noted after so long: one that is looked for several times
# a second may give two of them in turn.
ANOTHER_REASON_S = 60.0

log = logging.getLogger(__name__)


class Wellness:
    """What was last said of a device.

    Guarantees: a fault is logged once when it starts and once when it ends, however often and by
    whatever reasons it is told meanwhile.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._condition: DeviceCondition | None = None
        self._reason = ""
        self._noted_s = 0.0
        self._unwell_since_s: float | None = None

    def turn(self, condition: DeviceCondition, reason: str, at_mono_s: float) -> bool:
        """Take how the device is now; returns whether that is to be recorded."""
        if condition == "ok":
            self._log_end(at_mono_s)
        elif self._unwell_since_s is None:
            self._unwell_since_s = at_mono_s
            log.warning("%s %s: %s", self._name, condition, reason)
        same = condition == self._condition
        if same and reason == self._reason:
            return False
        if same and condition == "failed" and at_mono_s - self._noted_s < ANOTHER_REASON_S:
            return False
        self._condition, self._reason, self._noted_s = condition, reason, at_mono_s
        return True

    def _log_end(self, at_mono_s: float) -> None:
        if self._unwell_since_s is not None:
            log.info("%s is well again after %.1f s", self._name, at_mono_s - self._unwell_since_s)
        self._unwell_since_s = None
