"""A simulated device plays its script, says what it is fed, and is lost when the script says so."""

import pytest

from hardware.driver import Act, DeviceError
from hardware.drivers import DRIVERS
from hardware.options import OptionsError
from hardware.readings import CodeReading, PeopleReading, Reading
from hardware.simulated import Feed, SimulatedDevice, SimulatedOptions, Step


def read_until(device: SimulatedDevice, count: int) -> list[Reading]:
    readings: list[Reading] = []
    for _ in range(500):
        readings += device.read(0.02)
        if len(readings) >= count:
            return readings
    raise AssertionError(f"only {len(readings)} of {count} readings came")


def simulated(*script: Step, repeat: bool = False) -> SimulatedDevice:
    device = SimulatedDevice(SimulatedOptions(script=script, repeat=repeat))
    device.open()
    return device


def test_a_script_is_played_in_order_and_in_time() -> None:
    device = simulated(
        Step(code="sb:m:ANNA"), Step(after_ms=30, code_hex="00ff", symbology="DataMatrix")
    )
    first, second = read_until(device, 2)
    assert isinstance(first, CodeReading)
    assert isinstance(second, CodeReading)
    assert (first.data, second.data, second.symbology) == (b"sb:m:ANNA", b"\x00\xff", "DataMatrix")
    assert second.at_mono_ms - first.at_mono_ms == 30
    assert device.read(0.0) == []


def test_people_who_leave_end_their_stays() -> None:
    device = simulated(
        Step(counts={"shelf": 1}),
        Step(after_ms=10, counts={"shelf": 2}),
        Step(after_ms=20, counts={"shelf": 0}),
    )
    readings = [r for r in read_until(device, 3) if isinstance(r, PeopleReading)]
    assert [reading.counts["shelf"] for reading in readings] == [1, 2, 0]
    assert [(stay.dwell_ms, stay.people_max) for stay in readings[2].stays] == [(30, 2), (20, 2)]


def test_a_lost_device_delivers_what_came_before_and_goes_on_after_reopening() -> None:
    device = simulated(Step(code="a"), Step(lose="unplugged"), Step(code="b"))
    assert [r.data for r in read_until(device, 1) if isinstance(r, CodeReading)] == [b"a"]
    with pytest.raises(DeviceError, match="unplugged"):
        device.read(0.0)
    device.close()
    device.open()
    assert [r.data for r in read_until(device, 1) if isinstance(r, CodeReading)] == [b"b"]


def test_a_repeating_script_begins_again() -> None:
    device = simulated(Step(after_ms=1, code="again"), repeat=True)
    assert len(read_until(device, 5)) >= 5


def test_a_feed_shows_codes_from_another_place_in_the_process() -> None:
    feed = Feed()
    driver = DRIVERS["simulated"]({"feed": feed})
    driver.open()
    feed.show_code(b"\x82\xa0", "QR")
    (reading,) = driver.read(1.0)
    assert isinstance(reading, CodeReading)
    assert reading.data == b"\x82\xa0"


def test_acts_are_noted() -> None:
    device = simulated()
    assert device.act(Act(name="light", value="green", duration_ms=200)).succeeded
    assert [act.value for act in device.acted] == ["green"]


def test_every_wrong_option_is_named_at_once() -> None:
    options = {"scirpt": [], "repeat": "yes", "script": [{"after_ms": -1}]}
    with pytest.raises(OptionsError) as caught:
        DRIVERS["simulated"](options)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "scirpt",
        "script",
        "repeat",
    ]
    assert "after_ms: cannot be negative (at [0])" in caught.value.problems[1]
