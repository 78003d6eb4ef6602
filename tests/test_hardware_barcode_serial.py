"""A scanner on a serial line, played by a real pseudo-terminal."""

import os
import pty
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.barcode_serial import BarcodeSerial, BarcodeSerialOptions, LineSplitter
from hardware.driver import DeviceError
from hardware.readings import CODE_BYTES_MAX, CodeReading


class PseudoScanner:
    """The far end of the line."""

    def __init__(self) -> None:
        self.far, near = pty.openpty()
        self.port = os.ttyname(near)
        self.near = near

    def send(self, sent: bytes) -> None:
        os.write(self.far, sent)

    def unplug(self) -> None:
        os.close(self.far)
        os.close(self.near)


@pytest.fixture
def scanner() -> Iterator[PseudoScanner]:
    played = PseudoScanner()
    yield played
    for end in (played.far, played.near):
        try:
            os.close(end)
        except OSError:
            continue


def codes(driver: BarcodeSerial, count: int) -> list[bytes]:
    read: list[bytes] = []
    for _ in range(1000):
        read += [one.data for one in driver.read(0.05) if isinstance(one, CodeReading)]
        if len(read) >= count:
            return read
    raise AssertionError(f"only {read} came")


def opened(scanner: PseudoScanner) -> BarcodeSerial:
    driver = BarcodeSerial(BarcodeSerialOptions(port=scanner.port))
    driver.open()
    return driver


def test_codes_arrive_whole_however_they_are_cut_and_ended(scanner: PseudoScanner) -> None:
    driver = opened(scanner)
    for part in (b"4006381", b"333931\r", b"\nsb:m:ANNA\n", b"\x1d01\xff\x11\x03\r"):
        scanner.send(part)
    assert codes(driver, 3) == [b"4006381333931", b"sb:m:ANNA", b"\x1d01\xff\x11\x03"]
    assert driver.read(0.01) == []
    driver.close()


def test_a_hundred_scans_at_once_are_a_hundred_codes(scanner: PseudoScanner) -> None:
    driver = opened(scanner)
    sent = [b"%08d" % number for number in range(100)]
    scanner.send(b"".join(code + b"\r\n" for code in sent))
    assert codes(driver, 100) == sent
    driver.close()


def test_an_unplugged_scanner_is_lost_and_a_missing_one_is_named(scanner: PseudoScanner) -> None:
    driver = opened(scanner)
    scanner.unplug()
    with pytest.raises(DeviceError, match=r"serial scanner at .* (was lost|was unplugged)"):
        driver.read(5)
    driver.close()
    with pytest.raises(DeviceError, match=r"cannot be opened.*check its cable"):
        BarcodeSerial(BarcodeSerialOptions(port="/dev/no-such-line")).open()


@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda b: not {10, 13} & set(b))))
def test_any_cutting_gives_the_same_codes(lines: list[bytes]) -> None:
    whole = b"".join(line + b"\r\n" for line in lines)
    at_once = LineSplitter().feed(whole)
    bit_by_bit = LineSplitter()
    assert at_once == lines
    assert [code for byte in whole for code in bit_by_bit.feed(bytes([byte]))] == lines


def test_endless_noise_is_refused_in_bounded_memory_and_the_next_code_is_read() -> None:
    splitter = LineSplitter()
    for _ in range(100):
        assert splitter.feed(b"\xff" * 4096) == []
    assert len(splitter._begun) <= CODE_BYTES_MAX + 4096
    assert splitter.feed(b"\rsb:m:ANNA\r") == [b"sb:m:ANNA"]
    assert splitter.refused == 1
