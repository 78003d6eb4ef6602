"""The table of drivers: light to import, made without a device, wrong options refused at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from hardware.driver import Act
from hardware.drivers import DRIVERS
from hardware.options import OptionsError

LIGHT = """
import sys
from hardware.drivers import DRIVERS
for name, options in {
    "actuator": {"path": "/dev/none", "printer": True},
    "barcode-http": {"token": "x" * 20},
    "barcode-keyboard": {"path": "/dev/none"},
    "barcode-page": {},
    "barcode-serial": {"port": "/dev/none"},
    "barcode-tcp": {"connect": "10.0.0.7:2001"},
    "simulated": {},
}.items():
    DRIVERS[name](options)
print(sorted({"cv2", "numpy", "pyzbar"} & sys.modules.keys()))
"""


def test_a_store_without_cameras_never_loads_opencv() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGHT],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "options", "faults"),
    [
        ("barcode-camera", {}, ["source: is missing"]),
        ("barcode-camera", {"source": 0, "symbologies": ["QX"]}, ["symbologies: no 'QX'; known"]),
        ("barcode-camera", {"source": 0, "decoder": "x"}, ["decoder: no 'x'; known: cascade"]),
        ("barcode-camera", {"source": "/no/such"}, ["source: there is no file or folder /no/such"]),
        ("barcode-camera", {"source": 0, "sightings": 0}, ["sightings: expects at least 1"]),
        ("people-camera", {"source": 0}, ["zones, lines: expects at least one"]),
        ("people-camera", {"source": 0, "zones": {"a": [[1, 2]]}}, ["zones: a needs 3"]),
        ("barcode-serial", {"port": "/dev/x", "speed": 300}, ["speed: no 300; known"]),
        ("barcode-serial", {"port": "/dev/x", "framing": "9N1"}, ["framing: no '9N1'; known"]),
        ("barcode-serial", {"port": "/dev/x", "gap_ms": 1}, ["gap_ms: expects 20 to 2,000 ms"]),
        ("barcode-serial", {}, ["port, serial_number, usb: expects"]),
        ("barcode-serial", {"port": "/dev/x", "usb": "05e0:1701"}, ["port, serial_number, usb:"]),
        ("barcode-serial", {"usb": "5e0"}, ["usb: expects two numbers such as 05e0:1701"]),
        (
            "barcode-keyboard",
            {"port": 1},
            ["port: no such option; known: path", "path: is missing"],
        ),
        ("barcode-keyboard", {"path": "x", "layout": "xx"}, ["layout: no 'xx'; known: us, gb"]),
        ("barcode-keyboard", {"path": "x", "suffix": "lf"}, ["suffix: Invalid enum value 'lf'"]),
        ("barcode-keyboard", {"path": "x", "gap_ms": 9_999}, ["gap_ms: expects"]),
        ("barcode-keyboard", {"path": "x", "gs": "123456789"}, ["gs: expects at most 8"]),
        ("barcode-http", {"token": "short"}, ["token: expects at least 20"]),
        ("barcode-page", {"kiosk": "k"}, ["kiosk: no such option"]),
        ("barcode-tcp", {}, ["connect, listen: expects one of them"]),
        ("barcode-tcp", {"connect": "10.0.0.7"}, ["connect, listen: '10.0.0.7' is not"]),
        ("barcode-tcp", {"listen": "0.0.0.0:2001"}, ["allow: expects the address"]),
        (
            "barcode-tcp",
            {"listen": "[::]:2001", "allow": ["10.0.0.0/33"]},
            ["allow: '10.0.0.0/33' does not"],
        ),
        ("actuator", {"path": "/dev/x"}, ["commands, printer: expects at least one"]),
        ("actuator", {"path": "x", "commands": {"light": "{x}"}}, ["commands: light may hold"]),
        ("simulated", {"feed": 3}, ["feed: expects"]),
    ],
)
def test_wrong_options_are_named_with_what_is_expected(
    name: str, options: dict[str, object], faults: list[str]
) -> None:
    with pytest.raises(OptionsError) as caught:
        DRIVERS[name](options)
    assert len(caught.value.problems) == len(faults)
    for problem, fault in zip(caught.value.problems, faults, strict=True):
        assert problem.startswith(fault)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("barcode-camera", {"source": 0}),
        ("people-camera", {"source": 0, "lines": {"door": [[0, 0], [1, 1]]}}),
        ("barcode-serial", {"port": "/dev/none"}),
        ("barcode-keyboard", {"path": "/dev/none"}),
        ("barcode-tcp", {"connect": "10.0.0.7:2001"}),
        ("barcode-page", {}),
    ],
)
def test_a_device_that_only_reads_says_so(name: str, options: dict[str, object]) -> None:
    result = DRIVERS[name](options).act(Act(name="light", value="red"))
    assert (result.succeeded, result.reason) == (False, "this device cannot light")
