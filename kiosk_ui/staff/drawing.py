"""What every staff page shares: who is inside, in which language, and how a page is drawn."""

from flask import Response, make_response, render_template, request
from markupsafe import Markup

from kiosk_ui import forms
from kiosk_ui.assets import asset
from kiosk_ui.shopper.drawing import aged
from kiosk_ui.staff.entry import entry_holds
from kiosk_ui.store import Store
from kiosk_ui.texts import LANGUAGE_NAMES, LANGUAGE_TAGS, Words, choose_language, words_in

BASE = "/staff"
ENTRY_COOKIE = "sb_staff"
NONCE_COOKIE = "sb_staff_form"
LANGUAGE_COOKIE = "sb_staff_language"
# What events of the staff page name as their device.
STAFF_DEVICE = "staff"


def inside(store: Store) -> bool:
    """Tell whether this browser has entered the PIN, not too long ago."""
    entry = request.cookies.get(ENTRY_COOKIE, "")
    return bool(entry) and entry_holds(store.secret, entry, now_s(store))


def now_s(store: Store) -> int:
    """Return the time by which entries are measured."""
    return store.clock.now().at // 1_000_000


def words_of(store: Store) -> Words:
    """Return the texts in the language of this browser."""
    return words_in(choose_language(request.cookies.get(LANGUAGE_COOKIE), store.languages))


def browser_nonce() -> str:
    """Return the value that ties forms to this browser, empty before its first page."""
    return request.cookies.get(NONCE_COOKIE, "")


def draw(
    store: Store, template: str, *, words: Words, nonce: str, at: int, **values: object
) -> Markup:
    """Draw the part of a staff page that a stream may swap; `at` is when its figures were read."""
    return Markup(  # noqa: S704 (Jinja has escaped every value)
        render_template(
            f"staff/{template}.html",
            t=words,
            at=at,
            base=BASE,
            back=request.full_path.rstrip("?"),
            token=forms.form_token(store.secret, nonce),
            store_name=words.pick(store.name),
            zone_title=lambda zone: store.zone_title(zone, words),
            other_languages=[each for each in store.languages if each != words.language],
            language_names=LANGUAGE_NAMES,
            language_tags=LANGUAGE_TAGS,
            wall_time=store.wall_time,
            aged=lambda key, since: aged(words, key, since, at),
            **values,
        )
    )


def document(store: Store, fragment: Markup, status: int = 200) -> Response:
    """Answer with a whole page around a fragment."""
    words = words_of(store)
    html = render_template(
        "staff/document.html",
        t=words,
        fragment=fragment,
        base=BASE,
        language_tag=LANGUAGE_TAGS[words.language],
        store_name=words.pick(store.name),
        asset=asset,
        ages=words.age_texts(),
    )
    return make_response(html, status)
