"""The addresses of the staff page: entering by PIN, the board, answering calls, and its stream."""

from collections.abc import Iterator

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from edge_agent import calls
from edge_agent.places import Place
from kiosk_ui import forms
from kiosk_ui.assets import asset
from kiosk_ui.shopper.drawing import aged
from kiosk_ui.staff.board import Board, look, remedy
from kiosk_ui.staff.entry import ENTRY_S_MAX, PinGate, entry_holds, new_entry
from kiosk_ui.staff.reasons import say_reason
from kiosk_ui.store import Store
from kiosk_ui.streams import Streams, frame
from kiosk_ui.texts import (
    LANGUAGE_NAMES,
    LANGUAGE_TAGS,
    LANGUAGES,
    Words,
    choose_language,
    words_in,
)

BASE = "/staff"
ENTRY_COOKIE = "sb_staff"
NONCE_COOKIE = "sb_staff_form"
LANGUAGE_COOKIE = "sb_staff_language"
SEE_OTHER = 303
STAFF_DEVICE = "staff"


def blueprint(store: Store, streams: Streams) -> Blueprint:
    """Build the staff addresses for one store."""
    views = Blueprint("staff", __name__)
    pages = _StaffPages(store, streams)
    views.add_url_rule(BASE, view_func=pages.board)
    views.add_url_rule(f"{BASE}/events", view_func=pages.events)
    views.add_url_rule(f"{BASE}/enter", view_func=pages.enter_form)
    views.add_url_rule(f"{BASE}/enter", view_func=pages.enter, methods=["POST"])
    views.add_url_rule(f"{BASE}/leave", view_func=pages.leave, methods=["POST"])
    views.add_url_rule(f"{BASE}/answer", view_func=pages.answer, methods=["POST"])
    views.add_url_rule(f"{BASE}/language", view_func=pages.language, methods=["POST"])
    return views


class _StaffPages:
    """The staff pages of one store: behind an entry, and with a token in each form."""

    def __init__(self, store: Store, streams: Streams) -> None:
        self._store = store
        self._streams = streams
        self._gate = PinGate(store.staff_pin_hash)

    def board(self) -> AnyResponse:
        """Show the board."""
        if not self._inside():
            return redirect(f"{BASE}/enter", SEE_OTHER)
        store = self._store
        return _document(store, _draw_board(store, look(store), _words(store), _nonce()))

    def events(self) -> Response:
        """Push the board when something on it changes, and at each heartbeat for the figures."""
        if not self._inside():
            abort(403)
        store, words, nonce = self._store, _words(self._store), _nonce()
        shown = ""

        def frames(beat: bool) -> Iterator[str]:
            nonlocal shown
            # A page left open must not outlive its entry.
            if not self._inside():
                yield frame("leave", "")
                return
            board = look(store)
            if beat or board.mark != shown:
                shown = board.mark
                yield frame("show", _draw_board(store, board, words, nonce))

        return self._streams.open(frames)

    def enter_form(self) -> AnyResponse:
        """Show the entrance."""
        return redirect(BASE, SEE_OTHER) if self._inside() else _entrance(self._store)

    def enter(self) -> AnyResponse:
        """Let in whoever sends the right PIN."""
        forms.check_form(self._store.secret, _nonce())
        now_ms = self._store.clock.now().mono_ms
        address = request.remote_addr or ""
        wait_s = self._gate.wait_s(address, now_ms)
        if wait_s > 0:
            return _entrance(self._store, "staff.login.wait", 429, wait_s)
        if not self._gate.enter(address, request.form.get("pin", ""), now_ms):
            return _entrance(self._store, "staff.login.wrong", 401)
        response = redirect(BASE, SEE_OTHER)
        entry = new_entry(self._store.secret, self._now_s())
        forms.set_cookie(response, request, ENTRY_COOKIE, entry, BASE, ENTRY_S_MAX)
        # A new nonce too, so that a form drawn before entering is worth nothing after it.
        nonce = forms.new_nonce()
        forms.set_cookie(response, request, NONCE_COOKIE, nonce, BASE, forms.COOKIE_AGE_S_MAX)
        return response

    def leave(self) -> AnyResponse:
        """Sign this browser out."""
        forms.check_form(self._store.secret, _nonce())
        response = redirect(f"{BASE}/enter", SEE_OTHER)
        response.delete_cookie(ENTRY_COOKIE, path=BASE)
        return response

    def answer(self) -> AnyResponse:
        """Note that somebody goes to a kiosk that called."""
        if not self._inside():
            abort(403)
        store, call = self._store, request.form.get("call", "")
        forms.check_form(store.secret, _nonce())
        place = Place(device=STAFF_DEVICE, zone=_zone_of(store, call))
        calls.answer(store.recorder, store.clock, place, call)
        return redirect(BASE, SEE_OTHER)

    def language(self) -> AnyResponse:
        """Change the language of this browser."""
        forms.check_form(self._store.secret, _nonce())
        chosen = request.form.get("language", "")
        if chosen not in LANGUAGES:
            abort(400)
        response = redirect(BASE, SEE_OTHER)
        age_s = forms.COOKIE_AGE_S_MAX
        forms.set_cookie(response, request, LANGUAGE_COOKIE, chosen, BASE, age_s)
        return response

    def _inside(self) -> bool:
        entry = request.cookies.get(ENTRY_COOKIE, "")
        return bool(entry) and entry_holds(self._store.secret, entry, self._now_s())

    def _now_s(self) -> int:
        return self._store.clock.now().at // 1_000_000


def _zone_of(store: Store, call: str) -> str:
    waiting = calls.waiting(store.database.reader())
    return next((each.zone for each in waiting if each.call == call), "")


def _words(store: Store) -> Words:
    return words_in(choose_language(request.cookies.get(LANGUAGE_COOKIE), store.languages))


def _nonce() -> str:
    return request.cookies.get(NONCE_COOKIE, "")


def _draw_board(store: Store, board: Board, words: Words, nonce: str) -> Markup:
    return Markup(  # noqa: S704 (Jinja has escaped every value)
        render_template(
            "staff/board.html",
            board=board,
            t=words,
            base=BASE,
            token=forms.form_token(store.secret, nonce),
            store_name=words.pick(store.name),
            zone_title=lambda zone: store.zone_title(zone, words),
            remedy=remedy,
            say_reason=say_reason,
            other_languages=_other_languages(store, words),
            language_names=LANGUAGE_NAMES,
            language_tags=LANGUAGE_TAGS,
            aged=lambda key, at: aged(words, key, at, board.at),
        )
    )


def _entrance(store: Store, key: str = "", status: int = 200, wait_s: float = 0) -> Response:
    nonce = _nonce() or forms.new_nonce()
    words = _words(store)
    fragment = render_template(
        "staff/enter.html",
        t=words,
        base=BASE,
        token=forms.form_token(store.secret, nonce),
        store_name=words.pick(store.name),
        wrong=words(key, span=words.span(wait_s + 1)) if key else "",
        other_languages=_other_languages(store, words),
        language_names=LANGUAGE_NAMES,
        language_tags=LANGUAGE_TAGS,
    )
    response = _document(store, Markup(fragment), status)  # noqa: S704 (escaped by Jinja)
    forms.set_cookie(response, request, NONCE_COOKIE, nonce, BASE, forms.COOKIE_AGE_S_MAX)
    return response


def _other_languages(store: Store, words: Words) -> list[str]:
    return [each for each in store.languages if each != words.language]


def _document(store: Store, fragment: Markup, status: int = 200) -> Response:
    words = _words(store)
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
