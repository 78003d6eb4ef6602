"""The shopper's pages, each a function from what is true now to what its template needs."""

from collections.abc import Callable
from dataclasses import dataclass, field

from werkzeug.exceptions import NotFound

from edge_agent import local_view, stock
from kiosk_ui.shopper.because import say_because, say_category
from kiosk_ui.shopper.moment import Moment
from kiosk_ui.store import Store
from kiosk_ui.texts import Words
from wire.views import Because, CouponView, ProductView

NEAR_SHOWN_MAX = 6
RECOMMENDED_SHOWN_MAX = 6
SAVED_SHOWN_MAX = 12
HELP_TOPICS = ("product", "reach", "coupon", "other")
PRIVACY_POINTS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Where a page is drawn: the store, its kiosk, the words of its language, the form's token."""

    store: Store
    kiosk: str
    words: Words
    token: str

    @property
    def zone(self) -> str:
        """Return the zone in which the kiosk stands."""
        return self.store.kiosks[self.kiosk].zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page to draw: its name is that of its template and of its PageShown event."""

    name: str
    because: str = ""
    subject: str = ""
    status: int = 200
    values: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A coupon in words, and what may be done with it now."""

    coupon: CouponView
    title: str
    discount: str
    scope: str
    why: str
    left: str
    usable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A product on a page, with the reason for showing it, if it is a proposal."""

    product: ProductView
    name: str
    price: str
    category: str
    why: str = ""


def home(screen: Screen, moment: Moment, subject: str) -> Page:
    """Build the page of whoever is here, or the one that invites."""
    if moment.visit is None:
        return Page(name="attract", values={"near": near(screen, moment)})
    view = moment.view
    values: dict[str, object] = {
        "tickets": tickets(screen, moment),
        "recommended": recommended(screen, moment),
        "saved": saved(screen, moment),
        "near": near(screen, moment),
        "why": _why(screen, moment, view.because) if view and view.because.reason else "",
    }
    return Page(name="welcome", because=view.because.reason if view else "", values=values)


def goods(screen: Screen, moment: Moment, subject: str) -> Page:
    """Build the grid of the store's goods, of all or of one category or this zone (`here`)."""
    connection = screen.store.database.reader()
    everything = local_view.products(connection)
    categories = sorted({each.category for each in everything if each.category})
    here = local_view.products(connection, screen.zone, moment.at)
    chosen = [each for each in everything if not subject or each.category == subject]
    values: dict[str, object] = {
        "cards": [card(screen, each) for each in (here if subject == "here" else chosen)],
        "categories": [(each, say_category(each, screen.words)) for each in categories],
        "here": bool(here),
        "chosen": subject,
    }
    return Page(name="goods", subject=subject, values=values)


def ordinary(screen: Screen, moment: Moment, subject: str) -> Page:
    """Build the store's goods with nothing about anybody."""
    return Page(name="ordinary", values=goods(screen, moment, "").values)


def product(screen: Screen, moment: Moment, subject: str) -> Page:
    """Build the detail of one product; 404 for one that the store does not sell."""
    connection = screen.store.database.reader()
    found = local_view.product(connection, subject)
    if found is None:
        raise NotFound(screen.words("product.unknown"))
    fitting = [
        ticket
        for ticket in tickets(screen, moment)
        if _fits(ticket.coupon, found) and ticket.usable
    ]
    reasons = [] if moment.view is None else moment.view.recommended
    because = next((each.because for each in reasons if each.product == subject), None)
    values: dict[str, object] = {
        "card": card(screen, found, _why(screen, moment, because)),
        "about": screen.words.pick(found.about),
        "stock": stock.level(connection, subject),
        "is_saved": subject in moment.saved,
        "fitting": fitting,
    }
    reason = "" if because is None else because.reason
    return Page(name="product", subject=subject, because=reason, values=values)


def redeem(screen: Screen, moment: Moment, subject: str) -> Page:
    """Build the question whether a coupon shall be used now."""
    ticket = _ticket_of(screen, moment, subject)
    name = "redeemed" if ticket.coupon.state == "redeemed" else "redeem"
    return Page(name=name, subject=subject, values={"ticket": ticket})


def call(screen: Screen, moment: Moment, subject: str) -> Page:
    """Build the page to call for help, or that which says that somebody comes."""
    if subject == "answered" and moment.call is None:
        return Page(name="answered")
    return Page(name="help", values={"topics": HELP_TOPICS})


def privacy(screen: Screen, moment: Moment, subject: str) -> Page:
    """Build the notice of what the screen knows."""
    return Page(name="privacy", values={"points": PRIVACY_POINTS})


def ended(screen: Screen, moment: Moment, subject: str) -> Page:
    """Build the goodbye after a visit."""
    return Page(name="ended") if moment.visit is None else home(screen, moment, "")


# The pages by the name in their address, `/kiosk/<kiosk>/<name>[/<subject>]`.
PAGES: dict[str, Callable[[Screen, Moment, str], Page]] = {
    "home": home,
    "goods": goods,
    "ordinary": ordinary,
    "product": product,
    "coupon": redeem,
    "help": call,
    "privacy": privacy,
    "ended": ended,
}


def near(screen: Screen, moment: Moment) -> list[Card]:
    """Return some goods of the kiosk's zone, or of the store where the zone has no plan."""
    connection = screen.store.database.reader()
    here = local_view.products(connection, screen.zone, moment.at)
    shown = here or local_view.products(connection)
    return [card(screen, each) for each in shown[:NEAR_SHOWN_MAX]]


def recommended(screen: Screen, moment: Moment) -> list[Card]:
    """Return the goods proposed to the shopper that this store sells, each with its reason."""
    if moment.view is None:
        return []
    connection = screen.store.database.reader()
    return [
        card(screen, found, _why(screen, moment, each.because))
        for each in moment.view.recommended[:RECOMMENDED_SHOWN_MAX]
        if (found := local_view.product(connection, each.product)) is not None
    ]


def saved(screen: Screen, moment: Moment) -> list[Card]:
    """Return the goods on the shopper's list that this store sells."""
    connection = screen.store.database.reader()
    found = (local_view.product(connection, each) for each in moment.saved[:SAVED_SHOWN_MAX])
    return [card(screen, each) for each in found if each is not None]


def tickets(screen: Screen, moment: Moment) -> list[Ticket]:
    """Return the shopper's coupons in words, those that can be used first."""
    drawn = [_ticket(screen, moment, each) for each in moment.coupons]
    return sorted(drawn, key=lambda each: (each.coupon.state == "redeemed", not each.usable))


def card(screen: Screen, found: ProductView, why: str = "") -> Card:
    """Return a product in words."""
    return Card(
        product=found,
        name=screen.words.pick(found.name) or found.product,
        price=screen.words.money(found.price_cents, found.currency),
        category=say_category(found.category, screen.words),
        why=why,
    )


def _ticket(screen: Screen, moment: Moment, coupon: CouponView) -> Ticket:
    words = screen.words
    left_s = (coupon.expires_at - moment.at) / 1_000_000 if coupon.expires_at else 0
    return Ticket(
        coupon=coupon,
        title=words.pick(coupon.title),
        discount=words.discount(coupon.percent, coupon.amount_cents, coupon.currency),
        scope=_scope(screen, coupon),
        why=_why(screen, moment, coupon.because),
        left=words("coupon.until", span=words.span(left_s)) if left_s > 0 else "",
        usable=coupon.state != "redeemed" and bool(coupon.lease) and coupon.lease_until > moment.at,
    )


def _ticket_of(screen: Screen, moment: Moment, coupon: str) -> Ticket:
    found = moment.coupon(coupon)
    if found is None:
        raise NotFound(screen.words("wallet.unknown"))
    return _ticket(screen, moment, found)


def _scope(screen: Screen, coupon: CouponView) -> str:
    if coupon.product:
        found = local_view.product(screen.store.database.reader(), coupon.product)
        name = screen.words.pick(found.name) if found else coupon.product
        return screen.words("coupon.for", product=name)
    if coupon.brand:
        return screen.words("coupon.for_brand", brand=coupon.brand)
    return screen.words("coupon.for_all")


def _fits(coupon: CouponView, found: ProductView) -> bool:
    return coupon.product == found.product or (
        not coupon.product and coupon.brand in ("", found.brand)
    )


def _why(screen: Screen, moment: Moment, because: Because | None) -> str:
    if because is None:
        return ""
    return say_because(because, screen.words, screen.store.database.reader(), moment.at)
