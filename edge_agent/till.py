"""The till: product codes become a basket, and a payment code makes a purchase of it."""

import secrets
from collections.abc import Sequence

from sqlite_utils.utils import sqlite3

from edge_agent import answers, local_view, stock, visits, wallet
from edge_agent.basket import Basket, clear, lines, priced
from edge_agent.clock import Instant
from edge_agent.places import Place, event_at
from edge_agent.recorder import Writing
from edge_agent.visits import Visit
from edge_agent.wallet import WalletError
from wire.events import AnyBody, BasketChanged, Purchased
from wire.views import CouponView

# What one basket may hold; a further product is refused, so that a stuck reader cannot fill a disk.
BASKET_LINES_MAX = 200
LINE_QUANTITY_MAX = 999


def basket(connection: sqlite3.Connection, till: str) -> Basket:
    """Return the basket of a till with what its coupons take off, as its screen shows it."""
    bought = lines(connection, till)
    visit = visits.current(connection, till)
    after, discounts = priced(bought, _coupons(connection, till, visit))
    return Basket(
        till=till,
        lines=tuple(bought),
        discounts=tuple(discounts),
        total_cents=sum(each.amount_cents for each in after),
        currency=bought[0].currency if bought else "",
        answer=answers.last(connection, till),
    )


def add(writing: Writing, instant: Instant, place: Place, visit: Visit | None, product: str) -> str:
    """Put one piece into the basket, if it can be sold here; returns the kind of the answer.

    The store must have a price for it, in the currency of the goods that are in the basket.
    """
    view = local_view.product(writing.connection, product)
    if view is None:
        return "product_not_here"
    before = lines(writing.connection, place.device)
    if any(each.currency != view.currency for each in before):
        return "other_currency"
    quantity = next((each.quantity for each in before if each.product == product), 0)
    another_line = quantity == 0 and len(before) >= BASKET_LINES_MAX
    if another_line or quantity >= LINE_QUANTITY_MAX:
        return "basket_full"
    writing.execute(
        "INSERT INTO baskets (till, product, quantity, added_at) VALUES (?, ?, 1, ?)"
        " ON CONFLICT (till, product) DO UPDATE SET quantity = quantity + 1,"
        " added_at = excluded.added_at",
        (place.device, product, instant.at),
    )
    body = BasketChanged(product=product, quantity=1)
    _append(writing, instant, place, visit, body, view.brand)
    return "added_to_basket"


def add_coupon(writing: Writing, instant: Instant, place: Place, coupon: str) -> None:
    """Put a coupon to the basket, to be redeemed when it is paid."""
    writing.execute(
        "INSERT OR IGNORE INTO basket_coupons (till, coupon, added_at) VALUES (?, ?, ?)",
        (place.device, coupon, instant.at),
    )


def pay(writing: Writing, instant: Instant, place: Place, visit: Visit | None) -> str:
    """Make a purchase of the basket, and return the kind of the answer.

    Coupons are redeemed, stock falls, the basket is emptied and the visit ends, all in the
    caller's transaction. A coupon that cannot be redeemed after all stops the payment and leaves
    the basket, so that the shopper decides.
    """
    bought = lines(writing.connection, place.device)
    if not bought:
        return "basket_empty"
    order = f"{place.device}-{secrets.token_hex(6)}"
    currency = bought[0].currency
    coupons = _coupons(writing.connection, place.device, visit)
    if visit is not None and (refused := _refused(writing, instant, visit, coupons)):
        _drop_coupon(writing, place.device, refused)
        return "coupon_refused"
    after, discounts = priced(bought, coupons)
    for each in discounts:
        assert visit is not None  # noqa: S101 (coupons come from the visit)
        wallet.redeem_in(writing, instant, visit, each.coupon, order, each.off_cents, currency)
    amount_cents = sum(line.amount_cents for line in after)
    body = Purchased(order=order, lines=tuple(after), amount_cents=amount_cents, currency=currency)
    _append(writing, instant, place, visit, body)
    for line in after:
        stock.move_in(writing, instant, place, line.product, -line.quantity, "sold")
    clear(writing, place.device)
    visits.end_in(writing, instant, place.device, by="paid")
    return "paid"


def _coupons(connection: sqlite3.Connection, till: str, visit: Visit | None) -> list[CouponView]:
    """Return the coupons put to the basket that are those of the shopper at the till."""
    if visit is None:
        return []
    rows = connection.execute("SELECT coupon FROM basket_coupons WHERE till = ?", (till,))
    added = {coupon for (coupon,) in rows}
    return [each for each in wallet.coupons(connection, visit) if each.coupon in added]


def _refused(
    writing: Writing, instant: Instant, visit: Visit, coupons: Sequence[CouponView]
) -> str:
    """Return the first coupon that cannot be redeemed now, before any of them is."""
    for each in coupons:
        try:
            wallet.redeemable(writing, instant, visit, each.coupon)
        except WalletError:
            return each.coupon
    return ""


def _drop_coupon(writing: Writing, till: str, coupon: str) -> None:
    writing.execute("DELETE FROM basket_coupons WHERE till = ? AND coupon = ?", (till, coupon))


def _append(
    writing: Writing,
    instant: Instant,
    place: Place,
    visit: Visit | None,
    body: AnyBody,
    brand: str = "",
) -> None:
    if visit is None:
        writing.append(event_at(place, instant, body, brand=brand))
    else:
        writing.append(visit.event(instant, body, brand=brand))
