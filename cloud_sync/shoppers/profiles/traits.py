"""Traits: values computed from what is known of a shopper, each with its source and confidence.

None is stored. A trait is a pure function of what is known and the time, so that one that is
defined today has the value that it would have had if it had been there from the start.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from psycopg import Connection

from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.consent.allowed import allowed
from cloud_sync.shoppers.consent.consents import PROFILING
from cloud_sync.shoppers.graph.identity import Key, Members
from cloud_sync.shoppers.profiles import lapse
from cloud_sync.shoppers.profiles.lapse import Bought
from cloud_sync.shoppers.profiles.own_traits import OwnTrait, own_traits_of
from cloud_sync.shoppers.profiles.profile import ActFacts, Profile, profiles_of
from cloud_sync.shoppers.profiles.touches import (
    Touch,
    Vocabulary,
    topics_of,
    touches_of,
    vocabulary_of,
)

YEAR_DAYS = 365
# An interest is worth half after so many days.
HALF_LIFE_DAYS = 60
# So many deeds make a value half certain.
EVIDENCE_HALF = 3
SHARES_MAX = 5
# What a deed about goods or content says of an interest in its topics.
INTEREST_WEIGHTS: Mapping[str, float] = {
    "viewed": 1,
    "watched": 1,
    "scanned": 1,
    "searched": 2,
    "tried": 3,
    "saved": 3,
    "carried": 3,
    "followed": 4,
    "bought": 5,
}

Value = float | str | Mapping[str, float]
NO_WORDS = Vocabulary(products={}, contents={}, known={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What traits are computed from: the profile, the deeds by day and subject, the vocabulary."""

    profile: Profile
    touches: Sequence[Touch] = ()
    vocabulary: Vocabulary = field(default=NO_WORDS)

    def acts(self, act: str, first_day: int) -> list[tuple[int, ActFacts]]:
        """Return the days since `first_day` on which something was done, in order."""
        return sorted(
            (day, facts)
            for (day, did), facts in self.profile.acts.items()
            if did == act and day >= first_day
        )

    def until(self, day: int) -> "Known":
        """Return what is known without what was done after a day."""
        acts = {key: facts for key, facts in self.profile.acts.items() if key[0] <= day}
        touches = [touch for touch in self.touches if touch.day <= day]
        return replace(self, profile=replace(self.profile, acts=acts), touches=touches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait:
    """One trait of one shopper: `at` (µs UTC) is when the last thing happened that it rests on."""

    trait: str
    value: Value
    unit: str
    source: str
    at: int
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a trait's function found: the value, how many deeds it rests on, and the last one."""

    value: Value
    deeds: float
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitRule:
    """One trait: how it is computed from the deeds of the last `days`, and from which facts."""

    trait: str
    unit: str
    days: int
    source: str
    find: Callable[[Known, int, int], Found | None]


def traits_of(known: Known, now: int, own: Sequence[TraitRule] = ()) -> list[Trait]:
    """Return the traits of a shopper at `now` (µs UTC); those that rest on nothing are left out.

    `own` are those that the tenant has defined. Of a time in the past they are as they would have
    been then, but for what came late.
    """
    today = now // DAY_US
    then = known.until(today)
    found = [(rule, rule.find(then, now, today - rule.days + 1)) for rule in (*TRAITS, *own)]
    return [
        Trait(
            trait=rule.trait,
            value=each.value,
            unit=rule.unit,
            source=rule.source,
            at=each.at,
            confidence=round(each.deeds / (each.deeds + EVIDENCE_HALF), 3),
        )
        for rule, each in found
        if each is not None
    ]


def ask_traits(
    connection: Connection, tenant: str, members: Members, now: int
) -> dict[Key, list[Trait]]:
    """Return the traits of shoppers of a tenant, given with their identifiers.

    Of who does not allow that they are worked out, only what they said themselves is known.
    """
    vocabulary, own = vocabulary_of(connection, tenant), own_traits_of(connection, tenant)
    leave = allowed(connection, tenant, [shopper for _, shopper in members], PROFILING)
    profiles = profiles_of(connection, members)
    touches = touches_of(connection, {key: members[key] for key in members if key[1] in leave})
    return {
        key: traits_of(
            Known(profile=profiles[key], touches=touches.get(key, []), vocabulary=vocabulary),
            now,
            [rule_of(each) for each in own],
        )
        for key in members
    }


def rule_of(own: OwnTrait) -> TraitRule:
    """Return a trait that a tenant has defined as one of this version."""
    unit = {"times": "times", "amount": "ms or cents", "days_since": "days"}[own.measure]

    def find(known: Known, now: int, first_day: int) -> Found | None:
        touches = [
            touch
            for touch in known.touches
            if touch.act == own.act
            and touch.day >= first_day
            and _is_about(touch, own.topic, known)
        ]
        if not touches:
            return None
        at, times = max(each.last_at for each in touches), sum(each.times for each in touches)
        values = {
            "times": times,
            "amount": sum(each.amount for each in touches),
            "days_since": now // DAY_US - max(each.day for each in touches),
        }
        return Found(value=values[own.measure], deeds=times, at=at)

    return TraitRule(trait=own.trait, unit=unit, days=own.days, source="deeds", find=find)


def _is_about(touch: Touch, topic: str, known: Known) -> bool:
    """Tell whether a touch is about a topic; without one, whether it stands for a whole deed."""
    if not topic:
        return touch.act != "bought" or not touch.subject
    wanted = topic.casefold()
    return any(
        name.casefold() == wanted and kind != "form"
        for kind, name in topics_of(touch, known.vocabulary)
    )


def plain(traits: Sequence[Trait]) -> list[dict[str, object]]:
    """Return traits as JSON has them."""
    return [asdict(each) for each in traits]


def recency(known: Known, now: int, first_day: int) -> Found | None:
    """Return how many days ago the last order was that did not come back."""
    orders = known.acts("bought", first_day)
    if not orders:
        return None
    at = max(facts.last_at for _, facts in orders)
    return Found(value=(now - at) // DAY_US, deeds=_times(orders), at=at)


def frequency(known: Known, now: int, first_day: int) -> Found | None:
    """Return how many orders there were that did not come back."""
    del now
    orders = known.acts("bought", first_day)
    return _found(_times(orders), orders)


def money(known: Known, now: int, first_day: int) -> Found | None:
    """Return what was paid and not refunded, where all is in one currency."""
    del now
    orders = known.acts("bought", first_day)
    if len(known.profile.money) > 1:
        return None
    return _found(sum(facts.amount for _, facts in orders), orders)


def lapse_risk(known: Known, now: int, first_day: int) -> Found | None:
    """Return how likely it is that a shopper who bought will not buy again."""
    orders = known.acts("bought", first_day)
    if not orders:
        return None
    return _found(round(1 - lapse.alive(_bought(orders, now)), 4), orders)


def lifetime_value(known: Known, now: int, first_day: int) -> Found | None:
    """Return what was paid and not refunded so far, and what a year is expected to add."""
    orders = known.acts("bought", first_day)
    if not orders or len(known.profile.money) > 1:
        return None
    paid, times = sum(facts.amount for _, facts in orders), _times(orders)
    to_come = lapse.expected_orders(_bought(orders, now), YEAR_DAYS) * paid / times
    return _found({"so_far": paid, "expected_year": round(to_come)}, orders)


def price_sensitivity(known: Known, now: int, first_day: int) -> Found | None:
    """Return with which share of the orders a coupon was redeemed, at most all."""
    del now
    orders, used = known.acts("bought", first_day), known.acts("redeemed", first_day)
    if not orders:
        return None
    return _found(round(min(_times(used) / _times(orders), 1.0), 3), orders)


def category_affinity(known: Known, now: int, first_day: int) -> Found | None:
    """Return the shares of the categories in what a shopper was interested in, newer deeds more."""
    return _shares(known, now, first_day, lambda kind: kind == "category")


def interests(known: Known, now: int, first_day: int) -> Found | None:
    """Return the shares of series and topics, by name, in what a shopper was interested in."""
    return _shares(known, now, first_day, lambda kind: kind in ("series", "topic"))


def brand_affinity(known: Known, now: int, first_day: int) -> Found | None:
    """Return the shares of the brands in what a shopper was interested in."""
    return _shares(known, now, first_day, lambda kind: kind == "brand")


def content_form(known: Known, now: int, first_day: int) -> Found | None:
    """Return the form of content that a shopper opens and watches most."""
    weights, deeds, at = _weights(known, now, first_day, lambda kind: kind == "form")
    if not weights:
        return None
    best = max(sorted(weights), key=weights.__getitem__)
    return Found(value=best, deeds=deeds * weights[best] / sum(weights.values()), at=at)


def dwell_interest(known: Known, now: int, first_day: int) -> Found | None:
    """Return how many seconds a shopper stood before shelves."""
    del now
    stays = known.acts("dwelled", first_day)
    return _found(sum(facts.amount for _, facts in stays) // 1_000, stays)


# Every trait there is; a new one is a function and a line here.
TRAITS: tuple[TraitRule, ...] = (
    TraitRule(trait="recency", unit="days", days=3_650, source="orders", find=recency),
    TraitRule(trait="frequency", unit="orders", days=YEAR_DAYS, source="orders", find=frequency),
    TraitRule(trait="money", unit="cents", days=YEAR_DAYS, source="orders", find=money),
    TraitRule(
        trait="lifetime_value", unit="cents", days=3_650, source="orders", find=lifetime_value
    ),
    TraitRule(trait="lapse_risk", unit="share", days=3_650, source="orders", find=lapse_risk),
    TraitRule(
        trait="price_sensitivity",
        unit="share",
        days=YEAR_DAYS,
        source="orders, coupons",
        find=price_sensitivity,
    ),
    TraitRule(
        trait="category_affinity", unit="shares", days=180, source="deeds", find=category_affinity
    ),
    TraitRule(trait="brand_affinity", unit="shares", days=180, source="deeds", find=brand_affinity),
    TraitRule(trait="interests", unit="shares", days=180, source="deeds", find=interests),
    TraitRule(trait="content_form", unit="form", days=180, source="deeds", find=content_form),
    TraitRule(trait="dwell_interest", unit="s", days=90, source="stays", find=dwell_interest),
)


def _times(days: Sequence[tuple[int, ActFacts]]) -> int:
    return sum(facts.times for _, facts in days)


def _found(value: Value, days: Sequence[tuple[int, ActFacts]]) -> Found | None:
    if not days:
        return None
    return Found(value=value, deeds=_times(days), at=max(facts.last_at for _, facts in days))


def _bought(orders: Sequence[tuple[int, ActFacts]], now: int) -> Bought:
    """Return when somebody bought; orders of one day count as one occasion."""
    first = min(facts.first_at for _, facts in orders)
    last = max(facts.last_at for _, facts in orders)
    return Bought(
        repeats=len(orders) - 1,
        last_days=(last - first) / DAY_US,
        now_days=max(now - first, last - first) / DAY_US,
    )


def _shares(known: Known, now: int, first_day: int, of_kind: Callable[[str], bool]) -> Found | None:
    """Return the shares of topics of some kinds, the greatest SHARES_MAX."""
    weights, deeds, at = _weights(known, now, first_day, of_kind)
    if not weights:
        return None
    total = sum(weights.values())
    best = sorted(weights, key=lambda name: (-weights[name], name))[:SHARES_MAX]
    shares = {name: round(weights[name] / total, 3) for name in best}
    return Found(value=shares, deeds=deeds, at=at)


def _weights(
    known: Known, now: int, first_day: int, of_kind: Callable[[str], bool]
) -> tuple[dict[str, float], int, int]:
    """Return the weight of each topic, on how many deeds they rest, and when the last one was."""
    weights: dict[str, float] = defaultdict(float)
    deeds, at = 0, 0
    for touch in known.touches:
        weight = INTEREST_WEIGHTS.get(touch.act, 0)
        if touch.day < first_day or not weight:
            continue
        names = {name for kind, name in topics_of(touch, known.vocabulary) if of_kind(kind)}
        age_days = now // DAY_US - touch.day
        for name in names:
            weights[name] += weight * touch.times * 0.5 ** (age_days / HALF_LIFE_DAYS)
        if names:
            deeds, at = deeds + touch.times, max(at, touch.last_at)
    return weights, deeds, at
