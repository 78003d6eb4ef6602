"""Facts about atoms, goods and stores: rows that merge by sum, maximum or minimum.

Each merge is associative and commutative, so the same events give the same rows in any order, and
a shopper is the merge of the rows of its identifiers.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from uuid import UUID

from psycopg import Connection

from cloud_sync.database import arrays
from cloud_sync.shoppers import interests

DAY_US = 86_400_000_000
# Pairs grow with the square of the products of an order: the rest of a longer one form none.
PAIRED_PRODUCTS_MAX = 20

PRODUCT = re.compile(r"[0-9A-Za-z._-]{1,64}")
CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, kw_only=True, eq=False)
class FactTable:
    """One table of facts: its key columns with their types, and how each value column merges."""

    name: str
    keys: Mapping[str, str]
    sums: tuple[str, ...] = ()
    latest: tuple[str, ...] = ()
    earliest: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        """Return the value columns in the order in which rows hold them."""
        return (*self.sums, *self.latest, *self.earliest)

    @cached_property
    def places(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Return where in a row's values the sums stand, the latest and the earliest."""
        latest = len(self.sums)
        earliest = latest + len(self.latest)
        end = len(self.values)
        return (
            tuple(range(latest)),
            tuple(range(latest, earliest)),
            tuple(range(earliest, end)),
        )


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
    latest=("viewed_at", "viewed_online_at", "tried_at", "bought_at", "saved_mark"),
)
# followed_mark is made as saved_mark is; orders are those with goods of the brand.
ATOM_BRAND = FactTable(
    name="atom_brand",
    keys={**_ATOM, "brand": "text"},
    sums=("orders",),
    latest=("followed_mark", "bought_at"),
)
ATOM_ZONE = FactTable(
    name="atom_zone",
    keys={**_ATOM, "store": "text", "zone": "text", "plan": "integer"},
    sums=("stays", "dwell_ms"),
    latest=("dwelt_at",),
)
ATOM_MONEY = FactTable(
    name="atom_money",
    keys={**_ATOM, "currency": "text"},
    sums=("orders", "paid_cents", "refunded_cents"),
)
# An order as a whole, where the subject is empty, and each part of it by its product; what came
# back stands in rows of its own day and place under the same number.
ATOM_ORDER = FactTable(
    name="atom_order",
    keys={
        **_ATOM,
        "number": "text",
        "subject": "text",
        "day": "integer",
        "place": "text",
        "currency": "text",
    },
    sums=("bought", "returned", "paid_cents", "refunded_cents"),
    latest=("bought_at",),
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
    ATOM_MONEY,
    ATOM_ORDER,
    ATOM_STORE,
    STORE_PRODUCT,
    PRODUCT_PAIR,
)

Row = tuple[str | int, ...]


class Facts:
    """The facts of many events, merged in memory to one row a key."""

    def __init__(self) -> None:
        """Begin with no facts."""
        self.rows: dict[FactTable, dict[Row, list[int]]] = {table: {} for table in FACT_TABLES}

    def merge(self, table: FactTable, key: Row, values: list[int]) -> None:
        """Merge one row given by all its values."""
        rows = self.rows[table]
        held = rows.get(key)
        if held is None:
            rows[key] = values
            return
        sums, latest, earliest = table.places
        for place in sums:
            held[place] += values[place]
        for place in latest:
            value = values[place]
            if value > held[place]:
                held[place] = value
        for place in earliest:
            value = values[place]
            if value < held[place]:
                held[place] = value


def write(connection: Connection, facts: Facts) -> None:
    """Merge the facts into the tables, a statement a table, rows in sorted order."""
    written = {}
    for table in FACT_TABLES:
        if rows := facts.rows[table]:
            written[table] = connection.execute(upsert(table).encode(), _columns(table, rows))
    if ATOM_PRODUCT in written:
        interests.let_wait(
            connection,
            _fresh(facts.rows[ATOM_PRODUCT], written[ATOM_PRODUCT].fetchall()),
        )


def _fresh(
    given: Mapping[Row, list[int]], written: Iterable[tuple[str, UUID, str, int]]
) -> list[tuple[str, str, str]]:
    """Return the rows that are new to their atom: they hold no more than was just written."""
    return [
        (tenant, atom.hex, product)
        for tenant, atom, product, times in written
        if times == given[tenant, atom.hex, product][0]
    ]


def _columns(table: FactTable, rows: Mapping[Row, list[int]]) -> list[str]:
    ordered = sorted(rows)
    keys = zip(*ordered, strict=True)
    values = zip(*map(rows.__getitem__, ordered), strict=True)
    return [
        *(
            arrays.texts(column) if kind == "text" else arrays.plain(map(str, column))
            for kind, column in zip(table.keys.values(), keys, strict=True)
        ),
        *map(arrays.numbers, values),
    ]


def upsert(table: FactTable) -> str:
    """Return the statement that merges arrays of rows into a table, the columns in order."""
    names = ", ".join((*table.keys, *table.values))
    kinds = [*table.keys.values(), *("bigint" for _ in table.values)]
    merges = [f"{name} = held.{name} + excluded.{name}" for name in table.sums]
    merges += [f"{name} = greatest(held.{name}, excluded.{name})" for name in table.latest]
    merges += [f"{name} = least(held.{name}, excluded.{name})" for name in table.earliest]
    returning = " RETURNING tenant, atom, product, times" if table is ATOM_PRODUCT else ""
    return (
        f"INSERT INTO {table.name} AS held ({names})"  # noqa: S608 (names from the tables above)
        f" SELECT * FROM unnest({', '.join(f'%s::{kind}[]' for kind in kinds)})"
        f" ON CONFLICT ({', '.join(table.keys)}) DO UPDATE SET {', '.join(merges)}"
        f"{returning}"
    )


def pairs(products: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Yield each two different products in both directions."""
    for one, other in combinations(sorted(set(products)), 2):
        yield one, other
        yield other, one
