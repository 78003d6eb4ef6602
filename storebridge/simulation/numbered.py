"""What travels in the simulation: real events that carry their number, and real products."""

import msgspec

from wire.codec import decode_event, encode_event
from wire.events import AnyBody, CouponRedeemed, Event, Origin, Viewed
from wire.views import ProductView, encode_view

VIEWED = Viewed(product="4006381333931")
# The table of all downlink keys.
TABLE = "product"


def numbered(number: int, occurred_at: int, coupon: str = "") -> Event:
    """Return event number so and so: a product viewed, or a coupon redeemed.

    The number stands where the monotonic time belongs.
    """
    body: AnyBody = CouponRedeemed(coupon=coupon) if coupon else VIEWED
    return Event(occurred_at, number, 1, 1, "kiosk", "entrance", (), body)


def number_of(row: bytes) -> int:
    """Return the number of the event in a row."""
    return decode_event(row).mono_ms


def with_origin(row: bytes, origin: Origin) -> bytes:
    """Return the row as it is recorded again; an origin that it has already is kept."""
    event = decode_event(row)
    return row if event.origin else encode_event(msgspec.structs.replace(event, origin=origin))


def priced(key: str, price_cents: int) -> bytes:
    """Return a value for a downlink key: a product at a price."""
    return encode_view(ProductView(key, {}, "acme", "shoes", price_cents, "CNY"))
