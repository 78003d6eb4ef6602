"""Stock on the staff page: found by name or number, counted, moved for a reason, each once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from edge_agent.till import stock
from edge_agent.till.stock import REASONS
from kiosk_ui.app import create_app
from kiosk_ui.staff.stock_views import FORMS_REMEMBERED_MAX, MOVES, FormsTaken
from kiosk_ui.texts import LOCALES
from tests.browser.shop import Screens, a_shop_with_screens
from tests.edge_store import SHOE, SOCK, TILL
from tests.staff_pages import hidden, signed_in

COUNT, MOVE = f"/staff/stock/{SHOE}/count", f"/staff/stock/{SHOE}/move"


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    with a_shop_with_screens(tmp_path) as screens:
        yield screens


@pytest.fixture
def client(screens: Screens) -> FlaskClient:
    return signed_in(screens)


def form_of(client: FlaskClient, **fields: str) -> dict[str, str]:
    page = f"/staff/stock/{SHOE}"
    return {name: hidden(client, page, name) for name in ("token", "once")} | fields


def level(screens: Screens) -> int:
    found = stock.level(screens.shop.connection, SHOE)
    assert found is not None
    return found.quantity


def test_a_count_is_recorded_and_said(screens: Screens, client: FlaskClient):
    screens.line.set(False)
    form = form_of(client, quantity="12")
    said = client.post(COUNT, data=form, follow_redirects=True).text
    (event,) = screens.shop.events("stock_counted")
    assert (event.body.product, event.body.quantity) == (SHOE, 12)
    assert (event.device, event.zone, event.brand) == ("staff", "shoes", "acme")
    assert "12 件" in said
    assert "已保存" in said


@pytest.mark.parametrize(("reason", "sign"), MOVES.items())
def test_a_movement_changes_stock_in_its_direction(
    reason: str, sign: int, screens: Screens, client: FlaskClient
):
    client.post(COUNT, data=form_of(client, quantity="10"))
    client.post(MOVE, data=form_of(client, quantity="4", reason=reason))
    (event,) = screens.shop.events("stock_moved")
    assert (event.body.quantity, event.body.reason) == (4 * sign, reason)
    assert level(screens) == 10 + 4 * sign


def test_a_form_sent_twice_moves_goods_once(screens: Screens, client: FlaskClient):
    form = form_of(client, quantity="5", reason="delivered")
    for _ in range(3):
        assert client.post(MOVE, data=form).status_code == 303
    assert level(screens) == 5


def test_a_form_that_failed_may_be_sent_again():
    forms = FormsTaken()
    with pytest.raises(OSError, match="full"):
        forms.take("one", lambda: (_ for _ in ()).throw(OSError("full")))
    done: list[int] = []
    forms.take("one", lambda: done.append(1))
    assert done == [1]


def test_only_so_many_forms_are_remembered():
    forms, done = FormsTaken(), []
    for number in range(FORMS_REMEMBERED_MAX + 1):
        forms.take(str(number), lambda: None)
    forms.take("0", lambda: done.append("again"))
    forms.take("500", lambda: done.append("never"))
    assert done == ["again"]


@pytest.mark.parametrize("quantity", ["", "-1", "1.5", "1e3", "٣", "12345678", "1000001", "x"])
def test_an_absurd_quantity_changes_nothing_and_says_so(
    quantity: str, screens: Screens, client: FlaskClient
):
    for path, more in ((COUNT, {}), (MOVE, {"reason": "delivered"})):
        refused = client.post(path, data=form_of(client, quantity=quantity, **more))
        assert (refused.status_code, "没有保存" in refused.text) == (400, True)
    assert screens.shop.events("stock_counted", "stock_moved") == []


@pytest.mark.parametrize("reason", ["", "sold", "stolen"])
def test_no_other_reason_is_taken(reason: str, screens: Screens, client: FlaskClient):
    form = form_of(client, quantity="1", reason=reason)
    assert client.post(MOVE, data=form).status_code == 400
    assert screens.shop.events("stock_moved") == []


def test_nobody_counts_without_the_pin_or_the_token(screens: Screens, client: FlaskClient):
    form = form_of(client, quantity="3", reason="delivered")
    outside = create_app(screens.store).test_client()
    for path in (COUNT, MOVE):
        assert outside.post(path, data=form).status_code == 403
        assert client.post(path, data={**form, "token": "x"}).status_code == 403
    for path in ("/staff/stock", f"/staff/stock/{SHOE}"):
        assert outside.get(path).headers["Location"] == "/staff/enter"
    assert screens.shop.events("stock_counted", "stock_moved") == []


def test_goods_that_nobody_counted_say_so_instead_of_a_number_below_zero(
    screens: Screens, client: FlaskClient
):
    store = screens.store
    stock.move(store.recorder, store.clock, TILL, SHOE, -2, "sold")
    for path in ("/staff/stock", f"/staff/stock/{SHOE}"):
        html = client.get(path).text
        assert "未盘点过" in html
        assert "-2" not in html
    assert "1 种未盘点过" not in client.get("/staff").text
    assert "2 种未盘点过" in client.get("/staff").text
    assert "库存请问店员" in client.get(f"/kiosk/kiosk-1/product/{SHOE}").text


def test_goods_sold_below_a_count_ask_to_be_counted_again(screens: Screens, client: FlaskClient):
    store = screens.store
    stock.count(store.recorder, store.clock, TILL, SHOE, 1)
    stock.move(store.recorder, store.clock, TILL, SHOE, -3, "sold")
    assert "请重新盘点" in client.get("/staff").text


def test_goods_are_found_by_name_brand_and_part_of_the_number(client: FlaskClient):
    for query in ("product 69", "ACME 4567892", SHOE[3:9]):
        html = client.get("/staff/stock", query_string={"find": query}).text
        assert f"/staff/stock/{SHOE}" in html, query
        assert f"/staff/stock/{SOCK}" not in html, query
    assert "没有找到" in client.get("/staff/stock?find=nothing+like+it").text


@pytest.mark.parametrize("typed", [SHOE, f"0{SHOE}", f" {SHOE} "])
def test_a_scanned_number_opens_its_product_at_once(typed: str, client: FlaskClient):
    answer = client.get("/staff/stock", query_string={"find": typed})
    assert answer.headers["Location"] == f"/staff/stock/{SHOE}"


def test_what_the_store_does_not_know_is_not_found(client: FlaskClient):
    assert client.get("/staff/stock/1234").status_code == 404
    assert client.get("/staff/stock?saved=<b>").status_code == 200
    assert "<b>" not in client.get("/staff/stock?saved=<b>&find=<b>").text


def test_every_movement_has_a_reason_that_stock_knows_and_words_for_it():
    assert set(MOVES) <= set(REASONS)
    assert all(f"staff.stock.move.{each}" in LOCALES["zh"] for each in MOVES)
