"""The stage's page and what it asks for: the live figures, showing a code, the line's switch."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flask import Response, abort, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from hardware.cameras.address import without_credentials
from looks.assets import LOOKS, address
from looks.words import LANGUAGES, Words, choose_language, load_locales
from storebridge.simulated.cards import Held
from storebridge.stage.cameras import Cameras
from storebridge.stage.theatre import CAMERAS, Theatre
from storebridge.town import CONSOLE_NAME, STAFF_PIN, TENANT, StorePlan
from storebridge.webshop.cards import cards_of
from storebridge.webshop.forms import is_from_here
from storebridge.webshop.shop import picture_of

LOCALES = load_locales(Path(__file__).parent / "locales")
STATIC = Path(__file__).parent / "static"
LANGUAGE_COOKIE = "language"
LANGUAGE_AGE_S = 365 * 24 * 3600
FIGURES = (
    "recorded",
    "accepted",
    "waiting",
    "offers_shown",
    "redemptions",
    "scan_to_screen_ms",
)
# A code that nobody knows, and that would do harm on a screen that believed it.
ODD_CODE = "<img src=x onerror=alert(1)>"
SEE_OTHER = 303


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One live figure as the page writes it."""

    name: str
    value: str
    title: str
    unit: str = ""


class Pages:
    """The routes of the stage over one theatre."""

    def __init__(self, theatre: Theatre) -> None:
        self._theatre = theatre
        self._cameras = Cameras()
        self._line = LineClock()
        self._cards = cards_of(theatre.town.members)
        self._goods = {each.product: each for each in theatre.products}
        # What the phone showed that was held up last: a picture of it is as good as the phone.
        self._photo: Held | None = None

    def stage(self) -> Response:
        """Show everything side by side, for the store that was chosen."""
        town, words = self._theatre.town, words_of_request()
        chosen = self._store(request.args.get("store") or town.stores[0].name)
        text = render_template(
            "stage/stage.html",
            words=words,
            other=next(name for name in LANGUAGES if name != words.language),
            town=town,
            stores=town.stores,
            chosen=chosen,
            cards=self._cards.values(),
            has_photo=self._photo is not None,
            real_camera=without_credentials(town.camera_of(chosen)),
            goods=self._goods.values(),
            picture_of=picture_of,
            cameras=CAMERAS,
            looks=partial(address, LOOKS, "/looks"),
            asset=partial(address, STATIC, "/static"),
            hints={
                "pin": STAFF_PIN,
                "tenant": TENANT,
                "name": CONSOLE_NAME,
                "password": town.console_password,
            },
            live=self._live(words),
        )
        response = make_response(text)
        if request.args.get("language") in LANGUAGES:
            response.set_cookie(
                LANGUAGE_COOKIE,
                words.language,
                max_age=LANGUAGE_AGE_S,
                httponly=True,
                samesite="Strict",
            )
        return response

    def live(self) -> Response:
        """Answer with what changes from second to second."""
        return jsonify(self._live(words_of_request()))

    def show(self) -> AnyResponse:
        """Hold a member's phone, goods or an odd code to the kiosk camera of a store."""
        store = self._asked_store()
        held = self._held(request.form.get("thing", ""))
        if held is None:
            abort(400)
        self._theatre.show(store.name, held)
        return self._done(store)

    def switch_line(self) -> AnyResponse:
        """Cut or mend the line between the stores and the cloud."""
        store = self._asked_store()
        match request.form.get("line"):
            case "cut":
                self._theatre.cut_line()
            case "mend":
                self._theatre.restore_line()
            case _:
                abort(400)
        return self._done(store)

    def camera(self, store: str, camera: str) -> Response:
        """Answer with what a camera sees, for as long as somebody watches."""
        if camera not in CAMERAS:
            abort(404)
        name = self._store(store).name
        return self._cameras.stream(self._theatre.jpeg_frames(name, camera))

    def _live(self, words: Words) -> dict[str, object]:
        cut = self._theatre.line_is_cut
        since_s = self._line.since_s(cut, time.monotonic())
        found = self._theatre.figures()
        waiting = found.get("waiting")
        state = "cut" if cut else "draining" if isinstance(waiting, int) and waiting else "whole"
        return {
            "cut": cut,
            "line": state,
            "line_title": words(f"line.{state}", span=words.span(since_s)),
            "line_text": words(
                f"line.{state}.text", n=f"{waiting:,}" if isinstance(waiting, int) else "…"
            ),
            "figures": [
                {"name": each.name, "value": each.value, "unit": each.unit, "title": each.title}
                for each in figures_of(found, words)
            ],
        }

    def _held(self, thing: str) -> Held | None:
        """Return what may be held to the camera; None when there is no such thing."""
        if thing in self._cards:
            phone = self._theatre.phone(thing)
            self._photo = Held(phone.text, "card")
            return phone
        if thing in self._goods:
            return Held(thing, "goods")
        if thing == "photo":
            return self._photo
        return Held(ODD_CODE, "card") if thing == "odd" else None

    def _asked_store(self) -> StorePlan:
        if not is_from_here(request):
            abort(403)
        return self._store(request.form.get("store", ""))

    def _store(self, name: str) -> StorePlan:
        found = next((each for each in self._theatre.town.stores if each.name == name), None)
        if found is None:
            abort(404)
        return found

    def _done(self, store: StorePlan) -> AnyResponse:
        """Answer a script with the live figures, a plain form with the page."""
        if "application/json" in request.headers.get("Accept", ""):
            return self.live()
        return redirect(f"/?store={store.name}", SEE_OTHER)


class LineClock:
    """Since when the line has been as it is, as far as somebody looked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cut: bool | None = None
        self._since_s = 0.0

    def since_s(self, cut: bool, now_s: float) -> float:
        """Note how the line is at a monotonic time; return for how long it has been so."""
        with self._lock:
            if cut != self._cut:
                self._cut, self._since_s = cut, now_s
            return now_s - self._since_s


def figures_of(found: Mapping[str, object], words: Words) -> list[Figure]:
    """Return the figures as they are written; what is not known yet is a dash."""
    figures = []
    for name in FIGURES:
        value = found.get(name)
        if isinstance(value, Mapping):
            value = value.get("p50")
        known = isinstance(value, int | float) and not isinstance(value, bool)
        figures.append(
            Figure(
                name=name,
                value=f"{value:,.0f}" if known else "–",
                unit="ms" if known and name.endswith("_ms") else "",
                title=words(f"figure.{name}"),
            )
        )
    return figures


def words_of_request() -> Words:
    """Return the texts in the language of the request."""
    wanted = request.args.get("language") or request.cookies.get(LANGUAGE_COOKIE)
    if wanted not in LANGUAGES:
        wanted = request.accept_languages.best_match(LANGUAGES)
    return Words(choose_language(wanted, LANGUAGES), LOCALES)
