"""Each answer has its acts, each act is done once or its failure recorded, and none waits long."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.codes.seal import SealKey
from edge_agent.codes.translate import Keys, translate
from edge_agent.devices import acts, scans
from edge_agent.devices.acts import ACT_LATE_S_MAX, ACTS, ACTS_WAITING_MAX, Actor
from edge_agent.devices.devices import CodeRules, Device, Equipment
from edge_agent.devices.scans import Spot
from edge_agent.places import Place
from edge_agent.visits.answers import ANSWER_KINDS
from hardware.actuator import Actuator, ActuatorOptions
from hardware.driver import Act, ActResult
from hardware.readings import CodeReading
from tests.edge_builders import wait_until
from tests.edge_store import KEY, SHOE, TILL, Shop, a_shop
from wire.events import Acted

KEYS = Keys(identifier_key=KEY, seal=SealKey(name="k", key=bytes(32)))
LAMP = Place(device="lamp-1", zone="checkout")
ALL = Actor(place=LAMP, can=frozenset(("light", "sound", "print", "unlock")))
AT_TILL = Spot(
    place=Place(device="reader-2", zone="checkout"),
    store="store-1",
    kiosk=TILL,
    role="till",
    actors=(ALL,),
    languages=("en",),
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def scan(shop: Shop, code: str, spot: Spot = AT_TILL) -> None:
    reading = CodeReading(data=code.encode(), symbology="QR", at_mono_ms=0)
    translated = translate(reading, KEYS, nonce=bytes(12))
    shop.recorder.write(lambda w: scans.take(w, shop.clock.now(), spot, translated))


def waiting(shop: Shop, device: str = "lamp-1") -> list[Act]:
    return [each.act for each in acts.waiting(shop.connection, device, after=0)]


def test_every_answer_has_its_acts():
    assert ACTS.keys() == ANSWER_KINDS.keys()


def test_a_lamp_is_asked_with_the_answer_and_only_for_what_it_can(shop: Shop):
    can_light = Actor(place=LAMP, can=frozenset(("light",)))
    spot = Spot(place=AT_TILL.place, store="store-1", kiosk=TILL, actors=(can_light,))
    scan(shop, "sb:m:ANNA-1", spot)
    scan(shop, "who knows", spot)
    assert [(each.name, each.value) for each in waiting(shop)] == [
        ("light", "green"),
        ("light", "red"),
    ]


def test_a_payment_prints_its_goods_and_total_and_unlocks(shop: Shop):
    shop.sells(SHOE, price_cents=1_250)
    for code in (SHOE, SHOE, "sb:t:card"):
        scan(shop, code)
    asked = waiting(shop)[-4:]
    assert [each.name for each in asked] == ["light", "sound", "print", "unlock"]
    assert f"2 x Product {SHOE}" in asked[2].value
    assert asked[2].value.splitlines()[-1].split() == ["=", "CNY", "25.00"]


def test_acts_beyond_those_that_may_wait_are_recorded_as_failed(shop: Shop):
    for _ in range(ACTS_WAITING_MAX):
        scan(shop, "who knows")
    assert shop.events("acted") == []
    scan(shop, "who knows")
    assert len(waiting(shop)) == ACTS_WAITING_MAX
    (event,) = shop.events("acted")
    assert isinstance(event.body, Acted)
    assert (event.device, event.body.act, event.body.succeeded) == ("lamp-1", "light", False)
    assert "wait already" in event.body.reason


def test_acts_of_a_device_that_is_gone_are_forgotten(shop: Shop):
    scan(shop, "who knows")
    shop.recorder.write(lambda w: acts.keep_only(w, {"lamp-1"}))
    assert len(waiting(shop)) == 1
    shop.recorder.write(lambda w: acts.keep_only(w, set()))
    assert waiting(shop) == []


class Performing:
    """A device that runs, with the thread in which it does what it is asked for."""

    def __init__(self, shop: Shop, actuator: Actuator) -> None:
        self.device = Device(
            Equipment(
                driver_name="actuator",
                driver=actuator,
                spot=Spot(place=LAMP, store="store-1"),
                recorder=shop.recorder,
                clock=shop.clock,
                rules=CodeRules(keys=KEYS),
            )
        )
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self.device.run, args=[self._stop]),
            threading.Thread(target=self.device.perform, args=[shop.database.reader, self._stop]),
        ]

    def __enter__(self) -> "Performing":
        for thread in self._threads:
            thread.start()
        wait_until(lambda: self.device.is_open, "the device to open")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)


class Stuck(Actuator):
    """A device that does not come back from its first act until it is freed."""

    def __init__(self, options: ActuatorOptions) -> None:
        super().__init__(options)
        self.freed = threading.Event()

    def act(self, act: Act) -> ActResult:
        assert self.freed.wait(20)
        return super().act(act)


def a_file(folder: Path) -> ActuatorOptions:
    path = folder / "device"
    path.touch()
    return ActuatorOptions(
        path=str(path), commands={"light": "L {value};", "sound": "S;"}, printer=True
    )


def acted(shop: Shop) -> list[Acted]:
    return [event.body for event in shop.events("acted") if isinstance(event.body, Acted)]


def test_a_device_does_what_it_is_asked_once_and_records_it(shop: Shop, tmp_path: Path):
    shop.sells(SHOE)
    options = a_file(tmp_path)
    with Performing(shop, Actuator(options)):
        scan(shop, SHOE)
        scan(shop, "sb:t:card")
        wait_until(lambda: len(acted(shop)) == 6, "six acts")
    assert [(each.act, each.succeeded) for each in acted(shop)[:5]] == [
        ("light", True),
        ("sound", True),
        ("light", True),
        ("sound", True),
        ("print", True),
    ]
    assert acted(shop)[5] == Acted("unlock", False, "this device cannot unlock")
    written = Path(options.path).read_text()
    assert written.count("L green;S;") == 2
    assert "CNY" in written
    assert waiting(shop) == []


def test_no_sound_waits_for_the_disk(shop: Shop, tmp_path: Path):
    shop.sells(SHOE)
    with Performing(shop, Actuator(a_file(tmp_path))):
        scan(shop, SHOE)
        wait_until(lambda: len(acted(shop)) > 0, "the acts")
        assert [each.act for each in acted(shop)] == ["light", "sound"]


def test_a_stuck_device_delays_no_scan_and_its_late_acts_are_not_done(shop: Shop, tmp_path: Path):
    options = a_file(tmp_path)
    stuck = Stuck(options)
    with Performing(shop, stuck):
        for _ in range(3):
            scan(shop, "who knows")
        assert len(shop.events("scan")) == 3
        assert acted(shop) == []
        shop.clock.advance(ACT_LATE_S_MAX + 1)
        stuck.freed.set()
        wait_until(lambda: len(acted(shop)) == 3, "three acts")
    assert [each.succeeded for each in acted(shop)] == [True, False, False]
    assert {each.reason for each in acted(shop)[1:]} == {"the device came to it too late"}
    assert Path(options.path).read_text() == "L red;"
