"""Groups beside the truth, pair by pair."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How many pairs of records were joined, how many should have been, and how many were both."""

    records: int
    absent: int
    groups: int
    largest: int
    joined: int
    true: int
    right: int

    @property
    def precision(self) -> float:
        """Return which share of the joined pairs is of one person; 1 where none was joined."""
        return self.right / self.joined if self.joined else 1.0

    @property
    def recall(self) -> float:
        """Return which share of the pairs of one person was joined; 1 where there is none."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall."""
        both = self.joined + self.true
        return 2 * self.right / both if both else 1.0


def evaluate(found: Mapping[str, Hashable], truth: Mapping[str, Hashable]) -> Evaluation:
    """Compare groups with the truth; a record that was given no group counts as one of its own."""
    absent = [record for record in truth if record not in found]
    group_of = {record: ("of", found[record]) for record in truth if record in found}
    alone: dict[str, tuple[str, Hashable]] = {record: ("alone", record) for record in absent}
    group_of |= alone
    groups = Counter(group_of.values())
    persons = Counter(truth.values())
    shared = Counter((group_of[record], person) for record, person in truth.items())
    return Evaluation(
        records=len(truth),
        absent=len(absent),
        groups=len(groups),
        largest=max(groups.values(), default=0),
        joined=_pairs(groups.values()),
        true=_pairs(persons.values()),
        right=_pairs(shared.values()),
    )


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)
