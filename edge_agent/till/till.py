"""The till: product codes become a basket, and a payment code makes a purchase of it."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent import local_view
from edge_agent.clock import Instant
from edge_agent.codes.measure import Measure
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.recorder import Writing
from edge_agent.places import Place, event_at
from edge_agent.till import orders, stock
from edge_agent.visits import answers, visits, wallet
from edge_agent.visits.basket import Basket, clear, lines, priced
from edge_agent.visits.visits import Visit
from edge_agent.visits.wallet import WalletError
from wire.events import AnyBody, BasketChanged, Purchased
from wire.views import CouponView

# What one basket may hold; a further product is refused, so that a stuck reader cannot fill a disk.
BASKET_LINES_MAX = 100
LINE_QUANTITY_MAX = 999
# A pack whose code says nothing or more is not sold, and staff are asked for.
PACK_CENTS_MAX = 10_000_000
# Coupons that count for one order; the others stay for the next. With these limits the largest
# order fits into a row of the outbox.
COUPONS_PER_ORDER_MAX = 8


def basket(connection: sqlite3.Connection, till: str) -> Basket:
    """Return the basket of a till with what its coupons take off, as its screen shows it."""
    bought = lines(connection, till)
    offered = _offered(connection, till, visits.current(connection, till))
    after, discounts = priced(bought, [*offered.before, *offered.here])
    spent = {each.coupon for each in offered.before}
    return Basket(
        till=till,
        lines=tuple(bought),
        discounts=tuple(each for each in discounts if each.off_cents or each.coupon not in spent),
        total_cents=sum(each.amount_cents for each in after),
        currency=bought[0].currency if bought else "",
        answer=answers.last(connection, till),
    )


def add(
    writing: Writing,
    instant: Instant,
    place: Place,
    visit: Visit | None,
    product: str,
    measure: Measure | None = None,
) -> str:
    """Put one piece into the basket, if it can be sold here; returns the kind of the answer.

    The store must have a price for it, in the currency of the goods that are in the basket. A
    pack whose code says how much it is costs what follows from that.
    """
    view = local_view.product(writing.connection, product)
    if view is None:
        return "product_not_here"
    before = lines(writing.connection, place.device)
    foreign = measure is not None and measure.currency not in {"", view.currency}
    if foreign or any(each.currency != view.currency for each in before):
        return "other_currency"
    pack_cents = 0 if measure is None else measure.amount_cents(view.price_cents, view.currency)
    if measure is not None and not 0 < pack_cents <= PACK_CENTS_MAX:
        return "product_not_here"
    same = (
        each.quantity for each in before if (each.product, each.pack_cents) == (product, pack_cents)
    )
    quantity = next(same, 0)
    another_line = quantity == 0 and len(before) >= BASKET_LINES_MAX
    if another_line or quantity >= LINE_QUANTITY_MAX:
        return "basket_full"
    writing.execute(
        "INSERT INTO baskets (till, product, pack_cents, quantity, added_at) VALUES (?, ?, ?, 1, ?)"
        " ON CONFLICT (till, product, pack_cents) DO UPDATE SET quantity = quantity + 1,"
        " added_at = excluded.added_at",
        (place.device, product, pack_cents, instant.at),
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


def counts_already(connection: sqlite3.Connection, visit: Visit, coupon: str) -> bool:
    """Tell whether a coupon counts without being read, since it was redeemed at a kiosk."""
    return any(each.coupon == coupon for each in wallet.spendable(connection, visit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """How a payment ended: the kind of the answer, and the order with its goods if it was paid."""

    kind: str
    order: str = ""
    basket: Basket | None = None


def pay(writing: Writing, instant: Instant, place: Place, visit: Visit | None) -> Payment:
    """Make a purchase of the basket, and say how that ended.

    Coupons are redeemed, those redeemed at a kiosk before are spent on this order, stock falls,
    the basket is emptied and the visit ends, all in the caller's transaction. A coupon that
    cannot be redeemed after all stops the payment and leaves the basket, so that the shopper
    decides.
    """
    bought = lines(writing.connection, place.device)
    if not bought:
        return Payment(kind="basket_empty")
    order = f"{place.device}-{secrets.token_hex(6)}"
    currency = bought[0].currency
    offered = _offered(writing.connection, place.device, visit)
    if visit is not None and (refused := _refused(writing, instant, visit, offered.here)):
        _drop_coupon(writing, place.device, refused)
        return Payment(kind="coupon_refused")
    paid = basket(writing.connection, place.device)
    after, discounts = priced(bought, [*offered.before, *offered.here])
    taken = [each for each in discounts if each.off_cents]
    for each in discounts:
        if each.coupon in {coupon.coupon for coupon in offered.here}:
            assert visit is not None  # noqa: S101 (coupons come from the visit)
            wallet.redeem_in(writing, instant, visit, each.coupon, order, each.off_cents, currency)
        elif each.off_cents:
            wallet.spend_in(writing, instant, each.coupon, order, each.off_cents)
    body = Purchased(
        order=order,
        lines=tuple(after),
        amount_cents=sum(line.amount_cents for line in after),
        currency=currency,
        discounts=tuple(each.discount for each in taken),
    )
    _append(writing, instant, place, visit, body)
    orders.keep_in(writing, instant, place, visit, body)
    for line in after:
        stock.move_in(writing, instant, place, line.product, -line.quantity, "sold")
    clear(writing, place.device)
    visits.end_in(writing, instant, place.device, by="paid")
    return Payment(kind="paid", order=order, basket=paid)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offered:
    """The coupons of a basket: redeemed `before` at a kiosk, and to be redeemed `here`."""

    before: tuple[CouponView, ...] = ()
    here: tuple[CouponView, ...] = ()


def _offered(connection: sqlite3.Connection, till: str, visit: Visit | None) -> _Offered:
    """Return the coupons of the shopper at the till that count for the basket."""
    if visit is None:
        return _Offered()
    before = tuple(wallet.spendable(connection, visit))[:COUPONS_PER_ORDER_MAX]
    rows = connection.execute("SELECT coupon FROM basket_coupons WHERE till = ?", (till,))
    added = {coupon for (coupon,) in rows} - {each.coupon for each in before}
    here = tuple(each for each in wallet.coupons(connection, visit) if each.coupon in added)
    return _Offered(before=before, here=here[: COUPONS_PER_ORDER_MAX - len(before)])


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
