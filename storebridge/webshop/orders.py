"""What an order comes to: its lines, coupons taken off, and the event it becomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from storebridge.webshop.cloud_api import Coupon
from wire.views import ProductView


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """Some pieces of a product, with the coupon that takes something off them."""

    product: ProductView
    pieces: int
    coupon: Coupon | None = None

    @property
    def full_cents(self) -> int:
        """Return the price without the coupon."""
        return self.product.price_cents * self.pieces

    @property
    def amount_cents(self) -> int:
        """Return the price to be paid; fractions of a cent are rounded in the shopper's favour."""
        percent = self.coupon.percent if self.coupon else 0
        return self.full_cents * (100 - percent) // 100


def lines_of(
    basket: Mapping[str, int], sold: Mapping[str, ProductView], coupon: Coupon | None
) -> list[OrderLine]:
    """Return the lines of a basket; the coupon is taken off those of its product."""
    named = coupon.product if coupon else ""
    return [
        OrderLine(product=sold[product], pieces=pieces, coupon=coupon if product == named else None)
        for product, pieces in basket.items()
        if product in sold
    ]


def best_coupon(
    basket: Mapping[str, int], sold: Mapping[str, ProductView], coupons: Sequence[Coupon]
) -> Coupon | None:
    """Return the one coupon that takes most off a basket; an order is given one at most."""

    def saving(coupon: Coupon) -> int:
        lines = lines_of(basket, sold, coupon)
        return sum(line.full_cents - line.amount_cents for line in lines)

    usable = [each for each in coupons if can_be_used(each) and saving(each) > 0]
    return max(usable, key=saving, default=None)


def can_be_used(coupon: Coupon) -> bool:
    """Tell whether the shop may try to redeem a coupon."""
    return coupon.state != "redeemed" and not coupon.held_by


def purchase(order: str, lines: Sequence[OrderLine]) -> dict[str, object]:
    """Return the body of the event that an order was paid."""
    return {
        "order": order,
        "lines": [
            {
                "product": line.product.product,
                "quantity": line.pieces,
                "amount_cents": line.amount_cents,
                "brand": line.product.brand,
            }
            for line in lines
        ],
        "amount_cents": total_cents(lines),
        "currency": lines[0].product.currency,
    }


def total_cents(lines: Sequence[OrderLine]) -> int:
    """Return what an order comes to."""
    return sum(line.amount_cents for line in lines)
