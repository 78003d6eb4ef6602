"""The staff page: behind a PIN that cannot be guessed, and it shows what there is to do."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from edge_agent.health import Health
from edge_agent.places import Place
from edge_agent.till import stock
from edge_agent.visits import calls, traffic
from edge_agent.visits.traffic import HOUR_US
from kiosk_ui.app import create_app
from kiosk_ui.staff.entry import (
    ENTRY_S_MAX,
    TRIES_MAX,
    TRIES_OF_ALL_MAX,
    WAIT_S,
    PinGate,
    entry_holds,
    new_entry,
)
from tests.browser.shop import PIN, PIN_HASH, Screens, a_shop_with_screens
from tests.edge_store import ANNA, KIOSK, SHOE, SOCK
from wire.messages import DeviceState


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    with a_shop_with_screens(tmp_path) as screens:
        yield screens


@pytest.fixture
def app(screens: Screens) -> Flask:
    return create_app(screens.store)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def token_of(client: FlaskClient, path: str = "/staff/enter") -> str:
    found = re.search(r'name="token" value="(\w+)"', client.get(path).text)
    assert found
    return found[1]


def enter(client: FlaskClient, pin: str = PIN) -> int:
    return client.post("/staff/enter", data={"token": token_of(client), "pin": pin}).status_code


def test_nothing_is_shown_without_the_pin(client: FlaskClient):
    assert client.get("/staff").headers["Location"] == "/staff/enter"
    assert client.get("/staff/events").status_code == 403
    assert client.post("/staff/answer", data={"call": "x"}).status_code == 403


def test_the_right_pin_enters_with_a_cookie_that_scripts_cannot_read(client: FlaskClient):
    assert enter(client) == 303
    entry = client.get_cookie("sb_staff", path="/staff")
    assert entry is not None
    assert (entry.http_only, entry.same_site, entry.path) == (True, "Strict", "/staff")
    assert 'class="board"' in client.get("/staff").text


def test_a_form_of_another_browser_cannot_enter(app: Flask):
    form = {"token": token_of(app.test_client()), "pin": PIN}
    assert app.test_client().post("/staff/enter", data=form).status_code == 403


def test_guessing_is_slowed_down_even_for_the_right_pin(screens: Screens, client: FlaskClient):
    assert [enter(client, "0000") for _ in range(TRIES_MAX)] == [401] * TRIES_MAX
    assert enter(client) == 429
    screens.shop.clock.advance(WAIT_S)
    assert enter(client) == 303


def test_guessing_from_many_addresses_is_slowed_down_too():
    gate = PinGate(PIN_HASH)
    for number in range(TRIES_OF_ALL_MAX):
        assert not gate.enter(f"10.0.0.{number}", "0000", now_ms=0)
    assert not gate.enter("10.0.1.1", PIN, now_ms=0)
    assert gate.enter("10.0.1.1", PIN, now_ms=int(WAIT_S * 1_000))


def test_without_a_pin_nobody_enters():
    assert not PinGate("").enter("10.0.0.1", "", now_ms=0)


def test_an_entry_ends_with_its_time_and_cannot_be_made_up():
    entry = new_entry(b"secret", 1_000)
    assert entry_holds(b"secret", entry, 1_000 + ENTRY_S_MAX)
    assert not entry_holds(b"secret", entry, 1_001 + ENTRY_S_MAX)
    assert not entry_holds(b"another", entry, 1_000)
    for forged in ("", "x", "1.2.3", entry + "0", entry.replace("1000", "9000"), "é.é"):
        assert not entry_holds(b"secret", forged, 1_000)


def test_leaving_ends_the_entry(client: FlaskClient):
    enter(client)
    client.post("/staff/leave", data={"token": token_of(client, "/staff")})
    assert client.get("/staff").status_code == 303


def test_what_runs_low_stands_first_and_says_so(screens: Screens, client: FlaskClient):
    store = screens.store
    stock.count(store.recorder, store.clock, KIOSK, SOCK, 40)
    stock.count(store.recorder, store.clock, KIOSK, SHOE, 2)
    enter(client)
    html = client.get("/staff").text
    assert "快卖完 1 种" in html
    assert SHOE in html
    assert SOCK not in html
    html = client.get("/staff/stock").text
    assert html.index(SHOE) < html.index(SOCK)


def test_a_call_is_answered_once(screens: Screens, client: FlaskClient):
    store = screens.store
    call = calls.ask(store.recorder, store.clock, KIOSK, None, "reach")
    enter(client)
    assert "够不到" in client.get("/staff").text
    form = {"token": token_of(client, "/staff"), "call": call.call}
    for _ in range(2):
        assert client.post("/staff/answer", data=form).status_code == 303
    (answered,) = screens.shop.events("help_answered")
    assert answered.zone == KIOSK.zone
    assert "没有人在等" in client.get("/staff").text


def test_the_queue_shows_its_length_and_the_age_of_its_oldest_event(
    screens: Screens, client: FlaskClient
):
    screens.shop.begin()
    screens.shop.begin(place=KIOSK)
    screens.line.set(False)
    enter(client)
    html = client.get("/staff").text
    assert "条记录在排队" in html
    assert "最早的一条" in html
    assert "连线中断" in html


def test_traffic_names_the_zone_and_its_age(screens: Screens, client: FlaskClient):
    now = screens.shop.clock.now().at
    screens.shop.recorder.write(lambda w: traffic.see(w, "shoes", 3, now - 61_000_000))
    screens.shop.recorder.write(lambda w: traffic.add_stay(w, "shoes", now, 90_000, 1))
    enter(client)
    html = client.get("/staff").text
    assert "鞋履" in html
    assert "1 分钟前" in html


def test_footfall_and_stays_say_in_which_hour_they_were_last_counted(
    screens: Screens, client: FlaskClient
):
    now = screens.shop.clock.now().at
    screens.shop.recorder.write(lambda w: traffic.add_passage(w, "door", now - HOUR_US, 7, 2))
    screens.shop.recorder.write(lambda w: traffic.add_stay(w, "shoes", now - 2 * HOUR_US, 9000, 1))
    store = replace(screens.store, time_zone="Asia/Shanghai")
    local = create_app(store).test_client()
    enter(local)
    html = local.get("/staff").text
    assert "今天进店 7 人" in html
    for hours in (1, 2):
        hour_at = traffic.hour_of(now - hours * HOUR_US)
        assert f"最近在 {store.wall_time(hour_at)} 起的一小时" in html


def test_the_zone_of_a_till_shows_its_queue_and_how_long_it_waits(screens: Screens):
    now = screens.shop.clock.now().at
    write = screens.shop.recorder.write
    write(lambda w: traffic.see(w, "shoes", 4, now, now - 185_000_000))
    write(lambda w: traffic.add_stay(w, "shoes", now, 120_000, 1))
    write(lambda w: traffic.add_passage(w, "door", now, 9, 3))
    till = Place(device="till-1", zone="shoes")
    for tills, queue, wait in (
        ({}, "此刻", "平均停留"),
        ({"till-1": till}, "正在排队", "平均等候"),
    ):
        local = create_app(replace(screens.store, tills=tills)).test_client()
        enter(local)
        zones = local.get("/staff").text.split('panel--traffic"')[1].split("</section>")[0]
        assert f"<dt>{queue}</dt><dd>4</dd>" in zones
        assert f"<dt>{wait}</dt><dd>2 分钟</dd>" in zones
        assert ("3 分钟前</time>到" in zones) == bool(tills)
        assert "现在店内约 6 人" in zones


def test_an_unwell_device_says_what_to_do(screens: Screens, client: FlaskClient):
    screens.shop.recorder.write(
        lambda w: w.execute(
            "INSERT INTO device_states (device, driver, state, reason, since)"
            " VALUES ('cam', 'barcode_serial', 'failed', '<b>gone</b>', 1)"
        )
    )
    enter(client)
    html = client.get("/staff").text
    assert "检查扫码器的线" in html
    assert "&lt;b&gt;gone" in html


def test_the_page_has_everything_that_staff_ask_of_a_store(screens: Screens, client: FlaskClient):
    shop = screens.shop
    stock.count(shop.recorder, shop.clock, KIOSK, SHOE, 2)
    hour_at = traffic.hour_of(shop.clock.now().at)
    shop.recorder.write(
        lambda w: w.execute("INSERT INTO zone_hours VALUES ('shoes', ?, 3, 9000, 1)", (hour_at,))
    )
    shop.begin(ANNA)
    enter(client)
    html = client.get("/staff").text
    queue = html.split('panel--queue"')[1].split("</section>")[0]
    assert re.search(r"<b>2</b> 条记录在排队", queue)
    assert "最早的一条" in queue
    assert "快卖完 1 种" in html
    zones = html.split('panel--traffic"')[1].split("</section>")[0]
    assert re.search(r"鞋履.*?<dd>3</dd>", zones, re.DOTALL)
    assert "3 秒" in zones


def test_why_the_store_is_unwell_is_said_once(screens: Screens, client: FlaskClient):
    store = replace(screens.store, health=lambda: unwell(screens))
    local = create_app(store).test_client()
    enter(local)
    html = local.get("/staff").text
    assert html.count("画面是黑的") == 1
    assert "设备读到的内容有些没有存下" in html


def unwell(screens: Screens) -> Health:
    device = DeviceState("cam", "people-camera", "failed", "black", 1)
    lost = "device cam: 3 readings were not recorded since the start"
    return replace(
        screens.store.health(),
        state="degraded",
        devices=(device,),
        reasons=("device cam is failed: black", lost),
    )


def test_staff_read_it_in_english_too(client: FlaskClient):
    enter(client)
    client.post("/staff/language", data={"token": token_of(client, "/staff"), "language": "en"})
    assert "Nobody is waiting." in client.get("/staff").text
    client.get("/staff?language=zh")
    assert "没有人在等。" in client.get("/staff").text
