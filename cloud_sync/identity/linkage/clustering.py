"""Records grouped by average linkage: two groups join when all their pairs together speak for it.

One strong pair does not suffice, as it does for connected components, where a chain of likenesses
makes one person of a whole village.
"""

from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np

from cloud_sync.identity.linkage.values import Floats, Ints

# Joins less likely than this are not looked at.
CHANCE_MIN = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Joins:
    """The joins of groups, the surest first: at each, `loser` goes over to `winner`.

    Groups are called by their first record. `pairs` says how many pairs of records a join brings
    together, `chances` the mean chance of them, never rising.
    """

    size: int
    winners: Ints
    losers: Ints
    chances: Floats
    pairs: Floats

    def groups_after(self, joins: int) -> Ints:
        """Return the group of each record after so many joins."""
        parent = np.arange(self.size)
        parent[self.losers[:joins]] = self.winners[:joins]
        while True:
            further = parent[parent]
            if np.array_equal(further, parent):
                return parent
            parent = further

    def meeting(self, one: Ints, other: Ints) -> Ints:
        """Return for each pair of records the join that brings it together, or -1."""
        never = len(self.losers)
        time, parent = np.full(self.size, never), np.arange(self.size)
        time[self.losers] = np.arange(never)
        parent[self.losers] = self.winners
        met, at = np.full(len(one), -1), np.arange(len(one))
        a, b = one.copy(), other.copy()
        while len(at):
            first = np.minimum(time[a], time[b])
            go_on = (a != b) & (first < never)
            met[at[~go_on & (a != b)]] = -1
            a, b, at, first = a[go_on], b[go_on], at[go_on], first[go_on]
            met[at] = first
            a, b = (
                np.where(time[a] == first, parent[a], a),
                np.where(time[b] == first, parent[b], b),
            )
        return met


def average_linkage(
    size: int, one: Ints, other: Ints, chances: Floats, *, records_max: int
) -> Joins:
    """Join groups of records, those with the highest mean chance over all their pairs first.

    A pair that is not given counts as 0. No group gets more than `records_max` records.
    """
    near: list[dict[int, float]] = [{} for _ in range(size)]
    waiting = []
    for a, b, chance in zip(one.tolist(), other.tolist(), chances.tolist(), strict=True):
        near[a][b] = near[b][a] = chance
        if chance >= CHANCE_MIN:
            waiting.append((-chance, min(a, b), max(a, b), 1, 1))
    heapify(waiting)
    records = [1] * size
    joins: list[tuple[int, int, float, int]] = []
    while waiting:
        chance, a, b, a_records, b_records = heappop(waiting)
        if records[a] != a_records or records[b] != b_records:
            continue
        if a_records + b_records > records_max:
            continue
        joins.append((a, b, -chance, a_records * b_records))
        records[a], records[b] = a_records + b_records, 0
        _absorb(near, a, b)
        for c, total in near[a].items():
            mean = total / (records[a] * records[c])
            if mean >= CHANCE_MIN:
                low, high = (a, c) if a < c else (c, a)
                heappush(waiting, (-mean, low, high, records[low], records[high]))
    table = np.array(joins, float).reshape(-1, 4).T
    return Joins(
        size=size,
        winners=table[0].astype(np.int64),
        losers=table[1].astype(np.int64),
        chances=np.minimum.accumulate(table[2]),
        pairs=table[3],
    )


def _absorb(near: list[dict[int, float]], winner: int, loser: int) -> None:
    """Add the sums of one group's neighbours to another's."""
    mine = near[winner]
    del mine[loser]
    for each, total in near[loser].items():
        if each != winner:
            theirs = near[each]
            del theirs[loser]
            mine[each] = theirs[winner] = mine.get(each, 0.0) + total
    near[loser] = {}
