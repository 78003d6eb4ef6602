"""Signed tokens that prove a form was sent by a page that this store served to this browser."""

import hashlib
import hmac
import secrets

from flask import Request, request
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response as AnyResponse

FORM_FIELD = "token"
NONCE_BYTES = 16
COOKIE_AGE_S_MAX = 30 * 24 * 3_600


class ForgedForm(Forbidden):
    """A form came without the token of this browser: another site sent it, or it is too old."""


def sign(secret: bytes, purpose: str, text: str) -> str:
    """Return the signature of a text for one purpose, so that none serves for another."""
    message = f"{purpose}\x00{text}".encode()
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def new_nonce() -> str:
    """Return a random value for a browser's cookie."""
    return secrets.token_urlsafe(NONCE_BYTES)


def form_token(secret: bytes, nonce: str) -> str:
    """Return the token that a form must carry in the browser that holds this nonce."""
    return sign(secret, "form", nonce)


def check_form(secret: bytes, nonce: str) -> None:
    """Raise ForgedForm unless the request's form carries the token of this browser."""
    shown = request.form.get(FORM_FIELD, "")
    if not nonce or not hmac.compare_digest(shown.encode(), form_token(secret, nonce).encode()):
        raise ForgedForm()


def set_cookie(
    response: AnyResponse, request: Request, name: str, value: str, path: str, age_s: int
) -> None:
    """Set a cookie that scripts cannot read and other sites cannot send."""
    response.set_cookie(
        name,
        value,
        max_age=age_s,
        path=path,
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )
