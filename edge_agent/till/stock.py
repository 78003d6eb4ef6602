"""Stock: how many pieces of each product the store has, as counted and as moved since."""

from dataclasses import dataclass

from edge_agent import local_view
from edge_agent.clock import Instant, StoreTime
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.recorder import Recorder, Writing
from edge_agent.places import Place, event_at
from wire.events import StockCounted, StockMoved

QUANTITY_MAX = 1_000_000
LEVELS_SHOWN_MAX = 1_000

# Why stock may move; StockMoved.reason is one of these.
REASONS = ("sold", "returned", "delivered", "damaged", "displayed", "moved", "other")


class StockError(ValueError):
    """A count or movement that cannot be: an absurd quantity, or an unknown reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockLevel:
    """How much there is of a product; `low` when staff should see to it.

    `counted_at` is None for a product that nobody has counted yet; a quantity below zero says that
    more was sold than was known to be there.
    """

    product: str
    name: dict[str, str]
    quantity: int
    low: bool
    changed_at: int
    counted_at: int | None = None


def levels(connection: sqlite3.Connection) -> list[StockLevel]:
    """Return the stock of every product the store has, those that run low first."""
    rows = connection.execute(
        "SELECT product, quantity, changed_at, counted_at FROM stock ORDER BY product LIMIT ?",
        (LEVELS_SHOWN_MAX,),
    ).fetchall()
    found = [_level(connection, *row) for row in rows]
    return sorted(found, key=lambda each: (not each.low, each.product))


def level(connection: sqlite3.Connection, product: str) -> StockLevel | None:
    """Return the stock of one product, None when it was never counted or moved."""
    row = connection.execute(
        "SELECT product, quantity, changed_at, counted_at FROM stock WHERE product = ?",
        (product,),
    ).fetchone()
    return None if row is None else _level(connection, *row)


def count(
    recorder: Recorder, clock: StoreTime, place: Place, product: str, quantity: int
) -> StockLevel:
    """Record that staff counted `quantity` pieces; raises StockError for an absurd quantity."""
    _check(product, quantity)
    if quantity < 0:
        raise StockError("a count cannot be below zero: count again")

    def change(writing: Writing) -> StockLevel:
        instant = clock.now()
        writing.execute(
            "INSERT INTO stock (product, quantity, counted_at, changed_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (product) DO UPDATE SET quantity = excluded.quantity,"
            " counted_at = excluded.counted_at, changed_at = excluded.changed_at",
            (product, quantity, instant.at, instant.at),
        )
        body = StockCounted(product=product, quantity=quantity)
        brand = local_view.brand(writing.connection, product)
        writing.append(event_at(place, instant, body, brand=brand))
        return _level(writing.connection, product, quantity, instant.at, instant.at)

    return recorder.write(change)


def move(
    recorder: Recorder,
    clock: StoreTime,
    place: Place,
    product: str,
    quantity: int,
    reason: str = "other",
) -> StockLevel:
    """Record that stock changed by `quantity` (negative: it left), for one of REASONS.

    Raises StockError for an absurd quantity or an unknown reason.
    """
    return recorder.write(lambda w: move_in(w, clock.now(), place, product, quantity, reason))


def move_in(
    writing: Writing, instant: Instant, place: Place, product: str, quantity: int, reason: str
) -> StockLevel:
    """Record a movement of stock within the caller's transaction; see `move`."""
    _check(product, quantity)
    if reason not in REASONS:
        raise StockError(f"{reason[:40]!r} is no reason; known: {', '.join(REASONS)}")
    writing.execute(
        "INSERT INTO stock (product, quantity, changed_at) VALUES (?, ?, ?)"
        " ON CONFLICT (product) DO UPDATE SET quantity = quantity + excluded.quantity,"
        " changed_at = excluded.changed_at",
        (product, quantity, instant.at),
    )
    body = StockMoved(product=product, quantity=quantity, reason=reason)
    brand = local_view.brand(writing.connection, product)
    writing.append(event_at(place, instant, body, brand=brand))
    moved = level(writing.connection, product)
    assert moved is not None  # noqa: S101 (written above, in this transaction)
    return moved


def _check(product: str, quantity: int) -> None:
    if not product.isdigit() or not product.isascii() or len(product) > 14:
        raise StockError("a product is named by its number of up to 14 digits (GTIN)")
    if abs(quantity) > QUANTITY_MAX:
        raise StockError(f"a quantity of {quantity} is beyond {QUANTITY_MAX}: check the input")


def _level(
    connection: sqlite3.Connection,
    product: str,
    quantity: int,
    changed_at: int,
    counted_at: int | None,
) -> StockLevel:
    view = local_view.product(connection, product)
    return StockLevel(
        product=product,
        name={} if view is None else view.name,
        quantity=quantity,
        low=quantity <= (0 if view is None else view.low_stock),
        changed_at=changed_at,
        counted_at=counted_at,
    )
