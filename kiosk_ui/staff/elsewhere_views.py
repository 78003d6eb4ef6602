"""The address at which staff take back what another store or an online channel sold."""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from edge_agent import local_view
from edge_agent.places import Place
from edge_agent.till import orders
from edge_agent.till.orders import ReturnError
from kiosk_ui import forms
from kiosk_ui.language import SEE_OTHER
from kiosk_ui.staff.drawing import (
    BASE,
    STAFF_DEVICE,
    browser_nonce,
    document,
    draw,
    inside,
    words_of,
)
from kiosk_ui.staff.shelf import items, scanned
from kiosk_ui.staff.stock_views import FormsTaken
from kiosk_ui.store import Store
from looks.words import CURRENCIES_WITHOUT_CENTS
from wire.events import Line
from wire.topics import NAME

AT = f"{BASE}/elsewhere"
ORDER = re.compile(r"[^\s@\x00-\x1f]{1,60}")
PIECES_MAX = 99
MONEY = re.compile(r"(\d{1,7})(?:[.,](\d{1,2}))?", re.ASCII)


def add_to(views: Blueprint, store: Store) -> None:
    """Add the address to the staff pages of one store."""
    pages = _ElsewherePages(store)
    views.add_url_rule(AT, "elsewhere", pages.form)
    views.add_url_rule(AT, "take_back_elsewhere", pages.take_back, methods=["POST"])


def cents_of(text: str, currency: str) -> int | None:
    """Return an amount that somebody typed, such as `205.20`; None for what is no amount."""
    found = MONEY.fullmatch(text.strip())
    if found is None:
        return None
    whole, rest = int(found[1]), found[2] or ""
    if currency in CURRENCIES_WITHOUT_CENTS:
        return None if rest else whole
    return 100 * whole + int(rest.ljust(2, "0"))


class _ElsewherePages:
    """The form, behind the same entry as the board; a return is taken once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._forms = FormsTaken()

    def form(self) -> AnyResponse:
        """Show the form, with the product that was scanned, or what was taken back just now."""
        if not inside(self._store):
            return redirect(f"{BASE}/enter", SEE_OTHER)
        asked = request.args.to_dict()
        if find := asked.pop("find", "").strip():
            hit = scanned(items(self._store.database.reader()), find)
            asked["product"] = find if hit is None else hit.product
        return self._page(asked)

    def take_back(self) -> AnyResponse:
        """Take back what was confirmed."""
        if not inside(self._store):
            abort(403)
        store, sent = self._store, request.form
        forms.check_form(store.secret, browser_nonce())
        order, bought_at = sent.get("order", "").strip(), sent.get("bought_at", "").strip()
        product, pieces = sent.get("product", "").strip(), sent.get("pieces", "")
        view = local_view.product(store.database.reader(), product)
        amount = cents_of(sent.get("amount", ""), "" if view is None else view.currency)
        count = int(pieces) if re.fullmatch(r"[0-9]{1,2}", pieces) else 0
        sellable = {"yes": True, "no": False}.get(sent.get("sellable", ""))
        is_order = bool(ORDER.fullmatch(order) and NAME.fullmatch(bought_at))
        if not is_order or bought_at == store.store:
            return self._page(sent, "staff.elsewhere.wrong_order")
        if sellable is None or amount is None or not 1 <= count <= PIECES_MAX:
            return self._page(sent, "staff.elsewhere.wrong")
        line = Line(product, count, amount)
        place = Place(device=STAFF_DEVICE, zone="")

        def act() -> None:
            recorder, clock = store.recorder, store.clock
            orders.take_back_elsewhere(
                recorder, clock, place, order, bought_at, line, sellable=sellable
            )

        try:
            self._forms.take(sent.get("once", ""), act)
        except ReturnError as error:
            return self._page(sent, error.text_key)
        return redirect(f"{AT}?{urlencode({'done': order})}", SEE_OTHER)

    def _page(self, asked: Mapping[str, str], wrong: str = "") -> AnyResponse:
        store = self._store
        words, nonce, at = words_of(store), browser_nonce(), store.clock.now().at
        product = local_view.product(store.database.reader(), asked.get("product", ""))
        values: dict[str, object] = {
            "asked": asked,
            "known": product,
            "wrong": wrong,
            "once": forms.new_nonce(),
            "pieces_max": PIECES_MAX,
        }
        fragment = draw(store, "elsewhere", words=words, nonce=nonce, at=at, **values)
        return document(store, fragment, 400 if wrong else 200)
