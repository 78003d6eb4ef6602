"""Connected components of millions of links at once, on arrays.

Identifiers are 16 bytes, held as two unsigned numbers, so that their order is that of their texts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """Identifiers in ascending order, and the two ends of each link as places among them."""

    high: Numbers
    low: Numbers
    one: Indices
    other: Indices

    @property
    def count(self) -> int:
        """Return how many identifiers there are."""
        return len(self.high)

    def name(self, at: int) -> str:
        """Return an identifier's id as 32 hexadecimal digits."""
        return f"{int(self.high[at]):016x}{int(self.low[at]):016x}"


def number(ends: NDArray[np.uint64]) -> Numbered:
    """Give the identifiers of links numbers; a row has the halves of one end, then of the other."""
    high = np.concatenate([ends[:, 0], ends[:, 2]])
    low = np.concatenate([ends[:, 1], ends[:, 3]])
    order = np.argsort(high)
    ordered_high, ordered_low = high[order], low[order]
    same = ordered_high[1:] == ordered_high[:-1]
    if np.any(ordered_low[1:][same] != ordered_low[:-1][same]):
        # Two identifiers that agree in their first half: hardly ever, and slower.
        order = np.lexsort((low, high))
        ordered_high, ordered_low = high[order], low[order]
        same = (ordered_high[1:] == ordered_high[:-1]) & (ordered_low[1:] == ordered_low[:-1])
    first = np.concatenate([[True], ~same]) if len(order) else np.zeros(0, dtype=bool)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.cumsum(first) - 1
    half = len(ends)
    return Numbered(
        high=ordered_high[first], low=ordered_low[first], one=place[:half], other=place[half:]
    )


def components(count: int, one: Indices, other: Indices) -> Indices:
    """Return for each of `count` things the smallest one that links connect it with.

    In each round the greater of two that are linked is hung on the smaller, and all ways are
    shortened to their ends; links within a component are dropped.
    """
    parent = np.arange(count, dtype=np.int64)
    while len(one):
        one, other = parent[one], parent[other]
        apart = one != other
        one, other = one[apart], other[apart]
        parent[np.maximum(one, other)] = np.minimum(one, other)
        while True:
            shorter = parent[parent]
            if np.array_equal(shorter, parent):
                break
            parent = shorter
    return parent
