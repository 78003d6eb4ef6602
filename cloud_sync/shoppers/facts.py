"""What an event says about its atom, as rows that merge by sum, maximum or minimum.

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
from cloud_sync.intake.ledger import LedgerEvent
from wire.events import (
    Arrival,
    BasketChanged,
    Body,
    CouponClaimed,
    CouponRedeemed,
    Dwell,
    Followed,
    HelpAsked,
    Line,
    OfferShown,
    PageShown,
    Purchased,
    Returned,
    Saved,
    Scan,
    Searched,
    Tapped,
    Tried,
    Viewed,
    Watched,
)

DAY_US = 86_400_000_000
# One event cannot say more than this; what goes beyond counts as this much, so that a wrong or
# hostile figure cannot overflow a sum.
QUANTITY_MAX = 10_000
AMOUNT_CENTS_MAX = 10**11
DWELL_MS_MAX = 86_400_000
# Pairs grow with the square of the products of an order or atom: the rest of a longer order, and an
# atom that has touched more, form none.
PAIRED_PRODUCTS_MAX = 20

PRODUCT = re.compile(r"[0-9A-Za-z._-]{1,64}")
CURRENCY = re.compile(r"[A-Z]{3}")

# What a shopper did, by kind of event: the acts that the rules of stage.py speak of. Kinds that
# are not here say nothing about a shopper.
ACTS: Mapping[type[Body], str] = {
    Scan: "scanned",
    Arrival: "arrived",
    Dwell: "dwelt",
    PageShown: "saw",
    Tapped: "tapped",
    Viewed: "viewed",
    Searched: "searched",
    Watched: "watched",
    Saved: "saved",
    Followed: "followed",
    Tried: "tried",
    OfferShown: "saw",
    CouponClaimed: "claimed",
    CouponRedeemed: "redeemed",
    BasketChanged: "carried",
    Purchased: "bought",
    Returned: "returned",
    HelpAsked: "asked",
}


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
ATOM_STORE = FactTable(
    name="atom_store", keys={**_ATOM, "store": "text"}, latest=("seen_at",)
)
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

    def add(self, table: FactTable, key: Row, **values: int) -> None:
        """Merge one row; a sum not given is 0, a time not given says nothing."""
        self.merge(table, key, [values.get(name, 0) for name in table.values])

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


def gather(facts: Facts, ledger: LedgerEvent, atom: str | None) -> None:
    """Merge what one event says about its atom, and about the goods of its store."""
    body = ledger.event.body
    if isinstance(body, Purchased | Returned):
        _goods(facts, ledger, body)
    act = ACTS.get(type(body))
    if atom is None or act is None:
        return
    at = time_of(ledger)
    amount = 0
    match body:
        case Dwell():
            amount = min(max(body.dwell_ms, 0), DWELL_MS_MAX)
            _dwell(facts, ledger, atom, amount, at)
        case Purchased() | Returned():
            amount = _cents(body.amount_cents)
            _money(facts, ledger, atom, body)
        case Saved() if not body.saved:
            act = "unsaved"
        case Followed() if not body.followed:
            act = "unfollowed"
        case BasketChanged() if body.quantity <= 0:
            act = "put_back"
        case Scan() if not body.product:
            act = "showed"
    key = (ledger.tenant, atom)
    facts.merge(ATOM_ACT, (*key, at // DAY_US, act), [1, amount, at, at])
    for product, values in _products(ledger, body, at):
        facts.merge(ATOM_PRODUCT, (*key, product), values)
    if ledger.store is not None:
        facts.merge(ATOM_STORE, (*key, ledger.store), [at])


def time_of(ledger: LedgerEvent) -> int:
    """Return when the event happened, as far as a clock that may lie is believed.

    What claims to come from the future came when it was accepted: otherwise a store whose clock is
    years ahead would have the last word for years.
    """
    return min(max(ledger.event.occurred_at, 0), ledger.accepted_at)


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
    for place in range(len(table.values)):
        columns.append(arrays.numbers(values[place] for _, values in rows))
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
        "SELECT asked.tenant, asked.atom, array_agg(atom_product.product)"
        " FROM unnest(%s::text[], %s::uuid[]) AS asked(tenant, atom)"
        " JOIN atom_product USING (tenant, atom) GROUP BY 1, 2 HAVING count(*) BETWEEN 2 AND %s",
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


def _products(ledger: LedgerEvent, body: Body, at: int) -> list[tuple[str, list[int]]]:
    """Return the rows of ATOM_PRODUCT that an event adds, in the order of its columns."""
    online = at if ledger.store is None else 0
    match body:
        case Viewed(product=product):
            values = [1, 1, 0, 0, 0, at, online, 0, 0, 0]
        case Scan(product=product):
            values = [1, 1, 0, 0, 0, at, 0, 0, 0, 0]
        case Tried(product=product):
            values = [1, 0, 1, 0, 0, 0, 0, at, 0, 0]
        case Saved(product=product, saved=saved):
            values = [1, 0, 0, 0, 0, 0, 0, 0, 0, 2 * at + saved]
        case Purchased(lines=lines):
            return [
                (product, [1, 0, 0, quantity, 0, 0, 0, 0, at, 0])
                for product, quantity in _quantities(lines).items()
            ]
        case Returned(lines=lines):
            return [
                (product, [1, 0, 0, 0, quantity, 0, 0, 0, 0, 0])
                for product, quantity in _quantities(lines).items()
            ]
        case _:
            return []
    return [(product, values)] if PRODUCT.fullmatch(product) else []


def _dwell(facts: Facts, ledger: LedgerEvent, atom: str, dwell_ms: int, at: int) -> None:
    body = ledger.event.body
    if isinstance(body, Dwell) and ledger.store is not None and body.confidence_pct > 0:
        zone = ledger.event.zone.replace("\0", "")[:64]
        plan = body.plan if 0 <= body.plan < 2**31 else 0
        key = (ledger.tenant, atom, ledger.store, zone, plan)
        facts.merge(ATOM_ZONE, key, [1, dwell_ms, at])


def _money(facts: Facts, ledger: LedgerEvent, atom: str, body: Purchased | Returned) -> None:
    if CURRENCY.fullmatch(body.currency):
        cents = _cents(body.amount_cents)
        values = [1, cents, 0] if isinstance(body, Purchased) else [0, 0, cents]
        facts.merge(ATOM_MONEY, (ledger.tenant, atom, body.currency), values)


def _goods(facts: Facts, ledger: LedgerEvent, body: Purchased | Returned) -> None:
    """Count the goods of an order; the web shop's stand under an empty store."""
    quantities = _quantities(body.lines)
    for product, quantity in quantities.items():
        values = [quantity, 0] if isinstance(body, Purchased) else [0, quantity]
        facts.merge(STORE_PRODUCT, (ledger.tenant, ledger.store or "", product), values)
    if isinstance(body, Purchased):
        for one, other in pairs(sorted(quantities)[:PAIRED_PRODUCTS_MAX]):
            facts.merge(PRODUCT_PAIR, (ledger.tenant, one, other, ledger.shard), [0, 1])


def _quantities(lines: Iterable[Line]) -> dict[str, int]:
    quantities: dict[str, int] = defaultdict(int)
    for line in lines:
        if line.quantity > 0 and PRODUCT.fullmatch(line.product):
            quantities[line.product] += min(line.quantity, QUANTITY_MAX)
    return quantities


def _cents(amount: int) -> int:
    return min(max(amount, 0), AMOUNT_CENTS_MAX)
