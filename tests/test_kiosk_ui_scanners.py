"""Posted codes: from this browser's own page or with the right token, answered when recorded."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from flask.testing import FlaskClient

from edge_agent.config import from_table
from edge_agent.delivery.recorder import RecordError
from kiosk_ui.app import create_app
from kiosk_ui.scanners import CODE_BYTES_MAX
from kiosk_ui.store import Scanner
from storebridge.assembly import build_agent
from tests.browser.shop import Screens, a_shop_with_screens
from tests.edge_store import KEY, KIOSK, TILL
from wire.codec import decode_event
from wire.events import Scan
from wire.loopback import LoopbackBroker, LoopbackLink

BASE, AT_TILL = f"/kiosk/{KIOSK.device}", f"/till/{TILL.device}"
TOKEN = "a-token-of-twenty-characters"
GTIN = b"4006381333931"


class Taken(list[tuple[bytes, str]]):
    """What was posted to a scanner, which may be unable to record it."""

    works = True

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[str] = []

    def refuse(self, why: str) -> None:
        self.refused.append(why)

    def post(self, code: bytes, once: str) -> None:
        if not self.works:
            raise RecordError("the disk is full")
        self.append((code, once))


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    with a_shop_with_screens(tmp_path) as screens:
        yield screens


@pytest.fixture
def client(screens: Screens, taken: Taken) -> FlaskClient:
    scanners = {
        "page-1": Scanner(post=taken.post, refuse=taken.refuse, kiosk=KIOSK.device),
        "hand-1": Scanner(post=taken.post, refuse=taken.refuse, token=TOKEN),
    }
    return create_app(replace(screens.store, scanners=scanners)).test_client()


def token_of(client: FlaskClient) -> str:
    found = re.search(r'data-token="(\w+)"', client.get(BASE).text)
    assert found
    return found[1]


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_what_a_page_posts_is_taken_with_its_control_characters(client: FlaskClient, taken: Taken):
    form = {"token": token_of(client), "code": "0104006381333931\x1d21Ä", "once": "1-2"}
    assert client.post(f"{BASE}/scan", data=form).status_code == 204
    assert taken == [("0104006381333931\x1d21Ä".encode(), "1-2")]


def test_another_site_cannot_scan(client: FlaskClient, taken: Taken):
    token = token_of(client)
    assert client.post(f"{BASE}/scan", data={"code": "x"}).status_code == 403
    client.delete_cookie(f"sb_form_{KIOSK.device}", path=BASE)
    form = {"token": token, "code": "x"}
    assert client.post(f"{BASE}/scan", data=form).status_code == 403
    assert taken == []


def test_a_page_without_a_scanner_neither_listens_nor_takes_codes(screens: Screens):
    client = create_app(screens.store).test_client()
    assert "scanner.js" not in client.get(BASE).text
    form = {"token": token_of(client), "code": "x"}
    assert client.post(f"{BASE}/scan", data=form).status_code == 404
    assert client.post(f"/kiosk/{TILL.device}/scan", data=form).status_code == 404
    assert "scanner.js" not in client.get(AT_TILL).text
    assert client.post(f"{AT_TILL}/scan", data=form).status_code == 404


def test_a_page_with_a_scanner_listens(client: FlaskClient):
    assert "scanner.js" in client.get(BASE).text


def test_a_till_with_a_scanner_listens_and_takes_codes_from_its_own_page_alone(
    screens: Screens, taken: Taken
):
    scanners = {"page-1": Scanner(post=taken.post, refuse=taken.refuse, kiosk=TILL.device)}
    client = create_app(replace(screens.store, scanners=scanners)).test_client()
    page = client.get(AT_TILL).text
    assert "scanner.js" in page
    (token,) = re.findall(r'data-token="(\w+)"', page)
    assert client.post(f"{AT_TILL}/scan", data={"code": "x"}).status_code == 403
    assert client.post(f"{AT_TILL}/scan", data={"code": "x", "token": token}).status_code == 204
    assert client.post(f"/kiosk/{TILL.device}/scan", data={"code": "x"}).status_code == 404
    assert taken == [(b"x", "")]


def test_with_its_token_any_bytes_are_a_code(client: FlaskClient, taken: Taken):
    code = b"\x1d01\xff\x00\r\n+%41&a=b"
    for kind in (None, "application/x-www-form-urlencoded", "application/json"):
        answer = client.post(
            "/scanners/hand-1",
            data=code,
            content_type=kind,
            headers={**bearer(), "Idempotency-Key": "k"},
        )
        assert (answer.status_code, answer.data) == (204, b"")
    assert taken == [(code, "k")] * 3


@pytest.mark.parametrize(
    ("device", "headers"),
    [
        ("hand-1", {}),
        ("hand-1", bearer(TOKEN + "x")),
        ("hand-1", {"Authorization": f"Basic {TOKEN}"}),
        ("hand-1", {"Authorization": "Bearer "}),
        ("hand-1", {"Authorization": "Bearer é"}),
        ("page-1", bearer("")),
        ("nobody", bearer()),
    ],
)
def test_without_its_token_nothing_is_taken_and_no_name_is_told(
    client: FlaskClient, taken: Taken, device: str, headers: dict[str, str]
):
    answer = client.post(f"/scanners/{device}", data=GTIN, headers=headers)
    assert answer.status_code == 401
    assert taken == []


def test_what_is_no_code_is_refused(client: FlaskClient, taken: Taken):
    def status(code: bytes, **more: str) -> int:
        headers = {**bearer(), **more}
        return client.post("/scanners/hand-1", data=code, headers=headers).status_code

    assert status(b"") == 400
    assert status(b"x" * (CODE_BYTES_MAX + 1)) == 413
    assert status(b"x" * 1_000_000) == 413
    assert status(b"\x89PNG\r\n\x1a\n" + bytes(2_000_000)) == 415
    assert status(b"\xff\xd8\xff\xe0 a small one") == 415
    assert taken.refused == ["too_long"] * 2 + ["unreadable_image"] * 2
    assert status(GTIN, **{"Idempotency-Key": "k" * 101}) == 400
    assert taken == []
    assert client.get("/scanners/hand-1", headers=bearer()).status_code == 405


def test_a_code_that_was_not_recorded_may_be_sent_again(client: FlaskClient, taken: Taken):
    taken.works = False
    form = {"token": token_of(client), "code": "x"}
    assert client.post(f"{BASE}/scan", data=form).status_code == 503
    assert client.post("/scanners/hand-1", data=GTIN, headers=bearer()).status_code == 503


def test_a_scanner_in_the_network_posts_to_a_real_store_and_counts_once(tmp_path: Path):
    scanner = {"name": "hand-1", "driver": "barcode-http", "zone": "door"}
    table: dict[str, object] = {
        "tenant": "acme",
        "store": "s0001",
        "identifier_key": KEY.hex(),
        "folder": str(tmp_path),
        "web": {"port": 0},
        "zones": [{"name": "door"}],
        "devices": [{**scanner, "options": {"token": TOKEN}}],
    }
    agent = build_agent(from_table(table, {}), LoopbackLink(LoopbackBroker(), "acme-s0001"))
    agent.start()
    try:
        assert agent.web is not None
        address = f"http://{agent.web.host}:{agent.web.port}/scanners/hand-1"
        for _ in range(2):
            headers = {**bearer(), "Idempotency-Key": "scan-1"}
            answer = requests.post(address, b"sb:c:spring-1", headers=headers, timeout=20)
            assert answer.status_code == 204
        rows = agent.database.reader().execute("SELECT row FROM outbox ORDER BY id")
        bodies = [decode_event(row).body for (row,) in rows]
        assert [body.coupon for body in bodies if isinstance(body, Scan)] == ["spring-1"]
    finally:
        agent.close()
