"""What the screen confirms: what was painted, tapped, searched for, and watched."""

from flask import abort, request

from edge_agent import local_view
from edge_agent.visits import actions
from edge_agent.visits.actions import Kiosk
from edge_agent.visits.visits import Visit
from kiosk_ui.shopper import search
from kiosk_ui.shopper.moment import Moment
from kiosk_ui.shopper.pages import PAGES, search_entries
from kiosk_ui.store import Store

NAME_CHARACTERS_MAX = 60
# No video of a kiosk is longer.
WATCHED_MS_MAX = 3_600_000
# The pages that templates draw; an address such as `home` may lead to several of them.
PAGES_PAINTED = frozenset(PAGES) | {
    "attract",
    "browsing",
    "welcome",
    "redeem",
    "redeemed",
    "answered",
    "error",
}


def record_seen(store: Store, kiosk: str, moment: Moment) -> None:
    """Record one confirmation of the screen, in the name of the visit that it was drawn for.

    A confirmation that comes after the visit has ended is recorded without the visit, and one of
    an offer not at all, since nobody is left to whom it was shown.
    """
    page = request.form.get("page", "")
    if page not in PAGES_PAINTED:
        abort(400)
    where = store.kiosk(kiosk)
    same = moment.visit is not None and request.form.get("visit") == moment.visit_id
    visit = moment.visit if same else None
    match request.form.get("kind"):
        case "page":
            reason = moment.view.because.reason if visit and moment.view else ""
            actions.page_shown(where, visit, page, reason)
            product = request.form.get("product", "")
            if local_view.product(store.database.reader(), product):
                actions.viewed(where, visit, product=product)
        case "offer":
            _record_offer(where, visit, page, moment)
        case "search":
            query = request.form.get("query", "")
            found = len(search.find(search_entries(store.database.reader()), query))
            actions.searched(where, visit, search.recordable(query, found), found)
        case "watched":
            _record_watched(store, where, visit)
        case "watching":
            if visit is not None:
                actions.watching(where, visit)
        case "tap":
            target = request.form.get("target", "")[:NAME_CHARACTERS_MAX]
            actions.tapped(where, visit, page, target)
        case _:
            abort(400)


def _record_offer(where: Kiosk, visit: Visit | None, page: str, moment: Moment) -> None:
    coupon = moment.coupon(request.form.get("coupon", ""))
    if visit is not None and coupon is not None:
        offer, code, product = coupon.offer, coupon.coupon, coupon.product
        actions.offer_shown(where, visit, offer, coupon=code, page=page, product=product)


def _record_watched(store: Store, where: Kiosk, visit: Visit | None) -> None:
    """Record how much was seen of the video that stands on a product's page."""
    product = request.form.get("product", "")
    view = local_view.product(store.database.reader(), product)
    film = None if view is None else view.video
    watched_ms, length_ms = (_whole(request.form.get(each)) for each in ("watched_ms", "length_ms"))
    if film is None or film.content != request.form.get("content") or not watched_ms:
        abort(400)
    length_ms = min(length_ms, WATCHED_MS_MAX)
    watched_ms = min(watched_ms, length_ms or WATCHED_MS_MAX)
    actions.watched(where, visit, film.content, watched_ms, length_ms, product)


def _whole(text: str | None) -> int:
    """Return the whole number that a field says, 0 where it says none."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= 9 else 0
