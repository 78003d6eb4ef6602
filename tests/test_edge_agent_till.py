"""The till adds up, refuses what cannot be sold together, and never pays half."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent import answers, basket, till, visits, wallet
from edge_agent.answers import Answer
from edge_agent.basket import Basket
from tests.edge_store import (
    ANNA,
    BO,
    NOON,
    SHOE,
    SOCK,
    TILL,
    Shop,
    a_coupon,
    a_product,
    a_shop,
    a_shopper,
)
from wire.events import BasketChanged, Line, Purchased


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def add(shop: Shop, product: str) -> str:
    visit = shop.current(TILL)
    return shop.recorder.write(lambda w: till.add(w, shop.clock.now(), TILL, visit, product))


def pay(shop: Shop) -> str:
    visit = shop.current(TILL)
    return shop.recorder.write(lambda w: till.pay(w, shop.clock.now(), TILL, visit))


def test_a_nameless_purchase_has_no_identifiers(shop: Shop):
    shop.sells(SHOE, price_cents=700)
    add(shop, SHOE)
    assert pay(shop) == "paid"
    (event,) = shop.events("purchased")
    assert (event.identifiers, event.visit) == ((), b"")
    assert isinstance(event.body, Purchased)
    assert event.body.lines == (Line(SHOE, 1, 700, "acme"),)


def test_two_currencies_do_not_meet_in_one_basket(shop: Shop):
    shop.sells(SHOE)
    shop.tell("product", SOCK, a_product(SOCK, currency="EUR"))
    assert add(shop, SHOE) == "added_to_basket"
    assert add(shop, SOCK) == "other_currency"
    assert [each.product for each in basket.lines(shop.connection, TILL.device)] == [SHOE]


def test_a_stuck_reader_cannot_fill_the_disk(shop: Shop):
    shop.sells(SHOE)
    now, often = shop.clock.now(), range(till.LINE_QUANTITY_MAX + 1)
    added = shop.recorder.write(lambda w: [till.add(w, now, TILL, None, SHOE) for _ in often])
    assert added == ["added_to_basket"] * till.LINE_QUANTITY_MAX + ["basket_full"]


def test_a_full_basket_says_so_and_takes_more_of_what_is_in_it(shop: Shop):
    goods = [f"{number:013}" for number in range(1, till.BASKET_LINES_MAX + 2)]
    for each in goods:
        shop.sells(each)
    now = shop.clock.now()
    added = shop.recorder.write(lambda w: [till.add(w, now, TILL, None, each) for each in goods])
    assert added == ["added_to_basket"] * till.BASKET_LINES_MAX + ["basket_full"]
    assert add(shop, goods[0]) == "added_to_basket"
    assert add(shop, SOCK) == "product_not_here"


def test_a_coupon_whose_lease_ran_out_stops_the_payment_and_keeps_the_basket(shop: Shop):
    shop.sells(SHOE)
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(),)))
    shop.begin(ANNA, place=TILL)
    add(shop, SHOE)
    shop.recorder.write(lambda w: till.add_coupon(w, shop.clock.now(), TILL, "c1"))
    shop.clock.advance(2 * 3600)
    assert pay(shop) == "coupon_refused"
    assert len(basket.lines(shop.connection, TILL.device)) == 1
    assert shop.events("purchased", "coupon_redeemed") == []
    assert pay(shop) == "paid"


@pytest.mark.parametrize("by", ["time_out", "walk_away", "ordinary", "other_member"])
def test_a_basket_does_not_outlive_its_visit(shop: Shop, by: str):
    shop.sells(SHOE)
    visit = shop.begin(ANNA, place=TILL)
    add(shop, SHOE)
    add(shop, SHOE)
    shop.recorder.write(lambda w: till.add_coupon(w, shop.clock.now(), TILL, "c1"))
    if by == "other_member":
        shop.begin(BO, place=TILL)
    else:
        visits.end(shop.recorder, shop.clock, TILL.device, by)
    put_back = shop.events("basket_changed")[-1]
    assert put_back.body == BasketChanged(SHOE, -2)
    assert (put_back.visit, put_back.identifiers, put_back.brand) == (visit.visit, (ANNA,), "acme")
    assert till.basket(shop.connection, TILL.device).lines == ()
    assert pay(shop) == "basket_empty"


def test_what_is_paid_is_not_put_back(shop: Shop):
    shop.sells(SHOE)
    shop.begin(ANNA, place=TILL)
    add(shop, SHOE)
    assert pay(shop) == "paid"
    assert [event.body for event in shop.events("basket_changed")] == [BasketChanged(SHOE, 1)]


def test_of_two_coupons_neither_is_used_when_one_is_refused(shop: Shop):
    shop.sells(SHOE)
    coupons = (a_coupon("good"), a_coupon("bad", lease=""))
    shop.knows(ANNA, a_shopper(coupons=coupons))
    visit = shop.begin(ANNA, place=TILL)
    add(shop, SHOE)
    for coupon in coupons:
        shop.recorder.write(
            lambda w, coupon=coupon: till.add_coupon(w, shop.clock.now(), TILL, coupon.coupon)
        )
    assert pay(shop) == "coupon_refused"
    states = [each.state for each in wallet.coupons(shop.connection, visit)]
    assert states == ["offered", "offered"]
    assert shop.events("coupon_redeemed") == []


def test_a_till_page_sees_goods_discounts_total_and_the_last_answer(shop: Shop):
    assert till.basket(shop.connection, TILL.device) == Basket(
        till="till-1", lines=(), discounts=(), total_cents=0, currency="", answer=None
    )
    shop.sells(SHOE, price_cents=999)
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(percent=10),)))
    shop.begin(ANNA, place=TILL)
    add(shop, SHOE)
    add(shop, SHOE)
    said = Answer(kind="coupon", at=NOON, coupon="c1")
    shop.recorder.write(lambda w: till.add_coupon(w, shop.clock.now(), TILL, "c1"))
    shop.recorder.write(lambda w: answers.put(w, TILL.device, said))
    shown = till.basket(shop.connection, TILL.device)
    (line,) = shown.lines
    assert (line.quantity, line.price_cents, line.amount_cents) == (2, 999, 1_998)
    (discount,) = shown.discounts
    assert (discount.coupon, discount.title, discount.off_cents) == ("c1", {"en": "Spring"}, 199)
    assert (shown.goods_cents, shown.total_cents, shown.currency) == (1_998, 1_799, "CNY")
    assert shown.answer == said
