"""Orders that were paid in this store, and goods that come back: of these orders and of others.

ReturnError
├── UnknownOrder     not paid here, or so long ago that the store has forgotten it
├── TooMany          more pieces than were bought and have not come back
├── NotSoldHere      goods that this store does not know
└── BackAlready      these goods of an order from elsewhere came back here before
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from edge_agent import local_view
from edge_agent.clock import Instant, StoreTime
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.recorder import Recorder, Writing
from edge_agent.places import Place, event_at
from edge_agent.till import stock
from edge_agent.visits.visits import Visit
from wire.events import Line, Purchased, Returned
from wire.identifiers import Identifier

ORDERS_SHOWN_MAX = 50

_encoder = msgspec.msgpack.Encoder()
_lines = msgspec.msgpack.Decoder(tuple[Line, ...])
_identifiers = msgspec.msgpack.Decoder(tuple[Identifier, ...])


class ReturnError(Exception):
    """Goods cannot come back as asked; `text_key` names the sentence that staff read."""

    text_key = "staff.returns.wrong"


class UnknownOrder(ReturnError):
    """The order was not paid here, or the store has forgotten it."""

    text_key = "staff.returns.unknown"


class TooMany(ReturnError):
    """More pieces than were bought and have not come back, or none at all."""

    text_key = "staff.returns.too_many"


class NotSoldHere(ReturnError):
    """The store does not know the product, so it can neither stock nor price it."""

    text_key = "staff.elsewhere.not_here"


class BackAlready(ReturnError):
    """These goods of this order came back here before."""

    text_key = "staff.elsewhere.already"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """Pieces of a product in an order, what was paid for them together, and what came back."""

    product: str
    name: dict[str, str]
    brand: str
    quantity: int
    amount_cents: int
    returned: int = 0
    refunded_cents: int = 0

    @property
    def left(self) -> int:
        """Return how many pieces may still come back."""
        return self.quantity - self.returned

    def refund_cents(self, pieces: int) -> int:
        """Return what is paid back for so many more pieces: the last one brings the odd cents."""
        due = self.amount_cents * (self.returned + pieces) // self.quantity
        return due - self.refunded_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order that was paid at a till of this store."""

    order: str
    till: str
    paid_at: int
    currency: str
    amount_cents: int
    lines: tuple[OrderLine, ...]

    @property
    def refunded_cents(self) -> int:
        """Return what was paid back of it."""
        return sum(each.refunded_cents for each in self.lines)

    @property
    def left(self) -> int:
        """Return how many pieces of it may still come back."""
        return sum(each.left for each in self.lines)

    def lines_back(self, pieces: Mapping[str, int]) -> tuple[Line, ...]:
        """Return what comes back when so many pieces of each product do; raises TooMany."""
        known = {each.product for each in self.lines}
        wanted = {product: count for product, count in pieces.items() if count}
        if not wanted or not wanted.keys() <= known:
            raise TooMany("choose the goods that come back")
        back = []
        for each in self.lines:
            count = wanted.get(each.product, 0)
            if not 0 <= count <= each.left:
                raise TooMany(f"{each.left} pieces of {each.product} may come back, not {count}")
            if count:
                back.append(Line(each.product, count, each.refund_cents(count), each.brand))
        return tuple(back)


def keep_in(
    writing: Writing, instant: Instant, place: Place, visit: Visit | None, body: Purchased
) -> None:
    """Keep an order that is paid, within the caller's transaction."""
    identifiers = () if visit is None else visit.identifiers
    writing.execute(
        'INSERT INTO orders ("order", till, zone, identifiers, lines, amount_cents, currency,'
        " paid_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            body.order,
            place.device,
            place.zone,
            _encoder.encode(identifiers),
            _encoder.encode(body.lines),
            body.amount_cents,
            body.currency,
            instant.at,
        ),
    )


def latest(connection: sqlite3.Connection, part: str = "") -> list[Order]:
    """Return the orders paid last, those whose number holds `part`, the newest first."""
    rows = connection.execute(
        'SELECT "order", till, paid_at, currency, amount_cents, lines FROM orders'
        ' WHERE instr(lower("order"), lower(?)) > 0 ORDER BY paid_at DESC, "order" LIMIT ?',
        (part, ORDERS_SHOWN_MAX),
    ).fetchall()
    return [_order(connection, row) for row in rows]


def find(connection: sqlite3.Connection, order: str) -> Order | None:
    """Return one order, None when it was not paid here or is forgotten."""
    row = connection.execute(
        'SELECT "order", till, paid_at, currency, amount_cents, lines FROM orders'
        ' WHERE "order" = ?',
        (order,),
    ).fetchone()
    return None if row is None else _order(connection, row)


def take_back(
    recorder: Recorder,
    clock: StoreTime,
    place: Place,
    order: str,
    pieces: Mapping[str, int],
    *,
    sellable: bool,
) -> Returned:
    """Take goods of an order back: stock rises, what was paid for them is refunded, once.

    What is not `sellable` any more leaves the stock again as damaged. Check, stock and event are
    one transaction; the event carries the identifiers under which the order was paid. Raises
    UnknownOrder or TooMany.
    """

    def change(writing: Writing) -> Returned:
        instant = clock.now()
        found = find(writing.connection, order)
        if found is None:
            raise UnknownOrder("no such order was paid in this store lately")
        lines = found.lines_back(pieces)
        for line in lines:
            _note_back(writing, instant, place, order, line, sellable=sellable)
        body = Returned(
            order=order,
            lines=lines,
            amount_cents=sum(each.amount_cents for each in lines),
            currency=found.currency,
        )
        identifiers = _identifiers_of(writing.connection, order)
        writing.append(event_at(place, instant, body, identifiers=identifiers))
        return body

    return recorder.write(change)


def take_back_elsewhere(
    recorder: Recorder,
    clock: StoreTime,
    place: Place,
    order: str,
    bought_at: str,
    line: Line,
    *,
    sellable: bool,
) -> Returned:
    """Take goods back that another store or an online channel, `bought_at`, sold.

    What was paid for them is what the buyer's receipt says, since the store does not know the
    order; the cloud joins the return with it, and with its buyer. The same goods of an order are
    taken back once. Raises NotSoldHere or BackAlready.
    """

    def change(writing: Writing) -> Returned:
        instant, named = clock.now(), f"{order}@{bought_at}"
        view = local_view.product(writing.connection, line.product)
        if view is None:
            raise NotSoldHere(f"this store does not sell {line.product}")
        before = writing.connection.execute(
            'SELECT 1 FROM order_returns WHERE "order" = ? AND product = ?', (named, line.product)
        ).fetchone()
        if before is not None:
            raise BackAlready(f"{line.product} of {named} came back here before")
        _note_back(writing, instant, place, named, line, sellable=sellable)
        back = Line(line.product, line.quantity, line.amount_cents, view.brand)
        body = Returned(named, (back,), line.amount_cents, view.currency)
        writing.append(event_at(place, instant, body))
        return body

    return recorder.write(change)


def _note_back(
    writing: Writing, instant: Instant, place: Place, order: str, line: Line, *, sellable: bool
) -> None:
    writing.execute(
        'INSERT INTO order_returns ("order", product, quantity, refunded_cents, returned_at)'
        " VALUES (?, ?, ?, ?, ?)",
        (order, line.product, line.quantity, line.amount_cents, instant.at),
    )
    stock.move_in(writing, instant, place, line.product, line.quantity, "returned")
    if not sellable:
        stock.move_in(writing, instant, place, line.product, -line.quantity, "damaged")


def forget_old(writing: Writing, before: int, rows_max: int) -> None:
    """Delete orders paid before a time with what came back, of others too, at most `rows_max`."""
    old = 'SELECT "order" FROM orders WHERE paid_at < ? ORDER BY paid_at, "order" LIMIT ?'
    for table in ("order_returns", "orders"):
        writing.execute(
            f'DELETE FROM {table} WHERE "order" IN ({old})',  # noqa: S608 (one of two constants)
            (before, rows_max),
        )
    writing.execute(
        "DELETE FROM order_returns WHERE rowid IN (SELECT rowid FROM order_returns AS back"
        ' WHERE returned_at < ? AND NOT EXISTS (SELECT 1 FROM orders WHERE "order" = back."order")'
        " LIMIT ?)",
        (before, rows_max),
    )


def _order(connection: sqlite3.Connection, row: tuple[str, str, int, str, int, bytes]) -> Order:
    order, till, paid_at, currency, amount_cents, packed = row
    returned = {
        product: (pieces, cents)
        for product, pieces, cents in connection.execute(
            "SELECT product, sum(quantity), sum(refunded_cents) FROM order_returns"
            ' WHERE "order" = ? GROUP BY product',
            (order,),
        )
    }
    return Order(
        order=order,
        till=till,
        paid_at=paid_at,
        currency=currency,
        amount_cents=amount_cents,
        lines=tuple(
            _line(connection, each, *returned.get(each.product, (0, 0)))
            for each in _lines.decode(packed)
        ),
    )


def _line(
    connection: sqlite3.Connection, line: Line, returned: int, refunded_cents: int
) -> OrderLine:
    view = local_view.product(connection, line.product)
    return OrderLine(
        product=line.product,
        name={} if view is None else view.name,
        brand=line.brand,
        quantity=line.quantity,
        amount_cents=line.amount_cents,
        returned=returned,
        refunded_cents=refunded_cents,
    )


def _identifiers_of(connection: sqlite3.Connection, order: str) -> tuple[Identifier, ...]:
    (packed,) = connection.execute(
        'SELECT identifiers FROM orders WHERE "order" = ?', (order,)
    ).fetchone()
    return _identifiers.decode(packed)
