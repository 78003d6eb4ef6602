"""What happens to goods, coupons, orders and points.

The evolution rules of `wire/events.py` hold here too.
"""

import msgspec

from wire.body import Body


class Line(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of an order: `quantity` pieces of a product for `amount_cents` together."""

    product: str
    quantity: int
    amount_cents: int
    brand: str = ""


class CouponClaimed(Body, frozen=True, tag=14):
    """A shopper took a coupon."""

    coupon: str
    offer: str = ""


class CouponRedeemed(Body, frozen=True, tag=15):
    """A coupon was used; it cannot be used again."""

    coupon: str
    offer: str = ""
    lease: str = ""
    order: str = ""
    amount_cents: int = 0
    currency: str = ""


class BasketChanged(Body, frozen=True, tag=16):
    """`quantity` pieces of a product were put into the basket (negative: taken out)."""

    product: str
    quantity: int


class Discount(msgspec.Struct, frozen=True, array_like=True):
    """What one coupon took off an order, `amount_cents` of its currency in all."""

    coupon: str
    offer: str
    amount_cents: int


class Purchased(Body, frozen=True, tag=17):
    """An order was paid.

    `amount_cents` is what was paid: the sum of the lines, from which `discounts` are taken off
    already. A discount's coupon was redeemed with this order, or before it at a kiosk.
    """

    order: str
    lines: tuple[Line, ...]
    amount_cents: int
    currency: str
    discounts: tuple[Discount, ...] = ()


class Returned(Body, frozen=True, tag=18):
    """Goods of an order came back and were refunded."""

    order: str
    lines: tuple[Line, ...]
    amount_cents: int
    currency: str


class StockCounted(Body, frozen=True, tag=19):
    """Staff counted `quantity` pieces of a product."""

    product: str
    quantity: int


class StockMoved(Body, frozen=True, tag=20):
    """Stock of a product changed by `quantity` (negative: it left), for a reason."""

    product: str
    quantity: int
    reason: str


class PointsSpent(Body, frozen=True, tag=50):
    """Points of a shopper were spent for an order; an order spends points once."""

    order: str
    points: int
