"""Who is who among identifiers that are linked with each other: the ladder, and what people said.

Links join identifiers until somebody says otherwise: a person, or the ladder of rules. Both speak
by words in the log, from which the graph is folded; this module finds the words of the ladder. They
depend on the evidence and on the words of people alone, never on the order in which either came.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from cloud_sync.identity.graph import Latest, root
from cloud_sync.identity.ladder import Verdicts, decide
from cloud_sync.identity.links import RULES, Demoted, Joined, LinkEvent, Undone, pair_id
from cloud_sync.identity.observations import Observation
from cloud_sync.identity.rules import DEFAULT_RULE, LADDER, KindRule
from cloud_sync.identity.sightings import Sightings
from wire.identifiers import kind_of_id

# Of a pair that was seen together more often so many times stand for all, the others in proportion.
TIMES_MAX = 50

Pair = tuple[str, str]
KindOf = Callable[[str], str]


def for_components(ladder: Mapping[str, KindRule]) -> dict[str, KindRule]:
    """Return a ladder for components: their few identifiers do not tell what a kind is like.

    Where its line does not say so either, people have one value of it.
    """
    return {
        kind: rule if rule.exclusive is not None else replace(rule, exclusive=True)
        for kind, rule in ladder.items()
    }


def plain_max(ladder: Mapping[str, KindRule]) -> dict[str, int]:
    """Return how many identifiers of each kind a shopper may have without the ladder being climbed.

    Of kinds of which people have one value no ladder is needed for one.
    """
    return {
        kind: 1 if rule.exclusive else min(rule.own_max, rule.seen_with_a_day_max)
        for kind, rule in ladder.items()
    }


COMPONENT_LADDER = for_components(LADDER)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Evidence:
    """How often two identifiers were shown together, first and last when (µs UTC)."""

    one: str
    other: str
    times: int
    first_at: int
    last_at: int

    @property
    def pair(self) -> str:
        """Return the id of the join that this is evidence for."""
        return pair_id(self.one, self.other)

    def as_joined(self, source: str = "") -> Joined:
        """Return it as the event of the log that the graph is folded from."""
        return Joined(
            join=self.pair,
            at=self.last_at,
            one=self.one,
            other=self.other,
            weight=self.times,
            because="seen together",
            source=source,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the ladder says of a component.

    `words` are to be appended to the log; with them the graph is what the ladder decided. `things`
    are nobody's, whatever else is found: they link nobody any more, also not for the next ruling.
    """

    words: Sequence[LinkEvent]
    things: Set[str]


def rule_on(
    evidence: Iterable[Evidence],
    log: Iterable[LinkEvent],
    now: int,
    ladder: Mapping[str, KindRule] = COMPONENT_LADDER,
    kind_of: KindOf = kind_of_id,
) -> Ruling:
    """Return what the ladder has to say, at `now`, that the log does not say yet.

    About what a person has spoken of last it says nothing.
    """
    said = _Said(log)
    counted = [each for each in sorted(evidence) if said.counts(each)]
    case = _Case(counted, said, ladder, kind_of)
    shared = case.shared()
    undone = {
        each.pair: because
        for each in counted
        if not ({each.one, each.other} & shared.keys()) and not said.spoke_of_pair(each.pair)
        for because in [case.why_apart(each)]
        if because
    }
    things = {case.name(at) for at in case.verdicts.things} | said.nobody
    return Ruling(words=[*_demoted(said, shared, now), *_undone(said, undone, now)], things=things)


class _Said:
    """The last word about each identifier and pair, and whose it was."""

    def __init__(self, log: Iterable[LinkEvent]) -> None:
        self.latest = latest = Latest(log)
        people = [each for each in latest.demotions.values() if each.source != RULES]
        self.nobody = {each.identifier for each in people if each.demoted}
        self.kept = {each.identifier for each in people if not each.demoted}
        self.joined = [
            each
            for each in latest.joins.values()
            if latest.holds(each) and not {each.one, each.other} & self.nobody
        ]

    def spoke_of_pair(self, pair: str) -> bool:
        word = self.latest.undone.get(pair)
        return pair in self.latest.joins or (word is not None and word.source != RULES)

    def parted(self) -> Iterator[Pair]:
        """Yield the pairs of which a person said that they are not one shopper."""
        for pair, word in self.latest.undone.items():
            if word.undone and word.source != RULES:
                one, _, other = pair.partition("+")
                yield one, other

    def counts(self, each: Evidence) -> bool:
        """Tell whether evidence is to be weighed: nobody has taken it back."""
        word, erased = self.latest.undone.get(each.pair), self.latest.erased
        taken_back = word is not None and word.undone and word.source != RULES
        ends = (each.one, each.other)
        return (
            not taken_back
            and not self.nobody.intersection(ends)
            and all(end not in erased or each.last_at > erased[end] for end in ends)
        )


class _Case:
    """The ladder climbed over a component; whom a person joined is one identifier to it."""

    def __init__(
        self,
        evidence: Sequence[Evidence],
        said: _Said,
        ladder: Mapping[str, KindRule],
        kind_of: KindOf,
    ) -> None:
        self._said = said
        self._parent: dict[str, str] = {}
        for join in said.joined:
            ends = [self._parent.setdefault(each, each) for each in (join.one, join.other)]
            low, high = sorted(root(self._parent, each) for each in ends)
            self._parent[high] = low
        self.sightings = _sightings(evidence, self._one, ladder, kind_of)
        self._at = {each: at for at, (_, each) in enumerate(self.sightings.identifiers)}
        apart = [
            (self._at[self._one(one)], self._at[self._one(other)])
            for one, other in said.parted()
            if self._one(one) in self._at and self._one(other) in self._at
        ]
        kept = {self._at[self._one(each)] for each in said.kept if self._one(each) in self._at}
        self._apart = {frozenset(pair) for pair in apart if pair[0] != pair[1]}
        self.verdicts: Verdicts = decide(self.sightings, apart=sorted(apart), kept=kept)
        self._owned: dict[int, Counter[str]] = defaultdict(Counter)
        for at in range(len(self.sightings.identifiers)):
            self._owned[self.verdicts.root(at)][self.sightings.kind(at)] += 1

    def name(self, at: int) -> str:
        return self.sightings.identifiers[at][1]

    def shared(self) -> dict[str, str]:
        """Return what is nobody's, each with the reason."""
        found = {self.name(at): because for at, because in self.verdicts.shared.items()}
        for at, tenures in self.verdicts.tenures.items():
            owners = len({each.owner for each in tenures})
            found[self.name(at)] = f"handed on: {owners} shoppers had it one after the other"
        return found

    def why_apart(self, each: Evidence) -> str:
        """Return why a pair that was seen together is not one shopper's; empty where it is."""
        if self._one(each.one) == self._one(each.other):
            return ""  # a person joined them, so that there is nothing to be weighed between them
        one, other = self._at[self._one(each.one)], self._at[self._one(each.other)]
        first, second = self.verdicts.root(one), self.verdicts.root(other)
        if first == second:
            return ""
        for kind, count in (self._owned[first] + self._owned[second]).items():
            rule = self.sightings.rules[kind]
            if rule.forbids and count > 1:
                return f"nobody has two values of {kind}"
            if count > rule.own_max:
                return f"nobody has more than {rule.own_max} values of {kind}"
        return "what they were seen with is another shopper's"

    def _one(self, each: str) -> str:
        return root(self._parent, each) if each in self._parent else each


def _sightings(
    evidence: Sequence[Evidence],
    one_of: Callable[[str], str],
    ladder: Mapping[str, KindRule],
    kind_of: KindOf,
) -> Sightings:
    """Return evidence as events of two identifiers each, spread between the first and the last."""
    pairs = [(one_of(each.one), one_of(each.other), each) for each in evidence]
    pairs = [(one, other, each) for one, other, each in pairs if one != other]
    distinct = sorted({(kind_of(end), end) for one, other, _ in pairs for end in (one, other)})
    number = {each: at for at, (_, each) in enumerate(distinct)}
    rules = {kind: ladder.get(kind, DEFAULT_RULE) for kind, _ in distinct}
    share = TIMES_MAX / max((each.times for _, _, each in pairs), default=1)
    moments = sorted(
        (at, number[one], number[other])
        for one, other, each in pairs
        for at in _spread(each, max(1, round(each.times * min(1.0, share))))
    )
    observations, events = [], []
    seen: list[list[int]] = [[] for _ in distinct]
    for event, (at, one, other) in enumerate(moments):
        observations.append(_observed(at))
        by_rank = sorted((one, other), key=lambda each: (rules[distinct[each][0]].rank, each))
        events.append(tuple(by_rank))
        seen[one].append(event)
        seen[other].append(event)
    return Sightings(observations, distinct, events, seen, rules, {})


def _spread(each: Evidence, times: int) -> list[int]:
    if times == 1:
        return [each.first_at]
    length = each.last_at - each.first_at
    return [each.first_at + length * nth // (times - 1) for nth in range(times)]


def _observed(at: int) -> Observation:
    return Observation(occurred_at=at, event_id="", store="", device="", kind="", identifiers=())


def _demoted(said: _Said, shared: Mapping[str, str], now: int) -> Iterator[LinkEvent]:
    """Yield what is newly found to be nobody's, and what is somebody's again."""
    known = said.latest.demotions
    for each in sorted(shared):
        word = known.get(each)
        if each not in said.kept and not (word and word.demoted):
            yield Demoted(identifier=each, at=now, because=shared[each], source=RULES)
    for each, word in sorted(known.items()):
        if word.demoted and word.source == RULES and each not in shared:
            because = "what it is seen with is one shopper's now"
            yield Demoted(identifier=each, at=now, demoted=False, because=because, source=RULES)


def _undone(said: _Said, undone: Mapping[str, str], now: int) -> Iterator[LinkEvent]:
    """Yield the joins that newly do not hold, and those that hold again."""
    known = said.latest.undone
    for pair in sorted(undone):
        word = known.get(pair)
        if not (word and word.undone):
            yield Undone(join=pair, at=now, because=undone[pair], source=RULES)
    for pair, word in sorted(known.items()):
        if word.undone and word.source == RULES and pair not in undone:
            because = "nothing speaks against it any more"
            yield Undone(join=pair, at=now, undone=False, because=because, source=RULES)
