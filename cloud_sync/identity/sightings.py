"""What was seen together: events as numbered identifiers, and the rule of each kind."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from cloud_sync.identity.observations import Identifier, Observation
from cloud_sync.identity.rules import (
    DEFAULT_RULE,
    EXCLUSIVE_RULE,
    LADDER,
    KindRule,
)
from wire.identifiers import IdentifierError, normal_phone
from wire.junk import junk_reason

DAY_US = 86_400_000_000
# A kind is exclusive where this share of the identifiers that are seen with it at least twice are
# seen with one value of it only, and there are enough of them to tell.
EXCLUSIVE_SHARE = 0.8
EXCLUSIVE_SEEN_MIN = 20
# A kind of which a value is seen with more than this many of another kind, on average, is a kind
# of things: that each person uses the same one says nothing.
THINGS_SEEN_WITH = 8.0
# What is seen with more than one phone or e-mail this rarely is one person's own.
TRUSTED_SEEN_WITH = 1.05
_PHONE = re.compile(r"[+\d\s()./-]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


@dataclass(frozen=True, slots=True)
class Sightings:
    """All events of a file in the order in which they happened, whatever the order of arrival.

    `events` has the numbers of each event's identifiers, strongest kind first; `seen` the events
    of each identifier. `rules` holds the rule of each kind, found from the events where no table
    has it. `refused` counts junk by its reason.
    """

    observations: Sequence[Observation]
    identifiers: Sequence[Identifier]
    events: Sequence[tuple[int, ...]]
    seen: Sequence[Sequence[int]]
    rules: Mapping[str, KindRule]
    refused: Mapping[str, int]

    def rule(self, identifier: int) -> KindRule:
        """Return the rule of an identifier's kind."""
        return self.rules[self.identifiers[identifier][0]]

    def kind(self, identifier: int) -> str:
        """Return the kind of an identifier."""
        return self.identifiers[identifier][0]


def sightings_of(
    observations: Iterable[Observation], ladder: Mapping[str, KindRule] = LADDER
) -> Sightings:
    """Return events with numbered identifiers, without junk, and with a rule for each kind."""
    ordered = sorted(observations)
    refused: Counter[str] = Counter()
    named = [_worth_it(each.identifiers, ladder, refused) for each in ordered]
    distinct = sorted({identifier for each in named for identifier in each})
    number = {identifier: at for at, identifier in enumerate(distinct)}
    events = [tuple(number[identifier] for identifier in each) for each in named]
    seen: list[list[int]] = [[] for _ in distinct]
    for event, those in enumerate(events):
        for identifier in those:
            seen[identifier].append(event)
    rules = _rules(distinct, events, seen, ladder)
    by_rank = [
        tuple(sorted(those, key=lambda each: (rules[distinct[each][0]].rank, each)))
        for those in events
    ]
    return Sightings(ordered, distinct, by_rank, seen, rules, dict(refused))


def normal(kind: str, value: str, rule: KindRule) -> str:
    """Return the normal form of a value, so that two ways of writing it are one identifier."""
    if kind == "phone" and _PHONE.fullmatch(value):
        try:
            return normal_phone(value)
        except IdentifierError:
            return value.strip()
    plain = unicodedata.normalize("NFKC", value).strip()
    return plain.lower() if rule.fold_case or _EMAIL.fullmatch(plain) else plain


def _worth_it(
    shown: Sequence[Identifier], ladder: Mapping[str, KindRule], refused: Counter[str]
) -> set[Identifier]:
    found = set()
    for kind, value in shown:
        reason = junk_reason(value) if kind else "no kind"
        if reason is None:
            found.add((kind, normal(kind, value, ladder.get(kind, DEFAULT_RULE))))
        else:
            refused[reason] += 1
    return found


def _rules(
    identifiers: Sequence[Identifier],
    events: Sequence[tuple[int, ...]],
    seen: Sequence[Sequence[int]],
    ladder: Mapping[str, KindRule],
) -> dict[str, KindRule]:
    """Return the rule of each kind; `exclusive` is found where no table says it."""
    found = _Habits()
    for at, (kind, _) in enumerate(identifiers):
        shown: dict[str, Counter[int]] = defaultdict(Counter)
        for event in seen[at]:
            for other in events[event]:
                if identifiers[other][0] != kind:
                    shown[identifiers[other][0]][other] += 1
        found.take(kind, shown)
    return found.rules({kind for kind, _ in identifiers}, ladder)


class _Habits:
    """How many values of each kind are seen with the identifiers of other kinds."""

    def __init__(self) -> None:
        self._once: Counter[tuple[str, str]] = Counter()
        self._often: Counter[tuple[str, str]] = Counter()
        self._values: Counter[tuple[str, str]] = Counter()
        self._holders: Counter[tuple[str, str]] = Counter()

    def take(self, kind: str, shown: Mapping[str, Counter[int]]) -> None:
        """Count what an identifier of a kind is seen with."""
        for other, counts in shown.items():
            self._values[kind, other] += len(counts)
            self._holders[kind, other] += 1
            if counts.total() >= 2:
                self._often[kind, other] += 1
                self._once[kind, other] += len(counts) == 1

    def rules(self, kinds: Set[str], ladder: Mapping[str, KindRule]) -> dict[str, KindRule]:
        """Return the rule of each kind."""
        exclusive = {kind for kind in kinds if self._is_exclusive(kind, kind in ladder)}
        found = {}
        for kind in sorted(kinds):
            known = ladder.get(kind)
            if known is None:
                found[kind] = self._unknown(kind, exclusive)
            elif known.exclusive is None:
                found[kind] = replace(known, exclusive=kind in exclusive)
            else:
                found[kind] = known
        return found

    def _unknown(self, kind: str, exclusive: Set[str]) -> KindRule:
        if kind not in exclusive:
            return DEFAULT_RULE
        seen_with = [
            self._values[kind, other] / holders
            for (holder, other), holders in self._holders.items()
            if holder == kind and other in exclusive
        ]
        trusted = max(seen_with, default=1.0) <= TRUSTED_SEEN_WITH
        return EXCLUSIVE_RULE if trusted else replace(EXCLUSIVE_RULE, rank=3, trusted=False)

    def _is_exclusive(self, kind: str, known: bool) -> bool:
        """Tell whether people have one value of a kind, as those who are seen with it have."""
        seen = {pair: count for pair, count in self._often.items() if pair[1] == kind}
        if known:
            clear = [pair for pair, count in seen.items() if count >= EXCLUSIVE_SEEN_MIN]
            return not clear or any(
                self._once[pair] >= EXCLUSIVE_SHARE * seen[pair] for pair in clear
            )
        things = any(
            total > THINGS_SEEN_WITH * self._holders[pair]
            for pair, total in self._values.items()
            if pair[0] == kind
        )
        once, often = sum(self._once[pair] for pair in seen), sum(seen.values())
        return not things and often >= EXCLUSIVE_SEEN_MIN and once >= EXCLUSIVE_SHARE * often
