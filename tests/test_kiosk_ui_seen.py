"""An offer counts as shown only when the screen says that it was painted, for whom it was drawn."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kiosk_ui.app import create_app
from tests.browser.shop import Screens, a_shop_with_screens
from tests.edge_store import ANNA, BO, KIOSK, SHOE, a_coupon, a_shopper
from wire.events import OfferShown, PageShown, Tapped, Viewed

BASE = f"/kiosk/{KIOSK.device}"


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    with a_shop_with_screens(tmp_path) as screens:
        screens.shop.knows(ANNA, a_shopper(coupons=(a_coupon(product=SHOE),)))
        screens.shop.begin(ANNA)
        yield screens


@pytest.fixture
def client(screens: Screens) -> FlaskClient:
    return create_app(screens.store).test_client()


def confirm(client: FlaskClient, **fields: str) -> int:
    html = client.get(BASE).text
    found = re.search(r'data-visit="(\w*)".*?data-token="(\w+)"', html)
    assert found
    form = {"visit": found[1], "token": found[2], "page": "welcome", **fields}
    return client.post(f"{BASE}/seen", data=form).status_code


def test_a_page_that_was_only_sent_is_not_recorded_as_shown(screens: Screens, client: FlaskClient):
    client.get(BASE)
    assert screens.shop.events("page_shown", "offer_shown") == []


def test_what_was_painted_is_recorded_in_the_name_of_the_visit(
    screens: Screens, client: FlaskClient
):
    assert confirm(client, kind="page") == 204
    assert confirm(client, kind="offer", coupon="c1") == 204
    assert confirm(client, kind="page", page="product", product=SHOE) == 204
    assert confirm(client, kind="tap", target="save" * 100) == 204
    page, offer, detail, viewed, tap = screens.shop.events()[-5:]
    assert page.body == PageShown(page="welcome", because="viewed")
    assert offer.body == OfferShown(
        offer="spring", coupon="c1", page="welcome", price_cents=900, currency="CNY"
    )
    assert detail.body == PageShown(page="product", because="viewed")
    assert viewed.body == Viewed(product=SHOE, price_cents=1_000, currency="CNY")
    assert tap.body == Tapped(page="welcome", target=("save" * 100)[:60])
    assert {event.identifiers for event in (page, offer, viewed, tap)} == {(ANNA,)}


def test_a_coupon_of_somebody_else_is_never_recorded_as_shown(
    screens: Screens, client: FlaskClient
):
    screens.shop.knows(BO, a_shopper("other", coupons=(a_coupon("c2"),)))
    confirm(client, kind="offer", coupon="c2")
    assert screens.shop.events("offer_shown") == []


def test_what_comes_after_the_visit_has_no_name(screens: Screens, client: FlaskClient):
    visit = screens.shop.current()
    assert visit is not None
    screens.shop.begin(BO)
    confirm(client, kind="page", visit=visit.visit.hex())
    confirm(client, kind="offer", coupon="c1", visit=visit.visit.hex())
    (page,) = screens.shop.events("page_shown")
    assert (page.visit, page.identifiers) == (b"", ())
    assert screens.shop.events("offer_shown") == []


@pytest.mark.parametrize(
    "fields", [{"kind": "other"}, {}, {"kind": "page", "page": "<b>"}, {"kind": "tap", "page": ""}]
)
def test_a_confirmation_of_nothing_is_refused(fields: dict[str, str], client: FlaskClient):
    assert confirm(client, **fields) == 400
