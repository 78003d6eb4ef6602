"""Facts about atoms, goods and stores; a shopper is the merge of the rows of its identifiers."""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import combinations

from psycopg import Connection

from cloud_sync.database import fact_table
from cloud_sync.database.fact_table import FactTable, Row
from cloud_sync.shoppers.atoms import interests

DAY_US = 86_400_000_000
# Pairs grow with the square of the products of an order: the rest of a longer one form none.
PAIRED_PRODUCTS_MAX = 20

PRODUCT = re.compile(r"[0-9A-Za-z._-]{1,64}")
CURRENCY = re.compile(r"[A-Z]{3}")
# The goods of a store are named again and again; a number that was looked at lately is known.
PRODUCTS_REMEMBERED_MAX = 20_000

_ATOM = {"tenant": "text", "atom": "uuid"}

# place and subject are as subjects.py says.
ATOM_ACT = FactTable(
    name="atom_act",
    keys={**_ATOM, "day": "integer", "act": "text", "place": "text", "subject": "text"},
    sums=("times", "amount"),
    latest=("last_at",),
    earliest=("first_at",),
)
# saved_mark is twice the time of the last save or unsave, plus one if it was a save: the greater
# mark is the later word.
ATOM_PRODUCT = FactTable(
    name="atom_product",
    keys={**_ATOM, "product": "text"},
    sums=("times", "views", "tries", "bought", "returned"),
    latest=("viewed_at", "viewed_online_at", "tried_at", "saved_mark"),
)
# followed_mark is made as saved_mark is.
ATOM_BRAND = FactTable(
    name="atom_brand",
    keys={**_ATOM, "brand": "text"},
    latest=("followed_mark",),
)
ATOM_ZONE = FactTable(
    name="atom_zone",
    keys={**_ATOM, "store": "text", "zone": "text", "plan": "integer"},
    sums=("stays", "dwell_ms"),
    latest=("dwelt_at",),
)
# An order as a whole, where the subject is empty, and each part of it by its product; what came
# back stands in rows of its own day and place under the same number. When it was bought is a key,
# since what is taken back must leave no trace, and the latest of some times cannot be taken back.
ATOM_ORDER = FactTable(
    name="atom_order",
    keys={
        **_ATOM,
        "number": "text",
        "subject": "text",
        "day": "integer",
        "place": "text",
        "currency": "text",
        "bought_at": "bigint",
    },
    sums=("bought", "returned", "paid_cents", "refunded_cents"),
)
ATOM_STORE = FactTable(name="atom_store", keys={**_ATOM, "store": "text"}, latest=("seen_at",))
STORE_PRODUCT = FactTable(
    name="store_product",
    keys={"tenant": "text", "store": "text", "product": "text"},
    sums=("bought", "returned"),
)
PRODUCT_PAIR = FactTable(
    name="product_pair",
    keys={"tenant": "text", "product": "text", "other": "text", "shard": "smallint"},
    sums=("viewed_together", "bought_together"),
)
# Written in this order by every worker, so that none waits for another in a circle.
FACT_TABLES = (
    ATOM_ACT,
    ATOM_PRODUCT,
    ATOM_BRAND,
    ATOM_ZONE,
    ATOM_ORDER,
    ATOM_STORE,
    STORE_PRODUCT,
    PRODUCT_PAIR,
)


class Facts:
    """The facts of many events, merged in memory to one row a key."""

    def __init__(self) -> None:
        """Begin with no facts."""
        self.rows: dict[FactTable, dict[Row, list[int]]] = {table: {} for table in FACT_TABLES}
        self._acts = self.rows[ATOM_ACT]
        self._stores = self.rows[ATOM_STORE]

    def merge(self, table: FactTable, key: Row, values: list[int]) -> None:
        """Merge one row given by all its values."""
        held = self.rows[table].setdefault(key, values)
        if held is not values:
            table.merge(held, values)

    def act(self, key: Row, amount: int, at: int) -> None:
        """Merge one act; this runs for each event, and `merge` costs four times as much."""
        held = self._acts.get(key)
        if held is None:
            self._acts[key] = [1, amount, at, at]
            return
        held[0] += 1
        held[1] += amount
        if at > held[2]:
            held[2] = at
        if at < held[3]:
            held[3] = at

    def seen(self, key: Row, at: int) -> None:
        """Merge when an atom was seen in a store; this runs for each event, too."""
        held = self._stores.get(key)
        if held is None:
            self._stores[key] = [at]
        elif at > held[0]:
            held[0] = at


def write(connection: Connection, facts: Facts, shard: int, position: int) -> None:
    """Merge the facts into the tables, a statement a table, rows in sorted order.

    `shard` and `position` are those of the last event that they come from.
    """
    for table in FACT_TABLES:
        if table is ATOM_PRODUCT:
            interests.write(connection, table, facts.rows[table], shard, position)
        else:
            fact_table.write(connection, table, facts.rows[table])


@lru_cache(maxsize=PRODUCTS_REMEMBERED_MAX)
def is_product(number: str) -> bool:
    """Tell whether a text may be the number of a product."""
    return PRODUCT.fullmatch(number) is not None


def pairs(products: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Yield each two different products in both directions."""
    for one, other in combinations(sorted(set(products)), 2):
        yield one, other
        yield other, one
