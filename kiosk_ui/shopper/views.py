"""The addresses of the kiosk: pages to read, acts to send, and the stream that pushes."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Response, abort, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from edge_agent import local_view
from edge_agent.visits import actions, calls, marks, wallet
from edge_agent.visits.marks import CONSENTED, FOLLOWED, SAVED, TRIED, MarkKind
from edge_agent.visits.visits import Visit
from kiosk_ui import forms
from kiosk_ui.language import SEE_OTHER, asked_for, keep
from kiosk_ui.shopper.drawing import (
    base_of,
    language_cookie,
    nonce_cookie,
    own_language_cookie,
    respond,
    respond_page,
    screen_of,
)
from kiosk_ui.shopper.moment import Moment, look
from kiosk_ui.shopper.pages import HELP_TOPICS, PAGES
from kiosk_ui.shopper.push import push
from kiosk_ui.shopper.scene import Page, Scene
from kiosk_ui.shopper.seen import record_seen
from kiosk_ui.store import Store
from kiosk_ui.streams import Streams
from kiosk_ui.texts import LANGUAGES


class VisitOver(Exception):
    """A form was sent in the name of a visit that is no longer the one at this kiosk."""


def blueprint(store: Store, streams: Streams) -> Blueprint:
    """Build the kiosk's addresses for one store."""
    views = Blueprint("shopper", __name__)

    def page(kiosk: str, name: str = "home", subject: str = "") -> AnyResponse:
        _known(store, kiosk)
        if name not in PAGES:
            abort(404)
        if (wanted := asked_for(store)) is not None:
            return _begin_in(wanted, kiosk)
        return respond(store, kiosk, name, subject or request.args.get("q", ""))

    def act(kiosk: str, act: str) -> AnyResponse:
        _known(store, kiosk)
        if act not in ACTS:
            abort(404)
        forms.check_form(store.secret, request.cookies.get(nonce_cookie(kiosk), ""))
        try:
            return ACTS[act](Sent(store, kiosk, look(store, kiosk)))
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


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that was sent to a kiosk, at a moment."""

    store: Store
    kiosk: str
    moment: Moment

    @property
    def base(self) -> str:
        """Return the address of the kiosk's pages."""
        return base_of(self.kiosk)


def claim(sent: Sent) -> AnyResponse:
    """Keep a coupon for later."""
    wallet.claim(sent.store.recorder, sent.store.clock, _visit(sent.moment), _field("coupon"))
    return redirect(sent.base, SEE_OTHER)


def redeem(sent: Sent) -> AnyResponse:
    """Use a coupon; it is used at most once, however often this is sent."""
    coupon = _field("coupon")
    wallet.redeem(sent.store.recorder, sent.store.clock, _visit(sent.moment), coupon)
    return redirect(f"{sent.base}/coupon/{coupon}", SEE_OTHER)


def save(sent: Sent) -> AnyResponse:
    """Put a product on the list, or take it off."""
    product = _field("product")
    _mark(sent, SAVED, product, on=_field("saved") == "1")
    return redirect(f"{sent.base}/product/{product}", SEE_OTHER)


def follow(sent: Sent) -> AnyResponse:
    """Follow a brand or series that this store sells, or no longer; the page sent from follows."""
    subject, on = _field("subject"), _field("followed") == "1"
    if on and not _followable(sent.store, subject):
        abort(404)
    _mark(sent, FOLLOWED, subject, on=on)
    return _back(sent, sent.base)


def tried(sent: Sent) -> AnyResponse:
    """Note that a product was tried on, out, or tasted, once a visit."""
    product = _field("product")
    if local_view.product(sent.store.database.reader(), product) is None:
        abort(404)
    _mark(sent, TRIED, product)
    return redirect(f"{sent.base}/product/{product}", SEE_OTHER)


def ask(sent: Sent) -> AnyResponse:
    """Call for help."""
    topic = _field("topic")
    if topic not in HELP_TOPICS:
        abort(400)
    place = sent.store.kiosks[sent.kiosk]
    calls.ask(sent.store.recorder, sent.store.clock, place, sent.moment.visit, topic)
    return redirect(f"{sent.base}/help", SEE_OTHER)


def browse(sent: Sent) -> AnyResponse:
    """Begin a visit that nobody names, or go on with the one at the kiosk.

    A product that is sent with it is put on the visit's list, a brand or series is followed.
    """
    product, subject = request.form.get("product", ""), request.form.get("subject", "")
    visit = sent.moment.visit or actions.begin_unnamed(sent.store.kiosk(sent.kiosk))
    store, reader = sent.store, sent.store.database.reader()
    if local_view.product(reader, product) is not None:
        marks.mark(store.recorder, store.clock, visit, SAVED, product)
        return redirect(f"{sent.base}/product/{product}", SEE_OTHER)
    if _followable(store, subject):
        marks.mark(store.recorder, store.clock, visit, FOLLOWED, subject)
        return _back(sent, sent.base)
    return redirect(f"{sent.base}/goods", SEE_OTHER)


def end(sent: Sent) -> AnyResponse:
    """End the visit; a second tap ends nothing."""
    if sent.moment.visit is not None:
        _visit(sent.moment)
        actions.end_visit(sent.store.kiosk(sent.kiosk))
    return redirect(f"{sent.base}/ended", SEE_OTHER)


def ordinary(sent: Sent) -> AnyResponse:
    """End the visit and with it everything personal, and show the store's ordinary page."""
    if sent.moment.visit is not None:
        actions.end_visit(sent.store.kiosk(sent.kiosk), by="ordinary")
    return redirect(f"{sent.base}/ordinary", SEE_OTHER)


def consent(sent: Sent) -> AnyResponse:
    """Allow personal offers, or withdraw that: it holds on this screen at once."""
    on = _field("given") == "1"
    if not _visit(sent.moment).identifiers:
        abort(400)
    _mark(sent, CONSENTED, "offers", on=on)
    return redirect(f"{sent.base}/privacy" if on else sent.base, SEE_OTHER)


def choose_language(sent: Sent) -> AnyResponse:
    """Change the language of this kiosk, and come back to the page it was asked on."""
    language = _field("language")
    if language not in LANGUAGES:
        abort(400)
    response = _back(sent, sent.base)
    forms.set_cookie(
        response, request, language_cookie(sent.kiosk), language, sent.base, forms.COOKIE_AGE_S_MAX
    )
    return response


def seen(sent: Sent) -> AnyResponse:
    """Record what the screen says it has painted, or which control was tapped."""
    record_seen(sent.store, sent.kiosk, sent.moment)
    return make_response("", 204)


# What may be sent to a kiosk, `POST /kiosk/<kiosk>/<act>`.
ACTS: dict[str, Callable[[Sent], AnyResponse]] = {
    "claim": claim,
    "redeem": redeem,
    "save": save,
    "follow": follow,
    "tried": tried,
    "help": ask,
    "browse": browse,
    "end": end,
    "ordinary": ordinary,
    "consent": consent,
    "language": choose_language,
    "seen": seen,
}


def _known(store: Store, kiosk: str) -> None:
    if kiosk not in store.kiosks:
        abort(404)


def _begin_in(language: str, kiosk: str) -> AnyResponse:
    """Let this screen begin in a language, for whoever comes next and for who is here."""
    response = keep(language, own_language_cookie(kiosk), base_of(kiosk))
    response.delete_cookie(language_cookie(kiosk), path=base_of(kiosk))
    return response


def _followable(store: Store, subject: str) -> bool:
    """Tell whether this store sells goods of a brand or series of this name."""
    reader = store.database.reader()
    return subject in local_view.brands(reader) or subject in local_view.series(reader)


def _field(name: str) -> str:
    value = request.form.get(name)
    if value is None:
        abort(400)
    return value


def _mark(sent: Sent, kind: MarkKind, thing: str, *, on: bool = True) -> None:
    marks.mark(sent.store.recorder, sent.store.clock, _visit(sent.moment), kind, thing, on)


def _back(sent: Sent, otherwise: str) -> AnyResponse:
    """Lead back to the page of this kiosk that the form names, or to another one."""
    back = request.form.get("back", "")
    inside = back == sent.base or back.startswith(f"{sent.base}/")
    return redirect(back if inside else otherwise, SEE_OTHER)


def _visit(moment: Moment) -> Visit:
    """Return the visit, if it is the one in whose name the form was drawn."""
    if moment.visit is None or _field("visit") != moment.visit_id:
        raise VisitOver()
    return moment.visit


def _refused(store: Store, kiosk: str, text_key: str) -> Response:
    nonce = request.cookies.get(nonce_cookie(kiosk), "")
    screen = screen_of(store, kiosk, nonce)
    page = Page(name="error", status=409, values={"text": screen.words(text_key)})
    return respond_page(Scene(screen, look(store, kiosk)), page, nonce)
