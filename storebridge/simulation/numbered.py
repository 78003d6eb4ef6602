"""What travels in the simulation: real events that carry their number, and real products."""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from wire.codec import decode_event, encode_event
from wire.events import AnyBody, CouponRedeemed, Event, Origin, Viewed
from wire.messages import Batch
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


@lru_cache(maxsize=4096)
def number_and_origin(row: bytes) -> tuple[int, Origin | None]:
    """Return the number of the event in a row, and where it was recorded first, if that differs.

    The cloud asks the same of a row several times, and again of each copy of its Batch.
    """
    event = decode_event(row)
    return event.mono_ms, event.origin


def number_of(row: bytes) -> int:
    """Return the number of the event in a row."""
    return number_and_origin(row)[0]


def origins_in(batch: Batch) -> Mapping[int, Origin]:
    """Return where the rows of a Batch that were recorded again were recorded first, by seq."""
    return {
        seq: origin
        for seq, row in enumerate(batch.rows, batch.first)
        if (origin := number_and_origin(row)[1]) is not None
    }


def with_origin(row: bytes, origin: Origin) -> bytes:
    """Return the row as it is recorded again; an origin that it has already is kept."""
    event = decode_event(row)
    return row if event.origin else encode_event(msgspec.structs.replace(event, origin=origin))


def priced(key: str, price_cents: int) -> bytes:
    """Return a value for a downlink key: a product at a price."""
    return encode_view(ProductView(key, {}, "acme", "shoes", price_cents, "CNY"))
