"""Shopify's webhooks: orders that were paid, and refunds.

The topic stands in `X-Shopify-Topic`. An order's name is its id, since a refund names only that.
Phone and e-mail of an order are what its buyer typed; the account, and an address that Shopify has
verified, are the buyer's own. Amounts are those of the goods: what was paid for transport and taxes
on top says nothing about them.

Source: shopify.dev, webhook topics orders/create, orders/paid, refunds/create (API 2026-04).
"""

import msgspec

from cloud_sync.channels.delivery import Delivery, at, cents, named, read_json, wrong
from cloud_sync.intake.posted import Told
from wire.events import Discount, Line, Purchased, Returned

TOPIC = "x-shopify-topic"
SIGNATURE = "x-shopify-hmac-sha256"
_PAID = frozenset({"paid", "partially_refunded", "refunded"})


class _Amount(msgspec.Struct, frozen=True):
    amount: str = "0"


class _Line(msgspec.Struct, frozen=True):
    quantity: int
    price: str
    sku: str | None = None
    variant_id: int | None = None
    product_id: int | None = None
    vendor: str | None = None
    total_discount: str = "0"
    discount_allocations: tuple[_Amount, ...] = ()

    @property
    def product(self) -> str:
        """Return the number by which the catalogue knows the goods: the SKU where there is one."""
        return self.sku or str(self.variant_id or self.product_id or "")


class _Customer(msgspec.Struct, frozen=True):
    id: int | None = None
    email: str | None = None
    phone: str | None = None
    verified_email: bool = False


class _Code(msgspec.Struct, frozen=True):
    code: str
    amount: str = "0"


class _Order(msgspec.Struct, frozen=True):
    id: int
    currency: str
    line_items: tuple[_Line, ...]
    created_at: str
    processed_at: str | None = None
    financial_status: str | None = None
    email: str | None = None
    phone: str | None = None
    customer: _Customer | None = None
    discount_codes: tuple[_Code, ...] = ()
    test: bool = False


class _RefundLine(msgspec.Struct, frozen=True):
    quantity: int
    line_item: _Line
    subtotal: float | str = 0


class _Transaction(msgspec.Struct, frozen=True):
    amount: str
    kind: str = ""
    status: str = ""
    currency: str = ""


class _Refund(msgspec.Struct, frozen=True):
    id: int
    order_id: int
    created_at: str
    processed_at: str | None = None
    refund_line_items: tuple[_RefundLine, ...] = ()
    transactions: tuple[_Transaction, ...] = ()


def read(delivery: Delivery) -> list[Told]:
    """Return the events that a delivery tells of: none for a topic, or a state, that says nothing.

    Raises PostRefusedError for one that is not as Shopify writes it.
    """
    match delivery.headers.get(TOPIC, ""):
        case "orders/create" | "orders/paid" | "orders/updated":
            order = read_json(delivery, _Order)
            return [_purchased(order)] if _is_paid(order) else []
        case "refunds/create":
            return [_returned(read_json(delivery, _Refund))]
        case _:
            return []


def _is_paid(order: _Order) -> bool:
    return order.financial_status in _PAID and not order.test


def _purchased(order: _Order) -> Told:
    lines = tuple(
        _line(each, order.currency, f"line_items[{index}]")
        for index, each in enumerate(order.line_items)
    )
    customer = order.customer or _Customer()
    return Told(
        event_id=f"order-{order.id}-paid",
        at=at(order.processed_at or order.created_at, "processed_at"),
        identifiers=named(
            ("app", f"shopify:{customer.id}" if customer.id else None),
            ("email" if customer.verified_email else "claimed_email", customer.email),
            ("claimed_email", order.email if order.email != customer.email else None),
            ("claimed_phone", order.phone or customer.phone),
        ),
        body=Purchased(
            order=str(order.id),
            lines=lines,
            amount_cents=sum(each.amount_cents for each in lines),
            currency=order.currency,
            discounts=tuple(
                Discount(
                    coupon=each.code,
                    offer="",
                    amount_cents=cents(each.amount, order.currency, f"discount_codes[{index}]"),
                )
                for index, each in enumerate(order.discount_codes)
            ),
        ),
    )


def _line(line: _Line, currency: str, where: str) -> Line:
    """Return a line at what was paid for it, its own discounts and its part of the order's off."""
    full = cents(line.price, currency, f"{where}.price") * line.quantity
    parts = line.discount_allocations or (_Amount(line.total_discount),)
    off = sum(cents(each.amount, currency, f"{where}.discount_allocations") for each in parts)
    return Line(line.product, line.quantity, full - off, line.vendor or "")


def _returned(refund: _Refund) -> Told:
    """Return what came back; a refund without goods takes off the order what was paid back."""
    paid_back = [
        (index, each)
        for index, each in enumerate(refund.transactions)
        if each.kind == "refund" and each.status == "success"
    ]
    currency = next((each.currency for _, each in paid_back if each.currency), "")
    if not currency:
        raise wrong("transactions", "expected the refund's transaction with its currency")
    lines = tuple(
        Line(
            each.line_item.product,
            each.quantity,
            cents(str(each.subtotal), currency, f"refund_line_items[{index}].subtotal"),
            each.line_item.vendor or "",
        )
        for index, each in enumerate(refund.refund_line_items)
    )
    amount_cents = sum(each.amount_cents for each in lines) or sum(
        cents(each.amount, currency, f"transactions[{index}].amount") for index, each in paid_back
    )
    return Told(
        event_id=f"refund-{refund.id}",
        at=at(refund.processed_at or refund.created_at, "processed_at"),
        body=Returned(
            order=str(refund.order_id), lines=lines, amount_cents=amount_cents, currency=currency
        ),
    )
