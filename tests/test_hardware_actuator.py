"""Lamps, locks and printers do what they are told, and say when they cannot."""

from pathlib import Path

import pytest

from hardware.actuator import Actuator, ActuatorOptions
from hardware.driver import Act, DeviceError


def opened(path: Path, **options: object) -> Actuator:
    path.touch()
    device = Actuator(ActuatorOptions(path=str(path), **options))  # type: ignore[arg-type]
    device.open()
    return device


def test_an_act_is_written_in_the_devices_own_words(tmp_path: Path) -> None:
    lamp = opened(tmp_path / "lamp", commands={"light": "L {value} {duration_ms};"})
    assert lamp.act(Act(name="light", value="gr\neen", duration_ms=300)).succeeded
    assert lamp.act(Act(name="sound")).reason == "this device cannot sound"
    assert (tmp_path / "lamp").read_text() == "L green 300;"
    lamp.close()
    assert lamp.act(Act(name="light")).reason == "the device is not open"


def test_a_printer_prints_text_and_no_commands_hidden_in_it(tmp_path: Path) -> None:
    printer = opened(tmp_path / "printer", printer=True)
    assert printer.act(Act(name="print", value="优惠券 10%\n\x1bp0evil")).succeeded
    written = (tmp_path / "printer").read_bytes()
    assert written.startswith(b"\x1b@" + "优惠券 10%\np0evil".encode())
    assert written.count(b"\x1b") == 2
    printer.close()


def test_a_full_device_is_reported_not_raised() -> None:
    lamp = Actuator(ActuatorOptions(path="/dev/full", commands={"light": "on"}))
    lamp.open()
    result = lamp.act(Act(name="light"))
    assert not result.succeeded
    assert "writing failed" in result.reason
    lamp.close()


def test_a_missing_device_is_named(tmp_path: Path) -> None:
    lamp = Actuator(ActuatorOptions(path=str(tmp_path / "none"), printer=True))
    with pytest.raises(DeviceError, match="cannot be opened: No such file"):
        lamp.open()
