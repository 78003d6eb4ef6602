"""The addresses at which staff take goods of an order back: find it, choose, confirm."""

from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from edge_agent.places import Place
from edge_agent.till import orders
from edge_agent.till.orders import Order, ReturnError
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
from kiosk_ui.staff.stock_views import DIGITS_MAX, FormsTaken
from kiosk_ui.store import Store
from wire.events import Line

# The field of each product in a form: how many pieces of it come back.
PIECES = "pieces-"
ORDER_CHARACTERS_MAX = 60


def add_to(views: Blueprint, store: Store) -> None:
    """Add the addresses of returns to the staff pages of one store."""
    pages = _ReturnPages(store)
    at = f"{BASE}/returns"
    views.add_url_rule(at, "returns", pages.latest)
    views.add_url_rule(f"{at}/<order>", "return_order", pages.order)
    views.add_url_rule(f"{at}/<order>", "take_back", pages.take_back, methods=["POST"])


class _ReturnPages:
    """The pages of returns, behind the same entry as the board; a return is taken once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._forms = FormsTaken()

    def latest(self) -> AnyResponse:
        """Show the latest orders, or those whose number was searched for."""
        if not inside(self._store):
            return redirect(f"{BASE}/enter", SEE_OTHER)
        query = request.args.get("find", "").strip()[:ORDER_CHARACTERS_MAX]
        found = orders.latest(self._store.database.reader(), query)
        if query and [each.order for each in found] == [query]:
            return redirect(f"{BASE}/returns/{query}", SEE_OTHER)
        return self._page("orders", {"orders": found, "query": query})

    def order(self, order: str) -> AnyResponse:
        """Show one order to choose from, or what is chosen with what is paid back for it."""
        if not inside(self._store):
            return redirect(f"{BASE}/enter", SEE_OTHER)
        found = orders.find(self._store.database.reader(), order)
        if found is None:
            return redirect(f"{BASE}/returns?{urlencode({'find': order})}", SEE_OTHER)
        return self._order_page(found, request.args)

    def take_back(self, order: str) -> AnyResponse:
        """Take what was confirmed back."""
        if not inside(self._store):
            abort(403)
        forms.check_form(self._store.secret, browser_nonce())
        store, found = self._store, self._known(order)
        till = store.tills.get(found.till)
        place = Place(device=STAFF_DEVICE, zone="" if till is None else till.zone)
        sellable = {"yes": True, "no": False}.get(request.form.get("sellable", ""))
        if sellable is None:
            return self._order_page(found, request.form, "staff.returns.wrong")
        pieces = _pieces(request.form)

        def act() -> None:
            orders.take_back(store.recorder, store.clock, place, order, pieces, sellable=sellable)

        try:
            self._forms.take(request.form.get("once", ""), act)
        except ReturnError as error:
            return self._order_page(self._known(order), {}, error.text_key)
        return redirect(f"{BASE}/returns/{order}?done", SEE_OTHER)

    def _known(self, order: str) -> Order:
        found = orders.find(self._store.database.reader(), order)
        if found is None:
            abort(404)
        return found

    def _order_page(self, found: Order, asked: Mapping[str, str], wrong: str = "") -> AnyResponse:
        pieces = _pieces(asked)
        back: tuple[Line, ...] = ()
        if any(pieces.values()):
            try:
                back = found.lines_back(pieces)
            except ReturnError as error:
                wrong = wrong or error.text_key
        values: dict[str, object] = {
            "order": found,
            "returning": {line.product: line for line in back},
            "refund_cents": sum(line.amount_cents for line in back),
            "pieces": PIECES,
            "wrong": wrong,
            "done": "done" in asked,
            "once": forms.new_nonce(),
        }
        return self._page("order", values, 400 if wrong else 200)

    def _page(self, template: str, values: dict[str, object], status: int = 200) -> AnyResponse:
        store = self._store
        words, nonce, at = words_of(store), browser_nonce(), store.clock.now().at
        fragment = draw(store, template, words=words, nonce=nonce, at=at, **values)
        return document(store, fragment, status)


def _pieces(asked: Mapping[str, str]) -> dict[str, int]:
    """Return how many pieces of each product a form names; what is no number counts as -1."""
    return {
        name.removeprefix(PIECES): int(text) if _is_number(text) else -1
        for name, text in asked.items()
        if name.startswith(PIECES) and text.strip()
    }


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX
