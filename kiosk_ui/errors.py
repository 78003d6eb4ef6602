"""What a screen says when a request cannot be answered: in words, without technical detail."""

from flask import Response, make_response, request
from werkzeug.exceptions import HTTPException

from edge_agent.delivery.recorder import RecordError
from kiosk_ui import forms
from kiosk_ui.shopper.drawing import nonce_cookie, respond_page, screen_of
from kiosk_ui.shopper.moment import look
from kiosk_ui.shopper.scene import Page, Scene
from kiosk_ui.store import Store
from kiosk_ui.texts import choose_language, words_in

TEXT_KEYS = {
    400: "error.bad_request",
    403: "error.forgery",
    404: "error.not_found",
    405: "error.method",
    413: "error.too_large",
    415: "error.picture",
}
UNAVAILABLE = 503


def refuse(store: Store, error: HTTPException | RecordError) -> Response:
    """Answer a request that cannot be served, as a page of the kiosk it came from."""
    if isinstance(error, RecordError):
        status, key = UNAVAILABLE, "error.not_recorded"
    else:
        status = error.code or UNAVAILABLE
        key = TEXT_KEYS.get(status, "error.busy")
    parts = request.path.split("/")
    if len(parts) > 2 and parts[1] == "kiosk" and parts[2] in store.kiosks:
        return _kiosk_page(store, parts[2], key, status)
    words = words_in(choose_language(None, store.languages))
    response = make_response(words(key), status)
    response.mimetype = "text/plain"
    return response


def _kiosk_page(store: Store, kiosk: str, key: str, status: int) -> Response:
    nonce = request.cookies.get(nonce_cookie(kiosk)) or forms.new_nonce()
    screen = screen_of(store, kiosk, nonce)
    page = Page(name="error", status=status, values={"text": screen.words(key)})
    return respond_page(Scene(screen, look(store, kiosk)), page, nonce)
