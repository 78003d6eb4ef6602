"""A device records what it reads, once for each showing, and outlives what cannot be recorded."""

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.codes.seal import SealKey
from edge_agent.codes.translate import Keys
from edge_agent.devices import acts, states
from edge_agent.devices.acts import Actor
from edge_agent.devices.devices import STALLED_S, CodeRules, Device, Equipment
from edge_agent.devices.scans import Spot
from edge_agent.visits import answers, basket
from hardware.driver import Act, ActResult, DeviceError
from hardware.drivers import DRIVERS
from hardware.readings import CodeReading, HealthReading, PeopleReading, Quad, Reading, Stay
from tests.camera_servers import mjpeg_server
from tests.edge_builders import wait_until
from tests.edge_store import ANNA, BO, KEY, KIOSK, NOON, READER, SHOE, SOCK, TILL, Shop, a_shop
from wire.events import Acted, BasketChanged, DeviceHealth, Scan
from wire.signed import CODE_KEYS_SETTING, SignedCode, sign
from wire.views import SettingView

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


class Late(Hanging):
    """A driver that opens at once, and whose first reading does not come until it is freed."""

    is_late = True

    def open(self) -> None:
        pass

    def read(self, timeout_s: float) -> Sequence[Reading]:
        self.opened.set()
        self.freed.wait(60)
        return []


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


def code(
    shop: Shop,
    ms_ago: int,
    quad: Quad | None = None,
    data: bytes = b"sb:p:new",
    *,
    sure: bool = True,
) -> Reading:
    at_mono_ms = shop.clock.now().mono_ms - ms_ago
    return CodeReading(data=data, symbology="QR", at_mono_ms=at_mono_ms, quad=quad, sure=sure)


def at_till(shop: Shop, *readings: Reading, name: str = "reader-1") -> None:
    """Play readings at a till's reader."""
    device = a_device(shop, *readings)
    spot = Spot(place=replace(READER, device=name), store="store-1", kiosk=TILL, role="till")
    with pytest.raises(DeviceError):
        Device(replace(device.equipment, spot=spot)).run(threading.Event())


def pieces(shop: Shop) -> list[tuple[str, int]]:
    return [(each.product, each.quantity) for each in basket.lines(shop.connection, TILL.device)]


def kinds_of_scans(shop: Shop) -> list[tuple[str, str]]:
    bodies = [event.body for event in shop.events("scan")]
    return [(body.code_kind, body.fault) for body in bodies if isinstance(body, Scan)]


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


def test_goods_held_up_for_seconds_are_one_piece_and_shown_anew_another(shop: Shop):
    shop.sells(SHOE)
    held = [code(shop, ms, QUAD, SHOE.encode()) for ms in range(9_000, 4_000, -100)]
    later = [code(shop, ms, QUAD, SHOE.encode()) for ms in range(1_900, 0, -100)]
    at_till(shop, *held, *later)
    assert pieces(shop) == [(SHOE, 2)]


def test_two_readers_do_not_debounce_each_other(shop: Shop):
    shop.sells(SHOE)
    at_till(shop, code(shop, 200, QUAD, SHOE.encode()))
    at_till(shop, code(shop, 100, QUAD, SHOE.encode()), name="reader-2")
    assert pieces(shop) == [(SHOE, 2)]


def test_a_number_that_is_not_sold_here_is_asked_for_again_and_then_believed(shop: Shop):
    other = SOCK.encode()
    shown = [code(shop, ms, QUAD, other) for ms in (5_000, 4_900, 4_800, 3_500, 3_400, 3_300)]
    at_till(shop, *shown)
    assert kinds_of_scans(shop) == [("product", "uncertain"), ("product", "")]
    answer = answers.last(shop.connection, TILL.device)
    assert answer is not None
    assert answer.kind == "product_not_here"
    assert pieces(shop) == []


def test_a_reader_that_becomes_sure_sells_once_and_its_doubts_nothing(shop: Shop):
    shop.sells(SHOE)
    shop.sells(SOCK)
    shoe, sock = SHOE.encode(), SOCK.encode()
    at_till(
        shop,
        code(shop, 5_000, QUAD, sock, sure=False),
        code(shop, 4_900, QUAD, b"4006381333948", sure=False),
        code(shop, 4_800, QUAD, shoe),
        code(shop, 4_700, QUAD, sock, sure=False),
        code(shop, 4_600, QUAD, shoe),
        code(shop, 3_000, QUAD, sock, sure=False),
    )
    assert pieces(shop) == [(SHOE, 1)]
    assert kinds_of_scans(shop) == [
        ("product", "uncertain"),
        ("product", ""),
        ("product", "uncertain"),
    ]


def test_the_next_member_may_buy_at_once_what_the_one_before_put_down(shop: Shop):
    shop.sells(SHOE)
    shoe = SHOE.encode()
    at_till(
        shop,
        code(shop, 5_000, data=b"sb:m:ANNA-1"),
        code(shop, 4_500, data=shoe),
        code(shop, 3_800, data=b"sb:m:BO-2"),
        code(shop, 3_300, data=shoe),
        code(shop, 2_800, data=shoe),
    )
    assert pieces(shop) == [(SHOE, 1)]
    put_in = [event.identifiers for event in shop.events("basket_changed")]
    assert put_in == [(ANNA,), (ANNA,), (BO,)]  # in, put back, in


def test_a_member_code_held_before_goods_that_lie_in_view_sells_them_once(shop: Shop):
    shop.sells(SHOE)
    lies = [code(shop, ms, QUAD, SHOE.encode()) for ms in range(5_000, 3_000, -100)]
    shop.begin(BO, place=TILL)
    anna = code(shop, 4_050, QUAD, b"sb:m:ANNA-1")
    at_till(shop, *lies[:10], anna, *lies[10:])
    assert [event.body for event in shop.events("basket_changed")] == [
        BasketChanged(SHOE, 1),
        BasketChanged(SHOE, -1),
    ]


def test_a_key_that_headquarters_sends_holds_with_the_next_code(shop: Shop):
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public = key.public_key().public_bytes_raw().hex()
    page = sign(SignedCode(kind="page", subject="goods", issued_at_s=1), key).encode()
    play(shop, code(shop, 9_000, data=page))
    shop.tell("setting", CODE_KEYS_SETTING, SettingView(CODE_KEYS_SETTING, f"nonsense {public}"))
    play(shop, code(shop, 5_000, data=page), code(shop, 1_000, data=b"sb:m:ANNA-1"))
    shop.tell("setting", CODE_KEYS_SETTING, None)
    play(shop, code(shop, 500, data=page), code(shop, 400, data=b"sb:m:ANNA-1"))
    assert kinds_of_scans(shop) == [
        ("unknown", "wrong_signature"),
        ("page", ""),
        ("unknown", "unsigned"),
        ("unknown", "wrong_signature"),
        ("member", ""),
    ]


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


def health(shop: Shop) -> list[object]:
    return [event.body for event in shop.events("device_health")]


def test_a_camera_that_is_down_at_the_start_is_never_called_well_before_it_is(shop: Shop):
    server = mjpeg_server()
    source = f"http://127.0.0.1:{server.port}/live"
    zones = {"till": [[0, 0], [60, 0], [60, 40]]}
    driver = DRIVERS["people-camera"]({"source": source, "zones": zones})
    device = Device(replace(a_device(shop).equipment, driver=driver))
    stop = threading.Event()
    thread = threading.Thread(target=device.run, args=[stop])
    thread.start()
    try:
        wait_until(lambda: bool(health(shop)), "the camera being missed")
        server.start()
        wait_until(lambda: len(health(shop)) > 1, "the camera being back")
    finally:
        stop.set()
        thread.join(20)
        server.kill()
    states_told = [body.state for body in health(shop) if isinstance(body, DeviceHealth)]
    assert states_told == ["failed", "ok"]


def test_a_camera_of_which_nothing_is_known_yet_is_well_by_no_return_of_its_read(shop: Shop):
    late = Late()
    device = Device(replace(a_device(shop).equipment, driver=late))
    stop = threading.Event()
    thread = threading.Thread(target=device.run, args=[stop])
    thread.start()
    assert late.opened.wait(10)
    assert health(shop) == []
    device.watch(10**9)
    late.freed.set()
    late.opened.clear()
    assert late.opened.wait(10)
    stop.set()
    thread.join(10)
    assert health(shop) == [DeviceHealth("failed", "stalled")]
