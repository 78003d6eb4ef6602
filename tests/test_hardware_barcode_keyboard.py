"""A scanner that types, played by a pipe that carries Linux input events."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.played_scanners import PlayedKeyboard, typed
from hardware.driver import DeviceAway, DeviceError
from hardware.readings import HealthReading
from hardware.scanners.barcode_keyboard import BarcodeKeyboardOptions, barcode_keyboard
from hardware.scanners.file_scanner import FileScanner
from tests.scanner_reading import codes, lost, opened

GTIN = "4006381333931"


@pytest.fixture
def scanner(tmp_path: Path) -> PlayedKeyboard:
    return PlayedKeyboard(tmp_path)


def driver_of(scanner: PlayedKeyboard, **options: object) -> FileScanner:
    given = BarcodeKeyboardOptions(path=str(scanner.path), **options)  # type: ignore[arg-type]
    return barcode_keyboard(given, grab=lambda _: None)


@pytest.fixture
def driver(scanner: PlayedKeyboard) -> Iterator[FileScanner]:
    driver = driver_of(scanner)
    plug(scanner, driver)
    yield driver
    driver.close()


def plug(scanner: PlayedKeyboard, driver: FileScanner) -> None:
    """Plug it in and open it, as two do who do not know of each other."""
    plugging = threading.Thread(target=scanner.plug)
    plugging.start()
    opened(driver)
    plugging.join(20)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_scans_are_read(scanner: PlayedKeyboard, driver: FileScanner) -> None:
    scanner.scan(GTIN)
    scanner.scan("sb:m:ANNA-1\x1dx")
    assert codes(driver, 2) == [GTIN.encode(), b"sb:m:ANNA-1\x1dx"]


def test_a_hundred_scans_that_came_before_it_was_unplugged_are_read_once(
    scanner: PlayedKeyboard, driver: FileScanner
) -> None:
    sent = [f"{number:06}" for number in range(100)]
    for code in sent:
        scanner.scan(code)
    scanner.unplug()
    read, reason = lost(driver)
    assert read == [code.encode() for code in sent]
    assert "was unplugged" in reason


def test_the_pieces_of_a_scan_are_not_glued_to_what_comes_after_the_next_opening(
    scanner: PlayedKeyboard, driver: FileScanner
) -> None:
    scanner.scan_part("400638")
    scanner.unplug()
    assert lost(driver)[0] == []
    plug(scanner, driver)
    scanner.scan(GTIN)
    assert codes(driver, 1) == [GTIN.encode()]


def test_without_a_suffix_each_scan_ends_by_itself(scanner: PlayedKeyboard) -> None:
    driver = driver_of(scanner, suffix="none", gap_ms=50)
    plug(scanner, driver)
    for code in ("one", "two"):
        scanner.send(typed(code, end=0))
        assert codes(driver, 1) == [code.encode()]
    driver.close()


def test_a_scan_that_was_cut_off_is_told_once_and_that_all_is_well_again_once(
    scanner: PlayedKeyboard, driver: FileScanner
) -> None:
    told: list[tuple[str, str]] = []
    until_s = time.monotonic() + 20
    scanner.scan_part("400638")
    while len(told) < 2 and time.monotonic() < until_s:
        heard = [one for one in driver.read(0.2) if isinstance(one, HealthReading)]
        told += [(one.condition, one.reason) for one in heard]
        if told:
            scanner.scan(GTIN)
    assert told == [("degraded", "garbage"), ("ok", "")]


def test_a_missing_device_is_named_and_may_be_looked_for_often() -> None:
    driver = barcode_keyboard(BarcodeKeyboardOptions(path="/dev/input/none"))
    with pytest.raises(DeviceAway, match=r"/dev/input/none cannot be opened.*in the group `input`"):
        driver.open()
    with pytest.raises(DeviceError, match="is not open"):
        driver.read(0)


def test_a_file_that_cannot_be_grabbed_is_closed_again(tmp_path: Path) -> None:
    plain = tmp_path / "event0"
    plain.touch()
    before = open_files()
    driver = barcode_keyboard(BarcodeKeyboardOptions(path=str(plain)))
    with pytest.raises(DeviceAway, match="cannot be opened"):
        driver.open()
    assert open_files() == before
