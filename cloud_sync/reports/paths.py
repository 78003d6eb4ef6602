"""Ways through the stages: on which days a shopper's stage changed, for many shoppers at once.

A way is the same whoever goes it, so that equal ones are kept once with how many went them. From
them the counts of any day and the flows between any two follow without a look at facts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud_sync.shoppers.profiles.stage_rules import STAGES, StageRule

Numbers = NDArray[np.int64]
Ranks = NDArray[np.int64]

# Days since 1970 and what lies behind them: a rule looks back for ten years at most.
DAY_BITS = 17
DAY_MAX = (1 << DAY_BITS) - 1
# A change of a way is its day and the rank of the stage from then on, in one number.
RANK_BITS = 2
NOBODY = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Deeds of shoppers under keys, a place in each column for each.

    `group` numbers the shopper and key from 0 on, without a gap; `act` is the place of the deed
    among those that rules name, from 1 on, 0 for others. A deed counts on the days from `since` to
    before `until`.
    """

    group: Numbers
    day: Numbers
    act: Numbers
    times: Numbers
    amount: Numbers
    since: Numbers
    until: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Different ways of one length under several keys, and how many shoppers went each.

    A row of `changes` holds a way's changes in the order of time.
    """

    key: Numbers
    changes: NDArray[np.int32]
    shoppers: Numbers

    def ranks_on(self, day: int) -> Ranks:
        """Return the rank of each way's stage at the end of a day, NOBODY before its first."""
        begun = (self.changes < (day + 1) << RANK_BITS).sum(axis=1)
        last = self.changes[np.arange(len(begun)), np.maximum(begun - 1, 0)]
        return np.where(begun > 0, last & (1 << RANK_BITS) - 1, NOBODY).astype(np.int64)


def acts_of(rules: Sequence[StageRule]) -> list[str]:
    """Return the deeds that rules name, each once."""
    return sorted({rule.act for rule in rules})


def ways_of(facts: Facts, key_of: Numbers, rules: Sequence[StageRule]) -> Iterator[Ways]:
    """Return the ways that facts make under rules; `key_of` says under which key a group is."""
    if not len(key_of):
        return
    group, day, rank = _changes(facts, len(key_of), rules)
    codes = (day << RANK_BITS | rank).astype(np.int32)
    lengths = np.bincount(group, minlength=len(key_of))
    begins = np.cumsum(lengths) - lengths
    for length in np.unique(lengths):
        those = np.flatnonzero(lengths == length)
        rows = codes[begins[those, None] + np.arange(length)]
        yield merged(Ways(key=key_of[those], changes=rows, shoppers=np.ones_like(those)))


def merged(ways: Ways) -> Ways:
    """Return ways with equal ones made one."""
    order = np.lexsort((*ways.changes.T[::-1], ways.key))
    key, changes = ways.key[order], ways.changes[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (key[1:] != key[:-1]) | (changes[1:] != changes[:-1]).any(axis=1)
    first = np.flatnonzero(new)
    shoppers = np.add.reduceat(ways.shoppers[order], first)
    return Ways(key=key[first], changes=changes[first], shoppers=shoppers)


def _changes(
    facts: Facts, groups: int, rules: Sequence[StageRule]
) -> tuple[Numbers, Numbers, Numbers]:
    """Return group, day and new rank of each change, by group and time; the first is the meeting.

    Each rule is swept over the days: a deed adds to its sums when it enters the rule's window, and
    takes from them when it leaves it.
    """
    met = np.full(groups, DAY_MAX, dtype=np.int64)
    np.minimum.at(met, facts.group, facts.day)
    places = {act: place for place, act in enumerate(acts_of(rules), 1)}
    turns = [turn for rule in rules for turn in _turns(facts, rule, places[rule.act])]
    group = np.concatenate([np.arange(groups), *(each[0] for each in turns)])
    day = np.concatenate([met, *(each[1] for each in turns)])
    held = np.zeros((len(group), len(STAGES)), dtype=np.int64)
    at = groups
    for of, _, stage, steps in turns:
        held[at : at + len(of), stage] = steps
        at += len(of)
    order = np.argsort(group << DAY_BITS | day, kind="stable")
    group, day = group[order], day[order]
    # Whatever enters a window leaves it again, so that sums begin at 0 in each group.
    sums = np.cumsum(held[order], axis=0)
    last = _last_of(group << DAY_BITS | day)
    group, day, sums = group[last], day[last], sums[last]
    rank = ((sums > 0) * np.arange(len(STAGES))).max(axis=1)
    changed = np.ones(len(group), dtype=bool)
    changed[1:] = (group[1:] != group[:-1]) | (rank[1:] != rank[:-1])
    return group[changed], day[changed], rank[changed]


def _turns(
    facts: Facts, rule: StageRule, act: int
) -> Iterator[tuple[Numbers, Numbers, int, Numbers]]:
    """Yield when a rule begins or ceases to hold: group, day, the stage, and 1 or -1."""
    mine = np.flatnonzero(facts.act == act)
    begins = np.maximum(facts.day[mine], facts.since[mine])
    ends = np.minimum(np.minimum(facts.day[mine] + rule.days, facts.until[mine]), DAY_MAX)
    mine, begins, ends = (each[begins < ends] for each in (mine, begins, ends))
    if not len(mine):
        return
    group = facts.group[mine] << DAY_BITS
    where = np.concatenate([group | begins, group | ends])
    order = np.argsort(where, kind="stable")
    where = where[order]
    times, amount = (
        np.cumsum(np.concatenate([each[mine], -each[mine]])[order])
        for each in (facts.times, facts.amount)
    )
    last = _last_of(where)
    where = where[last]
    holds = times[last] >= max(rule.times, 1)
    if rule.times > 1 or rule.amount:
        holds &= amount[last] >= rule.amount
    group = where >> DAY_BITS
    before = np.zeros(len(holds), dtype=bool)
    before[1:] = holds[:-1] & (group[1:] == group[:-1])
    turned = holds != before
    steps = np.where(holds[turned], 1, -1)
    yield group[turned], where[turned] & DAY_MAX, STAGES.index(rule.stage), steps


def _last_of(ordered: Numbers) -> NDArray[np.bool_]:
    """Tell of each number whether the next one is another."""
    last = np.ones(len(ordered), dtype=bool)
    last[:-1] = ordered[1:] != ordered[:-1]
    return last


def totals(ways: Sequence[Ways], day: int) -> Mapping[int, Sequence[int]]:
    """Return by key how many shoppers stand at each rank at the end of a day."""
    found: dict[int, list[int]] = {}
    for each in ways:
        rank = each.ranks_on(day)
        known = rank != NOBODY
        where, shoppers = _summed(each.key[known] * len(STAGES) + rank[known], each.shoppers[known])
        for place, count in zip(where, shoppers, strict=True):
            held = found.setdefault(place // len(STAGES), [0] * len(STAGES))
            held[place % len(STAGES)] += count
    return found


def moves(ways: Sequence[Ways], first: int, last: int) -> Mapping[tuple[int, int, int], int]:
    """Return how many went from which rank to which between the ends of two days, by key.

    Who was NOBODY before was not known then.
    """
    wide = len(STAGES) + 1
    found: dict[tuple[int, int, int], int] = {}
    for each in ways:
        before, after = each.ranks_on(first), each.ranks_on(last)
        known = after != NOBODY
        move = (each.key * wide + before + 1) * wide + after
        where, shoppers = _summed(move[known], each.shoppers[known])
        for place, count in zip(where, shoppers, strict=True):
            moved = (place // wide // wide, place // wide % wide - 1, place % wide)
            found[moved] = found.get(moved, 0) + count
    return found


def _summed(places: Numbers, counts: Numbers) -> tuple[list[int], list[int]]:
    """Return each place once, with the sum of its counts."""
    if not len(places):
        return [], []
    order = np.argsort(places, kind="stable")
    places = places[order]
    first = np.concatenate([[0], np.flatnonzero(places[1:] != places[:-1]) + 1])
    return places[first].tolist(), np.add.reduceat(counts[order], first).tolist()
