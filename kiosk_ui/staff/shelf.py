"""What stands in the store, as staff look for it: all goods with their stock, the urgent first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge_agent import local_view
from edge_agent.database.sqlite import sqlite3
from edge_agent.till import stock
from edge_agent.till.stock import StockLevel
from wire.views import ProductView

# How urgent each state is: what is urgent stands first.
STATES = ("recount", "out", "low", "never", "fine")
State = Literal["recount", "out", "low", "never", "fine"]
# Those who type more look for something that is not there.
QUERY_CHARACTERS_MAX = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A product that the store sells or has moved; `level` is None before the first movement."""

    product: str
    name: dict[str, str]
    brand: str = ""
    level: StockLevel | None = None

    @property
    def quantity(self) -> int | None:
        """Return how many pieces are known to be there, None where that would be a guess."""
        if self.level is None or (self.level.counted_at is None and self.level.quantity <= 0):
            return None
        return self.level.quantity

    @property
    def state(self) -> State:
        """Return what staff should make of it."""
        if self.level is None or self.level.counted_at is None:
            return "never"
        if self.level.quantity < 0:
            return "recount"
        if self.level.quantity == 0:
            return "out"
        return "low" if self.level.low else "fine"

    @property
    def sought(self) -> str:
        """Return the text in which a search looks, in small letters."""
        return " ".join((self.product, self.brand, *self.name.values())).lower()


def items(connection: sqlite3.Connection) -> list[Item]:
    """Return everything that the store sells or has moved, the most urgent first."""
    levels = {each.product: each for each in stock.levels(connection)}
    sold = {each.product: each for each in local_view.products(connection)}
    everything = [_item(each, sold.get(each), levels.get(each)) for each in {**sold, **levels}]
    return sorted(everything, key=lambda each: (STATES.index(each.state), each.product))


def item(connection: sqlite3.Connection, product: str) -> Item | None:
    """Return one product, None for one that the store neither sells nor ever moved."""
    view, level = local_view.product(connection, product), stock.level(connection, product)
    return None if view is None and level is None else _item(product, view, level)


def find(everything: Sequence[Item], query: str) -> list[Item]:
    """Return the items with every word of the query in their name, brand or number."""
    words = query.lower()[:QUERY_CHARACTERS_MAX].split()
    return [each for each in everything if all(word in each.sought for word in words)]


def scanned(everything: Sequence[Item], query: str) -> Item | None:
    """Return the item whose number the query is, as a scanner types it, with or without zeros."""
    number = query.strip().lstrip("0")
    if not number.isdigit():
        return None
    return next((each for each in everything if each.product.lstrip("0") == number), None)


def _item(product: str, view: ProductView | None, level: StockLevel | None) -> Item:
    if view is not None:
        return Item(product=product, name=view.name, brand=view.brand, level=level)
    return Item(product=product, name=level.name if level else {}, level=level)
