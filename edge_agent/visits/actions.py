"""What is shown and done at a kiosk, one function for each act, each recorded as its event.

An act of a visit puts its time-out off; one in the name of a visit that is over is recorded
without it, so that nobody acts in the name of the shopper before them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent import local_view
from edge_agent.clock import StoreTime
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.recorder import Recorder, Writing
from edge_agent.places import Place, event_at
from edge_agent.visits import visits, wallet
from edge_agent.visits.basket import discounted
from edge_agent.visits.visits import Visit
from wire.events import (
    AnyBody,
    Line,
    OfferShown,
    PageShown,
    Searched,
    Tapped,
    Viewed,
    Watched,
)
from wire.views import CouponView

QUERY_CHARACTERS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Kiosk:
    """Where acts happen and into what they are recorded: one for each screen of the store."""

    recorder: Recorder
    clock: StoreTime
    place: Place


def page_shown(kiosk: Kiosk, visit: Visit | None, page: str, because: str = "") -> int:
    """Record that a page was painted; `because` is the reason's key."""
    return _record(kiosk, visit, PageShown(page=page, because=because))


def tapped(kiosk: Kiosk, visit: Visit | None, page: str, target: str) -> int:
    """Record that a control was tapped."""
    return _record(kiosk, visit, Tapped(page=page, target=target))


def viewed(kiosk: Kiosk, visit: Visit | None, product: str = "", content: str = "") -> int:
    """Record that a product or a piece of content was opened, with the price that was shown."""

    def change(writing: Writing) -> int:
        connection = writing.connection
        price_cents, currency = _price_shown(connection, product, ())
        body = Viewed(product=product, content=content, price_cents=price_cents, currency=currency)
        brand = local_view.brand(connection, product) if product else ""
        return _append(writing, kiosk, visit, body, brand)

    return kiosk.recorder.write(change)


def searched(kiosk: Kiosk, visit: Visit | None, query: str, results: int) -> int:
    """Record a search; the query is cut at QUERY_CHARACTERS_MAX."""
    return _record(kiosk, visit, Searched(query=query[:QUERY_CHARACTERS_MAX], results=results))


def watched(
    kiosk: Kiosk,
    visit: Visit | None,
    content: str,
    watched_ms: int,
    length_ms: int = 0,
    product: str = "",
) -> int:
    """Record how much of a video or 360 view about a product was watched."""
    body = Watched(content=content, watched_ms=watched_ms, length_ms=length_ms)
    return _record(kiosk, visit, body, product)


def watching(kiosk: Kiosk, visit: Visit) -> None:
    """Note that a video goes on playing, so that the visit does not end in its midst."""
    kiosk.recorder.write(lambda w: visits.touch(w, kiosk.clock.now(), visit))


def offer_shown(
    kiosk: Kiosk, visit: Visit, offer: str, *, coupon: str = "", page: str = "", product: str = ""
) -> int:
    """Record that an offer was painted on the screen, with the price that was shown.

    That is the product's price in this store after the coupon, as the till would take it off one
    piece; none for an offer that names no product.
    """

    def change(writing: Writing) -> int:
        connection = writing.connection
        those = [each for each in wallet.coupons(connection, visit) if each.coupon == coupon]
        price_cents, currency = _price_shown(connection, product, those)
        body = OfferShown(
            offer=offer, coupon=coupon, page=page, price_cents=price_cents, currency=currency
        )
        brand = local_view.brand(connection, product) or next((c.brand for c in those), "")
        return _append(writing, kiosk, visit, body, brand)

    return kiosk.recorder.write(change)


def begin_unnamed(kiosk: Kiosk) -> Visit:
    """Begin a visit of a shopper who wants to stay unnamed, or go on with the one at the kiosk."""
    return kiosk.recorder.write(lambda w: visits.begin(w, kiosk.clock.now(), kiosk.place, by="tap"))


def end_visit(kiosk: Kiosk, by: str = "tap") -> bool:
    """End the visit at the kiosk; False when none was going on."""
    return visits.end(kiosk.recorder, kiosk.clock, kiosk.place.device, by)


def _record(kiosk: Kiosk, visit: Visit | None, body: AnyBody, product: str = "") -> int:
    def change(writing: Writing) -> int:
        brand = local_view.brand(writing.connection, product) if product else ""
        return _append(writing, kiosk, visit, body, brand)

    return kiosk.recorder.write(change)


def _append(writing: Writing, kiosk: Kiosk, visit: Visit | None, body: AnyBody, brand: str) -> int:
    instant = kiosk.clock.now()
    going_on = visits.current(writing.connection, kiosk.place.device)
    if visit is None or going_on is None or going_on.visit != visit.visit:
        return writing.append(event_at(kiosk.place, instant, body, brand=brand))
    if not isinstance(body, PageShown | OfferShown):
        visits.touch(writing, instant, going_on)
    return writing.append(going_on.event(instant, body, brand=brand))


def _price_shown(
    connection: sqlite3.Connection, product: str, coupons: Sequence[CouponView]
) -> tuple[int, str]:
    """Return the price of one piece after the coupons, and its currency."""
    view = local_view.product(connection, product)
    if view is None:
        return 0, ""
    piece = [Line(product, 1, view.price_cents, view.brand)]
    for each in coupons:
        piece, _ = discounted(piece, each, view.currency)
    return piece[0].amount_cents, view.currency
