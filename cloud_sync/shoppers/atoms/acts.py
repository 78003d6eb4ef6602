"""What one event says about a shopper: acts, products, dwell, money, places."""

from collections.abc import Callable, Iterable, Mapping

from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.atoms.facts import (
    ATOM_BRAND,
    ATOM_PRODUCT,
    ATOM_ZONE,
    DAY_US,
    Facts,
    is_product,
)
from cloud_sync.shoppers.atoms.subjects import place_of, subject_of
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
# are neither here nor in _TOLD_BY say nothing about a shopper.
ACTS: Mapping[type[Body], str] = {
    Arrival: "arrived",
    PageShown: "saw",
    Tapped: "tapped",
    Searched: "searched",
    OfferShown: "saw",
    CouponClaimed: "claimed",
    CouponRedeemed: "redeemed",
    HelpAsked: "asked",
}

# Kinds of which only who was seen where is told at once: orders are settled first.
_SEEN_BY = frozenset({Purchased, Returned})
# An event with when it happened, as `time_of` says.
Timed = tuple[LedgerEvent, int]
# An act with its amount: ms of dwell, cents of orders.
_Act = tuple[str, int]


def gather(facts: Facts, kind: type[Body], those: Iterable[tuple[Timed, str]]) -> None:
    """Merge what events of one kind say, each about its atom; orders are settled, see settling.py.

    This runs for each event that names somebody.
    """
    told_by = _TOLD_BY.get(kind)
    act, amount = ACTS.get(kind, ""), 0
    if kind in _SEEN_BY:
        for (ledger, at), atom in those:
            if ledger.store is not None:
                facts.seen((ledger.tenant, atom, ledger.store), at)
    if told_by is None and not act:
        return
    for (ledger, at), atom in those:
        if told_by is not None:
            act, amount = told_by(facts, ledger, ledger.event.body, atom, at)
        where, about = place_of(ledger), subject_of(ledger.event)
        facts.act((ledger.tenant, atom, at // DAY_US, act, where, about), amount, at)
        if ledger.store is not None:
            facts.seen((ledger.tenant, atom, ledger.store), at)


def time_of(ledger: LedgerEvent) -> int:
    """Return when the event happened, as far as a clock that may lie is believed.

    What claims to come from the future came when it was accepted: otherwise a store whose clock is
    years ahead would have the last word for years.
    """
    at = ledger.event.occurred_at
    if at > ledger.accepted_at:
        return ledger.accepted_at
    return at if at > 0 else 0  # noqa: FURB136 (this runs for each event, and max() costs more)


def _viewed(facts: Facts, ledger: LedgerEvent, body: Viewed, atom: str, at: int) -> _Act:
    online = at if ledger.store is None else 0
    _product(facts, ledger, atom, body.product, [1, 1, 0, 0, 0, at, online, 0, 0])
    return "viewed", 0


def _scanned(facts: Facts, ledger: LedgerEvent, body: Scan, atom: str, at: int) -> _Act:
    if not body.product:
        return "showed", 0
    _product(facts, ledger, atom, body.product, [1, 1, 0, 0, 0, at, 0, 0, 0])
    return "scanned", 0


def _tried(facts: Facts, ledger: LedgerEvent, body: Tried, atom: str, at: int) -> _Act:
    _product(facts, ledger, atom, body.product, [1, 0, 1, 0, 0, 0, 0, at, 0])
    return "tried", 0


def _saved(facts: Facts, ledger: LedgerEvent, body: Saved, atom: str, at: int) -> _Act:
    _product(facts, ledger, atom, body.product, [1, 0, 0, 0, 0, 0, 0, 0, 2 * at + body.saved])
    return "saved" if body.saved else "unsaved", 0


def _followed(facts: Facts, ledger: LedgerEvent, body: Followed, atom: str, at: int) -> _Act:
    _brand(facts, ledger, atom, body.subject, [2 * at + body.followed])
    return "followed" if body.followed else "unfollowed", 0


def _carried(_f: Facts, _l: LedgerEvent, body: BasketChanged, _a: str, _at: int) -> _Act:
    return "carried" if body.quantity > 0 else "put_back", 0


def _dwelled(facts: Facts, ledger: LedgerEvent, body: Dwell, atom: str, at: int) -> _Act:
    amount = min(max(body.dwell_ms, 0), DWELL_MS_MAX)
    if ledger.store is not None and body.confidence_pct > 0:
        zone = ledger.event.zone.replace("\0", "")[:64]
        plan = body.plan if 0 <= body.plan < 2**31 else 0
        facts.merge(ATOM_ZONE, (ledger.tenant, atom, ledger.store, zone, plan), [1, amount, at])
    return "dwelled", amount


def _watched(_f: Facts, _l: LedgerEvent, body: Watched, _a: str, _at: int) -> _Act:
    return "watched", min(max(body.watched_ms, 0), DWELL_MS_MAX)


# Kinds that say more than that something was done; each merges it and returns the act.
_TOLD_BY: Mapping[type[Body], Callable[..., _Act]] = {
    Viewed: _viewed,
    Scan: _scanned,
    Tried: _tried,
    Saved: _saved,
    Followed: _followed,
    BasketChanged: _carried,
    Dwell: _dwelled,
    Watched: _watched,
}


def _product(facts: Facts, ledger: LedgerEvent, atom: str, product: str, values: list[int]) -> None:
    if is_product(product):
        facts.merge(ATOM_PRODUCT, (ledger.tenant, atom, product), values)


def _brand(facts: Facts, ledger: LedgerEvent, atom: str, named: str, values: list[int]) -> None:
    brand = named.replace("\0", "")[:BRAND_CHARACTERS_MAX]
    if brand:
        facts.merge(ATOM_BRAND, (ledger.tenant, atom, brand), values)
