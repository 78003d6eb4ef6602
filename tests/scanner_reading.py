"""Reads a scanner's driver in tests, as the store's program does."""

import time

from hardware.driver import DeviceAway, Driver
from hardware.readings import CodeReading

WAIT_S = 20


def codes(driver: Driver, count: int) -> list[bytes]:
    """The next codes, of which there are so many; fails after WAIT_S."""
    read: list[bytes] = []
    until_s = time.monotonic() + WAIT_S
    while len(read) < count:
        assert time.monotonic() < until_s, f"only {read} came"
        read += [one.data for one in driver.read(0.1) if isinstance(one, CodeReading)]
    return read


def lost(driver: Driver) -> tuple[list[bytes], str]:
    """The codes that come until the device is lost, and the reason; fails after WAIT_S."""
    read: list[bytes] = []
    until_s = time.monotonic() + WAIT_S
    while time.monotonic() < until_s:
        try:
            read += [one.data for one in driver.read(0.1) if isinstance(one, CodeReading)]
        except DeviceAway as error:
            return read, str(error)
    raise AssertionError("it was not lost")


def opened(driver: Driver) -> None:
    """Open a device that will come; fails after WAIT_S."""
    until_s = time.monotonic() + WAIT_S
    while True:
        try:
            driver.open()
        except DeviceAway:
            assert time.monotonic() < until_s
            time.sleep(0.005)
        else:
            return
