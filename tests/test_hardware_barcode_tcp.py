"""A scanner in the network, over real sockets: called, calling, and gone without a word."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.played_scanners import PlayedCalled, PlayedCaller
from hardware.driver import DeviceAway
from hardware.readings import HealthReading
from hardware.scanners.barcode_tcp import CONNECTIONS_MAX, BarcodeTcp, BarcodeTcpOptions
from storebridge.ports import free_port
from tests.scanner_reading import codes, lost, opened

GTIN = b"4006381333931"
HERE = ("127.0.0.0/8",)


@pytest.fixture
def address() -> tuple[str, int]:
    return "127.0.0.1", free_port()


def listening(address: tuple[str, int], **options: object) -> BarcodeTcp:
    host, port = address
    given = {"listen": f"{host}:{port}", "allow": HERE, **options}
    driver = BarcodeTcp(BarcodeTcpOptions(**given))  # type: ignore[arg-type]
    driver.open()
    return driver


@pytest.fixture
def store(address: tuple[str, int]) -> Iterator[BarcodeTcp]:
    driver = listening(address)
    yield driver
    driver.close()


def told(driver: BarcodeTcp, for_s: float) -> list[tuple[str, str]]:
    """What the driver says of its scanner for a while."""
    said: list[tuple[str, str]] = []
    until_s = time.monotonic() + for_s
    while time.monotonic() < until_s:
        heard = [one for one in driver.read(0.1) if isinstance(one, HealthReading)]
        said += [(one.condition, one.reason) for one in heard]
    return said


def test_a_scanner_that_calls_is_read_however_its_lines_are_cut(
    store: BarcodeTcp, address: tuple[str, int]
) -> None:
    scanner = PlayedCaller(address)
    scanner.plug()
    for part in (GTIN[:5], GTIN[5:] + b"\r", b"\n\x1d01\xff\n"):
        scanner.send(part)
        time.sleep(0.01)
    assert codes(store, 2) == [GTIN, b"\x1d01\xff"]


def test_scans_of_two_scanners_do_not_mix(store: BarcodeTcp, address: tuple[str, int]) -> None:
    one, two = PlayedCaller(address), PlayedCaller(address)
    for scanner in (one, two):
        scanner.plug()
    one.send(b"on")
    two.send(b"tw")
    one.send(b"e\r")
    assert codes(store, 1) == [b"one"]
    two.send(b"o\r")
    assert codes(store, 1) == [b"two"]


def test_what_came_before_it_hung_up_is_read_and_pieces_are_not_glued(
    store: BarcodeTcp, address: tuple[str, int]
) -> None:
    scanner = PlayedCaller(address)
    sent = [f"{number:04}" for number in range(100)]
    for again in (sent[:50], sent[50:]):
        scanner.plug()
        for code in again:
            scanner.scan(code)
        scanner.scan_part("piece")
        scanner.settle()
        scanner.unplug()
    assert codes(store, 100) == [code.encode() for code in sent]


def test_a_scanner_that_is_called_is_read_until_it_is_lost_and_again_afterwards() -> None:
    scanner = PlayedCalled()
    driver = BarcodeTcp(BarcodeTcpOptions(connect=scanner.address))
    with pytest.raises(DeviceAway, match="cannot be reached"):
        driver.open()
    for _ in range(2):
        plugging = threading.Thread(target=scanner.plug)
        plugging.start()
        opened(driver)
        plugging.join(20)
        scanner.scan(GTIN.decode())
        scanner.scan_part("piece")
        scanner.settle()
        scanner.unplug()
        read, reason = lost(driver)
        assert read == [GTIN]
        assert "was lost" in reason
    driver.close()


def test_that_no_scanner_is_connected_is_told_once_and_its_return_once(
    store: BarcodeTcp, address: tuple[str, int]
) -> None:
    assert told(store, 1.5) == [("failed", "not-connected")]
    scanner = PlayedCaller(address)
    scanner.plug()
    assert told(store, 0.3) == [("ok", "")]
    scanner.unplug()
    assert told(store, 1.5) == [("failed", "not-connected")]


def test_a_scanner_that_connects_for_each_scan_is_never_missed(address: tuple[str, int]) -> None:
    driver = listening(address, held=False)
    assert told(driver, 1.3) == []
    driver.close()


def test_without_a_suffix_a_pause_or_the_end_of_the_connection_ends_a_scan(
    address: tuple[str, int],
) -> None:
    driver = listening(address, suffix="none", gap_ms=50)
    with socket.create_connection(address) as scanner:
        scanner.sendall(b"one")
        assert codes(driver, 1) == [b"one"]
        scanner.sendall(b"two")
    assert codes(driver, 1) == [b"two"]
    driver.close()


def test_who_is_not_allowed_is_hung_up_on(address: tuple[str, int]) -> None:
    driver = listening(address, allow=("10.0.0.7", "fd00::/8"))
    with socket.create_connection(address) as stranger:
        stranger.settimeout(10)
        stranger.sendall(GTIN + b"\r")
        assert told(driver, 0.3) == []
        with pytest.raises(ConnectionResetError):
            stranger.recv(1)
    driver.close()


def test_a_new_connection_takes_the_place_of_the_longest_silent(
    store: BarcodeTcp, address: tuple[str, int]
) -> None:
    scanners = [PlayedCaller(address) for _ in range(CONNECTIONS_MAX + 1)]
    for number, scanner in enumerate(scanners):
        scanner.plug()
        scanner.scan(f"{number}")
        assert codes(store, 1) == [f"{number}".encode()]
    assert len(store._lines) == CONNECTIONS_MAX
    scanners[-1].scan("last")
    assert codes(store, 1) == [b"last"]


def test_an_address_that_is_taken_is_named(store: BarcodeTcp, address: tuple[str, int]) -> None:
    with pytest.raises(DeviceAway, match=r"cannot be opened for scanners.*use it"):
        listening(address)


def test_an_end_that_vanished_is_noticed_within_5_s_and_nothing_is_lost_or_glued() -> None:
    done = subprocess.run(
        ["unshare", "--map-root-user", "--net", sys.executable, "-m", "tests.half_open"],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare failed" in done.stderr:
        pytest.skip(f"needs the right to make a network of its own: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["read"] == ["whole"] * 4
    assert found["connecting"] < 6  # and one for a busy machine
    assert found["listening"] < 7  # says so a second later
