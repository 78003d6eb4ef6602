"""Draws a shopper's page as HTML: whole for a browser's first request, else as a fragment."""

from urllib.parse import urlencode

from flask import Request, Response, make_response, render_template, request
from markupsafe import Markup

from kiosk_ui import forms
from kiosk_ui.assets import asset
from kiosk_ui.pictures import choose_colouring, choose_drawing
from kiosk_ui.shopper.moment import Moment, look
from kiosk_ui.shopper.pages import PAGES
from kiosk_ui.shopper.scene import Page, Scene, Screen
from kiosk_ui.store import Store
from kiosk_ui.texts import LANGUAGE_NAMES, LANGUAGE_TAGS, Words, choose_language, words_in
from wire.views import ProductView

FRAGMENT_HEADER = "X-Fragment"
# An address with this begins anew for the next shopper, in the screen's own language.
FRESH = "fresh"
# The answers that are a page of their own, so that no card needs to say them as well.
ANSWERS_THAT_ARE_PAGES = frozenset({"welcome", "product", "page"})


def nonce_cookie(kiosk: str) -> str:
    """Return the name of the cookie that ties forms to a browser at this kiosk."""
    return f"sb_form_{kiosk}"


def language_cookie(kiosk: str) -> str:
    """Return the name of the cookie that keeps the language chosen at this kiosk."""
    return f"sb_language_{kiosk}"


def own_language_cookie(kiosk: str) -> str:
    """Return the name of the cookie that keeps the language in which each shopper begins here."""
    return f"sb_own_language_{kiosk}"


def base_of(kiosk: str) -> str:
    """Return the address of a kiosk's pages."""
    return f"/kiosk/{kiosk}"


def screen_of(store: Store, kiosk: str, nonce: str) -> Screen:
    """Return the screen of this request: its kiosk, language and form token."""
    chosen = None if FRESH in request.args else request.cookies.get(language_cookie(kiosk))
    own = request.cookies.get(own_language_cookie(kiosk))
    language = choose_language(chosen or own, store.languages)
    token = forms.form_token(store.secret, nonce)
    return Screen(store=store, kiosk=kiosk, words=words_in(language), token=token)


def respond(store: Store, kiosk: str, name: str, subject: str = "") -> Response:
    """Answer a request with one of PAGES."""
    nonce = request.cookies.get(nonce_cookie(kiosk)) or forms.new_nonce()
    screen = screen_of(store, kiosk, nonce)
    scene = Scene(screen, look(store, kiosk), subject)
    return respond_page(scene, PAGES[name](scene), nonce)


def respond_page(scene: Scene, page: Page, nonce: str) -> Response:
    """Answer a request with a page that is already built."""
    fragment, screen = draw(scene, page), scene.screen
    whole = FRAGMENT_HEADER not in request.headers
    response = make_response(_document(screen, fragment) if whole else fragment, page.status)
    response.headers["Vary"] = f"{FRAGMENT_HEADER}, Cookie"
    _keep_nonce(response, request, screen.kiosk, nonce)
    if FRESH in request.args:
        response.delete_cookie(language_cookie(screen.kiosk), path=base_of(screen.kiosk))
    return response


def draw(scene: Scene, page: Page) -> Markup:
    """Draw the part of the document that changes from page to page."""
    screen, moment = scene.screen, scene.moment
    store, words = screen.store, screen.words
    line = store.line(moment.at)
    languages = [each for each in store.languages if each != words.language]
    return Markup(  # noqa: S704 (Jinja has escaped every value)
        render_template(
            f"shopper/{page.name}.html",
            screen=screen,
            page=page,
            moment=moment,
            t=words,
            base=base_of(screen.kiosk),
            path=path_of(screen.kiosk, page),
            line=line,
            line_text=line.text(words, moment.at),
            answer=_card_answer(moment),
            store_name=words.pick(store.name),
            zone_title=store.zone_title(screen.zone, words),
            other_languages=languages,
            language_names=LANGUAGE_NAMES,
            language_tags=LANGUAGE_TAGS,
            picture_of=picture_of,
            aged=lambda key, at: aged(words, key, at, moment.at),
        )
    )


def draw_answer(scene: Scene) -> str:
    """Draw the card that answers the last code."""
    answer = _card_answer(scene.moment)
    return render_template("shopper/answer.html", t=scene.words, answer=answer)


def draw_line(screen: Screen, at: int) -> str:
    """Draw the quiet notice of how the line to headquarters is, and since when."""
    line = screen.store.line(at)
    return render_template("shopper/line.html", line=line, line_text=line.text(screen.words, at))


def aged(words: Words, key: str, at: int, now: int) -> Markup:
    """Return a text with its `{age}` as an element that goes on counting on the screen."""
    age = Markup('<time data-at="{at}">{words}</time>').format(
        at=at, words=words.age(max(0, now - at) / 1_000_000)
    )
    return Markup(words(key, age="{age}")).format(age=age)  # noqa: S704 (our own texts)


def picture_of(product: ProductView) -> str:
    """Return the address of a product's picture."""
    drawing = choose_drawing(product.category)
    return f"/pictures/{drawing}/{choose_colouring(product.product)}.svg"


def path_of(kiosk: str, page: Page) -> str:
    """Return the address of a page, which the browser shows and comes back to."""
    names = {"product": "product", "goods": "goods", "redeem": "coupon", "redeemed": "coupon"}
    if page.name in ("search", "brand", "series"):
        return f"{base_of(kiosk)}/{page.name}?{urlencode({'q': page.subject})}"
    if page.name in names:
        tail = f"/{page.subject}" if page.subject else ""
        return f"{base_of(kiosk)}/{names[page.name]}{tail}"
    return f"{base_of(kiosk)}/{page.name}" if page.name in PAGES else base_of(kiosk)


def _card_answer(moment: Moment) -> object:
    answer = moment.answer
    return None if answer is None or answer.kind in ANSWERS_THAT_ARE_PAGES else answer


def _document(screen: Screen, fragment: Markup) -> str:
    words = screen.words
    return render_template(
        "shopper/document.html",
        fragment=fragment,
        base=base_of(screen.kiosk),
        language_tag=LANGUAGE_TAGS[words.language],
        store_name=words.pick(screen.store.name),
        asset=asset,
        ages=words.age_texts(),
        scanned=screen.store.page_scanner(screen.kiosk) is not None,
    )


def _keep_nonce(response: Response, request: Request, kiosk: str, nonce: str) -> None:
    if request.cookies.get(nonce_cookie(kiosk)) != nonce:
        forms.set_cookie(
            response, request, nonce_cookie(kiosk), nonce, base_of(kiosk), forms.COOKIE_AGE_S_MAX
        )
