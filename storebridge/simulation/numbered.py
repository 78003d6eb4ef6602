"""Events of the simulation: real ones, that carry their number as their monotonic time."""

import msgspec

from wire.codec import decode_event, encode_event
from wire.events import AnyBody, CouponRedeemed, Event, Origin, Viewed

VIEWED = Viewed(product="4006381333931")


def numbered(number: int, occurred_at: int, coupon: str = "") -> Event:
    """Return event number so and so: a product viewed, or a coupon redeemed."""
    body: AnyBody = CouponRedeemed(coupon=coupon) if coupon else VIEWED
    return Event(occurred_at, number, 1, 1, "kiosk", "entrance", (), body)


def number_of(row: bytes) -> int:
    """Return the number of the event in a row."""
    return decode_event(row).mono_ms


def origin_of(row: bytes) -> Origin | None:
    """Return where the event in a row was first recorded, when it was recorded again."""
    return decode_event(row).origin


def with_origin(row: bytes, origin: Origin) -> bytes:
    """Return the row as it is recorded again; an origin that it has already is kept."""
    event = decode_event(row)
    return row if event.origin else encode_event(msgspec.structs.replace(event, origin=origin))
