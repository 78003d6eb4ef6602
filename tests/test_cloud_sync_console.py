import json
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cloud_sync.cloud import Cloud
from cloud_sync.console import people
from cloud_sync.console.stores import ROWS_SHOWN_MAX, day_began_at, rows_of, sales_of, summary_of
from cloud_sync.database import Database
from cloud_sync.fleet import twins
from cloud_sync.fleet.twins import StoreTwin
from cloud_sync.reports import store_hour
from cloud_sync.web.app import create_app
from looks.words import LANGUAGES
from tests.shopper_builders import happened, order
from wire.events import Door, Dwell
from wire.messages import Birth, Death, DeviceState, Heartbeat, TillQueue

PASSWORD = "correct horse battery"
NOON = 1_795_320_000_000_000  # 2026-11-22 12:00 in Shanghai
CONSOLE = Path(__file__).parent.parent / "cloud_sync" / "console"


@pytest.fixture
def cloud(cloud_dsn: str):
    database = Database(cloud_dsn)
    with database.shopper("maru") as connection:
        people.add_person(connection, "maru", "li", PASSWORD)
        people.add_person(connection, "other", "wu", PASSWORD)
    yield Cloud(database=database, identifier_keys={}, secure=False, now=lambda: NOON)
    database.close()


@pytest.fixture
def client(cloud: Cloud) -> FlaskClient:
    return create_app(cloud).test_client()


def sign_in(client: FlaskClient, tenant="maru", name="li", password=PASSWORD):
    return client.post("/hq/sign-in", data={"tenant": tenant, "name": name, "password": password})


def a_store(
    cloud: Cloud,
    store: str,
    *,
    tenant="maru",
    devices: tuple[DeviceState, ...] = (),
    queues: tuple[TillQueue, ...] = (),
):
    birth = Birth(stream=b"s" * 16, session=1, nonce=b"n" * 8, head=100, watermark=0, applied=0)
    beat = Heartbeat(
        session=1,
        head=100,
        watermark=40,
        queue_rows=60,
        queue_bytes=6000,
        oldest_age_ms=90_000,
        sent_at=NOON,
        clock=2,
        mono_ms=1,
        boot=1,
        devices=devices,
        queues=queues,
    )
    with cloud.database.shopper(tenant) as connection:
        twins.born(connection, tenant, store, birth, NOON)
        twins.beat(connection, tenant, store, beat, NOON)


def test_nothing_is_shown_without_signing_in(cloud: Cloud, client: FlaskClient):
    a_store(cloud, "s0001")
    answer = client.get("/hq/")
    assert answer.status_code == 302
    assert answer.location == "/hq/sign-in"
    assert b"s0001" not in client.get("/hq/sign-in").data


def test_the_address_that_the_service_names_leads_to_headquarters(client: FlaskClient):
    assert client.get("/").location == "/hq/"


def test_who_signs_in_sees_the_stores_of_their_tenant_only(cloud: Cloud, client: FlaskClient):
    a_store(cloud, "s0001")
    a_store(cloud, "secret-store", tenant="other")
    assert sign_in(client).status_code == 303
    page = client.get("/hq/").text
    assert "s0001" in page
    assert "secret-store" not in page


def test_a_store_shows_its_queue_and_what_is_wrong(cloud: Cloud, client: FlaskClient):
    broken = DeviceState("camera-1", "people-camera", "failed", "<b>covered</b>")
    a_store(cloud, "s0001", devices=(broken,))
    sign_in(client)
    page = client.get("/hq/?language=en").text
    assert "camera-1 failed" in page
    assert "&lt;b&gt;covered&lt;/b&gt;" in page
    assert re.search(r"60<small>oldest 1 min", page)


def test_a_row_has_everything_that_headquarters_asks_of_a_store(cloud: Cloud, client: FlaskClient):
    a_store(cloud, "s0001")
    today = [
        happened(body, tenant="maru", at=NOON)
        for body in (Door(line="door", people_in=7), Dwell(entered_at=NOON, dwell_ms=90_000))
    ]
    today.append(happened(order("p1", cents=12_300), tenant="maru", at=NOON))
    with cloud.database.shopper("maru") as connection:
        store_hour.fold(connection, today)
    sign_in(client)
    row = client.get("/hq/?language=en").text.split('data-store="s0001"')[1].split("</tr>")[0]
    cells = dict(re.findall(r'<td data-label="([^"]+)"[^>]*>(.*?)</td>', row, re.DOTALL))
    shown = {label: re.sub(r"<[^>]+>", " ", cell).split() for label, cell in cells.items()}
    assert shown["State"] == ["online"]
    assert shown["Last seen"] == ["just", "now"]
    assert shown["To be sent"] == ["60", "oldest", "1", "min"]
    assert "0.0 %" in " ".join(shown["Data complete"])
    assert shown["Came in today"] == ["7"]
    assert shown["Dwell today"] == ["1", "min"]
    assert shown["Sales today"] == ["¥123"]
    assert shown["What is wrong"] == ["all", "well"]


def test_what_a_store_that_is_away_had_to_send_is_said_to_be_old(cloud: Cloud, client: FlaskClient):
    a_store(cloud, "s0001")
    sign_in(client)
    assert "last contact" not in client.get("/hq/?language=en").text
    with cloud.database.shopper("maru") as connection:
        assert twins.died(connection, "maru", "s0001", Death(session=1), NOON)
    page = client.get("/hq/?language=en").text
    assert page.count("1 offline, as of their last contact") == 2  # what waits, and how complete
    assert page.count("<small>at last contact</small>") == 2


@pytest.mark.parametrize(("language", "said"), [("zh", "画面是黑的"), ("en", "picture is black")])
def test_what_a_device_says_stands_in_the_language_of_the_page(
    cloud: Cloud, client: FlaskClient, language: str, said: str
):
    covered = DeviceState("camera-1", "people-camera", "degraded", "black")
    a_store(cloud, "s0001", devices=(covered,))
    sign_in(client)
    assert said in client.get(f"/hq/?language={language}").text


def test_a_wrong_password_is_refused_and_nothing_is_set(client: FlaskClient):
    answer = sign_in(client, password="wrong wrong wrong")
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert client.get("/hq/").status_code == 302


def test_the_cookie_is_kept_from_scripts_and_other_sites(cloud: Cloud, client: FlaskClient):
    cookie = sign_in(client).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    secure = Cloud(database=cloud.database, identifier_keys={}, now=lambda: NOON)
    cookie = sign_in(create_app(secure).test_client()).headers["Set-Cookie"]
    assert cookie.startswith("__Host-hq=")
    assert "Secure" in cookie
    assert "Path=/;" in cookie


def test_a_forged_form_neither_signs_in_nor_out(client: FlaskClient):
    form = {"tenant": "maru", "name": "li", "password": PASSWORD}
    forged = client.post("/hq/sign-in", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert forged.status_code == 403
    sign_in(client)
    assert client.post("/hq/sign-out", data={"csrf": "guess"}).status_code == 403
    assert client.get("/hq/").status_code == 200


def test_signing_out_ends_the_sign_in(client: FlaskClient):
    sign_in(client)
    csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/hq/").text)
    assert csrf is not None
    assert client.post("/hq/sign-out", data={"csrf": csrf[1]}).status_code == 303
    assert client.get("/hq/").status_code == 302


def test_pages_carry_headers_that_keep_scripts_and_frames_out(client: FlaskClient):
    headers = client.get("/hq/sign-in").headers
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("language", "title"), [("zh", "门店"), ("en", "Stores")])
def test_the_page_speaks_both_languages_and_remembers(client: FlaskClient, language, title):
    sign_in(client)
    assert f"<h1>{title}</h1>" in client.get(f"/hq/?language={language}").text
    assert f"<h1>{title}</h1>" in client.get("/hq/").text


def test_whoever_has_to_sign_in_first_is_asked_in_the_language_of_the_address(client: FlaskClient):
    assert 'lang="zh-CN"' in client.get("/hq/?language=zh", follow_redirects=True).text
    assert 'lang="en"' in client.get("/hq/?language=en", follow_redirects=True).text


def test_the_files_of_the_page_are_there(client: FlaskClient):
    sign_in(client)
    found = re.findall(r'(?:href|src)="(/hq/(?:static|looks)/[^"]+)"', client.get("/hq/").text)
    assert len(found) >= 4
    assert all(client.get(path).status_code == 200 for path in found)


def test_both_languages_have_the_same_texts():
    zh, en = (
        json.loads((CONSOLE / "locales" / f"{name}.json").read_text("utf-8")) for name in LANGUAGES
    )
    assert zh.keys() == en.keys()
    for key, text in en.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", zh[key])), key


def test_every_text_of_the_page_exists_and_is_used():
    texts = json.loads((CONSOLE / "locales" / "en.json").read_text("utf-8"))
    sources = "\n".join(
        path.read_text("utf-8") for path in CONSOLE.rglob("*") if path.suffix in {".py", ".html"}
    )
    asked = set(re.findall(r"""words\(["']([\w.]+)["'][,)]""", sources))
    assert asked <= texts.keys()
    composed = ("stage.", "stores.", "reason.", "device.", "complete.", "clock.", "moves.by.")
    composed += ("error.", "review.state.", "review.confidence.", "kind.", "field.", "found.")
    assert {key for key in texts if key not in sources and not key.startswith(composed)} == set()


def twin(store: str, **changes) -> StoreTwin:
    usual = {
        "tenant": "maru",
        "store": store,
        "state": "online",
        "operator": "",
        "version": "",
        "changed_at": 0,
        "seen_at": NOON,
        "queue_rows": 0,
        "queue_bytes": 0,
        "oldest_age_ms": 0,
        "head": 100,
        "received": 100,
        "absent": 0,
        "waiting": 0,
        "complete": 1.0,
        "quarantined": 0,
        "clock_offset_ms": 20,
        "devices": (),
    }
    return StoreTwin(**{**usual, **changes})


def test_stores_with_trouble_come_first_and_say_what_it_is():
    rows = rows_of(
        [
            twin("a"),
            twin("b", state="offline"),
            twin("c", clock_offset_ms=-60_000),
            twin("d", absent=3, quarantined=2),
        ],
        {},
    )
    assert [row.twin.store for row in rows] == ["b", "c", "d", "a"]
    keys = {row.twin.store: [each.key for each in row.troubles] for row in rows}
    assert keys == {
        "a": [],
        "b": ["reason.offline"],
        "c": ["clock.wrong"],
        "d": ["complete.quarantined", "complete.absent"],
    }


def test_the_summary_adds_stores_and_channels():
    totals = {
        "a": {"people_in": 5, "paid_cents.CNY": 1000, "refunded_cents.CNY": 300},
        "": {"paid_cents.CNY": 50, "redemptions": 1},
    }
    rows = rows_of([twin("a", received=50, waiting=50), twin("b", state="silent")], totals)
    summary = summary_of(rows, totals)
    assert (summary.online, summary.stores, summary.complete) == (1, 2, 0.75)
    assert (summary.people_in, summary.redemptions, summary.waiting) == (5, 1, 50)
    assert summary.sales == {"CNY": 750}
    assert sales_of({"paid_cents": 9}) == {}


def test_the_day_begins_at_midnight_where_the_brand_is():
    assert day_began_at(NOON, "Asia/Shanghai") == NOON - 12 * 3600 * 1_000_000
    assert day_began_at(NOON, "UTC") == NOON - 4 * 3600 * 1_000_000


def test_headquarters_sees_how_many_wait_at_the_tills_and_for_how_long(
    cloud: Cloud, client: FlaskClient
):
    tills = (TillQueue("tills", 3, 150, 4, 240), TillQueue("lift", 1, 20))
    a_store(cloud, "s0001", queues=tills)
    a_store(cloud, "s0002")
    sign_in(client)
    page = client.get("/hq/?language=en").text
    rows = re.findall(r'<tr data-store="(\w+)".*?At the tills"[^>]*>(.*?)</td>', page, re.DOTALL)
    waiting = {store: re.sub(r"<[^>]+>", " ", cell).split() for store, cell in rows}
    assert " ".join(waiting["s0001"]) == "4 the first for 2 min usually 1 min"
    assert waiting["s0002"] == ["–"]


def test_a_page_draws_some_stores_and_finds_the_others_by_name(cloud: Cloud, client: FlaskClient):
    names = [f"s{number:04}" for number in range(ROWS_SHOWN_MAX + 2)]
    with cloud.database.shopper("maru") as connection:
        for name in names:
            twins.born(connection, "maru", name, Birth(b"s" * 16, 1, b"n" * 8, 1, 1, 0), NOON)
    sign_in(client)
    page = client.get("/hq/?language=en").text
    assert page.count('<tr data-store="') == ROWS_SHOWN_MAX
    assert f"{ROWS_SHOWN_MAX} of {len(names)} stores" in page
    found = client.get(f"/hq/?find={names[-1]}").text
    assert f'<tr data-store="{names[-1]}"' in found
    assert found.count('<tr data-store="') == 1
