"""What every device can do.

A driver is made from plain options, opened, read until it fails or is closed, and may act. Making
one touches no device, so that a configuration can be checked by making every driver in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from hardware.readings import Reading

ActName = Literal["light", "sound", "unlock", "print"]


class DeviceError(Exception):
    """A device cannot be opened, or was lost: close it, wait, and open it again.

    The message says what happened, to which device, and what to do.
    """


class DeviceAway(DeviceError):
    """The device is not there, or has just gone, and looking for it costs next to nothing.

    So it may be looked for several times a second, however long it stays away.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something a device shall do: give light or sound for a time, unlock, or print a text.

    `value` is the colour, tone or text, as the driver documents.
    """

    name: ActName
    value: str = ""
    duration_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActResult:
    """How an act ended; `reason` is empty when it succeeded."""

    succeeded: bool
    reason: str = ""


class Driver(Protocol):
    """A device.

    Guarantees:
    - `open`, `read` and `close` are called from one thread; `act` may be called from any;
    - `read` returns within `timeout_s` and half a second, with nothing when there is none;
    - only DeviceError leaves `open` and `read`; `act` raises nothing for a device that fails;
    - after `close`, which is safe to call at any time, it can be opened again.
    """

    def open(self) -> None:
        """Take the device into use; raises DeviceError when that is not possible now."""

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Return what was read, waiting at most `timeout_s` for something to come."""

    def act(self, act: Act) -> ActResult:
        """Do it now and say how it ended."""

    def close(self) -> None:
        """Give the device back."""


@runtime_checkable
class LateDriver(Protocol):
    """A driver that may open while its device is still away, and then says when that is well."""

    @property
    def is_late(self) -> bool:
        """Tell whether nothing is known of the device when `open` returns."""


Factory = Callable[[Mapping[str, object]], Driver]


def cannot_act(act: Act) -> ActResult:
    """Return the answer of a device that only reads."""
    return ActResult(succeeded=False, reason=f"this device cannot {act.name}")
