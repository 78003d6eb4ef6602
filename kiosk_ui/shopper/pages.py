"""The shopper's pages, each a function from what is true now to what its template needs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from werkzeug.exceptions import NotFound

from edge_agent import local_view
from edge_agent.database.sqlite import sqlite3
from edge_agent.till import stock
from edge_agent.visits import wallet
from kiosk_ui.media import held
from kiosk_ui.shopper import search
from kiosk_ui.shopper.because import say_because, say_category, say_evidence, say_standing
from kiosk_ui.shopper.scene import Page, Scene
from kiosk_ui.shopper.trying import how_tried
from kiosk_ui.texts import LANGUAGE_NAMES, LANGUAGES, words_in
from wire.views import Because, CouponView, ProductView

# As many as fill one row.
NEAR_SHOWN_MAX = 4
RECOMMENDED_SHOWN_MAX = 6
SAVED_SHOWN_MAX = 12
FOLLOWED_SHOWN_MAX = 12
HELP_TOPICS = ("product", "reach", "coupon", "other")
PRIVACY_POINTS = (1, 2, 3, 4, 5, 6)


# What a shopper does next with a coupon that was used: show their code at the till, let the staff
# see it where the store has no till of ours, or nothing, since it has come off.
Next = Literal["", "till", "staff", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A coupon in words, what may be done with it now, and what comes `next` once it was used."""

    coupon: CouponView
    title: str
    discount: str
    scope: str
    why: str
    left: str
    usable: bool
    next: Next


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A product on a page, with the reason for showing it, if it is a proposal."""

    product: ProductView
    name: str
    price: str
    category: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A video as its page shows it: files, and captions by language, the screen's own first."""

    content: str
    file: str
    poster: str
    captions: Sequence[tuple[str, str, str]]


def home(scene: Scene) -> Page:
    """Build the page of whoever is here, or the one that invites."""
    if scene.moment.visit is None:
        return Page(name="attract", values={"near": near(scene)})
    if not scene.moment.visit.identifiers:
        browsed = {"saved": saved(scene), "followed": followed(scene), "near": near(scene)}
        return Page(name="browsing", values=browsed)
    view = scene.moment.view
    values: dict[str, object] = {
        "tickets": tickets(scene),
        "recommended": recommended(scene),
        "saved": saved(scene),
        "followed": followed(scene),
        "near": near(scene),
        "standing": say_standing(view, scene.words) if view else "",
        "why": say_evidence(view.because, scene.words) if view and view.because.reason else "",
    }
    return Page(name="welcome", because=view.because.reason if view else "", values=values)


def goods(scene: Scene) -> Page:
    """Build the grid of the store's goods, of all or of one category or this zone (`here`)."""
    everything = local_view.products(scene.connection)
    categories = sorted({each.category for each in everything if each.category})
    here = local_view.products(scene.connection, scene.screen.zone, scene.moment.at)
    chosen = [each for each in everything if not scene.subject or each.category == scene.subject]
    values: dict[str, object] = {
        "cards": goods_cards(scene, here if scene.subject == "here" else chosen),
        "categories": [(each, say_category(each, scene.words)) for each in categories],
        "here": bool(here),
        "chosen": scene.subject,
    }
    return Page(name="goods", subject=scene.subject, values=values)


def brand(scene: Scene) -> Page:
    """Build the goods of one brand; 404 for one that the store does not sell."""
    return _range(scene, "brand", lambda each: each.brand)


def series(scene: Scene) -> Page:
    """Build the goods of one series; 404 for one that the store does not sell."""
    return _range(scene, "series", lambda each: each.series)


def searched(scene: Scene) -> Page:
    """Build the search: the letters that lead on, and the goods that the query finds."""
    query = scene.subject[: search.QUERY_CHARACTERS_MAX]
    entries = search_entries(scene.connection)
    values: dict[str, object] = {
        "query": query,
        "letters": search.LETTERS,
        "leading": search.next_letters(entries, query),
        "cards": [card(scene, each) for each in search.find(entries, query)],
        "near": [] if query else near(scene),
    }
    return Page(name="search", subject=query, values=values)


def ordinary(scene: Scene) -> Page:
    """Build the store's goods with nothing about anybody."""
    return Page(name="ordinary", values=goods(replace(scene, subject="")).values)


def product(scene: Scene) -> Page:
    """Build the detail of one product; 404 for one that the store does not sell."""
    found = local_view.product(scene.connection, scene.subject)
    if found is None:
        raise NotFound(scene.words("product.unknown"))
    fitting = [ticket for ticket in tickets(scene) if _fits(ticket.coupon, found) and ticket.usable]
    reasons = [] if scene.moment.view is None else scene.moment.view.recommended
    because = next((each.because for each in reasons if each.product == scene.subject), None)
    values: dict[str, object] = {
        "card": card(scene, found, _why(scene, because)),
        "about": scene.words.pick(found.about),
        "stock": stock.level(scene.connection, scene.subject),
        "is_saved": scene.subject in scene.moment.saved,
        "is_followed": found.brand in scene.moment.followed,
        "series_followed": found.series in scene.moment.followed,
        "video": video(scene, found),
        "how_tried": how_tried(found.category),
        "is_tried": scene.subject in scene.moment.tried,
        "fitting": fitting,
        "near": near(scene, without=scene.subject),
    }
    reason = "" if because is None else because.reason
    return Page(name="product", subject=scene.subject, because=reason, values=values)


def redeem(scene: Scene) -> Page:
    """Build the question whether a coupon shall be used now."""
    ticket = _ticket_of(scene)
    name = "redeemed" if ticket.coupon.state == "redeemed" else "redeem"
    values: dict[str, object] = {
        "ticket": ticket,
        "held": scene.words("span.h", n=wallet.SPENDABLE_S_MAX // 3_600),
        "at_till": bool(scene.screen.store.tills),
    }
    return Page(name=name, subject=scene.subject, values=values)


def call(scene: Scene) -> Page:
    """Build the page to call for help, or that which says that somebody comes."""
    if scene.subject == "answered" and scene.moment.call is None:
        return Page(name="answered")
    return Page(name="help", values={"topics": HELP_TOPICS})


def privacy(scene: Scene) -> Page:
    """Build the notice of what the screen knows, how long the store keeps it, and the choice.

    Who has shown a code may allow personal offers here, or withdraw that.
    """
    store, visit, view = scene.screen.store, scene.moment.visit, scene.moment.view
    choice = "" if visit is None or not visit.identifiers else "give"
    if choice and view is not None and view.consented:
        choice = "withdraw"
    values: dict[str, object] = {
        "points": PRIVACY_POINTS,
        "kept_days": store.visits_kept_days,
        "personal_days": store.personal_days_max,
        "choice": choice,
    }
    return Page(name="privacy", values=values)


def ended(scene: Scene) -> Page:
    """Build the goodbye after a visit."""
    return Page(name="ended") if scene.moment.visit is None else home(scene)


# The pages by the name in their address, `/kiosk/<kiosk>/<name>[/<subject>]`.
PAGES: dict[str, Callable[[Scene], Page]] = {
    "home": home,
    "goods": goods,
    "brand": brand,
    "series": series,
    "search": searched,
    "ordinary": ordinary,
    "product": product,
    "coupon": redeem,
    "help": call,
    "privacy": privacy,
    "ended": ended,
}


def search_entries(connection: sqlite3.Connection) -> list[search.Entry]:
    """Return how each product of the store can be found, by its names in every language."""
    spoken = [words_in(language) for language in LANGUAGES]
    return [
        search.entry(each, [say_category(each.category, words) for words in spoken])
        for each in local_view.products(connection)
    ]


def near(scene: Scene, without: str = "") -> list[Card]:
    """Return some goods of the kiosk's zone, or of the store where the zone has no plan."""
    here = local_view.products(scene.connection, scene.screen.zone, scene.moment.at)
    shown = [
        each for each in here or local_view.products(scene.connection) if each.product != without
    ]
    return goods_cards(scene, shown, NEAR_SHOWN_MAX)


def recommended(scene: Scene) -> list[Card]:
    """Return the goods proposed to the shopper that this store sells, each with its reason."""
    if scene.moment.view is None:
        return []
    return [
        card(scene, found, _why(scene, each.because))
        for each in scene.moment.view.recommended[:RECOMMENDED_SHOWN_MAX]
        if (found := local_view.product(scene.connection, each.product)) is not None
    ]


def saved(scene: Scene) -> list[Card]:
    """Return the goods on the shopper's list that this store sells."""
    found = (
        local_view.product(scene.connection, each) for each in scene.moment.saved[:SAVED_SHOWN_MAX]
    )
    return [card(scene, each) for each in found if each is not None]


def followed(scene: Scene) -> list[tuple[str, str]]:
    """Return what the shopper follows and this store sells, each with the page that shows it."""
    sold = dict.fromkeys(local_view.series(scene.connection), "series")
    sold |= dict.fromkeys(local_view.brands(scene.connection), "brand")
    found = [(sold[each], each) for each in scene.moment.followed if each in sold]
    return found[:FOLLOWED_SHOWN_MAX]


def goods_cards(scene: Scene, found: Iterable[ProductView], most: int | None = None) -> list[Card]:
    """Return goods in words: first those of the series, then those of the brands followed."""
    following = frozenset(scene.moment.followed)
    ordered = sorted(
        found, key=lambda each: (each.series not in following, each.brand not in following)
    )
    return [card(scene, each) for each in ordered[:most]]


def video(scene: Scene, found: ProductView) -> Video | None:
    """Return the video about a product, None where this store has none of it."""
    media, told = scene.screen.store.media, found.video
    if told is None or not held(media, told.file):
        return None
    captions = {tag: file for tag, file in told.captions.items() if held(media, file)}
    return Video(
        content=told.content,
        file=told.file,
        poster=told.poster if held(media, told.poster) else "",
        captions=[
            (language, LANGUAGE_NAMES.get(language, language), captions[language])
            for language in sorted(captions, key=lambda each: each != scene.words.language)
        ],
    )


def tickets(scene: Scene) -> list[Ticket]:
    """Return the shopper's coupons in words, those that can be used first."""
    drawn = [_ticket(scene, each) for each in scene.moment.coupons]
    return sorted(drawn, key=lambda each: (each.coupon.state == "redeemed", not each.usable))


def card(scene: Scene, found: ProductView, why: str = "") -> Card:
    """Return a product in words."""
    return Card(
        product=found,
        name=scene.words.pick(found.name) or found.product,
        price=scene.words.money(found.price_cents, found.currency),
        category=say_category(found.category, scene.words),
        why=why,
    )


def _range(scene: Scene, name: str, of: Callable[[ProductView], str]) -> Page:
    """Build the goods of a brand or series, which can be followed there."""
    sold = local_view.products(scene.connection)
    found = [each for each in sold if of(each) == scene.subject != ""]
    if not found:
        raise NotFound(scene.words(f"{name}.unknown"))
    values: dict[str, object] = {
        "title": scene.subject,
        "cards": goods_cards(scene, found),
        "is_followed": scene.subject in scene.moment.followed,
    }
    return Page(name=name, subject=scene.subject, values=values)


def _ticket(scene: Scene, coupon: CouponView) -> Ticket:
    words = scene.words
    left_s = (coupon.expires_at - scene.moment.at) / 1_000_000 if coupon.expires_at else 0
    return Ticket(
        coupon=coupon,
        title=words.pick(coupon.title),
        discount=words.discount(coupon.percent, coupon.amount_cents, coupon.currency),
        scope=_scope(scene, coupon),
        why=_why(scene, coupon.because),
        left=words("coupon.until", span=words.span(left_s))
        if left_s > 0 and coupon.state != "redeemed"
        else "",
        usable=coupon.state != "redeemed"
        and bool(coupon.lease)
        and coupon.lease_until > scene.moment.at,
        next=_next(scene, coupon),
    )


def _next(scene: Scene, coupon: CouponView) -> Next:
    if coupon.state != "redeemed":
        return ""
    if coupon.coupon not in scene.moment.pending:
        return "done"
    return "till" if scene.screen.store.tills else "staff"


def _ticket_of(scene: Scene) -> Ticket:
    found = scene.moment.coupon(scene.subject)
    if found is None:
        raise NotFound(scene.words("wallet.unknown"))
    return _ticket(scene, found)


def _scope(scene: Scene, coupon: CouponView) -> str:
    if coupon.product:
        found = local_view.product(scene.connection, coupon.product)
        name = scene.words.pick(found.name) if found else coupon.product
        return scene.words("coupon.for", product=name)
    if coupon.brand:
        return scene.words("coupon.for_brand", brand=coupon.brand[:1].upper() + coupon.brand[1:])
    return scene.words("coupon.for_all")


def _fits(coupon: CouponView, found: ProductView) -> bool:
    return coupon.product == found.product or (
        not coupon.product and coupon.brand in ("", found.brand)
    )


def _why(scene: Scene, because: Because | None) -> str:
    if because is None:
        return ""
    return say_because(because, scene.words, scene.connection)
