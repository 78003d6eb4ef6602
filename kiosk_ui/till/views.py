"""The addresses of a till's screen: the page, and the stream that keeps it current."""

from collections.abc import Iterator

from flask import Blueprint, Response, abort, make_response, render_template, request
from markupsafe import Markup

from kiosk_ui import forms
from kiosk_ui.assets import asset
from kiosk_ui.store import Store
from kiosk_ui.streams import Streams, frame
from kiosk_ui.texts import LANGUAGE_TAGS, Words, choose_language, words_in
from kiosk_ui.till.screen import TillScreen, look


def nonce_cookie(till: str) -> str:
    """Return the name of the cookie that ties a scanner's posts to the browser at this till."""
    return f"sb_till_{till}"


def blueprint(store: Store, streams: Streams) -> Blueprint:
    """Build the addresses of a store's tills."""
    views = Blueprint("till", __name__)

    def page(till: str) -> Response:
        _known(store, till)
        first, _ = _languages(store)
        base, cookie = f"/till/{till}", nonce_cookie(till)
        scanned = store.page_scanner(till) is not None
        nonce = request.cookies.get(cookie) or forms.new_nonce()
        html = render_template(
            "till/document.html",
            fragment=_draw(store, look(store, till)),
            base=base,
            token=forms.form_token(store.secret, nonce) if scanned else "",
            language_tag=LANGUAGE_TAGS[first.language],
            store_name=first.pick(store.name),
            asset=asset,
        )
        response = make_response(html)
        if scanned and request.cookies.get(cookie) != nonce:
            forms.set_cookie(response, request, cookie, nonce, base, forms.COOKIE_AGE_S_MAX)
        return response

    def events(till: str) -> Response:
        _known(store, till)
        shown = ""

        def frames(_beat: bool) -> Iterator[str]:
            nonlocal shown
            screen = look(store, till)
            if screen.mark != shown:
                shown = screen.mark
                yield frame("show", _draw(store, screen))

        return streams.open(frames)

    views.add_url_rule("/till/<till>", view_func=page)
    views.add_url_rule("/till/<till>/events", view_func=events)
    return views


def _known(store: Store, till: str) -> None:
    if till not in store.tills:
        abort(404)


def _languages(store: Store) -> tuple[Words, Words | None]:
    """Return the words of the store's first language, and of its second where it has one.

    A till's screen is looked at and not touched, so it says everything in both.
    """
    first = choose_language(None, store.languages)
    others = [each for each in store.languages if each in LANGUAGE_TAGS and each != first]
    return words_in(first), words_in(others[0]) if others else None


def _draw(store: Store, screen: TillScreen) -> Markup:
    first, second = _languages(store)
    html = render_template(
        "till/screen.html",
        screen=screen,
        basket=screen.basket,
        t=first,
        second=second,
        store_name=first.pick(store.name),
        language_tags=LANGUAGE_TAGS,
    )
    return Markup(html)  # noqa: S704 (Jinja has escaped every value)
