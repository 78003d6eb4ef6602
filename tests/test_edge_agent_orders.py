"""Goods of an order come back once: stock rises, what was paid for them is refunded to the cent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.places import Place
from edge_agent.till import orders, stock, till
from edge_agent.till.orders import Order, OrderLine, ReturnError, TooMany, UnknownOrder
from tests.edge_store import (
    ANNA,
    MINUTE_US,
    NOON,
    SHOE,
    SOCK,
    TILL,
    Shop,
    a_coupon,
    a_shop,
    a_shopper,
)
from wire.events import Line

COUNTER = Place(device="staff", zone="")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        shop.sells(SHOE, price_cents=1001)
        shop.sells(SOCK, price_cents=300)
        yield shop


def buy(shop: Shop, *products: str) -> str:
    """Pay for goods at the till, and return the number of the order."""
    visit = shop.current(TILL)
    for product in products:
        shop.recorder.write(lambda w, p=product: till.add(w, shop.clock.now(), TILL, visit, p))
    paid = shop.recorder.write(lambda w: till.pay(w, shop.clock.now(), TILL, visit))
    assert paid.kind == "paid"
    return paid.order


def take_back(shop: Shop, order: str, sellable: bool = True, **pieces: int) -> None:
    asked = {{"shoe": SHOE, "sock": SOCK}[name]: count for name, count in pieces.items()}
    orders.take_back(shop.recorder, shop.clock, COUNTER, order, asked, sellable=sellable)


def level(shop: Shop, product: str) -> int:
    found = stock.level(shop.connection, product)
    assert found is not None
    return found.quantity


def test_what_comes_back_is_refunded_at_what_was_paid_and_stands_in_stock_again(shop: Shop):
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(product=SHOE, percent=10),)))
    shop.begin(ANNA, place=TILL)
    shop.recorder.write(lambda w: till.add_coupon(w, shop.clock.now(), TILL, "c1"))
    order = buy(shop, SHOE, SHOE, SOCK)
    shop.clock.advance(86_400)
    take_back(shop, order, shoe=1)
    (event,) = shop.events("returned")
    assert event.body.lines == (Line(SHOE, 1, 901, "acme"),)
    assert (event.body.order, event.body.amount_cents, event.body.currency) == (order, 901, "CNY")
    assert (event.identifiers, event.visit, event.device) == ((ANNA,), b"", "staff")
    assert (level(shop, SHOE), level(shop, SOCK)) == (-1, -1)
    assert shop.events("stock_moved")[-1].body.reason == "returned"


def test_the_last_piece_brings_the_odd_cents(shop: Shop):
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(product=SHOE, percent=10),)))
    shop.begin(ANNA, place=TILL)
    shop.recorder.write(lambda w: till.add_coupon(w, shop.clock.now(), TILL, "c1"))
    order = buy(shop, SHOE, SHOE)
    for _ in range(2):
        take_back(shop, order, shoe=1)
    (paid,) = shop.events("purchased")
    refunded = [event.body.amount_cents for event in shop.events("returned")]
    assert sum(refunded) == paid.body.amount_cents == 1802
    found = orders.find(shop.connection, order)
    assert found is not None
    assert (found.left, found.refunded_cents) == (0, 1802)


def test_nothing_comes_back_twice(shop: Shop):
    order = buy(shop, SHOE, SOCK)

    def try_it(_: int) -> int:
        try:
            take_back(shop, order, shoe=1)
        except TooMany:
            return 0
        return 1

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(try_it, range(8))) == 1
    assert len(shop.events("returned")) == 1
    assert level(shop, SHOE) == 0


def test_what_is_damaged_does_not_stand_in_stock_again(shop: Shop):
    order = buy(shop, SHOE)
    take_back(shop, order, sellable=False, shoe=1)
    assert level(shop, SHOE) == -1
    moved = [(each.body.quantity, each.body.reason) for each in shop.events("stock_moved")]
    assert moved == [(-1, "sold"), (1, "returned"), (-1, "damaged")]


@pytest.mark.parametrize("pieces", [{}, {"shoe": 0}, {"shoe": 2}, {"shoe": -1}, {"sock": 1}])
def test_what_was_not_bought_does_not_come_back(shop: Shop, pieces: dict[str, int]):
    order = buy(shop, SHOE)
    with pytest.raises(TooMany):
        take_back(shop, order, **pieces)
    assert shop.events("returned") == []
    assert level(shop, SHOE) == -1


def test_an_order_of_another_store_is_unknown_here(shop: Shop):
    with pytest.raises(UnknownOrder):
        take_back(shop, "elsewhere", shoe=1)
    assert issubclass(UnknownOrder, ReturnError)


def test_an_order_that_nobody_named_comes_back_for_nobody(shop: Shop):
    take_back(shop, buy(shop, SHOE), shoe=1)
    (event,) = shop.events("returned")
    assert event.identifiers == ()


def test_the_latest_orders_come_first_and_are_found_by_a_part_of_their_number(shop: Shop):
    first = buy(shop, SHOE)
    shop.clock.advance(60)
    second = buy(shop, SOCK)
    assert [each.order for each in orders.latest(shop.connection)] == [second, first]
    assert [each.order for each in orders.latest(shop.connection, first[-6:].upper())] == [first]
    assert orders.latest(shop.connection, "%") == []
    assert orders.latest(shop.connection)[0].paid_at == NOON + MINUTE_US


@given(st.integers(1, 30), st.integers(0, 10_000), st.data())
def test_however_it_comes_back_no_cent_is_lost_or_won(
    quantity: int, paid: int, data: st.DataObject
):
    refunds: list[int] = []
    back = 0
    while back < quantity:
        line = OrderLine(
            product=SHOE,
            name={},
            brand="",
            quantity=quantity,
            amount_cents=paid,
            returned=back,
            refunded_cents=sum(refunds),
        )
        order = Order(
            order="o", till="t", paid_at=0, currency="CNY", amount_cents=paid, lines=(line,)
        )
        count = data.draw(st.integers(1, line.left))
        (given_back,) = order.lines_back({SHOE: count})
        assert given_back.amount_cents >= 0
        refunds.append(given_back.amount_cents)
        back += count
    assert sum(refunds) == paid
