"""The addresses of the kiosk: pages to read, acts to send, and the stream that pushes."""

from collections.abc import Callable

from flask import Blueprint, Response, abort, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from edge_agent import actions, calls, saves, wallet
from edge_agent.visits import Visit
from kiosk_ui import forms
from kiosk_ui.shopper.drawing import (
    base_of,
    language_cookie,
    nonce_cookie,
    respond,
    respond_page,
    screen_of,
)
from kiosk_ui.shopper.moment import Moment, look
from kiosk_ui.shopper.pages import HELP_TOPICS, PAGES, Page
from kiosk_ui.shopper.push import push
from kiosk_ui.shopper.seen import record_seen
from kiosk_ui.store import Store
from kiosk_ui.streams import Streams
from kiosk_ui.texts import LANGUAGES

SEE_OTHER = 303


class VisitOver(Exception):
    """A form was sent in the name of a visit that is no longer the one at this kiosk."""


def blueprint(store: Store, streams: Streams) -> Blueprint:
    """Build the kiosk's addresses for one store."""
    views = Blueprint("shopper", __name__)

    def page(kiosk: str, name: str = "home", subject: str = "") -> Response:
        _known(store, kiosk)
        if name not in PAGES:
            abort(404)
        return respond(store, kiosk, name, subject)

    def act(kiosk: str, act: str) -> AnyResponse:
        _known(store, kiosk)
        if act not in ACTS:
            abort(404)
        forms.check_form(store.secret, request.cookies.get(nonce_cookie(kiosk), ""))
        moment = look(store, kiosk)
        try:
            return ACTS[act](store, kiosk, moment)
        except VisitOver:
            return _refused(store, kiosk, "error.visit_over")
        except wallet.WalletError as error:
            return _refused(store, kiosk, error.text_key)

    def events(kiosk: str) -> Response:
        _known(store, kiosk)
        nonce = request.cookies.get(nonce_cookie(kiosk), "")
        return push(streams, screen_of(store, kiosk, nonce))

    views.add_url_rule("/kiosk/<kiosk>/events", view_func=events)
    views.add_url_rule("/kiosk/<kiosk>", view_func=page, strict_slashes=False)
    views.add_url_rule("/kiosk/<kiosk>/<name>", view_func=page)
    views.add_url_rule("/kiosk/<kiosk>/<name>/<subject>", view_func=page)
    views.add_url_rule("/kiosk/<kiosk>/<act>", view_func=act, methods=["POST"])
    return views


def claim(store: Store, kiosk: str, moment: Moment) -> AnyResponse:
    """Keep a coupon for later."""
    wallet.claim(store.recorder, store.clock, _visit(moment), _field("coupon"))
    return redirect(base_of(kiosk), SEE_OTHER)


def redeem(store: Store, kiosk: str, moment: Moment) -> AnyResponse:
    """Use a coupon; it is used at most once, however often this is sent."""
    coupon = _field("coupon")
    wallet.redeem(store.recorder, store.clock, _visit(moment), coupon)
    return redirect(f"{base_of(kiosk)}/coupon/{coupon}", SEE_OTHER)


def save(store: Store, kiosk: str, moment: Moment) -> AnyResponse:
    """Put a product on the list, or take it off."""
    product, wanted = _field("product"), _field("saved") == "1"
    saves.save(store.recorder, store.clock, _visit(moment), product, wanted)
    return redirect(f"{base_of(kiosk)}/product/{product}", SEE_OTHER)


def ask(store: Store, kiosk: str, moment: Moment) -> AnyResponse:
    """Call for help."""
    topic = _field("topic")
    if topic not in HELP_TOPICS:
        abort(400)
    place = store.kiosks[kiosk]
    calls.ask(store.recorder, store.clock, place, moment.visit, topic)
    return redirect(f"{base_of(kiosk)}/help", SEE_OTHER)


def end(store: Store, kiosk: str, moment: Moment) -> AnyResponse:
    """End the visit; a second tap ends nothing."""
    if moment.visit is not None:
        _visit(moment)
        actions.end_visit(store.kiosk(kiosk))
    return _with_language_forgotten(redirect(f"{base_of(kiosk)}/ended", SEE_OTHER), kiosk)


def ordinary(store: Store, kiosk: str, moment: Moment) -> AnyResponse:
    """End the visit and with it everything personal, and show the store's ordinary page."""
    if moment.visit is not None:
        actions.end_visit(store.kiosk(kiosk))
    return redirect(f"{base_of(kiosk)}/ordinary", SEE_OTHER)


def choose_language(store: Store, kiosk: str, moment: Moment) -> AnyResponse:
    """Change the language of this kiosk, and come back to the page it was asked on."""
    language, back = _field("language"), _field("back")
    if language not in LANGUAGES:
        abort(400)
    inside = back == base_of(kiosk) or back.startswith(f"{base_of(kiosk)}/")
    response = redirect(back if inside else base_of(kiosk), SEE_OTHER)
    forms.set_cookie(
        response, request, language_cookie(kiosk), language, base_of(kiosk), forms.COOKIE_AGE_S_MAX
    )
    return response


def seen(store: Store, kiosk: str, moment: Moment) -> AnyResponse:
    """Record what the screen says it has painted, or which control was tapped."""
    record_seen(store, kiosk, moment)
    return make_response("", 204)


# What may be sent to a kiosk, `POST /kiosk/<kiosk>/<act>`.
ACTS: dict[str, Callable[[Store, str, Moment], AnyResponse]] = {
    "claim": claim,
    "redeem": redeem,
    "save": save,
    "help": ask,
    "end": end,
    "ordinary": ordinary,
    "language": choose_language,
    "seen": seen,
}


def _known(store: Store, kiosk: str) -> None:
    if kiosk not in store.kiosks:
        abort(404)


def _field(name: str) -> str:
    value = request.form.get(name)
    if value is None:
        abort(400)
    return value


def _visit(moment: Moment) -> Visit:
    """Return the visit, if it is the one in whose name the form was drawn."""
    if moment.visit is None or _field("visit") != moment.visit_id:
        raise VisitOver()
    return moment.visit


def _refused(store: Store, kiosk: str, text_key: str) -> Response:
    nonce = request.cookies.get(nonce_cookie(kiosk), "")
    screen = screen_of(store, kiosk, nonce)
    page = Page(name="error", status=409, values={"text": screen.words(text_key)})
    return respond_page(screen, look(store, kiosk), page, nonce)


def _with_language_forgotten(response: AnyResponse, kiosk: str) -> AnyResponse:
    """Let the next shopper begin in the store's own language."""
    response.delete_cookie(language_cookie(kiosk), path=base_of(kiosk))
    return response
