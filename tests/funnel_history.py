"""The funnel counted from the ledger's events one by one, as plainly as its rules are written.

It knows nothing of facts, tables or SQL: what the product counts is held against it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.reports.funnel import By
from cloud_sync.shoppers.atoms.acts import ACTS, time_of
from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.graph.identity import recognised
from cloud_sync.shoppers.profiles.stage_rules import STAGES, StageRule
from wire.events import (
    BasketChanged,
    Body,
    Dwell,
    Followed,
    Line,
    Purchased,
    Returned,
    Saved,
    Scan,
    Searched,
    Tried,
    Viewed,
    Watched,
)

# What the catalogue of these tests says.
BRANDS = {"p1": "a", "p2": "b", "p3": "a"}
SERIES = {"spring": "a"}
CONTENT = {"film": "a", "picture": "b"}
SHELF = (("shelf-a", 1), ("p1", "p2"))


@dataclass(frozen=True)
class _Deed:
    key: str
    day: int
    act: str
    amount: int


@dataclass(frozen=True)
class _Piece:
    """An order, or the part of it that is of one brand; `place` has a say for a purchase alone."""

    number: str
    brand: str
    place: str
    day: int
    paid: int | None
    refunded: int | None


def stages(
    events: Sequence[LedgerEvent],
    shoppers: Mapping[str, str],
    day: int,
    rules: Iterable[StageRule],
    by: By,
) -> dict[tuple[str, str], int]:
    """Return the rank of the stage of each (key, shopper) known at the end of a day.

    `shoppers` says whose each identifier is.
    """
    deeds: dict[str, list[_Deed]] = defaultdict(list)
    pieces: dict[str, list[_Piece]] = defaultdict(list)
    for each in events:
        named = list(recognised(each.event))
        act = _act_of(each.event.body)
        if not named or act is None or time_of(each) // DAY_US > day:
            continue
        shopper = shoppers[named[0]]
        deeds[shopper] += _deeds(each, act, by)
        pieces[shopper] += _pieces(each, by)
    found: dict[tuple[str, str], int] = {}
    for shopper in deeds.keys() | pieces.keys():
        sold = list(_kept(pieces[shopper], by))
        met = {each.key for each in deeds[shopper]}
        met |= {
            key
            for each in pieces[shopper]
            if each.paid is not None
            for key in _keys_of_place(each.place, each.brand, by)
        }
        acted = [each for each in deeds[shopper] if each.act != "bought"] + sold
        for key in met:
            mine = [each for each in acted if each.key == key]
            found[key, shopper] = max((_rank(mine, day, rule) for rule in rules), default=0)
    return found


def counted(stood: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    """Return stages in the form of `funnel.counts`."""
    found: dict[str, dict[str, int]] = {}
    for (key, _), rank in stood.items():
        found.setdefault(key, dict.fromkeys(STAGES, 0))[STAGES[rank]] += 1
    return found


def flowed(
    before: dict[tuple[str, str], int], after: dict[tuple[str, str], int]
) -> Counter[tuple[str, str, str]]:
    """Return how many went from which stage to which: (key, before, after)."""
    return Counter(
        (key, STAGES[before[key, who]] if (key, who) in before else "", STAGES[rank])
        for (key, who), rank in after.items()
    )


def _rank(deeds: Sequence[_Deed], day: int, rule: StageRule) -> int:
    mine = [each for each in deeds if each.act == rule.act and day - rule.days < each.day <= day]
    enough = len(mine) >= rule.times and sum(each.amount for each in mine) >= rule.amount
    return STAGES.index(rule.stage) if enough and mine else 0


def _deeds(each: LedgerEvent, act: str, by: By) -> Iterator[_Deed]:
    body = each.event.body
    amount = 0
    if isinstance(body, Dwell):
        amount = body.dwell_ms
    elif isinstance(body, Watched):
        amount = body.watched_ms
    if by == "brand" and isinstance(body, Searched):
        return  # a search is about its words
    for key in _keys(each, by):
        yield _Deed(key, time_of(each) // DAY_US, act, amount)


def _pieces(each: LedgerEvent, by: By) -> Iterator[_Piece]:
    body = each.event.body
    if not isinstance(body, Purchased | Returned):
        return
    place, day = _place(each), time_of(each) // DAY_US
    sums = {"": body.amount_cents}
    if by == "brand":
        sums = _by_brand(body.lines)
    for brand, cents in sums.items():
        if isinstance(body, Purchased):
            yield _Piece(body.order, brand, place, day, cents, None)
        else:
            yield _Piece(body.order, brand, place, day, None, cents)


def _kept(pieces: Sequence[_Piece], by: By) -> Iterator[_Deed]:
    for number, brand in sorted({(each.number, each.brand) for each in pieces}):
        mine = [each for each in pieces if (each.number, each.brand) == (number, brand)]
        bought = [each for each in mine if each.paid is not None]
        refunds = [each.refunded for each in mine if each.refunded is not None]
        if refunds and sum(refunds) >= sum(each.paid or 0 for each in bought):
            continue
        for each in bought:
            # Numbers are unique in these histories, so that a refund has one order to lessen.
            for key in _keys_of_place(each.place, brand, by):
                yield _Deed(key, each.day, "bought", (each.paid or 0) - sum(refunds))


def _by_brand(lines: Iterable[Line]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for line in lines:
        if brand := line.brand or BRANDS.get(line.product):
            sums[brand] += line.amount_cents
    return sums


def _keys(each: LedgerEvent, by: By) -> set[str]:
    body = each.event.body
    if by != "brand":
        return _keys_of_place(_place(each), "", by)
    match body:
        case Purchased() | Returned():
            return set()
        case Followed(subject=subject):
            named = SERIES.get(subject, subject)
            return {named} & set(BRANDS.values())
        case Watched(content=content) | Viewed(product="", content=content):
            return {CONTENT[content]} if content in CONTENT else set()
        case Dwell(plan=plan) if plan:
            stood = SHELF[1] if (each.event.zone, plan) == SHELF[0] else ()
            return {BRANDS[product] for product in stood}
        case _:
            brand = each.event.brand or BRANDS.get(getattr(body, "product", ""), "")
            return {brand} - {""}


def _place(each: LedgerEvent) -> str:
    return f"@{each.source}" if each.store is None else each.store


def _keys_of_place(place: str, brand: str, by: By) -> set[str]:
    online = place.startswith("@")
    match by:
        case "whole":
            return {""}
        case "brand":
            return {brand}
        case "store":
            return set() if online else {place}
        case _:
            return {place[1:] if online else "store"}


def _act_of(body: Body) -> str | None:
    match body:
        case Saved():
            return "saved" if body.saved else "unsaved"
        case Followed():
            return "followed" if body.followed else "unfollowed"
        case BasketChanged():
            return "carried" if body.quantity > 0 else "put_back"
        case Scan():
            return "scanned" if body.product else "showed"
        case Viewed() | Tried() | Watched():
            return type(body).__name__.lower()
        case Dwell():
            return "dwelled"
        case Purchased():
            return "bought"
        case Returned():
            return "returned"
        case _:
            return ACTS.get(type(body))
