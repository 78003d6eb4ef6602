"""Returns of what another store or an online channel sold, on the staff page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from edge_agent.till import orders, stock
from kiosk_ui.app import create_app
from kiosk_ui.staff.elsewhere_views import cents_of
from kiosk_ui.texts import LOCALES
from tests.browser.shop import Screens, a_shop_with_screens
from tests.edge_store import NOON, SHOE, SOCK
from tests.staff_pages import hidden, signed_in
from wire.events import Line

AT = "/staff/elsewhere"


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    with a_shop_with_screens(tmp_path) as screens:
        yield screens


@pytest.fixture
def client(screens: Screens) -> FlaskClient:
    return signed_in(screens)


def form_of(client: FlaskClient, **changed: str) -> dict[str, str]:
    form = {name: hidden(client, AT, name) for name in ("token", "once")}
    form |= {"order": "W-7", "bought_at": "web", "product": SHOE, "pieces": "2"}
    return form | {"amount": "205,2", "sellable": "yes"} | changed


def test_goods_of_a_web_order_come_back_once_with_what_was_paid(
    screens: Screens, client: FlaskClient
):
    assert 'href="/staff/elsewhere"' in client.get("/staff/returns").text
    form = form_of(client)
    for _ in range(2):
        page = client.post(AT, data=form, follow_redirects=True)
    assert "W-7" in page.text
    (back,) = screens.shop.events("returned")
    assert back.body.order == "W-7@web"
    assert back.body.lines == (Line(SHOE, 2, 20_520, "acme"),)
    assert (back.body.amount_cents, back.body.currency) == (20_520, "CNY")
    assert back.identifiers == ()
    assert stock.level(screens.shop.connection, SHOE).quantity == 2
    again = client.post(AT, data=form_of(client))
    assert (again.status_code, LOCALES["zh"]["staff.elsewhere.already"] in again.text) == (
        400,
        True,
    )
    other = form_of(client, product=SOCK, sellable="no")
    assert client.post(AT, data=other).status_code == 303
    assert stock.level(screens.shop.connection, SOCK).quantity == 0


@pytest.mark.parametrize(
    ("field", "value", "key"),
    [
        ("order", "", "wrong_order"),
        ("order", "a b", "wrong_order"),
        ("order", "W@7", "wrong_order"),
        ("bought_at", "Web Shop!", "wrong_order"),
        ("bought_at", "s0001", "wrong_order"),
        ("pieces", "0", "wrong"),
        ("pieces", "-1", "wrong"),
        ("amount", "1.234", "wrong"),
        ("amount", "-5", "wrong"),
        ("sellable", "", "wrong"),
        ("product", "nope", "not_here"),
    ],
)
def test_what_is_not_right_takes_nothing_back_and_keeps_what_was_typed(
    screens: Screens, client: FlaskClient, field: str, value: str, key: str
):
    answer = client.post(AT, data=form_of(client, **{field: value}))
    assert answer.status_code == 400
    assert LOCALES["zh"][f"staff.elsewhere.{key}"] in answer.text
    if field != "order":
        assert 'value="W-7"' in answer.text
    assert screens.shop.events("returned") == []


def test_nobody_takes_back_without_the_pin_or_a_form(screens: Screens, client: FlaskClient):
    assert client.post(AT, data={**form_of(client), "token": "x"}).status_code == 403
    stranger = create_app(screens.store).test_client()
    assert stranger.get(AT).location == "/staff/enter"
    assert stranger.post(AT).status_code == 403


def test_a_product_that_is_scanned_is_filled_in(client: FlaskClient):
    assert f'value="{SHOE}"' in client.get(f"{AT}?find={SHOE}").text


def test_what_came_back_of_orders_from_elsewhere_is_forgotten_in_time(
    screens: Screens, client: FlaskClient
):
    client.post(AT, data=form_of(client))
    kept = "SELECT count(*) FROM order_returns"
    for before, left in ((NOON, 1), (NOON + 60_000_000, 0)):
        screens.shop.recorder.write(lambda w, at=before: orders.forget_old(w, at, 10))
        assert screens.shop.connection.execute(kept).fetchone() == (left,)


def test_an_amount_is_read_as_it_is_typed():
    assert [cents_of(each, "CNY") for each in ("5", "5.5", "05,50 ")] == [500, 550, 550]
    assert [cents_of(each, "CNY") for each in ("", ".5", "5.", "1,000", "٥")] == [None] * 5
    assert (cents_of("500", "JPY"), cents_of("5.5", "JPY")) == (500, None)
