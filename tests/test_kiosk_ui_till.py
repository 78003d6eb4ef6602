"""The till's screen: the basket with what comes off, the last answer, in both languages."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from edge_agent.till import till
from edge_agent.visits import answers, visits
from edge_agent.visits.answers import ANSWER_KINDS, Answer
from kiosk_ui.app import create_app
from kiosk_ui.till.screen import ANSWER_SHOWN_S_MAX, MILD_ANSWERS, THANKS_SHOWN_S_MAX, look
from tests.browser.shop import Screens, a_shop_with_screens
from tests.edge_store import ANNA, KIOSK, SHOE, SOCK, TILL, a_coupon, a_product, a_shopper

PAGE = f"/till/{TILL.device}"


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    with a_shop_with_screens(tmp_path) as screens:
        yield screens


@pytest.fixture
def client(screens: Screens) -> FlaskClient:
    return create_app(screens.store).test_client()


def scan(screens: Screens, *products: str) -> None:
    shop = screens.shop
    for product in products:
        shop.recorder.write(
            lambda w, product=product: till.add(
                w, shop.clock.now(), TILL, shop.current(TILL), product
            )
        )
        say(screens, "added_to_basket", product=product)


def say(screens: Screens, kind: str, **about: str) -> None:
    answer = Answer(kind=kind, at=screens.shop.clock.now().at, **about)
    screens.shop.recorder.write(lambda w: answers.put(w, TILL.device, answer))


def test_a_till_that_nobody_uses_invites_in_both_languages(client: FlaskClient):
    html = client.get(PAGE).text
    assert "欢迎光临" in html
    assert "Welcome" in html


def test_the_basket_shows_its_goods_coupons_and_sum(screens: Screens, client: FlaskClient):
    shop = screens.shop
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(title={"zh": "春季券", "en": "Spring"}),)))
    shop.begin(ANNA, place=TILL)
    scan(screens, SHOE, SOCK, SHOE)
    shop.recorder.write(lambda w: till.add_coupon(w, shop.clock.now(), TILL, "c1"))
    html = client.get(PAGE).text
    for text in (f"Product {SHOE}", "2 × ¥10", "¥20", "春季券", "Spring", "−¥3", "¥27", "共 3 件"):
        assert text in html, text


def test_nothing_on_it_says_who_pays(screens: Screens, client: FlaskClient):
    screens.shop.knows(ANNA, a_shopper("shopper-7", coupons=(a_coupon(),), consented=True))
    visit = screens.shop.begin(ANNA, place=TILL)
    scan(screens, SHOE)
    html = client.get(PAGE).text
    for secret in ("shopper-7", visit.visit.hex(), ANNA.key, "interest", "因为"):
        assert secret not in html


@pytest.mark.parametrize("kind", ANSWER_KINDS)
def test_every_answer_is_said_in_both_languages(kind: str, screens: Screens, client: FlaskClient):
    scan(screens, SOCK)
    say(screens, kind)
    html = client.get(PAGE).text
    mild = kind in MILD_ANSWERS
    assert ('till-answer is-mild"' in html) == mild
    assert mild or 'till-answer is-good"' in html or 'till-answer is-refused"' in html
    assert html.count('class="second" lang="en"') >= 4


def test_what_was_added_is_named(screens: Screens, client: FlaskClient):
    screens.shop.tell("product", SHOE, a_product(SHOE))
    scan(screens, SHOE)
    assert f'<span class="till-added"><span>Product {SHOE}</span>' in client.get(PAGE).text


def test_thanks_stand_until_the_next_shopper_scans(screens: Screens, client: FlaskClient):
    say(screens, "paid")
    assert "谢谢惠顾" in client.get(PAGE).text
    scan(screens, SHOE)
    assert "谢谢惠顾" not in client.get(PAGE).text


@pytest.mark.parametrize(
    ("kind", "shown_s"), [("paid", THANKS_SHOWN_S_MAX), ("unknown_code", ANSWER_SHOWN_S_MAX)]
)
def test_an_answer_goes_by_itself(kind: str, shown_s: int, screens: Screens):
    say(screens, kind)
    screens.shop.clock.advance(shown_s)
    before = look(screens.store, TILL.device)
    screens.shop.clock.advance(1)
    after = look(screens.store, TILL.device)
    assert (before.answer is None, after.answer) == (False, None)
    assert before.mark != after.mark


def test_a_store_of_one_language_says_everything_once(screens: Screens):
    client = create_app(replace(screens.store, languages=("en",))).test_client()
    html = client.get(PAGE).text
    assert "Welcome" in html
    assert "欢迎" not in html


def test_a_kiosk_is_no_till_and_a_till_no_kiosk(client: FlaskClient):
    assert client.get(f"/till/{KIOSK.device}").status_code == 404
    assert client.get(f"/till/{KIOSK.device}/events").status_code == 404
    assert client.get(f"/kiosk/{TILL.device}").status_code == 404


def test_names_of_goods_are_never_markup(screens: Screens, client: FlaskClient):
    evil = "<script>alert(1)</script>"
    view = a_product(SHOE)
    screens.shop.tell("product", SHOE, type(view)(SHOE, {"zh": evil}, evil, "x", 1000, "CNY"))
    scan(screens, SHOE)
    assert evil not in client.get(PAGE).text


def test_a_visit_that_ends_at_the_till_leaves_no_discount(screens: Screens, client: FlaskClient):
    screens.shop.knows(ANNA, a_shopper(coupons=(a_coupon(),)))
    screens.shop.begin(ANNA, place=TILL)
    scan(screens, SHOE)
    screens.shop.recorder.write(lambda w: till.add_coupon(w, screens.shop.clock.now(), TILL, "c1"))
    assert "−¥1" in client.get(PAGE).text
    visits.end(screens.store.recorder, screens.store.clock, TILL.device, "time_out")
    assert "−¥1" not in client.get(PAGE).text
