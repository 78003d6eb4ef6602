"""The till adds up, refuses what cannot be sold together, and never pays half."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from edge_agent.codes.measure import CURRENCIES_WITHOUT_CENTS, Measure
from edge_agent.till import till
from edge_agent.visits import answers, basket, visits, wallet
from edge_agent.visits.answers import Answer
from edge_agent.visits.basket import Basket
from looks import words
from tests.edge_store import (
    ANNA,
    BO,
    KIOSK,
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
from wire.events import BasketChanged, Discount, Line, Purchased, StockMoved
from wire.views import CouponView


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def add(shop: Shop, product: str, measure: Measure | None = None) -> str:
    visit = shop.current(TILL)
    return shop.recorder.write(
        lambda w: till.add(w, shop.clock.now(), TILL, visit, product, measure)
    )


def pay(shop: Shop) -> str:
    visit = shop.current(TILL)
    return shop.recorder.write(lambda w: till.pay(w, shop.clock.now(), TILL, visit)).kind


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


def test_packs_cost_what_their_codes_say_and_each_price_is_a_line(shop: Shop):
    shop.sells(SHOE, price_cents=3_990)  # a kilogram
    packs = [
        Measure(price_cents=1_250),
        Measure(price_cents=1_250, weight_g=300),
        Measure(weight_g=345),
        Measure(price=Decimal("12.345")),
        Measure(pieces=2),
    ]
    assert [add(shop, SHOE, each) for each in packs] == ["added_to_basket"] * 5
    shown = till.basket(shop.connection, TILL.device)
    assert [(each.quantity, each.price_cents) for each in shown.lines] == [
        (2, 1_250),
        (1, 1_377),
        (1, 1_235),
        (1, 7_980),
    ]
    assert pay(shop) == "paid"
    (bought,) = shop.events("purchased")
    assert isinstance(bought.body, Purchased)
    assert [line.amount_cents for line in bought.body.lines] == [2_500, 1_377, 1_235, 7_980]
    moved = [event.body for event in shop.events("stock_moved")]
    assert moved == [StockMoved(SHOE, -pieces, "sold") for pieces in (2, 1, 1, 1)]


@pytest.mark.parametrize(
    ("measure", "answer"),
    [
        (Measure(), "product_not_here"),
        (Measure(price_cents=0), "product_not_here"),
        (Measure(weight_g=0), "product_not_here"),
        (Measure(price_cents=till.PACK_CENTS_MAX + 1), "product_not_here"),
        (Measure(price=Decimal(5), currency="EUR"), "other_currency"),
        (Measure(price=Decimal(5), currency="999"), "other_currency"),
    ],
)
def test_a_pack_whose_price_cannot_be_right_is_not_sold(shop: Shop, measure: Measure, answer: str):
    shop.sells(SHOE)
    assert add(shop, SHOE, measure) == answer
    assert basket.lines(shop.connection, TILL.device) == []


def test_a_currency_without_cents_takes_a_printed_price_as_it_is(shop: Shop):
    shop.tell("product", SHOE, a_product(SHOE, currency="JPY"))
    add(shop, SHOE, Measure(price=Decimal(980)))
    assert till.basket(shop.connection, TILL.device).total_cents == 980
    assert CURRENCIES_WITHOUT_CENTS == words.CURRENCIES_WITHOUT_CENTS


def test_packs_of_a_basket_that_is_not_paid_are_put_back(shop: Shop):
    shop.sells(SHOE)
    shop.begin(ANNA, place=TILL)
    add(shop, SHOE, Measure(price_cents=100))
    add(shop, SHOE, Measure(price_cents=200))
    visits.end(shop.recorder, shop.clock, TILL.device, "walk_away")
    assert [event.body for event in shop.events("basket_changed")][2:] == [
        BasketChanged(SHOE, -1)
    ] * 2


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


def redeem_at_the_kiosk(shop: Shop, *coupons: CouponView) -> None:
    shop.knows(ANNA, a_shopper(coupons=coupons))
    visit = shop.begin(ANNA)
    for each in coupons:
        wallet.redeem(shop.recorder, shop.clock, visit, each.coupon)
    visits.end(shop.recorder, shop.clock, KIOSK.device, "tap")


def test_a_coupon_redeemed_at_the_kiosk_takes_its_benefit_off_one_order(shop: Shop):
    shop.sells(SHOE, price_cents=10_000)
    shop.sells(SOCK, price_cents=555, brand="other")
    redeem_at_the_kiosk(shop, a_coupon("c1", percent=15, brand="acme"))
    shop.begin(ANNA, place=TILL)
    for product in (SHOE, SOCK):
        add(shop, product)
    shown = till.basket(shop.connection, TILL.device)
    assert (shown.goods_cents, shown.total_cents) == (10_555, 9_055)
    assert [(each.coupon, each.off_cents) for each in shown.discounts] == [("c1", 1_500)]
    assert pay(shop) == "paid"
    (bought,) = shop.events("purchased")
    assert isinstance(bought.body, Purchased)
    assert bought.body.amount_cents == 9_055
    assert bought.body.discounts == (Discount("c1", "spring", 1_500),)
    assert [line.amount_cents for line in bought.body.lines] == [8_500, 555]
    assert len(shop.events("coupon_redeemed")) == 1
    shop.begin(ANNA, place=TILL)
    add(shop, SHOE)
    assert till.basket(shop.connection, TILL.device).total_cents == 10_000
    assert pay(shop) == "paid"
    assert shop.events("purchased")[-1].body.discounts == ()  # type: ignore[union-attr]


def test_a_kiosks_redemption_that_takes_nothing_off_stays_for_the_next_order(shop: Shop):
    shop.sells(SHOE)
    shop.sells(SOCK)
    redeem_at_the_kiosk(shop, a_coupon("c1", percent=0, amount_cents=300, product=SOCK))
    shop.begin(ANNA, place=TILL)
    add(shop, SHOE)
    assert till.basket(shop.connection, TILL.device).discounts == ()
    assert pay(shop) == "paid"
    shop.begin(ANNA, place=TILL)
    add(shop, SOCK)
    assert till.basket(shop.connection, TILL.device).total_cents == 700


def test_a_kiosks_redemption_is_not_lost_with_a_basket_that_is_not_paid(shop: Shop):
    shop.sells(SHOE)
    redeem_at_the_kiosk(shop, a_coupon("c1"))
    for _ in range(2):
        shop.begin(ANNA, place=TILL)
        add(shop, SHOE)
        assert till.basket(shop.connection, TILL.device).total_cents == 900
        visits.end(shop.recorder, shop.clock, TILL.device, "walk_away")


def test_nobody_else_pays_with_a_coupon_redeemed_at_the_kiosk(shop: Shop):
    shop.sells(SHOE)
    redeem_at_the_kiosk(shop, a_coupon("c1"))
    for visitor in ((), (BO,)):
        if visitor:
            shop.begin(*visitor, place=TILL)
        add(shop, SHOE)
        assert till.basket(shop.connection, TILL.device).total_cents == 1_000
        assert pay(shop) == "paid"


def test_the_largest_order_fits_into_a_row_of_the_outbox(shop: Shop):
    goods = [f"{number:014}" for number in range(1, till.BASKET_LINES_MAX + 1)]
    for each in goods:
        shop.sells(each, price_cents=9_999_999, brand="b" * 40)
    coupons = [
        a_coupon("c" * 60 + str(n), offer="o" * 40, percent=0, amount_cents=9_999)
        for n in range(till.COUPONS_PER_ORDER_MAX + 2)
    ]
    redeem_at_the_kiosk(shop, *coupons)
    shop.begin(ANNA, place=TILL)
    now, visit = shop.clock.now(), shop.current(TILL)
    for _ in range(3):
        shop.recorder.write(lambda w: [till.add(w, now, TILL, visit, each) for each in goods])
    assert pay(shop) == "paid"
    (bought,) = shop.events("purchased")
    assert isinstance(bought.body, Purchased)
    assert len(bought.body.lines) == till.BASKET_LINES_MAX
    assert len(bought.body.discounts) == till.COUPONS_PER_ORDER_MAX
    still = wallet.spendable(shop.connection, shop.begin(ANNA, place=TILL))
    assert len(still) == 2
