"""Facts about atoms, goods and stores: rows that merge by sum, maximum or minimum.

Each merge is associative and commutative, so the same events give the same rows in any order, and
a shopper is the merge of the rows of its identifiers.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from uuid import UUID

from psycopg import Connection

from cloud_sync.database import arrays

DAY_US = 86_400_000_000
# Pairs grow with the square of the products of an order or atom: the rest of a longer order, and an
# atom that has touched more, form none.
PAIRED_PRODUCTS_MAX = 20

PRODUCT = re.compile(r"[0-9A-Za-z._-]{1,64}")
CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
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


_ATOM = {"tenant": "text", "atom": "uuid"}

ATOM_ACT = FactTable(
    name="atom_act",
    keys={**_ATOM, "day": "integer", "act": "text"},
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
    ATOM_ZONE,
    ATOM_MONEY,
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
        sums = len(table.sums)
        latest = sums + len(table.latest)
        for place, value in enumerate(values):
            if place < sums:
                held[place] += value
            elif place < latest:
                held[place] = max(held[place], value)
            else:
                held[place] = min(held[place], value)


def write(connection: Connection, facts: Facts, shard: int) -> None:
    """Merge the facts into the tables, a statement a table, rows in sorted order."""
    for table in FACT_TABLES:
        rows = sorted(facts.rows[table].items())
        if not rows:
            continue
        cursor = connection.execute(upsert(table).encode(), _columns(table, rows))
        if table is ATOM_PRODUCT:
            _pair_views(connection, facts, shard, cursor.fetchall())


def _columns(table: FactTable, rows: list[tuple[Row, list[int]]]) -> list[str]:
    columns = []
    for place, kind in enumerate(table.keys.values()):
        column = (str(key[place]) for key, _ in rows)
        columns.append(arrays.texts(column) if kind == "text" else arrays.plain(column))
    columns.extend(
        arrays.numbers(values[place] for _, values in rows) for place in range(len(table.values))
    )
    return columns


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


def _pair_views(
    connection: Connection, facts: Facts, shard: int, written: Iterable[tuple[str, UUID, str, int]]
) -> None:
    """Count the pairs that products new to an atom form with its other products.

    A row is new if it holds no more than was just written; so each pair is counted once an atom.
    """
    given = facts.rows[ATOM_PRODUCT]
    fresh: dict[tuple[str, str], set[str]] = defaultdict(set)
    for tenant, atom, product, times in written:
        if times == given[tenant, atom.hex, product][0]:
            fresh[tenant, atom.hex].add(product)
    if not fresh:
        return
    rows = connection.execute(
        "SELECT asked.tenant, asked.atom, held.products"
        " FROM unnest(%s::text[], %s::uuid[]) AS asked(tenant, atom)"
        " CROSS JOIN LATERAL (SELECT array_agg(product) AS products FROM atom_product"
        "  WHERE atom_product.tenant = asked.tenant AND atom_product.atom = asked.atom) AS held"
        " WHERE cardinality(held.products) BETWEEN 2 AND %s",
        (
            arrays.texts(tenant for tenant, _ in fresh),
            arrays.plain(atom for _, atom in fresh),
            PAIRED_PRODUCTS_MAX,
        ),
    )
    for tenant, atom, products in rows:
        new = fresh[tenant, atom.hex]
        for one, other in pairs(products):
            if one in new or other in new:
                facts.merge(PRODUCT_PAIR, (tenant, one, other, shard), [1, 0])


def pairs(products: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Yield each two different products in both directions."""
    for one, other in combinations(sorted(set(products)), 2):
        yield one, other
        yield other, one
