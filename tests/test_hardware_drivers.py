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
for name in ("actuator", "barcode-keyboard", "barcode-serial", "simulated"):
    options = {"path": "/dev/none", "printer": True} if name == "actuator" else {}
    options = {"path": "/dev/none"} if name == "barcode-keyboard" else options
    options = {"port": "/dev/none"} if name == "barcode-serial" else options
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
        ("barcode-camera", {"source": 0, "decoder": "x"}, ["decoder: no 'x'; known: zbar"]),
        ("barcode-camera", {"source": "/no/such"}, ["source: there is no file or folder /no/such"]),
        ("barcode-camera", {"source": 0, "sightings": 0}, ["sightings: expects at least 1"]),
        ("people-camera", {"source": 0}, ["zones, lines: expects at least one"]),
        ("people-camera", {"source": 0, "zones": {"a": [[1, 2]]}}, ["zones: a needs 3"]),
        ("barcode-serial", {"port": "/dev/x", "speed": 300}, ["speed: no 300; known"]),
        (
            "barcode-keyboard",
            {"port": 1},
            ["port: no such option; known: path", "path: is missing"],
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
    ],
)
def test_a_device_that_only_reads_says_so(name: str, options: dict[str, object]) -> None:
    result = DRIVERS[name](options).act(Act(name="light", value="red"))
    assert (result.succeeded, result.reason) == (False, "this device cannot light")
