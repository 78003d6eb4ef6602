"""The decisions of the ladder: which identifiers are joined, handed over, or shared.

Identifiers are looked at from the strongest kind to the weakest, in an order that depends on
nothing but themselves. Each is seen together with shoppers that stronger identifiers made; where
those may be one shopper it joins them, and where they cannot, it is itself the thing they share.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import pairwise
from math import comb, factorial

from cloud_sync.identity.shared import shared_by_degree
from cloud_sync.identity.sightings import Sightings

# Whoever is seen with an identifier this often, and others hardly ever, has it.
OWNER_SHARE = 0.95
OWNER_EVENTS_MIN = 6
# One owner after the other is no chance where so few orders of the same events would look like it.
HAND_OVER_CHANCE_MAX = 0.01
# Of more people an identifier is never taken to have been handed on.
OWNERS_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """The time in which an identifier was one shopper's: from the first to the last event."""

    first: int
    last: int
    owner: int


@dataclass(slots=True, kw_only=True)
class Verdicts:
    """What the ladder decided.

    `parent` joins identifiers (each points towards the strongest of its shopper), `shared` names
    those of many people with the reason, `tenures` those that were handed on, by time. `things` are
    those of the shared ones that are seen with more than any person has.
    """

    parent: list[int]
    shared: dict[int, str]
    things: Set[int] = frozenset()
    tenures: dict[int, Sequence[Tenure]] = field(default_factory=dict)
    joins: list[tuple[int, int, int]] = field(default_factory=list)
    """Of each join both identifiers and the number of events that speak for it."""

    def root(self, identifier: int) -> int:
        """Return the identifier that stands for the shopper of another one."""
        parent = self.parent
        while parent[identifier] != identifier:
            parent[identifier] = parent[parent[identifier]]
            identifier = parent[identifier]
        return identifier


def decide(
    sightings: Sightings,
    *,
    apart: Iterable[tuple[int, int]] = (),
    kept: Collection[int] = (),
) -> Verdicts:
    """Climb the ladder over all identifiers of some events.

    Somebody may have said that two identifiers are `apart`: they never are one shopper's; or that
    one is `kept`: it is no shared thing, whatever it looks like.
    """
    shared = shared_by_degree(sightings, kept)
    size = len(sightings.identifiers)
    verdicts = Verdicts(parent=list(range(size)), shared=shared, things=frozenset(shared))
    climb = _Climb(sightings, verdicts, apart, kept)
    order = sorted(
        (at for at in range(size) if at not in shared),
        key=lambda at: (sightings.rule(at).rank, at),
    )
    for at in order:
        climb.place(at)
    return climb.verdicts


class _Climb:
    """The state of the climb: shoppers so far, and how many identifiers of each kind they have."""

    def __init__(
        self,
        sightings: Sightings,
        verdicts: Verdicts,
        apart: Iterable[tuple[int, int]],
        kept: Collection[int],
    ) -> None:
        self.sightings = sightings
        self.verdicts = verdicts
        self._apart = list(apart)
        self._kept = kept
        self._owned = [Counter([sightings.kind(at)]) for at in range(len(sightings.identifiers))]
        self._placed = [False] * len(sightings.identifiers)

    def place(self, at: int) -> None:
        """Decide whose an identifier is."""
        self._placed[at] = True
        shown = self._shown(at)
        met = Counter(owner for _, owners in shown for owner in owners)
        if not met:
            return
        if self._may_be_one(at, met, self._below(at)):
            self._join(at, met)
        elif len(met) > 1:
            self._divide(at, shown, met)

    def _shown(self, at: int) -> list[tuple[int, list[int]]]:
        """Return the shoppers that an identifier is seen with, by event, the strongest first."""
        found = []
        below = self._below(at)
        for event in self.sightings.seen[at]:
            owners: dict[int, None] = {}
            for other in self.sightings.events[event]:
                if other == at or self._is_nobody(other):
                    continue
                if self._placed[other]:
                    owners[self.verdicts.root(other)] = None
                elif below.get(other) is not None:
                    owners[below[other]] = None
            if owners:
                found.append((event, list(owners)))
        return found

    def _below(self, at: int) -> dict[int, int]:
        """Return, of weaker kinds of which people have one, what is seen with an identifier.

        Each with whose it will be; it may be nobody's yet but its own. A trusted identifier is not
        judged by them.
        """
        rule = self.sightings.rule(at)
        if rule.trusted or not rule.exclusive:
            return {}
        weaker = {
            other
            for event in self.sightings.seen[at]
            for other in self.sightings.events[event]
            if other != at and not self._placed[other] and not self._is_nobody(other)
        }
        owners = {
            other: self._owner_below(other, at)
            for other in sorted(weaker)
            if self.sightings.rule(other).exclusive
        }
        return {other: owner for other, owner in owners.items() if owner is not None}

    def _owner_below(self, below: int, at: int) -> int | None:
        """Return whose a weaker identifier will be; itself where it is nobody's yet."""
        owners = {
            self.verdicts.root(other)
            for event in self.sightings.seen[below]
            for other in self.sightings.events[event]
            if other not in (below, at) and self._placed[other] and not self._is_nobody(other)
        }
        if len(owners) > 1:
            return None
        return owners.pop() if owners else below

    def _is_nobody(self, at: int) -> bool:
        return at in self.verdicts.shared or at in self.verdicts.tenures

    def _may_be_one(self, at: int, met: Iterable[int], below: Mapping[int, int]) -> bool:
        """Tell whether the shoppers that an identifier is seen with, and it, may be one."""
        total = Counter([self.sightings.kind(at)])
        holders: Counter[str] = Counter()
        for owner in met:
            owned = self._owned[owner] + Counter(
                self.sightings.kind(other)
                for other, whose in below.items()
                if whose == owner != other
            )
            total += owned
            holders.update(owned.keys())
        for kind, count in total.items():
            rule = self.sightings.rules[kind]
            if count > (1 if rule.forbids else rule.own_max):
                return False
            if rule.exclusive and holders[kind] > 1:
                return False
        return not self._are_apart({at, *met})

    def _are_apart(self, owners: Collection[int]) -> bool:
        """Tell whether somebody said of two of these shoppers that they are not one."""
        root = self.verdicts.root
        return any(
            root(one) in owners and root(other) in owners and root(one) != root(other)
            for one, other in self._apart
        )

    def _join(self, at: int, met: Mapping[int, int]) -> None:
        """Join an identifier with shoppers; what is not placed yet waits for its turn."""
        for owner in sorted(owner for owner in met if self._placed[owner]):
            one, other = self.verdicts.root(at), self.verdicts.root(owner)
            if one == other:
                continue
            self.verdicts.joins.append((at, owner, met[owner]))
            first, second = sorted((one, other), key=self._strength)
            self.verdicts.parent[second] = first
            self._owned[first] += self._owned[second]

    def _strength(self, at: int) -> tuple[int, int]:
        return self.sightings.rule(at).rank, at

    def _divide(
        self, at: int, shown: Sequence[tuple[int, Sequence[int]]], met: Mapping[int, int]
    ) -> None:
        """Decide about an identifier that is seen with several who cannot be one."""
        turns = [(self.sightings.observations[event].occurred_at, who[0]) for event, who in shown]
        counts = Counter(owner for _, owner in turns)
        owner, most = min(counts.items(), key=lambda each: (-each[1], each[0]))
        if at in self._kept or most >= max(OWNER_EVENTS_MIN, OWNER_SHARE * len(turns)):
            if self._may_be_one(at, [owner], {}):
                self._join(at, {owner: most})
            return
        tenures = tenures_of(turns)
        if tenures and all(self._placed[each.owner] for each in tenures):
            self.verdicts.tenures[at] = tenures
            return
        changes = sum(a != b for (_, a), (_, b) in pairwise(turns))
        self.verdicts.shared[at] = (
            f"seen with {len(met)} shoppers who cannot be one, changing {changes} times"
            f" in {len(turns)} events"
        )


def tenures_of(turns: Sequence[tuple[int, int]]) -> list[Tenure]:
    """Return the owners of an identifier one after the other, empty where they take turns.

    `turns` are times and owners, in the order of time. A few events come out in this order by
    chance; then nothing is said.
    """
    tenures: list[Tenure] = []
    for time, owner in turns:
        if tenures and tenures[-1].owner == owner:
            tenures[-1] = Tenure(first=tenures[-1].first, last=time, owner=owner)
        else:
            tenures.append(Tenure(first=time, last=time, owner=owner))
    owners = Counter(owner for _, owner in turns)
    if not 1 < len(owners) == len(tenures) <= OWNERS_MAX:
        return []
    orders, left = 1, len(turns)
    for count in owners.values():
        orders *= comb(left, count)
        left -= count
    return tenures if factorial(len(owners)) <= HAND_OVER_CHANCE_MAX * orders else []
