"""Noisy records joined: candidates, model, groups, and where to stop joining, without labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cloud_sync.identity.linkage.blocking import candidate_pairs
from cloud_sync.identity.linkage.clustering import Joins, average_linkage
from cloud_sync.identity.linkage.comparisons import comparisons_of
from cloud_sync.identity.linkage.model import Model, fit, levels_of, probability
from cloud_sync.identity.linkage.people import People
from cloud_sync.identity.linkage.values import Floats, Ints

# Candidates below this chance are left out of the grouping, not of what is expected.
CHANCE_MIN = 0.001
RANDOM_PAIRS = 400_000
# More records than this are no person but a mistake, or a household at its most common name.
GROUP_RECORDS_MAX = 60
SEED = 20_261_128


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """The group of each record of a file, and what was found on the way.

    Without candidates there is no model. `reaches` is that of the candidates; `likely` has the
    pairs that may be of one person, as places in the order of the ids, with their chances.
    """

    groups: Sequence[str]
    figures: Mapping[str, float]
    model: Model | None = None
    reaches: Sequence[int] = ()
    likely: tuple[Ints, Ints, Floats] | None = None


def link(people: People) -> Linked:
    """Group the records of each person. Groups are named by the record whose id is the smallest.

    Where two choices are as good, the ids decide and not the order of the records.
    """
    order = sorted(range(len(people.ids)), key=people.ids.__getitem__)
    linked = _link(people.of_records(order))
    groups = dict(zip(order, linked.groups, strict=True))
    return replace(linked, groups=[groups[at] for at in range(len(order))])


def _link(people: People) -> Linked:
    size = len(people.ids)
    comparisons = comparisons_of(people)
    candidates = candidate_pairs(people)
    one, other = candidates.one, candidates.other
    if not len(one) or not comparisons:
        return Linked(groups=list(people.ids), figures={"candidate_pairs": 0})
    levels = levels_of(comparisons, one, other)
    drawn = random_pairs(size)
    apart = ~np.isin(np.minimum(*drawn) * size + np.maximum(*drawn), one * size + other)
    model = fit(
        comparisons,
        levels,
        levels_of(comparisons, *drawn),
        apart=apart,
        pairs=size * (size - 1) / 2,
    )
    chances = probability(model.bits(levels))
    likely = chances >= CHANCE_MIN
    joins = average_linkage(
        size, one[likely], other[likely], chances[likely], records_max=GROUP_RECORDS_MAX
    )
    met = joins.meeting(one, other)
    stop, figures = where_to_stop(joins, met, chances)
    groups = joins.groups_after(stop)
    return Linked(
        groups=[people.ids[each] for each in groups],
        figures={"candidate_pairs": len(one), "expected_matches": float(chances.sum())} | figures,
        model=model,
        reaches=candidates.reaches,
        likely=(one[likely], other[likely], chances[likely]),
    )


def where_to_stop(joins: Joins, met: Ints, chances: Floats) -> tuple[int, dict[str, float]]:
    """Return after how many joins F1 is expected to be highest, and what is expected then.

    A join brings pairs together that were compared, each with its chance, and others that have
    nothing in common to be found by; those count like the mean of the ones compared. What it
    leaves apart counts with its own chance. (A decision by the mean over all pairs alone stops
    too early: records of one person that say little are found only through the others.)
    """
    compared = np.bincount(met[met >= 0], minlength=len(joins.losers))
    inside = np.bincount(met[met >= 0], chances[met >= 0], len(joins.losers))
    right = np.cumsum(joins.pairs * inside / np.maximum(1, compared))
    together = np.cumsum(joins.pairs)
    missed = chances.sum() - np.cumsum(inside)
    expected = 2 * right / (together + right + missed)
    if not len(expected):
        return 0, {}
    stop = int(expected.argmax())
    return stop + 1, {
        "threshold": float(joins.chances[stop]),
        "expected_precision": float(right[stop] / together[stop]),
        "expected_f1": float(expected[stop]),
    }


def random_pairs(size: int) -> tuple[Ints, Ints]:
    """Return pairs drawn at random, or all pairs where there are not many."""
    if size * (size - 1) // 2 <= RANDOM_PAIRS:
        one, other = np.triu_indices(size, 1)
        return one.astype(np.int64), other.astype(np.int64)
    chance = np.random.default_rng(SEED)
    one, other = chance.integers(0, size, (2, RANDOM_PAIRS))
    return one[one != other], other[one != other]
