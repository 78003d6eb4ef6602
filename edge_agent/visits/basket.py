"""What lies in the basket of a till, and what coupons take off it; all money in integer cents."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_agent import local_view
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.recorder import Writing
from edge_agent.visits.answers import Answer
from wire.events import BasketChanged, Discount, Event, Line
from wire.views import CouponView


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketLine:
    """Pieces of a product in the basket, with the price of one now.

    `pack_cents` is the price of a pack whose code says how much it is, 0 for other goods.
    """

    product: str
    name: dict[str, str]
    quantity: int
    price_cents: int
    currency: str
    brand: str
    pack_cents: int = 0

    @property
    def amount_cents(self) -> int:
        """Return what the pieces cost together, before any coupon."""
        return self.quantity * self.price_cents

    @property
    def line(self) -> Line:
        """Return this as the line of an order."""
        return Line(
            product=self.product,
            quantity=self.quantity,
            amount_cents=self.amount_cents,
            brand=self.brand,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscountLine:
    """What one coupon takes off the basket."""

    coupon: str
    offer: str
    title: dict[str, str]
    off_cents: int

    @property
    def discount(self) -> Discount:
        """Return this as the discount of an order."""
        return Discount(coupon=self.coupon, offer=self.offer, amount_cents=self.off_cents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """A till's basket as its screen shows it: `total_cents` is what is to be paid.

    `answer` is what the till said to the last code. Without goods the currency is empty.
    """

    till: str
    lines: tuple[BasketLine, ...]
    discounts: tuple[DiscountLine, ...]
    total_cents: int
    currency: str
    answer: Answer | None

    @property
    def goods_cents(self) -> int:
        """Return what the goods cost before the coupons."""
        return sum(each.amount_cents for each in self.lines)


def lines(connection: sqlite3.Connection, till: str) -> list[BasketLine]:
    """Return what lies in the basket of a till, in the order of the first scan."""
    rows = connection.execute(
        "SELECT product, pack_cents, quantity FROM baskets WHERE till = ? ORDER BY rowid", (till,)
    ).fetchall()
    found = [(*row, local_view.product(connection, row[0])) for row in rows]
    return [
        BasketLine(
            product=view.product,
            name=view.name,
            quantity=quantity,
            price_cents=pack_cents or view.price_cents,
            currency=view.currency,
            brand=view.brand,
            pack_cents=pack_cents,
        )
        for _, pack_cents, quantity, view in found
        if view is not None
    ]


def put_back(writing: Writing, till: str, event: Callable[[BasketChanged, str], Event]) -> None:
    """Take everything out of a basket that will not be paid, each product with its event.

    `event` makes the event of a change of goods of a brand.
    """
    rows = writing.execute(
        "SELECT product, quantity FROM baskets WHERE till = ? ORDER BY rowid", (till,)
    ).fetchall()
    for product, quantity in rows:
        brand = local_view.brand(writing.connection, product)
        writing.append(event(BasketChanged(product=product, quantity=-quantity), brand))
    clear(writing, till)


def clear(writing: Writing, till: str) -> None:
    """Leave an empty basket."""
    writing.execute("DELETE FROM baskets WHERE till = ?", (till,))
    writing.execute("DELETE FROM basket_coupons WHERE till = ?", (till,))


def abandoned(connection: sqlite3.Connection, idle_before: int) -> list[str]:
    """Return the tills whose basket is nobody's and was not touched since a time."""
    rows = connection.execute(
        "SELECT till FROM baskets GROUP BY till HAVING max(added_at) < ?"
        " AND till NOT IN (SELECT kiosk FROM visits WHERE ended_at IS NULL) ORDER BY till",
        (idle_before,),
    ).fetchall()
    return [till for (till,) in rows]


def discounted(
    lines: Sequence[Line], coupon: CouponView, currency: str = ""
) -> tuple[list[Line], int]:
    """Take a coupon off the lines it is for; returns the lines and how many cents it took off.

    A share is rounded down line by line, so that no shopper pays less than the coupon says; an
    amount goes off the first lines until it is used up, and not at all off another currency.
    """
    foreign = bool(coupon.currency and currency and coupon.currency != currency)
    left_cents = 0 if foreign else coupon.amount_cents
    result: list[Line] = []
    for line in lines:
        off_cents = 0
        if coupon.product in ("", line.product) and coupon.brand in ("", line.brand):
            share_cents = line.amount_cents * min(coupon.percent, 100) // 100
            off_cents = min(line.amount_cents, share_cents + left_cents)
            left_cents -= off_cents - share_cents
        result.append(Line(line.product, line.quantity, line.amount_cents - off_cents, line.brand))
    before, after = (sum(each.amount_cents for each in those) for those in (lines, result))
    return result, before - after


def priced(
    lines: Sequence[BasketLine], coupons: Sequence[CouponView]
) -> tuple[list[Line], list[DiscountLine]]:
    """Return the lines of an order after all coupons, and what each took off, in their order."""
    after = [each.line for each in lines]
    taken: list[DiscountLine] = []
    for coupon in coupons:
        after, off_cents = discounted(after, coupon, lines[0].currency if lines else "")
        taken.append(
            DiscountLine(
                coupon=coupon.coupon, offer=coupon.offer, title=coupon.title, off_cents=off_cents
            )
        )
    return after, taken
