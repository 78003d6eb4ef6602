"""What an order says about its shopper and its goods, added or taken back."""

from collections import defaultdict
from collections.abc import Iterable

from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.atoms.acts import (
    QUANTITY_MAX,
    time_of,
)
from cloud_sync.shoppers.atoms.facts import (
    ATOM_ACT,
    ATOM_PRODUCT,
    DAY_US,
    PAIRED_PRODUCTS_MAX,
    PRODUCT_PAIR,
    STORE_PRODUCT,
    Facts,
    is_product,
    pairs,
)
from cloud_sync.shoppers.atoms.subjects import place_of
from cloud_sync.shoppers.trade.order_rows import bounded_cents, merge_order
from cloud_sync.shoppers.trade.orders import Back, Bought, Effect, number_of
from wire.events import Line


def gather_order(facts: Facts, effect: Effect, times: int) -> None:
    """Merge what an effect says: once with `times` 1, taken back with -1.

    All of it can be taken back: acts are told by their day, since the latest of some times cannot.
    """
    ledger = effect.ledger
    quantities = _quantities(effect.body.lines)
    at = time_of(ledger)
    match effect:
        case Bought():
            _sold(facts, ledger, quantities, times)
            _bought(facts, effect, quantities, at, times)
        case Back():
            _came_back(facts, effect, quantities, at, times)


def _sold(facts: Facts, ledger: LedgerEvent, quantities: dict[str, int], times: int) -> None:
    """Count the goods of an order; the web shop's stand under an empty store."""
    for product, quantity in quantities.items():
        key = (ledger.tenant, ledger.store or "", product)
        facts.merge(STORE_PRODUCT, key, [times * quantity, 0])
    for one, other in pairs(sorted(quantities)[:PAIRED_PRODUCTS_MAX]):
        facts.merge(PRODUCT_PAIR, (ledger.tenant, one, other, ledger.shard), [0, times])


def _bought(facts: Facts, bought: Bought, quantities: dict[str, int], at: int, times: int) -> None:
    """Count a purchase; what is left of it after returns is known where orders are read."""
    if bought.atom is None:
        return
    who = (bought.ledger.tenant, bought.atom)
    paid = times * bounded_cents(bought.body.amount_cents)
    place = place_of(bought.ledger)
    facts.merge(ATOM_ACT, (*who, at // DAY_US, "bought", place, ""), [times, paid, *_day(at)])
    merge_order(facts, who, bought.body, number_of(bought.ledger), at, place, times)
    for product, quantity in quantities.items():
        values = [times, 0, 0, times * quantity, 0, 0, 0, 0, 0]
        facts.merge(ATOM_PRODUCT, (*who, product), values)


def _came_back(facts: Facts, back: Back, quantities: dict[str, int], at: int, times: int) -> None:
    ledger = back.ledger
    for product, quantity in quantities.items():
        key = (ledger.tenant, ledger.store or "", product)
        facts.merge(STORE_PRODUCT, key, [0, times * quantity])
    if back.atom is None:
        return
    who = (ledger.tenant, back.atom)
    cents = times * bounded_cents(back.body.amount_cents)
    place = place_of(ledger)
    facts.merge(ATOM_ACT, (*who, at // DAY_US, "returned", place, ""), [times, cents, *_day(at)])
    merge_order(facts, who, back.body, number_of(ledger), at, place, times)
    for product, quantity in quantities.items():
        values = [times, 0, 0, 0, times * quantity, 0, 0, 0, 0]
        facts.merge(ATOM_PRODUCT, (*who, product), values)


def _day(at: int) -> tuple[int, int]:
    """Return the last and the first time of acts of a day: its beginning (µs UTC)."""
    return at - at % DAY_US, at - at % DAY_US


def _quantities(lines: Iterable[Line]) -> dict[str, int]:
    quantities: dict[str, int] = defaultdict(int)
    for line in lines:
        if line.quantity > 0 and is_product(line.product):
            quantities[line.product] += min(line.quantity, QUANTITY_MAX)
    return quantities
