"""Devices that only act: a lamp, a buzzer, a lock or a receipt printer behind a line or a file.

An act is written to the device's path in the words its options give, such as a relay board on a
serial line expects them. A printer gets the text itself.
"""

import os
import threading
from collections.abc import Sequence

import msgspec

from hardware.driver import Act, ActName, ActResult, DeviceError
from hardware.readings import Reading

PRINT_BYTES_MAX = 4096
# ESC/POS: start afresh, and feed three lines and cut.
_RESET = b"\x1b@"
_FEED_AND_CUT = b"\x1bd\x03\x1dV\x00"


class ActuatorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the driver `actuator`.

    `path` is a serial line, printer or file. `commands` holds what is written for each act, with
    `{value}` and `{duration_ms}` filled in, such as `light = "L {value} {duration_ms};"`.
    `printer` lets the device print texts (ESC/POS).
    """

    path: str
    commands: dict[ActName, str] = {}
    printer: bool = False

    def __post_init__(self) -> None:
        if not self.commands and not self.printer:
            raise ValueError("commands, printer: expects at least one of them")
        for name, command in self.commands.items():
            try:
                command.format(value="", duration_ms=0)
            except (KeyError, IndexError, ValueError) as error:
                raise ValueError(
                    f"commands: {name} may hold {{value}} and {{duration_ms}} only"
                ) from error


class Actuator:
    """The driver `actuator`. Two acts never mix on the line."""

    def __init__(self, options: ActuatorOptions) -> None:
        self._options = options
        self._file = -1
        self._writing = threading.Lock()

    def open(self) -> None:
        """Open the line; raises DeviceError when the device is not there."""
        self.close()
        flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_APPEND
        try:
            self._file = os.open(self._options.path, flags)
        except OSError as error:
            raise DeviceError(
                f"the device at {self._options.path} cannot be opened: {error.strerror}; "
                "is it plugged in?"
            ) from error

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Wait: this device says nothing."""
        threading.Event().wait(timeout_s)
        return []

    def act(self, act: Act) -> ActResult:
        """Write the act to the device and say how it ended."""
        written = self._words(act)
        if written is None:
            return ActResult(succeeded=False, reason=f"this device cannot {act.name}")
        with self._writing:
            if self._file < 0:
                return ActResult(succeeded=False, reason="the device is not open")
            try:
                done = os.write(self._file, written)
            except OSError as error:
                return ActResult(succeeded=False, reason=f"writing failed: {error.strerror}")
        if done < len(written):
            return ActResult(succeeded=False, reason="the device takes no more: is it stuck?")
        return ActResult(succeeded=True)

    def close(self) -> None:
        """Give the line back."""
        with self._writing:
            if self._file >= 0:
                os.close(self._file)
            self._file = -1

    def _words(self, act: Act) -> bytes | None:
        if act.name in self._options.commands:
            value = "".join(letter for letter in act.value if letter.isprintable())
            command = self._options.commands[act.name]
            return command.format(value=value, duration_ms=act.duration_ms).encode()
        if act.name == "print" and self._options.printer:
            lines = act.value.splitlines()
            plain = "\n".join("".join(c for c in line if c.isprintable()) for line in lines)
            return _RESET + plain.encode()[:PRINT_BYTES_MAX] + b"\n" + _FEED_AND_CUT
        return None
