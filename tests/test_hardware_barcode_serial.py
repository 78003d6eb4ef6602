"""A scanner on a serial line, played by a real pseudo-terminal behind a link that moves."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.played_scanners import PlayedPort, PlayedSerial
from hardware.driver import DeviceAway
from hardware.scanners.barcode_serial import BarcodeSerialOptions, barcode_serial
from hardware.scanners.file_scanner import FileScanner
from hardware.scanners.serial_ports import PortFinder, list_ports
from tests.scanner_reading import codes, lost


@pytest.fixture
def scanner(tmp_path: Path) -> Iterator[PlayedSerial]:
    played = PlayedSerial(tmp_path)
    played.appear()
    yield played
    played.unplug()


def opened(scanner: PlayedSerial, **options: object) -> FileScanner:
    given = BarcodeSerialOptions(port=str(scanner.port), **options)  # type: ignore[arg-type]
    driver = barcode_serial(given)
    driver.open()
    return driver


def test_codes_arrive_whole_however_they_are_cut_and_ended(scanner: PlayedSerial) -> None:
    driver = opened(scanner)
    for part in (b"4006381", b"333931\r", b"\nsb:m:ANNA\n", b"\x1d01\xff\x11\x03\r"):
        scanner.send(part)
    assert codes(driver, 3) == [b"4006381333931", b"sb:m:ANNA", b"\x1d01\xff\x11\x03"]
    driver.close()


def test_a_scan_that_came_just_before_the_opening_is_not_cut(scanner: PlayedSerial) -> None:
    scanner.scan("4006381333931")
    driver = opened(scanner, speed=115200, framing="8E1")
    assert codes(driver, 1) == [b"4006381333931"]
    driver.close()


def test_a_hundred_scans_at_once_are_a_hundred_codes(scanner: PlayedSerial) -> None:
    driver = opened(scanner)
    sent = [b"%08d" % number for number in range(100)]
    scanner.send(b"".join(code + b"\r\n" for code in sent))
    assert codes(driver, 100) == sent
    driver.close()


def test_without_a_suffix_each_scan_ends_by_itself(scanner: PlayedSerial) -> None:
    driver = opened(scanner, suffix="none", gap_ms=50)
    for code in ("one", "two"):
        scanner.scan_part(code)
        assert codes(driver, 1) == [code.encode()]
    driver.close()


def test_what_came_before_it_was_unplugged_is_read_once_and_pieces_are_not_glued(
    scanner: PlayedSerial,
) -> None:
    driver = opened(scanner)
    scanner.scan("one")
    scanner.scan_part("tw")
    scanner.settle()
    scanner.unplug()
    read, reason = lost(driver)
    assert read == [b"one"]
    assert f"serial scanner at {scanner.port} was unplugged" in reason
    scanner.appear()
    driver.open()
    scanner.scan("two")
    assert codes(driver, 1) == [b"two"]
    driver.close()


def test_a_scanner_is_found_by_what_it_is_after_it_got_another_number(tmp_path: Path) -> None:
    scanner = PlayedSerial(tmp_path)
    driver = barcode_serial(
        BarcodeSerialOptions(serial_number="S21", usb="05E0:1701"), list_ports=scanner.ports
    )
    with pytest.raises(DeviceAway, match="S21 05E0:1701 cannot be opened: it is not there"):
        driver.open()
    for code in ("one", "two", "three"):
        scanner.appear()
        driver.open()
        scanner.scan(code)
        assert codes(driver, 1) == [code.encode()]
        scanner.settle()
        scanner.unplug()
        assert lost(driver)[0] == []


def test_a_line_that_another_program_reads_is_not_shared(scanner: PlayedSerial) -> None:
    first = opened(scanner)
    with pytest.raises(DeviceAway, match=r"cannot be opened.*nothing else uses it"):
        opened(scanner)
    first.close()
    opened(scanner).close()


def test_a_missing_line_and_a_file_that_is_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceAway, match=r"cannot be opened.*check its cable"):
        barcode_serial(BarcodeSerialOptions(port="/dev/no-such-line")).open()
    (tmp_path / "plain").touch()
    with pytest.raises(DeviceAway, match="cannot be opened"):
        barcode_serial(BarcodeSerialOptions(port=str(tmp_path / "plain"))).open()


def test_scanners_that_are_alike_are_not_mixed_up(tmp_path: Path) -> None:
    alike = [PlayedPort(device=f"/dev/ttyACM{number}") for number in (4, 1)]
    finder = PortFinder(
        serial_number="", usb="05e0:1701", list_ports=lambda: alike, devices=tmp_path
    )
    with pytest.raises(OSError, match="ttyACM1 and /dev/ttyACM4 are alike: name its serial_number"):
        finder.find()


def test_the_ports_are_listed_only_after_something_was_plugged_in(tmp_path: Path) -> None:
    listed: list[int] = []

    def ports() -> list[PlayedPort]:
        listed.append(1)
        return [PlayedPort(device="/dev/ttyACM2")] if (tmp_path / "ttyACM2").exists() else []

    finder = PortFinder(serial_number="S21", usb="", list_ports=ports, devices=tmp_path)
    until_s = time.monotonic() + 1.2
    while time.monotonic() < until_s:
        with pytest.raises(OSError, match="it is not there"):
            finder.find()
        time.sleep(0.01)
    before = len(listed)
    for _ in range(100):
        with pytest.raises(OSError, match="it is not there"):
            finder.find()
    assert len(listed) == before
    (tmp_path / "ttyACM2").touch()
    assert finder.find() == "/dev/ttyACM2"


def test_the_ports_of_this_computer_can_be_listed() -> None:
    assert all(port.device.startswith("/dev/") for port in list_ports())
