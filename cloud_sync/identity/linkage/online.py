"""One new record at a time: which person of a linked file it belongs to, or none.

Candidates, levels, weights and the rule of joining are those of the batch that the index was built
from; how telling a value is stays what it was then. After many accepted records it is built again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cloud_sync.identity.linkage.blocks import Blocks
from cloud_sync.identity.linkage.clustering import average_linkage
from cloud_sync.identity.linkage.columns import Role
from cloud_sync.identity.linkage.comparisons import Comparison, comparisons_of
from cloud_sync.identity.linkage.confidence import Confidence, confidence_of
from cloud_sync.identity.linkage.link import CHANCE_MIN, GROUP_RECORDS_MAX, link
from cloud_sync.identity.linkage.model import WEIGHT_BITS_MAX, Model, probability
from cloud_sync.identity.linkage.people import People, PeopleError
from cloud_sync.identity.linkage.values import Floats, Ints, Levels
from cloud_sync.identity.linkage.waterfall import Step, Waterfall
from cloud_sync.identity.linkage.words import WordComparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a batch found out about its file, without the records."""

    columns: Mapping[str, Role]
    model: Model
    threshold: float
    reaches: Sequence[int]


Chances = Mapping[int, float]
# Chances are kept to so many digits.
CHANCE_DIGITS = 6
# The odds of a chance that counts, in bits.
BITS_MIN = float(np.log2(CHANCE_MIN / (1 - CHANCE_MIN)))
# A group that joins the record with no greater sum of chances cannot change whose it is.
SUM_MIN = 0.02
# One group alone, with all its records this likely on average, needs no grouping once more.
CLEAR_CHANCE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Whose a record is: the group it belongs to, with the chance, or none.

    `chance` is the mean over all records of the group, `runner_up` the highest mean of another
    group, `nearest` the record most like it. Where there is no group, `chance` is that of the
    likeliest one. `chances` has the chance with each record that may be of the same person.
    """

    record: str
    group: str | None = None
    chance: float = 0.0
    runner_up: float = 0.0
    confidence: Confidence | None = None
    nearest: str | None = None
    compared: int = 0
    chances: Chances = field(default_factory=dict)


class Index:
    """The records of a linked file, ready to say whose one more record is.

    `match` changes nothing; `accept` adds a record for good. `near` has, for each record, the
    chances with those that come before it and may be of the same person.
    """

    def __init__(
        self, people: People, groups: Sequence[str], near: Sequence[Chances], learned: Learned
    ) -> None:
        self.learned = learned
        self.people = people
        self.learned_of = len(people.ids)
        self.groups: list[str] = []
        self.near: list[Chances] = []
        self.ids: list[str] = []
        self.place: dict[str, int] = {}
        self._members: dict[str, list[int]] = {}
        self._comparisons = comparisons_of(people)
        self._order = _order(self._comparisons, learned.model)
        self._blocks = Blocks(people, learned.reaches)
        for record, group, chances in zip(people.ids, groups, near, strict=True):
            self._note(record, group, chances)
        self._ids = np.array(self.ids, object)

    @classmethod
    def of(cls, people: People) -> "Index":
        """Link a file of persons, and keep what the next record needs.

        Raises PeopleError where the file has nothing to learn from.
        """
        order = sorted(range(len(people.ids)), key=people.ids.__getitem__)
        people = people.of_records(order)
        linked = link(people)
        if linked.model is None or linked.likely is None:
            raise PeopleError("no two of its records have anything in common to learn from")
        learned = Learned(
            columns={name: role for name, (role, _) in people.columns.items()},
            model=linked.model,
            threshold=linked.figures.get("threshold", 1.0),
            reaches=linked.reaches,
        )
        near: list[dict[int, float]] = [{} for _ in people.ids]
        for one, other, chance in zip(*(each.tolist() for each in linked.likely), strict=True):
            near[max(one, other)][min(one, other)] = round(chance, CHANCE_DIGITS)
        return cls(people, linked.groups, near, learned)

    @property
    def level_counts(self) -> list[int]:
        """Return how many levels each comparison has."""
        return [len(each.same) for each in self._comparisons]

    def person(self, record: str, values: Mapping[str, str]) -> People:
        """Return one record with the columns of the index; what it does not say is empty."""
        columns: dict[str, tuple[Role, Sequence[str]]] = {
            name: (role, [values.get(name, "")]) for name, role in self.learned.columns.items()
        }
        return People(ids=[record], columns=columns)

    def match(self, person: People) -> Match:
        """Say whose one record is. A record of the same id is left aside."""
        (record,) = person.ids
        near = self._blocks.near(person)
        near = near[near != self.place.get(record, -1)]
        if not len(near):
            return Match(record=record)
        likely, chances = self._likely(near, person)
        found = dict(zip(likely.tolist(), chances.tolist(), strict=True))
        own = self.place.get(record, -1)
        means = self._means(found, own)
        group = self._group(found, means, own)
        others = [mean for each, mean in means.items() if each != group]
        runner_up = max(others, default=0.0)
        chance = means[group] if group is not None else runner_up
        return Match(
            record=record,
            group=group,
            chance=chance,
            runner_up=runner_up if group is not None else 0.0,
            confidence=None if group is None else confidence_of(chance, runner_up=runner_up),
            nearest=self.ids[likely[int(chances.argmax())]] if found else None,
            compared=len(near),
            chances=found,
        )

    def accept(self, person: People, group: str | None, chances: Chances) -> str:
        """Add a record to a group, or as a person of its own; return the group.

        `chances` are those of its match. Raises ValueError for a record that is there, or a group
        that is not.
        """
        (record,) = person.ids
        if record in self.place:
            raise ValueError(f"record {record} is in the index already")
        if group is not None and group not in self._members:
            raise ValueError(f"there is no group {group} in the index")
        self.extend(person, [record if group is None else group], [chances])
        return self.groups[-1]

    def extend(self, people: People, groups: Sequence[str], near: Sequence[Chances]) -> None:
        """Add records, each to its group."""
        self._comparisons = [each.extended(people) for each in self._comparisons]
        for at, record in enumerate(people.ids):
            self._blocks.add(people.of_records([at]), len(self.ids))
            self._note(record, groups[at], near[at])
        self._ids = np.array(self.ids, object)
        columns = {
            name: (role, [*values, *people.columns[name][1]])
            for name, (role, values) in self.people.columns.items()
        }
        self.people = replace(self.people, ids=[*self.people.ids, *people.ids], columns=columns)

    def _note(self, record: str, group: str, chances: Chances) -> None:
        self._members.setdefault(group, []).append(len(self.ids))
        self.place[record] = len(self.ids)
        self.ids.append(record)
        self.groups.append(group)
        self.near.append(chances)

    def _means(self, chances: Chances, own: int) -> dict[str, float]:
        """Return the mean chance with all records of each group that is not full.

        The place `own` is that of the record itself, should it be in the index.
        """
        sums: dict[str, float] = {}
        for at, chance in chances.items():
            group = self.groups[at]
            sums[group] = sums.get(group, 0.0) + chance
        return {
            group: total / (len(self._members[group]) - (own in self._members[group]))
            for group, total in sums.items()
            if total >= SUM_MIN and len(self._members[group]) < GROUP_RECORDS_MAX
        }

    def _group(self, chances: Chances, means: Mapping[str, float], own: int) -> str | None:
        """Return the group that a record is in when its neighbours are grouped once more.

        Grouped are all records of the groups it may belong to, by the rule of the batch: what it is
        most like it joins first, and may so bring together what was apart.
        """
        if len(means) == 1:
            ((group, mean),) = means.items()
            if mean >= CLEAR_CHANCE:
                return group
        records = sorted(at for group in means for at in self._members[group] if at != own)
        if not records:
            return None
        number = {at: place for place, at in enumerate(records)}
        last = len(records)
        pairs = [(number[at], last, chance) for at, chance in chances.items() if at in number]
        for at in records:
            pairs += [
                (number[before], number[at], chance)
                for before, chance in self.near[at].items()
                if before in number
            ]
        one, other, weight = map(np.array, zip(*pairs, strict=True))
        joins = average_linkage(last + 1, one, other, weight, records_max=GROUP_RECORDS_MAX)
        stop = int((joins.chances >= self.learned.threshold).sum())
        grouped = joins.groups_after(stop)
        beside = Counter(
            self.groups[at]
            for at, group in zip(records, grouped.tolist(), strict=False)
            if group == grouped[last]
        )
        return min(beside, key=lambda group: (-beside[group], group), default=None)

    def _likely(self, records: Ints, person: People) -> tuple[Ints, Floats]:
        """Return those of some records that may be of the same person, with their chances.

        Who cannot become likely any more, whatever the other comparisons find, is left out.
        """
        total = np.full(len(records), self.learned.model.prior_bits)
        # As in the batch the record whose id is smaller comes first: few levels depend on it.
        before = self._ids[records] < person.ids[0]
        for at, ahead in self._order:
            level = self._comparisons[at].beside(records, person, before)
            total += self.learned.model.weights[at][level]
            kept = total >= BITS_MIN - ahead
            if not kept.all():
                records, total, before = records[kept], total[kept], before[kept]
            if not len(records):
                break
        bits = np.clip(total, -WEIGHT_BITS_MAX, WEIGHT_BITS_MAX)
        return records, probability(bits)

    def levels(self, records: Ints, person: People) -> list[Levels]:
        """Return the levels of a person beside some records, a column a comparison."""
        before = self._ids[records] < person.ids[0]
        return [each.beside(records, person, before) for each in self._comparisons]

    def together(self, one: str, other: str) -> bool:
        """Tell whether two records of the index are of one person."""
        return self.groups[self.place[one]] == self.groups[self.place[other]]

    def explain(self, one: str, other: str) -> Waterfall:
        """Say what speaks for two records being of one person, comparison by comparison.

        Raises PeopleError for a record that is not in the index.
        """
        for record in (one, other):
            if record not in self.place:
                raise PeopleError(f"there is no record {record!r} in the index")
        person = self.people.of_records([self.place[other]])
        levels = self.levels(np.array([self.place[one]]), person)
        model = self.learned.model
        bits = model.bits(levels)
        steps = [
            Step(
                comparison=comparison.name,
                level=int(level[0]),
                found=comparison.describe(int(level[0])),
                bits=float(weights[level[0]]),
            )
            for comparison, level, weights in zip(
                self._comparisons, levels, model.weights, strict=True
            )
        ]
        return Waterfall(
            one=one,
            other=other,
            prior_bits=model.prior_bits,
            steps=steps,
            bits=float(bits[0]),
            chance=float(probability(bits)[0]),
        )


def _order(comparisons: Sequence[Comparison], model: Model) -> list[tuple[int, float]]:
    """Return the places of comparisons in the order of making them, each with the bits ahead.

    Words, which take the most time, come last: names at the very last, as most candidates were
    found by a name and have one in common. Ahead is what all later ones together say at most.
    """
    order = sorted(range(len(comparisons)), key=lambda at: _late(comparisons[at]))
    most = [float(model.weights[at].max()) for at in order]
    return [(at, sum(most[place + 1 :])) for place, at in enumerate(order)]


def _late(comparison: Comparison) -> int:
    """Return how late one of several comparisons is to be made."""
    if not isinstance(comparison, WordComparison):
        return 0
    return 2 if comparison.name == "name" else 1
