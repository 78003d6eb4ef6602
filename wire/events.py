"""Everything that can happen in a store or channel, as one tagged union.

How it may change (a store may be years older or newer than the cloud):

- a field is only ever added at the end of its struct, with a default;
- no field is removed, reordered or given another type, meaning or default: rows leave out what
  stands at their end and holds its default;
- a new kind takes a new tag number, which is never used again; both ends keep kinds that they
  do not know as bytes, to be decoded by a later version;
- a new kind or field is not in the vocabulary of lone rows, which is frozen: it travels as deflate
  packs it, 15 to 40 B larger, until a new frame brings a new vocabulary;
- `tests/golden` holds messages of every released version, which must decode for ever.

Events hold no references in circles, so the garbage collector need not visit them (`gc=False`):
with thousands of them in memory that took more time than decoding.

The bodies about goods and money stand in `trade_events`, those about what may be known of a shopper
in `shopper_events`; all are imported from here.

An event names its zone, brand and store operator itself; tenant and store stand in the header of
the message that carries it, since one outbox belongs to one store of one tenant.
"""

from enum import IntEnum

import msgspec

from wire.body import Body
from wire.identifiers import Identifier
from wire.shopper_events import Blank, Consent, Erased, Identified
from wire.trade_events import (
    BasketChanged,
    CouponClaimed,
    CouponRedeemed,
    Discount,
    Line,
    PointsSpent,
    Purchased,
    Returned,
    StockCounted,
    StockMoved,
)

__all__ = [
    "EVENT_KINDS",
    "KIND_OF_BODY",
    "Acted",
    "AnyBody",
    "Arrival",
    "BasketChanged",
    "Blank",
    "Body",
    "Clock",
    "Consent",
    "CouponClaimed",
    "CouponRedeemed",
    "DeviceHealth",
    "Discount",
    "Door",
    "Dwell",
    "Erased",
    "Event",
    "Followed",
    "HelpAnswered",
    "HelpAsked",
    "Identified",
    "Line",
    "OfferShown",
    "Origin",
    "PageShown",
    "PointsSpent",
    "Purchased",
    "Returned",
    "Saved",
    "Scan",
    "Searched",
    "StockCounted",
    "StockMoved",
    "Tapped",
    "Tried",
    "Viewed",
    "VisitEnded",
    "Watched",
]


class Clock(IntEnum):
    """How far the wall time of an event may be trusted."""

    UNKNOWN = 0
    FREE = 1
    SYNCED = 2


class Scan(Body, frozen=True, tag=1):
    """A code was held to a reader.

    `code_kind` is member, product, coupon, store, device, page, payment or unknown. A code of
    unknown kind keeps its raw bytes in `sealed`, encrypted under the store key `sealed_key`; a
    member code stands in the event's identifiers only, a payment code nowhere. `fault` says why a
    code did not count, such as uncertain or token_expired; then it names no member and no product.
    """

    code_kind: str
    symbology: str
    product: str = ""
    coupon: str = ""
    sealed: bytes = b""
    sealed_key: str = ""
    fault: str = ""


class Arrival(Body, frozen=True, tag=2):
    """A shopper was recognised and a visit began."""

    by: str = "scan"


class Dwell(Body, frozen=True, tag=3):
    """Somebody stood in the zone: from `entered_at` (µs UTC) for `dwell_ms`.

    `confidence_pct` above 0 only where a consenting member scanned in that zone while exactly one
    person stood there; then the event carries the visit and its identifiers. `engaged` is set where
    the stay was long enough to count as engagement.
    """

    entered_at: int
    dwell_ms: int
    people_max: int = 1
    confidence_pct: int = 0
    plan: int = 0
    engaged: bool = False


class Door(Body, frozen=True, tag=4):
    """People passed the counting line `line`, inwards or outwards.

    `groups_in` is how many groups those who came in were, each counted with its first.
    """

    line: str
    people_in: int = 0
    people_out: int = 0
    groups_in: int = 0


class PageShown(Body, frozen=True, tag=5):
    """A page was painted on the screen."""

    page: str
    because: str = ""


class Tapped(Body, frozen=True, tag=6):
    """A control on a page was tapped."""

    page: str
    target: str


class Viewed(Body, frozen=True, tag=7):
    """A product or a piece of content was opened; `topic` where only that is known of it.

    The price is the one that was shown with it.
    """

    product: str = ""
    content: str = ""
    topic: str = ""
    price_cents: int = 0
    currency: str = ""


class Searched(Body, frozen=True, tag=8):
    """A shopper searched for something."""

    query: str
    results: int = 0


class Watched(Body, frozen=True, tag=9):
    """A video or 360 view was watched for `watched_ms` of `length_ms`."""

    content: str
    watched_ms: int
    length_ms: int = 0


class Saved(Body, frozen=True, tag=10):
    """A product was put on the shopper's list, or taken off it."""

    product: str
    saved: bool = True


class Followed(Body, frozen=True, tag=11):
    """A brand or series was followed, or no longer."""

    subject: str
    followed: bool = True


class Tried(Body, frozen=True, tag=12):
    """A product was tried on or tried out."""

    product: str


class OfferShown(Body, frozen=True, tag=13):
    """An offer was painted on the screen: the exposure that an experiment counts."""

    offer: str
    coupon: str = ""
    page: str = ""
    experiment: str = ""
    treatment: str = ""
    price_cents: int = 0
    currency: str = ""


class HelpAsked(Body, frozen=True, tag=21):
    """A shopper called for help; `call` names the call."""

    call: str
    topic: str = ""


class HelpAnswered(Body, frozen=True, tag=22):
    """Staff answered a call."""

    call: str


class DeviceHealth(Body, frozen=True, tag=23):
    """A device changed its state to ok, degraded or failed, with the reason."""

    state: str
    reason: str = ""
    figures: dict[str, int] = msgspec.field(default_factory=dict)


class Acted(Body, frozen=True, tag=24):
    """A driver acted (lamp, buzzer, lock, printer) and this is how it ended."""

    act: str
    succeeded: bool
    reason: str = ""


class VisitEnded(Body, frozen=True, tag=25):
    """A visit ended.

    `by` is tap, walk_away, time_out, other_member, paid or ordinary: the wish for the ordinary
    page, after which nothing at the kiosk is joined to this shopper.
    """

    by: str


AnyBody = (
    Scan
    | Arrival
    | Dwell
    | Door
    | PageShown
    | Tapped
    | Viewed
    | Searched
    | Watched
    | Saved
    | Followed
    | Tried
    | OfferShown
    | CouponClaimed
    | CouponRedeemed
    | BasketChanged
    | Purchased
    | Returned
    | StockCounted
    | StockMoved
    | HelpAsked
    | HelpAnswered
    | DeviceHealth
    | Acted
    | VisitEnded
    | Consent
    | Erased
    | Blank
    | PointsSpent
    | Identified
)

EVENT_KINDS: dict[str, type[Body]] = {
    "scan": Scan,
    "arrival": Arrival,
    "dwell": Dwell,
    "door": Door,
    "page_shown": PageShown,
    "tapped": Tapped,
    "viewed": Viewed,
    "searched": Searched,
    "watched": Watched,
    "saved": Saved,
    "followed": Followed,
    "tried": Tried,
    "offer_shown": OfferShown,
    "coupon_claimed": CouponClaimed,
    "coupon_redeemed": CouponRedeemed,
    "basket_changed": BasketChanged,
    "purchased": Purchased,
    "returned": Returned,
    "stock_counted": StockCounted,
    "stock_moved": StockMoved,
    "help_asked": HelpAsked,
    "help_answered": HelpAnswered,
    "device_health": DeviceHealth,
    "acted": Acted,
    "visit_ended": VisitEnded,
    "consent": Consent,
    "erased": Erased,
    "blank": Blank,
    "points_spent": PointsSpent,
    "identified": Identified,
}
KIND_OF_BODY: dict[type[Body], str] = {body: name for name, body in EVENT_KINDS.items()}


class Origin(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where an event was first recorded, when a restored store records it again."""

    stream: bytes
    seq: int
    checksum: int


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing that happened, as recorded.

    `occurred_at` is wall time in µs UTC, `mono_ms` the device's monotonic time in ms within boot
    number `boot` of its stream. `visit` is the store's own random id of the stay (8 bytes, empty
    when there is none), `brand` the brand concerned. `operator` is who ran the zone when it
    happened, or the store where nobody else runs the zone.
    """

    occurred_at: int
    mono_ms: int
    boot: int
    clock: int
    device: str
    zone: str
    identifiers: tuple[Identifier, ...]
    body: AnyBody
    visit: bytes = b""
    brand: str = ""
    operator: str = ""
    origin: Origin | None = None

    @property
    def kind(self) -> str:
        """Return the name of the event's kind, a key of EVENT_KINDS."""
        return KIND_OF_BODY[type(self.body)]
