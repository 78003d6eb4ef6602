"""Returns on the staff page: found by the receipt, chosen, confirmed with the sum, taken once."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from edge_agent.till import orders, stock, till
from kiosk_ui.app import create_app
from kiosk_ui.texts import LOCALES
from tests.browser.shop import Screens, a_shop_with_screens
from tests.edge_store import ANNA, SHOE, SOCK, TILL
from tests.staff_pages import hidden, signed_in

BASE = "/staff/returns"


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    with a_shop_with_screens(tmp_path) as screens:
        yield screens


@pytest.fixture
def client(screens: Screens) -> FlaskClient:
    return signed_in(screens)


@pytest.fixture
def order(screens: Screens) -> str:
    """A paid order: a shoe twice and socks, ¥30 in all."""
    shop = screens.shop
    visit = shop.begin(ANNA, place=TILL)
    for product in (SHOE, SHOE, SOCK):
        shop.recorder.write(lambda w, p=product: till.add(w, shop.clock.now(), TILL, visit, p))
    return shop.recorder.write(lambda w: till.pay(w, shop.clock.now(), TILL, visit)).order


def chosen(order: str, **pieces: int) -> str:
    names = {"shoe": SHOE, "sock": SOCK}
    query = "&".join(f"pieces-{names[name]}={count}" for name, count in pieces.items())
    return f"{BASE}/{order}?{query}"


def confirm(client: FlaskClient, order: str, sellable: str = "yes", **pieces: int):
    page = chosen(order, **pieces)
    form = {name: hidden(client, page, name) for name in ("token", "once")}
    fields = dict(re.findall(r'name="(pieces-\w+)" value="(\d+)"', client.get(page).text))
    return client.post(f"{BASE}/{order}", data={**form, **fields, "sellable": sellable})


def test_an_order_is_found_by_its_receipt_chosen_and_taken_back(
    screens: Screens, client: FlaskClient, order: str
):
    screens.line.set(False)
    assert f"{BASE}/{order}" in client.get(BASE).text
    assert client.get(f"{BASE}?find={order}").headers["Location"] == f"{BASE}/{order}"
    assert f"{BASE}/{order}" in client.get(f"{BASE}?find={order[-5:]}").text
    page = client.get(chosen(order, shoe=1, sock=1)).text
    assert "退货并退款 ¥20" in page
    said = client.get(confirm(client, order, shoe=1, sock=1).headers["Location"]).text
    assert "共退款 ¥20" in said
    (event,) = screens.shop.events("returned")
    assert (event.body.order, event.body.amount_cents) == (order, 2000)
    assert (event.identifiers, event.device, event.zone) == ((ANNA,), "staff", "checkout")
    level = stock.level(screens.shop.connection, SHOE)
    assert level is not None
    assert level.quantity == -1
    assert "已退一部分" in client.get(BASE).text


def test_a_return_that_is_sent_twice_happens_once(
    screens: Screens, client: FlaskClient, order: str
):
    page = chosen(order, shoe=1)
    form = {name: hidden(client, page, name) for name in ("token", "once")}
    form |= {f"pieces-{SHOE}": "1", "sellable": "yes"}
    for _ in range(3):
        assert client.post(f"{BASE}/{order}", data=form).status_code == 303
    assert len(screens.shop.events("returned")) == 1


def test_all_of_an_order_can_come_back_and_then_nothing_more(client: FlaskClient, order: str):
    confirm(client, order, shoe=2, sock=1)
    assert "已全部退完" in client.get(f"{BASE}/{order}").text
    again = client.get(chosen(order, shoe=1))
    assert (again.status_code, "没有退货" in again.text) == (400, True)


@pytest.mark.parametrize("count", ["3", "-1", "x", "1e1", "٣", "99999999"])
def test_a_wrong_number_takes_nothing_back_and_says_so(
    screens: Screens, client: FlaskClient, order: str, count: str
):
    refused = client.get(f"{BASE}/{order}", query_string={f"pieces-{SHOE}": count})
    assert (refused.status_code, "没有退货" in refused.text) == (400, True)
    form = {name: hidden(client, chosen(order, shoe=1), name) for name in ("token", "once")}
    form |= {f"pieces-{SHOE}": count, "sellable": "yes"}
    assert client.post(f"{BASE}/{order}", data=form).status_code == 400
    assert screens.shop.events("returned") == []


def test_whether_it_can_be_sold_again_must_be_said(
    screens: Screens, client: FlaskClient, order: str
):
    refused = confirm(client, order, sellable="", shoe=1)
    assert (refused.status_code, "没有退货" in refused.text) == (400, True)
    confirm(client, order, sellable="no", shoe=1)
    reasons = [each.body.reason for each in screens.shop.events("stock_moved")]
    assert reasons[-2:] == ["returned", "damaged"]


def test_nobody_takes_anything_back_from_outside(screens: Screens, order: str):
    outside = create_app(screens.store).test_client()
    for path in (BASE, f"{BASE}/{order}"):
        assert outside.get(path).headers["Location"] == "/staff/enter"
    assert outside.post(f"{BASE}/{order}", data={"sellable": "yes"}).status_code == 403


def test_a_form_of_another_site_takes_nothing_back(
    screens: Screens, client: FlaskClient, order: str
):
    forged = {"token": "x", "once": "y", f"pieces-{SHOE}": "1", "sellable": "yes"}
    assert client.post(f"{BASE}/{order}", data=forged).status_code == 403
    assert screens.shop.events("returned") == []


def test_an_order_of_another_store_is_looked_for_and_not_found(client: FlaskClient):
    page = client.get(f"{BASE}/<script>", follow_redirects=True).text
    assert LOCALES["zh"]["staff.returns.nothing"] in page
    assert "<script>" not in page.split("<body")[1].replace("&lt;script&gt;", "")


def test_every_refusal_has_its_sentence():
    for error in (orders.ReturnError, *orders.ReturnError.__subclasses__()):
        assert error.text_key in LOCALES["en"]


def test_the_board_leads_to_returns_where_there_is_a_till(client: FlaskClient):
    assert f'href="{BASE}"' in client.get("/staff").text
