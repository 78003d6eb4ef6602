"""Two network scanners whose other ends vanish without a word, in a network of its own.

Run by `unshare --net`, with the rights to switch that network off: nothing is sent any more, not
even that a connection has ended. Prints what became of it as JSON.
"""

import fcntl
import json
import socket
import struct
import time

from benchmarks.played_scanners import PlayedCalled, PlayedCaller
from hardware.driver import DeviceAway
from hardware.readings import CodeReading, HealthReading
from hardware.scanners.barcode_tcp import BarcodeTcp, BarcodeTcpOptions
from tests.scanner_reading import codes, opened

SIOCSIFFLAGS, IFF_UP = 0x8914, 1
LISTENING = ("127.0.0.1", 2001)


def switch_network(on: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anything:
        request = struct.pack("16sH14x", b"lo", IFF_UP if on else 0)
        fcntl.ioctl(anything, SIOCSIFFLAGS, request)


def noticed_after_s(connecting: BarcodeTcp, listening: BarcodeTcp) -> dict[str, float]:
    """How long it took until each said that its scanner is gone."""
    began_s, took_s = time.monotonic(), dict[str, float]()
    while len(took_s) < 2 and time.monotonic() < began_s + 30:
        if "connecting" not in took_s:
            try:
                connecting.read(0.1)
            except DeviceAway:
                took_s["connecting"] = time.monotonic() - began_s
        said = [one.reason for one in listening.read(0.1) if isinstance(one, HealthReading)]
        if "not-connected" in said:
            took_s["listening"] = time.monotonic() - began_s
    return took_s


def main() -> None:
    switch_network(True)
    called, caller = PlayedCalled(), PlayedCaller(LISTENING)
    connecting = BarcodeTcp(BarcodeTcpOptions(connect=called.address))
    listening = BarcodeTcp(BarcodeTcpOptions(listen="127.0.0.1:2001", allow=("127.0.0.0/8",)))
    listening.open()
    called.listen()
    connecting.open()
    called.accept()
    caller.plug()
    read = []
    for again in (False, True):
        if again:
            opened(connecting)
            called.accept()
            caller.connect()
        for scanner, driver in ((called, connecting), (caller, listening)):
            scanner.scan("whole")
            read += [code.decode() for code in codes(driver, 1)]
        if not again:
            called.scan_part("pie")
            caller.scan_part("ces")
            assert not [one for one in connecting.read(0.2) if isinstance(one, CodeReading)]
            assert not [one for one in listening.read(0.2) if isinstance(one, CodeReading)]
            switch_network(False)
            noticed = noticed_after_s(connecting, listening)
            switch_network(True)
    print(json.dumps({"read": read, **noticed}))  # noqa: T201 (for the test that runs this)


if __name__ == "__main__":
    main()
