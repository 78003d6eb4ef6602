"""The addresses of the staff page: entering by PIN, the board, answering calls, and its stream."""

from collections.abc import Iterator

from flask import Blueprint, Response, abort, redirect, request
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from edge_agent.places import Place
from edge_agent.visits import calls
from kiosk_ui import forms
from kiosk_ui.language import SEE_OTHER, asked_for, keep
from kiosk_ui.staff import elsewhere_views, return_views, stock_views
from kiosk_ui.staff.board import Board, look, remedy
from kiosk_ui.staff.drawing import (
    BASE,
    ENTRY_COOKIE,
    LANGUAGE_COOKIE,
    NONCE_COOKIE,
    STAFF_DEVICE,
    browser_nonce,
    document,
    draw,
    inside,
    now_s,
    words_of,
)
from kiosk_ui.staff.entry import ENTRY_S_MAX, PinGate, new_entry
from kiosk_ui.store import Store
from kiosk_ui.streams import Streams, frame
from kiosk_ui.texts import LANGUAGES, Words
from looks.reasons import say_reason


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
    stock_views.add_to(views, store)
    return_views.add_to(views, store)
    elsewhere_views.add_to(views, store)
    views.before_request(pages.begin_in_language)
    return views


class _StaffPages:
    """The staff pages of one store: behind an entry, and with a token in each form."""

    def __init__(self, store: Store, streams: Streams) -> None:
        self._store = store
        self._streams = streams
        self._gate = PinGate(store.staff_pin_hash)

    def begin_in_language(self) -> AnyResponse | None:
        """Speak the language that an address names from now on, whichever page that is."""
        wanted = asked_for(self._store)
        return None if wanted is None else keep(wanted, LANGUAGE_COOKIE, BASE)

    def board(self) -> AnyResponse:
        """Show the board."""
        if not inside(self._store):
            return redirect(f"{BASE}/enter", SEE_OTHER)
        store = self._store
        return document(store, _draw_board(store, look(store), words_of(store), browser_nonce()))

    def events(self) -> Response:
        """Push the board when something on it changes, and at each heartbeat for the figures."""
        if not inside(self._store):
            abort(403)
        store, words, nonce = self._store, words_of(self._store), browser_nonce()
        shown = ""

        def frames(beat: bool) -> Iterator[str]:
            nonlocal shown
            # A page left open must not outlive its entry.
            if not inside(self._store):
                yield frame("leave", "")
                return
            board = look(store)
            if beat or board.mark != shown:
                shown = board.mark
                yield frame("show", _draw_board(store, board, words, nonce))

        return self._streams.open(frames)

    def enter_form(self) -> AnyResponse:
        """Show the entrance."""
        return redirect(BASE, SEE_OTHER) if inside(self._store) else _entrance(self._store)

    def enter(self) -> AnyResponse:
        """Let in whoever sends the right PIN."""
        forms.check_form(self._store.secret, browser_nonce())
        now_ms = self._store.clock.now().mono_ms
        address = request.remote_addr or ""
        wait_s = self._gate.wait_s(address, now_ms)
        if wait_s > 0:
            return _entrance(self._store, "staff.login.wait", 429, wait_s)
        if not self._gate.enter(address, request.form.get("pin", ""), now_ms):
            return _entrance(self._store, "staff.login.wrong", 401)
        response = redirect(BASE, SEE_OTHER)
        entry = new_entry(self._store.secret, now_s(self._store))
        forms.set_cookie(response, request, ENTRY_COOKIE, entry, BASE, ENTRY_S_MAX)
        # A new nonce too, so that a form drawn before entering is worth nothing after it.
        nonce = forms.new_nonce()
        forms.set_cookie(response, request, NONCE_COOKIE, nonce, BASE, forms.COOKIE_AGE_S_MAX)
        return response

    def leave(self) -> AnyResponse:
        """Sign this browser out."""
        forms.check_form(self._store.secret, browser_nonce())
        response = redirect(f"{BASE}/enter", SEE_OTHER)
        response.delete_cookie(ENTRY_COOKIE, path=BASE)
        return response

    def answer(self) -> AnyResponse:
        """Note that somebody goes to a kiosk that called."""
        if not inside(self._store):
            abort(403)
        store, call = self._store, request.form.get("call", "")
        forms.check_form(store.secret, browser_nonce())
        place = Place(device=STAFF_DEVICE, zone=_zone_of(store, call))
        calls.answer(store.recorder, store.clock, place, call)
        return redirect(BASE, SEE_OTHER)

    def language(self) -> AnyResponse:
        """Change the language of this browser, and come back to the page it was asked on."""
        forms.check_form(self._store.secret, browser_nonce())
        chosen = request.form.get("language", "")
        if chosen not in LANGUAGES:
            abort(400)
        back = request.form.get("back", "")
        response = redirect(back if back.startswith(f"{BASE}/") else BASE, SEE_OTHER)
        age_s = forms.COOKIE_AGE_S_MAX
        forms.set_cookie(response, request, LANGUAGE_COOKIE, chosen, BASE, age_s)
        return response


def _zone_of(store: Store, call: str) -> str:
    waiting = calls.waiting(store.database.reader())
    return next((each.zone for each in waiting if each.call == call), "")


def _draw_board(store: Store, board: Board, words: Words, nonce: str) -> Markup:
    return draw(
        store,
        "board",
        words=words,
        nonce=nonce,
        at=board.at,
        board=board,
        remedy=remedy,
        say_reason=say_reason,
        has_tills=bool(store.tills),
    )


def _entrance(store: Store, key: str = "", status: int = 200, wait_s: float = 0) -> Response:
    kept = browser_nonce() or forms.new_nonce()
    words = words_of(store)
    wrong = words(key, span=words.span(wait_s + 1)) if key else ""
    at = store.clock.now().at
    fragment = draw(store, "enter", words=words, nonce=kept, at=at, wrong=wrong)
    response = document(store, fragment, status)
    forms.set_cookie(response, request, NONCE_COOKIE, kept, BASE, forms.COOKIE_AGE_S_MAX)
    return response
