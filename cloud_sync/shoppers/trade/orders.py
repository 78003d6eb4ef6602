"""Orders: each counts once, whoever tells of it, and what came back is taken off it.

An order is known by its name and its place, the store or channel that sold it: `till-1-9f3a@s0001`.
That place itself may leave `@…` out; whoever tells of somebody else's order (the payment of one of
a till, a store that takes back what the web shop sold) names it. What an order says follows from
all that was told of it, in whatever order that came.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.graph.identity import recognised
from wire.events import CouponRedeemed, Purchased, Returned
from wire.topics import NAME

ORDER_CHARACTERS_MAX = 128
# A return of which two systems tell within this time is one.
SAME_RETURN_US = 86_400_000_000

ABOUT_ORDERS = (Purchased, Returned, CouponRedeemed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """The purchase of an order, by the best of its tellers, and whose it is.

    What is left of it follows when it is read, with what came back: see kept_orders.py.
    """

    ledger: LedgerEvent
    body: Purchased
    atom: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """A return, with the atom of whoever had bought what came back."""

    ledger: LedgerEvent
    body: Returned
    atom: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBack:
    """A coupon of an order of which nothing is left; `at` is when the last of it came back."""

    tenant: str
    coupon: str
    place: str
    order: str
    at: int


Effect = Bought | Back


def order_key(order: str, place: str) -> tuple[str, str]:
    """Return the name and the place of an order of which `place` tells."""
    named = order.replace("\0", "")[:ORDER_CHARACTERS_MAX]
    name, _, other = named.rpartition("@")
    return (name, other) if name and NAME.fullmatch(other) else (named, place)


def teller_of(ledger: LedgerEvent) -> str:
    """Return the store or channel that tells an event, by its name alone."""
    return ledger.store or ledger.source


def number_of(ledger: LedgerEvent) -> str:
    """Return the name of the order that an event is about; one without a name is by itself."""
    body = ledger.event.body
    named = body.order if isinstance(body, (Purchased, Returned)) else ""
    return order_key(named, "")[0] or f"{ledger.shard}:{ledger.position}"


def effects(told: Iterable[LedgerEvent]) -> list[Effect]:
    """Return what all that was told of one order says together."""
    purchases, returns = _of_both(told)
    atoms = [atom for each in purchases if (atom := _atom(each.ledger)) is not None]
    buyer = min(atoms, default=None)
    back: list[Effect] = [
        Back(ledger=each.ledger, body=each.body, atom=buyer if purchases else _atom(each.ledger))
        for each in returns
    ]
    if not purchases:
        return back
    best = min(purchases, key=_Purchase.rank)
    return [Bought(ledger=best.ledger, body=best.body, atom=buyer), *back]


def coupons_back(told: Iterable[LedgerEvent]) -> list[GivenBack]:
    """Return the coupons that an order gives back, since all of it came back."""
    said = list(told)
    purchases, returns = _of_both(said)
    if not purchases:
        return []
    bought = min(purchases, key=_Purchase.rank)
    if not _is_back(bought.body, returns):
        return []
    name, place = order_key(bought.body.order, teller_of(bought.ledger))
    codes: set[str] = set()
    at = 0
    for ledger, body in _of(said):
        match body:
            case CouponRedeemed(coupon=coupon):
                codes.add(coupon)
            case Purchased(discounts=discounts):
                codes |= {each.coupon for each in discounts}
            case Returned():
                at = max(at, ledger.event.occurred_at)
    return [
        GivenBack(tenant=bought.ledger.tenant, coupon=code, place=place, order=name, at=at)
        for code in sorted(codes)
    ]


@dataclass(frozen=True, slots=True)
class _Purchase:
    ledger: LedgerEvent
    body: Purchased

    def rank(self) -> tuple[bool, bool, int, int]:
        """Sort the best teller first: one that names the goods, then the store that sold them."""
        event = self.ledger
        return (not self.body.lines, event.store is None, event.shard, event.position)


@dataclass(frozen=True, slots=True)
class _Return:
    ledger: LedgerEvent
    body: Returned

    def rank(self) -> tuple[bool, bool, int, int]:
        """Sort as purchases are sorted."""
        event = self.ledger
        return (not self.body.lines, event.store is None, event.shard, event.position)

    def goods(self) -> tuple[tuple[str, int, int], ...]:
        """Return what came back, the same however its lines are sorted."""
        return tuple(sorted((e.product, e.quantity, e.amount_cents) for e in self.body.lines))

    def is_told_by(self, other: "_Return") -> bool:
        """Tell whether another system seems to tell of the same return."""
        mine, theirs = self.goods(), other.goods()
        apart = abs(self.ledger.event.occurred_at - other.ledger.event.occurred_at)
        return (
            teller_of(self.ledger) != teller_of(other.ledger)
            and self.body.amount_cents == other.body.amount_cents
            and self.body.currency == other.body.currency
            and (mine == theirs or not mine or not theirs)
            and apart <= SAME_RETURN_US
        )


def _of_both(told: Iterable[LedgerEvent]) -> tuple[list["_Purchase"], list["_Return"]]:
    """Return what was told of the purchase of an order, and each return once."""
    said = list(_of(told))
    purchases = [_Purchase(each, body) for each, body in said if isinstance(body, Purchased)]
    returns = _once(_Return(each, body) for each, body in said if isinstance(body, Returned))
    return purchases, returns


def _of(
    told: Iterable[LedgerEvent],
) -> Iterator[tuple[LedgerEvent, Purchased | Returned | CouponRedeemed]]:
    for each in told:
        body = each.event.body
        if isinstance(body, (Purchased, Returned, CouponRedeemed)):
            yield each, body


def _once(returns: Iterable[_Return]) -> list[_Return]:
    """Return each return once: what one system told stands for what the others tell alike.

    Two alike of the same system are two.
    """
    counted: list[tuple[_Return, set[str]]] = []
    for each in sorted(returns, key=_Return.rank):
        place = teller_of(each.ledger)
        same = next(
            (places for known, places in counted if place not in places and each.is_told_by(known)),
            None,
        )
        if same is None:
            counted.append((each, {place}))
        else:
            same.add(place)
    return [each for each, _ in counted]


def _atom(ledger: LedgerEvent) -> str | None:
    return next(iter(recognised(ledger.event)), None)


def _is_back(body: Purchased, returns: Sequence[_Return]) -> bool:
    """Tell whether all goods of an order came back, or all that was paid."""
    refunded = sum(
        max(each.body.amount_cents, 0) for each in returns if each.body.currency == body.currency
    )
    back: Counter[str] = Counter()
    for each in returns:
        for line in each.body.lines:
            back[line.product] += max(line.quantity, 0)
    pieces: Counter[str] = Counter()
    for line in body.lines:
        pieces[line.product] += max(line.quantity, 0)
    all_back = bool(returns) and bool(pieces) and pieces <= back
    return all_back or 0 < body.amount_cents <= refunded
