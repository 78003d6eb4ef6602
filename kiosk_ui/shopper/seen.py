"""What the screen confirms: a page or offer was painted, a control tapped, a search rested."""

from flask import abort, request

from edge_agent import local_view
from edge_agent.visits import actions
from kiosk_ui.shopper import search
from kiosk_ui.shopper.moment import Moment
from kiosk_ui.shopper.pages import PAGES, search_entries
from kiosk_ui.store import Store

NAME_CHARACTERS_MAX = 60
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
            coupon = moment.coupon(request.form.get("coupon", ""))
            if visit is not None and coupon is not None:
                actions.offer_shown(
                    where,
                    visit,
                    coupon.offer,
                    coupon=coupon.coupon,
                    page=page,
                    product=coupon.product,
                )
        case "search":
            query = request.form.get("query", "")
            found = len(search.find(search_entries(store.database.reader()), query))
            actions.searched(where, visit, search.recordable(query, found), found)
        case "tap":
            target = request.form.get("target", "")[:NAME_CHARACTERS_MAX]
            actions.tapped(where, visit, page, target)
        case _:
            abort(400)
