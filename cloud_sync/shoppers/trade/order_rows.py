"""The rows of an order: as a whole and by its parts, bought on one day, perhaps back on another."""

from collections import defaultdict

from cloud_sync.shoppers.atoms.acts import AMOUNT_CENTS_MAX
from cloud_sync.shoppers.atoms.facts import ATOM_ORDER, CURRENCY, DAY_US, Facts
from cloud_sync.shoppers.atoms.subjects import part_subject
from wire.events import Purchased, Returned

NUMBER_CHARACTERS_MAX = 128


def merge_order(
    facts: Facts,
    owner: tuple[str, str],
    body: Purchased | Returned,
    number: str,
    at: int,
    place: str,
    times: int = 1,
) -> None:
    """Merge what an event says of the order `number` of an atom of a tenant, the `owner`.

    With `times` -1 it is taken back. A currency that is none is left empty.
    """
    named = number.replace("\0", "")[:NUMBER_CHARACTERS_MAX]
    currency = body.currency if CURRENCY.fullmatch(body.currency) else ""
    parts: dict[str, int] = defaultdict(int)
    for line in body.lines:
        if subject := part_subject(line.brand, line.product):
            parts[subject] += bounded_cents(line.amount_cents)
    parts[""] = bounded_cents(body.amount_cents)
    for subject, cents in parts.items():
        money = times * min(cents, AMOUNT_CENTS_MAX)
        is_bought = isinstance(body, Purchased)
        values = [times, 0, money, 0] if is_bought else [0, times, 0, money]
        key = (*owner, named, subject, at // DAY_US, place, currency, at if is_bought else 0)
        facts.merge(ATOM_ORDER, key, values)


def bounded_cents(amount: int) -> int:
    """Return an amount of money as it is counted: not below 0, and at most AMOUNT_CENTS_MAX."""
    return min(max(amount, 0), AMOUNT_CENTS_MAX)
