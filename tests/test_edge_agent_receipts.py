"""A receipt says what was bought, what came off and what was paid, on a narrow roll."""

from edge_agent.till.receipts import LINES_MAX, NAME_CHARACTERS_MAX, amount, receipt
from edge_agent.visits.basket import Basket, BasketLine, DiscountLine
from hardware.actuator import PRINT_BYTES_MAX

NOON = 1_750_000_000_000_000


def a_line(number: int, *, name: str = "Shoe", price_cents: int = 1_250) -> BasketLine:
    return BasketLine(
        product=str(number),
        name={"zh": "鞋", "en": name},
        quantity=2,
        price_cents=price_cents,
        currency="CNY",
        brand="acme",
    )


def print_it(*lines: BasketLine, off_cents: int = 0, languages: tuple[str, ...] = ("en",)) -> str:
    discount = DiscountLine(coupon="c1", offer="spring", title={}, off_cents=off_cents)
    total_cents = sum(each.amount_cents for each in lines) - off_cents
    basket = Basket(
        till="till-1",
        lines=lines,
        discounts=(discount,),
        total_cents=total_cents,
        currency="CNY",
        answer=None,
    )
    return receipt(basket, "order-1", NOON, time_zone="Asia/Shanghai", languages=languages)


def test_a_receipt_adds_up():
    text = print_it(a_line(1), off_cents=199).splitlines()
    assert text[:2] == ["2025-06-15 23:06", "order-1"]
    assert [line.split() for line in text[3:]] == [
        ["2", "x", "Shoe", "25.00"],
        ["-", "spring", "-1.99"],
        ["-" * 40],
        ["=", "CNY", "23.01"],
    ]


def test_goods_are_named_in_the_stores_language():
    assert "2 x 鞋" in print_it(a_line(1), languages=("zh", "en"))
    assert "2 x Shoe" in print_it(a_line(1), languages=("fr", "en"))


def test_the_longest_receipt_fits_into_the_printer_with_its_total():
    text = print_it(*(a_line(n, name="鞋" * 100, price_cents=9_999_999) for n in range(100)))
    assert len(text.encode()) <= PRINT_BYTES_MAX
    assert f"+ {100 - LINES_MAX} x" in text
    assert "鞋" * (NAME_CHARACTERS_MAX + 1) not in text
    assert text.splitlines()[-1].split()[-1] == amount(100 * 2 * 9_999_999)


def test_an_amount_has_two_decimals():
    assert [amount(cents) for cents in (0, 5, 100, -199)] == ["0.00", "0.05", "1.00", "-1.99"]
