"""What one event says about a shopper: acts, products, dwell, money, places."""

from collections.abc import Mapping

from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.facts import (
    ATOM_ACT,
    ATOM_BRAND,
    ATOM_PRODUCT,
    ATOM_STORE,
    ATOM_ZONE,
    DAY_US,
    PRODUCT,
    Facts,
)
from wire.events import (
    Arrival,
    BasketChanged,
    Body,
    CouponClaimed,
    CouponRedeemed,
    Dwell,
    Followed,
    HelpAsked,
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
_ABOUT_PRODUCTS = frozenset({Viewed, Scan, Tried, Saved})
_OF_ORDERS = frozenset({Purchased, Returned})


def gather(facts: Facts, ledger: LedgerEvent, atom: str | None) -> None:
    """Merge what one event says about its atom; orders are settled first, see settling.py."""
    body = ledger.event.body
    if atom is None or type(body) in _OF_ORDERS:
        return
    act = act_of(body)
    if act is None:
        return
    at = time_of(ledger)
    amount = 0
    if isinstance(body, Dwell):
        amount = min(max(body.dwell_ms, 0), DWELL_MS_MAX)
        _dwell(facts, ledger, body, atom, [1, amount, at])
    elif isinstance(body, Followed):
        _brand(facts, ledger, atom, body.subject, [0, 2 * at + body.followed, 0])
    tenant = ledger.tenant
    facts.merge(ATOM_ACT, (tenant, atom, at // DAY_US, act), [1, amount, at, at])
    if type(body) in _ABOUT_PRODUCTS:
        for product, values in _products(ledger, body, at):
            facts.merge(ATOM_PRODUCT, (tenant, atom, product), values)
    if ledger.store is not None:
        facts.merge(ATOM_STORE, (tenant, atom, ledger.store), [at])


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
