"""The language in a screen's address, where it shall begin in another than its store's first."""

from flask import redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk_ui import forms
from kiosk_ui.store import Store

SEE_OTHER = 303


def asked_for(store: Store) -> str | None:
    """Return the language in the address (`?language=en`), None for one that is not offered."""
    wanted = request.args.get("language") if request.method == "GET" else None
    return wanted if wanted in store.languages else None


def keep(language: str, cookie: str, path: str) -> AnyResponse:
    """Answer with the same address without the language, which the browser keeps from now on."""
    response = redirect(request.path, SEE_OTHER)
    forms.set_cookie(response, request, cookie, language, path, forms.COOKIE_AGE_S_MAX)
    return response
