"""The addresses to which scanners post codes: a screen's own page, and whoever holds a token."""

import hmac

from flask import Blueprint, Response, abort, make_response, request

from kiosk_ui import forms
from kiosk_ui.shopper.drawing import nonce_cookie
from kiosk_ui.store import Scanner, Store
from kiosk_ui.till.views import nonce_cookie as till_nonce_cookie

# Nothing longer is a code; see `hardware.readings`.
CODE_BYTES_MAX = 4_096
# How PNG, JPEG and WebP files begin: somebody posted the picture of a code, and not the code.
PICTURE_HEADS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")
HEAD_BYTES = 8
ONCE_CHARACTERS_MAX = 100


def blueprint(store: Store) -> Blueprint:
    """Build the addresses of a store's scanners.

    A post is answered once its code is recorded: 204, or 503 when it was not. One that is repeated
    with the same name (`once`, `Idempotency-Key`) counts once.
    """
    views = Blueprint("scanners", __name__)

    def typed(screen: str, cookie: str) -> Response:
        """Take what a scanner typed into the page of a kiosk or till."""
        scanner = store.page_scanner(screen) or abort(404)
        forms.check_form(store.secret, request.cookies.get(cookie, ""))
        code = request.form.get("code", "").encode("utf-8", "surrogatepass")
        return _take(scanner, code, request.form.get("once", ""))

    def at_kiosk(kiosk: str) -> Response:
        return typed(kiosk if kiosk in store.kiosks else "", nonce_cookie(kiosk))

    def at_till(till: str) -> Response:
        return typed(till if till in store.tills else "", till_nonce_cookie(till))

    def posted(device: str) -> Response:
        """Take the body of a request as a code, byte by byte."""
        scanner = store.scanners.get(device)
        shown = request.headers.get("Authorization", "").encode()
        # The same answer for a scanner that is not there: nobody learns their names.
        wanted = f"Bearer {scanner.token}" if scanner is not None and scanner.token else ""
        if scanner is None or not wanted or not hmac.compare_digest(shown, wanted.encode()):
            abort(401)
        if (request.content_length or 0) > CODE_BYTES_MAX:
            # Only looked into: what is too long for a code is not read whole.
            return _refuse(scanner, request.environ["wsgi.input"].read(HEAD_BYTES))
        return _take(scanner, request.get_data(), request.headers.get("Idempotency-Key", ""))

    views.add_url_rule("/kiosk/<kiosk>/scan", view_func=at_kiosk, methods=["POST"])
    views.add_url_rule("/till/<till>/scan", view_func=at_till, methods=["POST"])
    views.add_url_rule("/scanners/<device>", view_func=posted, methods=["POST"])
    return views


def _take(scanner: Scanner, code: bytes, once: str) -> Response:
    if not code or len(once) > ONCE_CHARACTERS_MAX:
        abort(400)
    if len(code) > CODE_BYTES_MAX or code.startswith(PICTURE_HEADS):
        return _refuse(scanner, code)
    scanner.post(code, once)
    return make_response("", 204)


def _refuse(scanner: Scanner, head: bytes) -> Response:
    """Answer, here and on the screen, something posted that is no code, by how it begins."""
    picture = head.startswith(PICTURE_HEADS)
    scanner.refuse("unreadable_image" if picture else "too_long")
    return abort(415 if picture else 413)
