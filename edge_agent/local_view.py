"""What the store knows of the world: products, shoppers, shelf plans and settings.

Filled only by the downlink, read by every screen; it answers whether or not the cloud does.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from edge_agent.database import outbox
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery import retention
from wire.errors import DecodeError
from wire.identifiers import Identifier
from wire.messages import Change
from wire.views import (
    VIEW_TABLES,
    Because,
    ErasureView,
    PlanView,
    ProductView,
    SettingView,
    ShopperView,
    View,
    decode_view,
)

PRODUCTS_SHOWN_MAX = 500
# A view decided this much later than a tap has the tap in it, unless the line was cut meanwhile.
MARK_HOLDS_S = 60

_V = TypeVar("_V", bound=View)


def apply(connection: sqlite3.Connection, change: Change) -> bool:
    """Apply one change of the downlink, within the caller's transaction.

    Returns False for a change that this version does not understand: a table it does not know, or
    a value that is no view of its table. Then the key is left empty, so that nothing outdated
    stays on a screen; a later version gets it anew with a snapshot.
    """
    value = change.value
    understood = change.table in VIEW_TABLES
    if understood and value is not None:
        understood = _decoded(value, VIEW_TABLES[change.table]) is not None
    if value is None or not understood:
        connection.execute(
            "DELETE FROM local_view WHERE view = ? AND key = ?", (change.table, change.key)
        )
    else:
        connection.execute(
            "INSERT INTO local_view (view, key, value) VALUES (?, ?, ?)"
            " ON CONFLICT (view, key) DO UPDATE SET value = excluded.value",
            (change.table, change.key, value),
        )
    return understood


def clear(connection: sqlite3.Connection) -> None:
    """Forget everything, before a snapshot that replaces it is applied."""
    connection.execute("DELETE FROM local_view")


def shopper(
    connection: sqlite3.Connection, identifiers: Sequence[Identifier]
) -> ShopperView | None:
    """Return what may be shown to the shopper of these identifiers: the newest view of them.

    Nothing personal is in it unless it says that the shopper consented, so that a consent that is
    withdrawn clears every screen with the next look. One that is withdrawn in this store holds at
    once, until the cloud has decided with it.
    """
    views = (_read(connection, "shopper", each.key, ShopperView) for each in identifiers)
    known = [view for view in views if view is not None]
    newest = max(known, key=lambda view: view.decided_at, default=None)
    if newest is None:
        return None
    keys = [each.key for each in identifiers]
    if not newest.consented:
        why = newest.because
    elif _withdrawn(connection, keys, newest.decided_at):
        why = Because(reason="no_consent")
    else:
        return newest
    # Level and points stay: they are the shopper's by the terms of membership.
    return ShopperView(
        shopper=newest.shopper,
        stage="awareness",
        because=why,
        decided_at=newest.decided_at,
        level=newest.level,
        points=newest.points,
    )


def shoppers(connection: sqlite3.Connection) -> Iterator[ShopperView]:
    """Yield every view of a shopper that the store holds."""
    rows = connection.execute("SELECT value FROM local_view WHERE view = 'shopper'")
    for (value,) in rows:
        view = _decoded(value, ShopperView)
        if view is not None:
            yield view


def shoppers_before(connection: sqlite3.Connection, before: int) -> list[str]:
    """Return the keys of shoppers' views that were decided before a time, or cannot be read."""
    rows = connection.execute("SELECT key, value FROM local_view WHERE view = 'shopper'")
    views = ((key, _decoded(value, ShopperView)) for key, value in rows)
    return [key for key, view in views if view is None or view.decided_at < before]


def erasures(connection: sqlite3.Connection) -> list[ErasureView]:
    """Return whom the cloud wants erased here."""
    rows = connection.execute("SELECT value FROM local_view WHERE view = 'erasure' ORDER BY key")
    return _decoded_all(rows, ErasureView)


def product(connection: sqlite3.Connection, gtin: str) -> ProductView | None:
    """Return a product that this store sells."""
    return _read(connection, "product", gtin, ProductView)


def brand(connection: sqlite3.Connection, gtin: str) -> str:
    """Return the brand of a product, empty when the store does not know the product."""
    view = product(connection, gtin)
    return "" if view is None else view.brand


def brands(connection: sqlite3.Connection) -> list[str]:
    """Return the brands of the goods of this store, by name."""
    return sorted({view.brand for view in products(connection) if view.brand})


def series(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the series of the goods of this store, by name, each with its brand."""
    return {view.series: view.brand for view in products(connection) if view.series}


def products(
    connection: sqlite3.Connection, zone: str | None = None, at: int | None = None
) -> list[ProductView]:
    """Return the products of the store, or those that the plan of a zone names at a time.

    Without a time the plan that begins last counts. At most PRODUCTS_SHOWN_MAX, by product number.
    """
    if zone is not None:
        shelf = plan(connection, zone, at)
        named = () if shelf is None else shelf.products[:PRODUCTS_SHOWN_MAX]
        found = (product(connection, gtin) for gtin in named)
        return [each for each in found if each is not None]
    rows = connection.execute(
        "SELECT value FROM local_view WHERE view = 'product' ORDER BY key LIMIT ?",
        (PRODUCTS_SHOWN_MAX,),
    )
    return _decoded_all(rows, ProductView)


def plan(connection: sqlite3.Connection, zone: str, at: int | None = None) -> PlanView | None:
    """Return the shelf plan in force in a zone at a time (without one: the plan begun last)."""
    rows = connection.execute("SELECT value FROM local_view WHERE view = 'plan'")
    begun = [
        each
        for each in _decoded_all(rows, PlanView)
        if each.zone == zone and (at is None or each.valid_from <= at)
    ]
    return max(begun, key=lambda each: (each.valid_from, each.plan), default=None)


def setting(connection: sqlite3.Connection, name: str) -> str | None:
    """Return the value that headquarters wants for a setting, if it said so."""
    view = _read(connection, "setting", name, SettingView)
    return None if view is None else view.value


def _withdrawn(connection: sqlite3.Connection, keys: Sequence[str], decided_at: int) -> bool:
    """Tell whether offers were withdrawn here by one of these, and the cloud may not know it."""
    marked = [
        at
        for key in keys
        for (at,) in connection.execute(
            "SELECT marked_at FROM marks WHERE kind = 'consent' AND subject = ?"
            " AND thing = 'offers' AND is_on = 0",
            (key,),
        )
    ]
    if not marked:
        return False
    if max(marked) > decided_at - MARK_HOLDS_S * 1_000_000:
        return True
    waiting_at = retention.oldest_unreceived_at(connection, outbox.tail_of(connection))
    return waiting_at is not None and waiting_at <= max(marked)


def _read(connection: sqlite3.Connection, view: str, key: str, kind: type[_V]) -> _V | None:
    row = connection.execute(
        "SELECT value FROM local_view WHERE view = ? AND key = ?", (view, key)
    ).fetchone()
    return None if row is None else _decoded(row[0], kind)


def _decoded_all(rows: Iterable[tuple[bytes]], kind: type[_V]) -> list[_V]:
    decoded = (_decoded(value, kind) for (value,) in rows)
    return [view for view in decoded if view is not None]


def _decoded(value: bytes, kind: type[_V]) -> _V | None:
    try:
        view = decode_view(value)
    except DecodeError:
        return None
    return view if isinstance(view, kind) else None
