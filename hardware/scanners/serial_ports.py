"""Finds a serial scanner by what it is, since its port is numbered anew when it is plugged in."""

import errno
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

# For so long after /dev changed the ports are looked through at each attempt: what a port is may
# become known a moment after its file is there.
SEARCH_S = 1.0


class SerialPort(Protocol):
    """A serial port as pyserial lists it; the numbers are those of USB."""

    device: str
    vid: int | None
    pid: int | None
    serial_number: str | None


ListPorts = Callable[[], Iterable[SerialPort]]


def list_ports() -> Iterable[SerialPort]:
    """List the serial ports of this computer."""
    from serial.tools.list_ports import comports  # type: ignore[import-untyped]

    try:
        ports: list[SerialPort] = comports()
    except TypeError:
        return []  # it reads the numbers of a device that is just being unplugged
    return ports


class PortFinder:
    """Finds the port of a scanner by its `serial_number` and its `usb` numbers, either empty.

    While it is away, looking costs one glance at the folder of devices: the ports are listed only
    after that changed.
    """

    def __init__(
        self,
        *,
        serial_number: str,
        usb: str,
        list_ports: ListPorts = list_ports,
        devices: Path = Path("/dev"),
    ) -> None:
        self._serial_number = serial_number
        self._usb = usb.lower()
        self._list_ports = list_ports
        self._devices = devices
        self._changed_ns = -1
        self._search_until_s = 0.0
        self._found = ""
        self._problem = OSError(errno.ENODEV, "it is not there")

    def find(self) -> str:
        """Return the scanner's port; raises OSError when there is none, or more than one."""
        changed_ns = self._devices.stat().st_mtime_ns
        if changed_ns != self._changed_ns:
            self._changed_ns = changed_ns
            self._search_until_s = time.monotonic() + SEARCH_S
        if time.monotonic() <= self._search_until_s:
            self._search()
        if not self._found:
            raise self._problem
        return self._found

    def _search(self) -> None:
        found = sorted(port.device for port in self._list_ports() if self._fits(port))
        self._found = found[0] if len(found) == 1 else ""
        alike = f"{' and '.join(found)} are alike: name its serial_number"
        self._problem = (
            OSError(errno.ENOTUNIQ, alike) if found else OSError(errno.ENODEV, "it is not there")
        )

    def _fits(self, port: SerialPort) -> bool:
        if self._serial_number and port.serial_number != self._serial_number:
            return False
        usb = "" if port.vid is None or port.pid is None else f"{port.vid:04x}:{port.pid:04x}"
        return not self._usb or usb == self._usb
