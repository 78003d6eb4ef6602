"""Scanners in the store's program: pulled out, gone mad, or in a hurry, over real files."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.played_scanners import PlayedKeyboard, PlayedSerial
from benchmarks.scanners import ScannerStore, a_store, code_of
from edge_agent.devices.floods import STUCK_READINGS, UNKNOWN_AT_ONCE_MAX
from hardware.scanners.barcode_keyboard import BarcodeKeyboardOptions, barcode_keyboard
from hardware.scanners.barcode_posted import PostedScanner
from hardware.scanners.barcode_serial import BarcodeSerialOptions, barcode_serial
from tests.edge_builders import wait_until

CODE = "sb:c:spring-1"


@contextmanager
def a_serial_store(folder: Path) -> Iterator[tuple[ScannerStore, PlayedSerial]]:
    scanner = PlayedSerial(folder)
    driver = barcode_serial(BarcodeSerialOptions(port=str(scanner.port)))
    with a_store(folder, {"serial": driver}) as store:
        yield store, scanner


def test_a_scanner_is_back_within_1_s_and_said_to_be_away_once_and_back_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    with a_serial_store(tmp_path) as (store, scanner):
        scanner.plug()
        wait_until(lambda: store.states("serial")[-1:] == ["ok"], "the first opening")
        time.sleep(1.1)  # it is steady
        caplog.clear()
        scanner.unplug()
        wait_until(lambda: store.states("serial")[-1].startswith("failed"), "its absence")
        time.sleep(0.6)  # and it has been looked for
        began_s = time.monotonic()
        scanner.plug()
        assert time.monotonic() - began_s < 1
        scanner.scan(CODE)
        wait_until(lambda: store.codes("serial") == [CODE], "the scan")
        wait_until(lambda: store.states("serial")[-1:] == ["ok"], "its return")
        where = f"the serial scanner at {scanner.port}"
        assert store.states("serial")[-2:] == [f"failed {where} was unplugged", "ok"]
        said = [record.getMessage() for record in caplog.records]
    assert said[0] == f"serial failed: {where} was unplugged"
    assert said[1].startswith("serial is well again after ")
    assert len(said) == 2


def test_a_loose_contact_is_not_called_well_before_it_stays(tmp_path: Path):
    with a_serial_store(tmp_path) as (store, scanner):
        for _ in range(5):
            scanner.plug()
            time.sleep(0.05)
            scanner.unplug()
            time.sleep(0.3)
        scanner.plug()
        wait_until(lambda: store.states("serial")[-1:] == ["ok"], "its return")
        failures = [state for state in store.states("serial") if state.startswith("failed")]
        assert len(failures) <= 2
        assert store.states("serial").count("ok") <= 2


def test_a_stuck_trigger_is_one_scan_and_told_once_until_it_comes_loose(tmp_path: Path):
    with a_serial_store(tmp_path) as (store, scanner):
        scanner.plug()
        for _ in range(3 * STUCK_READINGS):
            scanner.scan(CODE)
            time.sleep(0.02)
        wait_until(lambda: "degraded stuck-trigger" in store.states("serial"), "the fault")
        wait_until(lambda: store.states("serial")[-1] == "ok", "its end")
        assert store.codes("serial") == [CODE]
        assert store.states("serial").count("degraded stuck-trigger") == 1


def test_a_line_full_of_noise_neither_fills_the_outbox_nor_hides_what_follows(tmp_path: Path):
    with a_serial_store(tmp_path) as (store, scanner):
        scanner.plug()
        for number in range(4 * UNKNOWN_AT_ONCE_MAX):
            scanner.send(b"\xff%d\x80\r" % number)
        scanner.scan(CODE)
        wait_until(lambda: CODE in store.codes("serial"), "the scan")
        unknown = store.codes("serial").count("")
        assert UNKNOWN_AT_ONCE_MAX <= unknown <= 2 * UNKNOWN_AT_ONCE_MAX
        assert store.devices["serial"].losses.count == 4 * UNKNOWN_AT_ONCE_MAX - unknown
        wait_until(lambda: store.states("serial")[-1] == "degraded garbage", "the fault")


def test_a_hundred_scans_a_second_are_all_recorded_once_also_when_typed(tmp_path: Path):
    keyboard, serial = PlayedKeyboard(tmp_path), PlayedSerial(tmp_path)
    drivers = {
        "keyboard": barcode_keyboard(
            BarcodeKeyboardOptions(path=str(keyboard.path)), grab=lambda _: None
        ),
        "serial": barcode_serial(BarcodeSerialOptions(port=str(serial.port))),
    }
    sent = {name: [code_of(at, n) for n in range(200)] for at, name in enumerate(drivers)}
    with a_store(tmp_path, drivers) as store:
        played = {"keyboard": keyboard, "serial": serial}
        for scanner in played.values():
            scanner.plug()
        due_s = time.monotonic()
        for number in range(200):
            for name, scanner in played.items():
                scanner.scan(sent[name][number])
            due_s += 0.01
            time.sleep(max(0.0, due_s - time.monotonic()))
        for scanner in played.values():
            scanner.unplug()
        for name, codes in sent.items():
            wait_until(lambda n=name: len(store.codes(n)) >= 200, "the scans")
            assert store.codes(name) == codes
            assert store.devices[name].codes_read == 200


def test_a_code_that_is_posted_twice_under_one_name_counts_once(tmp_path: Path):
    with a_store(tmp_path, {"posted": PostedScanner()}) as store:
        names = ("a", "a", "b", "", "")
        for number, once in enumerate(
            names
        ):  # each another code, which no pause between them joins
            store.devices["posted"].post(code_of(1, number).encode(), once)
        assert store.codes("posted") == [code_of(1, number) for number in (0, 2, 3, 4)]
