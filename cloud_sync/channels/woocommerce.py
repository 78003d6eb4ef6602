"""WooCommerce's webhooks: orders when they are paid, and what of them was refunded.

Each change of an order delivers it whole (`order.created`, `order.updated`), with its refunds so
far: each is told once, under its own id. A refund says an amount alone; one that makes the order
`refunded` brings all its goods back. An order's name is its id.

Source: developer.woocommerce.com, REST API v3, "Orders" and "Webhooks".
"""

import msgspec

from cloud_sync.channels.delivery import Delivery, at, cents, named, read_json
from cloud_sync.intake.posted import Told
from wire.events import Discount, Line, Purchased, Returned

TOPIC = "x-wc-webhook-topic"
SIGNATURE = "x-wc-webhook-signature"
_PAID = frozenset({"processing", "completed", "refunded"})


class _Line(msgspec.Struct, frozen=True):
    quantity: int
    total: str
    sku: str | None = None
    product_id: int = 0
    variation_id: int = 0


class _Coupon(msgspec.Struct, frozen=True):
    code: str
    discount: str = "0"


class _Refund(msgspec.Struct, frozen=True):
    id: int
    total: str


class _Billing(msgspec.Struct, frozen=True):
    email: str | None = None
    phone: str | None = None


class _Order(msgspec.Struct, frozen=True):
    id: int
    status: str
    currency: str
    line_items: tuple[_Line, ...]
    date_modified_gmt: str
    date_created_gmt: str
    date_paid_gmt: str | None = None
    customer_id: int = 0
    billing: _Billing = _Billing()
    coupon_lines: tuple[_Coupon, ...] = ()
    refunds: tuple[_Refund, ...] = ()


def read(delivery: Delivery) -> list[Told]:
    """Return the order, once it is paid, and its refunds; other topics say nothing.

    Raises PostRefusedError for one that is not as WooCommerce writes it.
    """
    if delivery.headers.get(TOPIC, "") not in {"order.created", "order.updated"}:
        return []
    order = read_json(delivery, _Order)
    if order.status not in _PAID:
        return []
    bought = _purchased(order)
    last = len(order.refunds) - 1
    return [
        bought,
        *(
            _returned(order, each, index, all_back=order.status == "refunded" and index == last)
            for index, each in enumerate(order.refunds)
        ),
    ]


def _purchased(order: _Order) -> Told:
    lines = _lines(order)
    paid_at = order.date_paid_gmt or order.date_created_gmt
    return Told(
        event_id=f"order-{order.id}-paid",
        at=at(f"{paid_at}+00:00", "date_paid_gmt"),
        identifiers=named(
            ("app", f"woocommerce:{order.customer_id}" if order.customer_id else None),
            ("claimed_email", order.billing.email),
            ("claimed_phone", order.billing.phone),
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
                    amount_cents=cents(each.discount, order.currency, f"coupon_lines[{index}]"),
                )
                for index, each in enumerate(order.coupon_lines)
            ),
        ),
    )


def _returned(order: _Order, refund: _Refund, index: int, *, all_back: bool) -> Told:
    return Told(
        event_id=f"refund-{refund.id}",
        at=at(f"{order.date_modified_gmt}+00:00", "date_modified_gmt"),
        body=Returned(
            order=str(order.id),
            lines=_lines(order) if all_back else (),
            amount_cents=-cents(refund.total, order.currency, f"refunds[{index}].total"),
            currency=order.currency,
        ),
    )


def _lines(order: _Order) -> tuple[Line, ...]:
    return tuple(
        Line(
            each.sku or str(each.variation_id or each.product_id),
            each.quantity,
            cents(each.total, order.currency, f"line_items[{index}].total"),
        )
        for index, each in enumerate(order.line_items)
    )
