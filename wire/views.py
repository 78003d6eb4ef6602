"""What a store is told about the world, one struct for each table of the downlink.

The evolution rules of `wire/events.py` hold here too: fields are only added, at the end, with a
default. Prices are integer cents with a currency; times are µs UTC; texts are keyed by language
("zh", "en").
"""

import msgspec

from wire.errors import MALFORMED, DecodeError


class Because(msgspec.Struct, frozen=True, array_like=True):
    """Why something was decided: a reason that the screens put into words (`because.<reason>`)."""

    reason: str
    product: str = ""
    category: str = ""
    count: int = 0
    at: int = 0
    channel: str = ""


# The reason of a view that is nobody's: many people use the identifier.
SHARED_THING = "shared_thing"


class VideoView(msgspec.Struct, frozen=True, array_like=True):
    """A video about a product: its `content` id in events, and its files in the store's folder.

    `captions` are files by language; a store that lacks the film itself shows no video.
    """

    content: str
    file: str
    poster: str = ""
    captions: dict[str, str] = {}


class ProductView(msgspec.Struct, frozen=True, array_like=True, tag="product"):
    """A product as this store sells it."""

    product: str
    name: dict[str, str]
    brand: str
    category: str
    price_cents: int
    currency: str
    image: str = ""
    about: dict[str, str] = {}
    low_stock: int = 3
    series: str = ""
    video: VideoView | None = None


class CouponView(msgspec.Struct, frozen=True, array_like=True):
    """A coupon of one shopper: what it takes off what, why, and whether this store may redeem it.

    `percent` or `amount_cents` off the product (or off everything of `brand`). The store may redeem
    it without the cloud while it holds `lease` and `lease_until` has not passed. `state` is
    offered, claimed or redeemed.
    """

    coupon: str
    offer: str
    title: dict[str, str]
    because: Because
    product: str = ""
    brand: str = ""
    percent: int = 0
    amount_cents: int = 0
    currency: str = ""
    expires_at: int = 0
    state: str = "offered"
    lease: str = ""
    lease_until: int = 0


class Recommendation(msgspec.Struct, frozen=True, array_like=True):
    """A product proposed to one shopper, and why."""

    product: str
    because: Because


class ShopperView(msgspec.Struct, frozen=True, array_like=True, tag="shopper"):
    """What the store may show to the shopper who shows this identifier.

    Keyed by the identifier's key. `stage` is awareness, interest, purchase or loyalty. `saved` are
    products, `followed` brands and series. `level` is by language, empty where there is none;
    `points` are those left as of `decided_at`, None where the tenant gives none.
    """

    shopper: str
    stage: str
    because: Because
    coupons: tuple[CouponView, ...] = ()
    recommended: tuple[Recommendation, ...] = ()
    saved: tuple[str, ...] = ()
    decided_at: int = 0
    consented: bool = False
    followed: tuple[str, ...] = ()
    level: dict[str, str] = {}
    points: int | None = None


class PlanView(msgspec.Struct, frozen=True, array_like=True, tag="plan"):
    """Which products stand in a zone from `valid_from` on; keyed by zone and that time."""

    zone: str
    plan: int
    valid_from: int
    products: tuple[str, ...]


class SettingView(msgspec.Struct, frozen=True, array_like=True, tag="setting"):
    """One setting that headquarters wants for this store."""

    name: str
    value: str


class ErasureView(msgspec.Struct, frozen=True, array_like=True, tag="erasure"):
    """A shopper whom the store shall erase; keyed by the erasure, so that none replaces another.

    `marks` tell the shopper's identifiers, under the tenant's `salt`, without naming them (see
    `wire/erasures.py`). What happens after `erased_at` is of somebody who came anew.
    """

    erasure: str
    marks: tuple[bytes, ...]
    salt: bytes
    erased_at: int


View = ProductView | ShopperView | PlanView | SettingView | ErasureView

# The tables of the downlink: a Change names one of these.
VIEW_TABLES: dict[str, type[View]] = {
    "product": ProductView,
    "shopper": ShopperView,
    "plan": PlanView,
    "setting": SettingView,
    "erasure": ErasureView,
}

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[View] = msgspec.msgpack.Decoder(View)


def encode_view(view: View) -> bytes:
    """Encode a view as the value of a Change."""
    return _encoder.encode(view)


def decode_view(value: bytes) -> View:
    """Decode the value of a Change.

    Raises DecodeError when the bytes are no view of a known table.
    """
    try:
        return _decoder.decode(value)
    except MALFORMED as error:
        raise DecodeError(f"the value of a Change is no view: {error}") from error
