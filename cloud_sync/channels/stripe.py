"""Stripe's webhooks: payments with the payer's consent, and refunds of them.

The order that was paid stands in `client_reference_id` or in the metadata `order`, with its place
where a till sold it (`till-1-…@s0001`): then the till's word and the payment's count once. Who paid
is recorded only where the payer opted in (`consent.promotions`); what was paid is recorded anyway.
Amounts are in the currency's smallest unit already.

Source: docs.stripe.com, events checkout.session.completed and charge.refunded (API 2025-09).
"""

import msgspec

from cloud_sync.channels.delivery import SECOND_US, Delivery, event_id, named, read_json, wrong
from cloud_sync.intake.posted import Told
from wire.events import Purchased, Returned

SIGNATURE = "stripe-signature"


class _Consent(msgspec.Struct, frozen=True):
    promotions: str | None = None


class _Payer(msgspec.Struct, frozen=True):
    email: str | None = None
    phone: str | None = None


class _Session(msgspec.Struct, frozen=True):
    id: str
    currency: str
    amount_total: int
    payment_status: str
    client_reference_id: str | None = None
    customer: str | None = None
    customer_details: _Payer | None = None
    consent: _Consent | None = None
    metadata: dict[str, str] = {}


class _Charge(msgspec.Struct, frozen=True):
    id: str
    currency: str
    amount_refunded: int
    metadata: dict[str, str] = {}


class _Before(msgspec.Struct, frozen=True):
    amount_refunded: int = 0


class _Kind(msgspec.Struct, frozen=True):
    id: str
    type: str
    created: int


class _SessionData(msgspec.Struct, frozen=True):
    object: _Session


class _SessionEvent(msgspec.Struct, frozen=True):
    data: _SessionData


class _ChargeData(msgspec.Struct, frozen=True):
    object: _Charge
    previous_attributes: _Before = _Before()


class _ChargeEvent(msgspec.Struct, frozen=True):
    data: _ChargeData


def read(delivery: Delivery) -> list[Told]:
    """Return the payment or refund that an event tells of; other types say nothing.

    Raises PostRefusedError for one that is not as Stripe writes it, or that names no order.
    """
    kind = read_json(delivery, _Kind)
    match kind.type:
        case "checkout.session.completed" | "checkout.session.async_payment_succeeded":
            session = read_json(delivery, _SessionEvent).data.object
            return [_paid(session, kind)] if session.payment_status == "paid" else []
        case "charge.refunded":
            return [_refunded(read_json(delivery, _ChargeEvent).data, kind)]
        case _:
            return []


def _paid(session: _Session, kind: _Kind) -> Told:
    order = session.client_reference_id or session.metadata.get("order", "")
    if not order:
        raise wrong("data.object.client_reference_id", "expected the name of the order, as in docs")
    payer = session.customer_details or _Payer()
    opted_in = session.consent is not None and session.consent.promotions == "opt_in"
    who = named(
        ("app", f"stripe:{session.customer}" if session.customer else None),
        ("claimed_email", payer.email),
        ("claimed_phone", payer.phone),
    )
    return Told(
        event_id=event_id("paid", session.id),
        at=kind.created * SECOND_US,
        identifiers=who if opted_in else (),
        body=Purchased(
            order=order,
            lines=(),
            amount_cents=session.amount_total,
            currency=session.currency.upper(),
        ),
    )


def _refunded(data: _ChargeData, kind: _Kind) -> Told:
    charge = data.object
    order = charge.metadata.get("order", "")
    if not order:
        raise wrong("data.object.metadata.order", "expected the name of the order that was paid")
    return Told(
        event_id=event_id(kind.id),
        at=kind.created * SECOND_US,
        body=Returned(
            order=order,
            lines=(),
            amount_cents=charge.amount_refunded - data.previous_attributes.amount_refunded,
            currency=charge.currency.upper(),
        ),
    )
