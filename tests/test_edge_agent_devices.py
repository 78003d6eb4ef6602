"""A device records what it reads, once for each showing, and outlives what cannot be recorded."""

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent import acts, answers, states
from edge_agent.acts import Actor
from edge_agent.devices import STALLED_S, CodeRules, Device, Equipment
from edge_agent.scans import Spot
from edge_agent.seal import SealKey
from edge_agent.translate import Keys
from hardware.driver import Act, ActResult, DeviceError
from hardware.readings import CodeReading, HealthReading, PeopleReading, Quad, Reading, Stay
from tests.edge_builders import wait_until
from tests.edge_store import KEY, KIOSK, NOON, READER, Shop, a_shop
from wire.events import Acted, DeviceHealth

QUAD: Quad = ((0, 0), (1, 0), (1, 1), (0, 1))
RULES = CodeRules(keys=Keys(identifier_key=KEY, seal=SealKey(name="k", key=bytes(32))))


class Played:
    """A driver that says what it is told to, one reading after the other, and is then lost."""

    def __init__(self, *readings: Reading) -> None:
        self.readings = readings
        self.closed = 0

    def open(self) -> None:
        pass

    def read(self, timeout_s: float) -> Sequence[Reading]:
        readings, self.readings = self.readings, ()
        if not readings:
            raise DeviceError("played to the end")
        return readings

    def act(self, act: Act) -> ActResult:
        return ActResult(succeeded=True)

    def close(self) -> None:
        self.closed += 1


class Hanging(Played):
    """A driver whose opening does not come back until it is freed."""

    def __init__(self) -> None:
        super().__init__()
        self.opened, self.freed = threading.Event(), threading.Event()

    def open(self) -> None:
        self.opened.set()
        self.freed.wait(60)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def a_device(shop: Shop, *readings: Reading) -> Device:
    return Device(
        Equipment(
            driver_name="played",
            driver=Played(*readings),
            spot=Spot(place=READER, store="store-1", kiosk=KIOSK),
            recorder=shop.recorder,
            clock=shop.clock,
            rules=RULES,
        )
    )


def play(shop: Shop, *readings: Reading) -> Device:
    device = a_device(shop, *readings)
    with pytest.raises(DeviceError):
        device.run(threading.Event())
    return device


def code(shop: Shop, ms_ago: int, quad: Quad | None = None, data: bytes = b"sb:p:new") -> Reading:
    at_mono_ms = shop.clock.now().mono_ms - ms_ago
    return CodeReading(data=data, symbology="QR", at_mono_ms=at_mono_ms, quad=quad)


def test_a_code_held_to_a_camera_is_one_scan_at_the_time_it_was_seen(shop: Shop):
    play(shop, *(code(shop, ms, QUAD) for ms in range(3_000, 0, -100)))
    (event,) = shop.events("scan")
    assert event.occurred_at == NOON - 3_000_000
    answer = answers.last(shop.connection, "kiosk-1")
    assert answer is not None
    assert answer.kind == "page"


def test_a_code_scanned_twice_by_hand_is_one_scan_and_told_so(shop: Shop):
    play(shop, code(shop, 1_000), code(shop, 500))
    assert len(shop.events("scan")) == 1
    answer = answers.last(shop.connection, "kiosk-1")
    assert answer is not None
    assert answer.kind == "already_scanned"


def test_a_device_says_how_it_is_once_for_each_change(shop: Shop):
    dark = HealthReading(at_mono_ms=0, condition="degraded", reason="black", figures={"fps": 3})
    device = play(shop, dark, dark)
    device.failed("unplugged")
    device.failed("unplugged")
    assert [event.body for event in shop.events("device_health")] == [
        DeviceHealth("ok"),
        DeviceHealth("degraded", "black", {"fps": 3}),
        DeviceHealth("failed", "unplugged"),
    ]
    (state,) = states.every(shop.connection)
    assert (state.device, state.driver, state.state) == ("reader-1", "played", "failed")


def test_a_driver_is_always_closed(shop: Shop):
    device = play(shop, code(shop, 0))
    assert isinstance(device.equipment.driver, Played)
    assert device.equipment.driver.closed == 1


def test_people_seen_are_recorded(shop: Shop):
    stay = Stay(zone="shoes", entered_mono_ms=0, left_mono_ms=1_000, people_max=1)
    play(shop, PeopleReading(at_mono_ms=1_000, stays=(stay,)))
    assert len(shop.events("dwell")) == 1


def test_a_reading_that_cannot_be_recorded_is_counted_and_logged_once(
    shop: Shop, caplog: pytest.LogCaptureFixture
):
    shop.recorder.close()
    with caplog.at_level(logging.ERROR):
        device = play(shop, code(shop, 3_000, data=b"sb:m:ANNA-1"), code(shop, 0))
    assert device.losses.count == 3
    assert len(caplog.records) == 1
    assert "ANNA" not in caplog.text


def test_an_act_that_a_closed_device_was_asked_for_is_a_failed_one(shop: Shop):
    device = a_device(shop)
    lamp = Actor(place=READER, can=frozenset(("light",)))
    shop.recorder.write(lambda w: acts.ask(w, shop.clock.now(), [lamp], "welcome"))
    stop = threading.Event()
    thread = threading.Thread(target=device.perform, args=[shop.database.reader, stop])
    thread.start()
    wait_until(lambda: bool(shop.events("acted")), "the act")
    stop.set()
    thread.join(20)
    (event,) = shop.events("acted")
    assert event.body == Acted("light", False, "the device is not open")
    assert acts.waiting(shop.connection, "reader-1", after=0) == []


def test_a_device_that_hangs_is_noted_once_and_one_that_is_closed_never(shop: Shop):
    device = a_device(shop)
    device.watch(10**9)
    assert shop.events() == []
    hanging = Hanging()
    device = Device(replace(device.equipment, driver=hanging))
    stop = threading.Event()
    stop.set()
    thread = threading.Thread(target=device.run, args=[stop])
    thread.start()
    assert hanging.opened.wait(10)
    for _ in range(2):
        device.watch(10**9 + STALLED_S)
    assert [event.body for event in shop.events()] == [DeviceHealth("failed", "stalled")]
    hanging.freed.set()
    thread.join(10)
