"""The addresses at which staff find goods, count them, and note what came in or left."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from edge_agent import local_view
from edge_agent.places import Place
from edge_agent.till import stock
from edge_agent.till.stock import StockError
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
from kiosk_ui.staff.shelf import QUERY_CHARACTERS_MAX, Item, find, item, items, scanned
from kiosk_ui.store import Store

# Why goods come or go besides sales, and in which direction; each is one of `stock.REASONS`.
MOVES: dict[str, int] = {"delivered": 1, "damaged": -1, "displayed": -1, "moved": -1}
DIGITS_MAX = 7
FORMS_REMEMBERED_MAX = 1_000


def add_to(views: Blueprint, store: Store) -> None:
    """Add the addresses of stock to the staff pages of one store."""
    pages = _StockPages(store)
    at = f"{BASE}/stock"
    views.add_url_rule(at, "stock", pages.shelf)
    views.add_url_rule(f"{at}/<product>", "stock_item", pages.item)
    views.add_url_rule(f"{at}/<product>/count", "count", pages.count, methods=["POST"])
    views.add_url_rule(f"{at}/<product>/move", "move", pages.move, methods=["POST"])


class FormsTaken:
    """Remembers which forms were taken, so that one sent twice moves goods once.

    Holds the last FORMS_REMEMBERED_MAX; an older one that is sent again would count again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: OrderedDict[str, None] = OrderedDict()

    def take(self, name: str, act: Callable[[], object]) -> None:
        """Do the act of a form unless that was done; one that raises may be sent again."""
        with self._lock:
            if name in self._taken:
                return
            act()
            self._taken[name] = None
            while len(self._taken) > FORMS_REMEMBERED_MAX:
                self._taken.popitem(last=False)


class _StockPages:
    """The pages of stock, behind the same entry as the board; forms are taken once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._forms = FormsTaken()

    def shelf(self) -> AnyResponse:
        """Show all goods or those searched for; a scanned number opens its product at once."""
        if not inside(self._store):
            return redirect(f"{BASE}/enter", SEE_OTHER)
        query = request.args.get("find", "")[:QUERY_CHARACTERS_MAX]
        everything = items(self._store.database.reader())
        if (hit := scanned(everything, query)) is not None:
            return redirect(f"{BASE}/stock/{hit.product}", SEE_OTHER)
        saved = item(self._store.database.reader(), request.args.get("saved", ""))
        found = find(everything, query)
        return self._page("shelf", {"items": found, "query": query, "saved": saved})

    def item(self, product: str) -> AnyResponse:
        """Show one product with the forms to count and to move it."""
        if not inside(self._store):
            return redirect(f"{BASE}/enter", SEE_OTHER)
        return self._item_page(self._known(product))

    def count(self, product: str) -> AnyResponse:
        """Record how many pieces staff counted."""
        return self._take(product, self._count)

    def move(self, product: str) -> AnyResponse:
        """Record that pieces came in or left, for one of MOVES."""
        return self._take(product, self._move)

    def _count(self, product: str) -> None:
        quantity = _quantity(least=0)
        store = self._store
        stock.count(store.recorder, store.clock, self._place(product), product, quantity)

    def _move(self, product: str) -> None:
        reason = request.form.get("reason", "")
        if reason not in MOVES:
            raise StockError("no reason was chosen")
        quantity = MOVES[reason] * _quantity(least=1)
        store, place = self._store, self._place(product)
        stock.move(store.recorder, store.clock, place, product, quantity, reason)

    def _take(self, product: str, act: Callable[[str], None]) -> AnyResponse:
        if not inside(self._store):
            abort(403)
        forms.check_form(self._store.secret, browser_nonce())
        found = self._known(product)
        try:
            self._forms.take(request.form.get("once", ""), lambda: act(product))
        except StockError:
            return self._item_page(found, status=400)
        return redirect(f"{BASE}/stock?saved={product}", SEE_OTHER)

    def _known(self, product: str) -> Item:
        found = item(self._store.database.reader(), product)
        if found is None:
            abort(404)
        return found

    def _place(self, product: str) -> Place:
        """Return where the product stands by the shelf plan, else nowhere in particular."""
        connection, at = self._store.database.reader(), self._store.clock.now().at
        for zone in self._store.zones:
            plan = local_view.plan(connection, zone, at)
            if plan is not None and product in plan.products:
                return Place(device=STAFF_DEVICE, zone=zone)
        return Place(device=STAFF_DEVICE, zone="")

    def _item_page(self, found: Item, status: int = 200) -> AnyResponse:
        sent = {name: request.form.get(name, "") for name in ("quantity", "reason")}
        values = {"item": found, "moves": MOVES, "sent": sent, "wrong": status != 200}
        return self._page("item", {**values, "once": forms.new_nonce()}, status)

    def _page(self, template: str, values: dict[str, object], status: int = 200) -> AnyResponse:
        store = self._store
        words, nonce, at = words_of(store), browser_nonce(), store.clock.now().at
        fragment = draw(store, template, words=words, nonce=nonce, at=at, **values)
        return document(store, fragment, status)


def _quantity(*, least: int) -> int:
    """Return the pieces that the form names; raises StockError for what is no such number."""
    text = request.form.get("quantity", "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX and int(text) >= least):
        raise StockError(f"a quantity is a whole number of at least {least}")
    return int(text)
