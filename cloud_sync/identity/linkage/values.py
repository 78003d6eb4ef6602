"""Columns as numbers: each different value once, and for each record which one it has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Levels = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Column:
    """The different values of a column and, for each record, the place of its own among them.

    `bits` says how much it tells that two records share a value: the binary logarithm of how many
    records have any value for each that has this one.
    """

    values: Sequence[str]
    codes: Ints
    known: Bools
    bits: Floats

    @classmethod
    def of(cls, values: Sequence[str]) -> "Column":
        """Return the column of these values; an empty one is not known."""
        distinct = list(dict.fromkeys(values))
        number = {value: at for at, value in enumerate(distinct)}
        codes = np.fromiter((number[value] for value in values), np.int64, len(values))
        counts = np.bincount(codes, minlength=len(distinct))
        known = np.array([value != "" for value in distinct], bool)
        total = max(1, int(counts[known].sum()))
        return cls(distinct, codes, known, np.log2(total / counts))

    def derive(self, derived: Callable[[str], str]) -> "Column":
        """Return the column of what each value is part of, such as its year."""
        parts = [derived(value) for value in self.values]
        return Column.of([parts[code] for code in self.codes])


def for_each_pair(
    one: Ints, other: Ints, size: int, work: Callable[[Ints, Ints], Levels]
) -> Levels:
    """Work out something about pairs of codes below `size`, once for each different pair."""
    key = np.minimum(one, other) * size + np.maximum(one, other)
    different, back = np.unique(key, return_inverse=True)
    return work(different // size, different % size)[back]
