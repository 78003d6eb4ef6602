"""What one event says about a shopper: acts, products, dwell, money, places."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.facts import (
    ATOM_ACT,
    ATOM_BRAND,
    ATOM_MONEY,
    ATOM_ORDER,
    ATOM_PRODUCT,
    ATOM_STORE,
    ATOM_ZONE,
    CURRENCY,
    DAY_US,
    PAIRED_PRODUCTS_MAX,
    PRODUCT,
    PRODUCT_PAIR,
    STORE_PRODUCT,
    Facts,
    pairs,
)
from cloud_sync.shoppers.subjects import part_subject, place_of, subject_of
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

# One event cannot say more than this; what goes beyond counts as this much, so that a wrong or
# hostile figure cannot overflow a sum.
QUANTITY_MAX = 10_000
AMOUNT_CENTS_MAX = 10**11
DWELL_MS_MAX = 86_400_000
BRAND_CHARACTERS_MAX = 64
ORDER_CHARACTERS_MAX = 64

# What a shopper did, by kind of event: the acts that the rules of stage.py speak of. Kinds that
# are not here say nothing about a shopper.
ACTS: Mapping[type[Body], str] = {
    Scan: "scanned",
    Arrival: "arrived",
    Dwell: "dwelled",
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

# Most events are told apart by their type alone; looking at what these say costs more.
_TWO_SIDED = frozenset({Saved, Followed, BasketChanged, Scan})
_ABOUT_PRODUCTS = frozenset({Viewed, Scan, Tried, Saved, Purchased, Returned})


def gather(facts: Facts, ledger: LedgerEvent, atom: str | None) -> None:
    """Merge what one event says about its atom, and about the goods of its store."""
    body = ledger.event.body
    if isinstance(body, (Purchased, Returned)):
        _goods(facts, ledger, body)
    if atom is None:
        return
    act = act_of(body)
    if act is None:
        return
    at = time_of(ledger)
    tenant, place = ledger.tenant, place_of(ledger)
    amount = _amount(facts, ledger, atom, at, place)
    key = (tenant, atom, at // DAY_US, act, place, subject_of(ledger.event))
    facts.merge(ATOM_ACT, key, [1, amount, at, at])
    if type(body) in _ABOUT_PRODUCTS:
        for product, values in _products(ledger, body, at):
            facts.merge(ATOM_PRODUCT, (tenant, atom, product), values)
    if ledger.store is not None:
        facts.merge(ATOM_STORE, (tenant, atom, ledger.store), [at])


def _amount(facts: Facts, ledger: LedgerEvent, atom: str, at: int, place: str) -> int:
    """Return the amount of what was done, and merge what its kind says besides."""
    body = ledger.event.body
    match body:
        case Dwell():
            amount = min(max(body.dwell_ms, 0), DWELL_MS_MAX)
            _dwell(facts, ledger, body, atom, [1, amount, at])
            return amount
        case Purchased() | Returned():
            _money(facts, ledger, body, atom)
            _order(facts, ledger, body, (ledger.tenant, atom), place)
            _brands_bought(facts, ledger, body, atom, at)
            return _cents(body.amount_cents)
        case Watched():
            return min(max(body.watched_ms, 0), DWELL_MS_MAX)
        case Followed():
            _brand(facts, ledger, atom, body.subject, [0, 2 * at + body.followed, 0])
    return 0


def act_of(body: Body) -> str | None:
    """Return what a shopper did, None when the event says nothing about one."""
    if type(body) not in _TWO_SIDED:
        return ACTS.get(type(body))
    match body:
        case Saved(saved=False):
            return "unsaved"
        case Followed(followed=False):
            return "unfollowed"
        case BasketChanged(quantity=quantity) if quantity <= 0:
            return "put_back"
        case Scan(product=""):
            return "showed"
        case _:
            return ACTS.get(type(body))


def time_of(ledger: LedgerEvent) -> int:
    """Return when the event happened, as far as a clock that may lie is believed.

    What claims to come from the future came when it was accepted: otherwise a store whose clock is
    years ahead would have the last word for years.
    """
    at = ledger.event.occurred_at
    if at > ledger.accepted_at:
        return ledger.accepted_at
    return at if at > 0 else 0  # noqa: FURB136 (this runs for each event, and max() costs more)


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


def _dwell(facts: Facts, ledger: LedgerEvent, body: Dwell, atom: str, values: list[int]) -> None:
    if ledger.store is not None and body.confidence_pct > 0:
        zone = ledger.event.zone.replace("\0", "")[:64]
        plan = body.plan if 0 <= body.plan < 2**31 else 0
        key = (ledger.tenant, atom, ledger.store, zone, plan)
        facts.merge(ATOM_ZONE, key, values)


def _brand(facts: Facts, ledger: LedgerEvent, atom: str, named: str, values: list[int]) -> None:
    brand = named.replace("\0", "")[:BRAND_CHARACTERS_MAX]
    if brand:
        facts.merge(ATOM_BRAND, (ledger.tenant, atom, brand), values)


def _brands_bought(
    facts: Facts, ledger: LedgerEvent, body: Purchased | Returned, atom: str, at: int
) -> None:
    if isinstance(body, Purchased):
        for brand in {line.brand for line in body.lines}:
            _brand(facts, ledger, atom, brand, [1, 0, at])


def _money(facts: Facts, ledger: LedgerEvent, body: Purchased | Returned, atom: str) -> None:
    if CURRENCY.fullmatch(body.currency):
        cents = _cents(body.amount_cents)
        values = [1, cents, 0] if isinstance(body, Purchased) else [0, 0, cents]
        facts.merge(ATOM_MONEY, (ledger.tenant, atom, body.currency), values)


def _order(
    facts: Facts, ledger: LedgerEvent, body: Purchased | Returned, atom: tuple[str, str], place: str
) -> None:
    """Merge an order, or what came back of it, as a whole and by its parts.

    One without a number is told apart by its position; a currency that is none is left empty.
    """
    number = body.order.replace("\0", "")[:ORDER_CHARACTERS_MAX]
    number = number or f"{ledger.shard}:{ledger.position}"
    currency = body.currency if CURRENCY.fullmatch(body.currency) else ""
    parts: dict[str, int] = defaultdict(int)
    for line in body.lines:
        if subject := part_subject(line.brand, line.product):
            parts[subject] += _cents(line.amount_cents)
    parts[""] = _cents(body.amount_cents)
    at = time_of(ledger)
    for subject, cents in parts.items():
        values = [1, 0, cents, 0, at] if isinstance(body, Purchased) else [0, 1, 0, cents, 0]
        facts.merge(ATOM_ORDER, (*atom, number, subject, at // DAY_US, place, currency), values)


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
