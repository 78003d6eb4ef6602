"""Fellegi and Sunter's model of two records: how much each level speaks for one person.

For each comparison, `same` says how often a level comes up between records of one person and
`other` between those of two. Both are found without labels, by expectation and maximisation (EM),
over two sets of pairs: the candidates, among which nearly all pairs of one person are, and pairs
drawn at random, among which nearly none is.

Source: I. P. Fellegi, A. B. Sunter, A Theory for Record Linkage (1969); W. E. Winkler, Using the EM
Algorithm for Weight Computation in the Fellegi-Sunter Model (2000).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cloud_sync.identity.linkage.comparisons import Comparison
from cloud_sync.identity.linkage.values import Bools, Floats, Ints, Levels

ROUNDS_MAX = 100
# EM ends when the number of expected matches changes less than this from one round to the next.
CHANGE_SHARE_MIN = 1e-4
# What is expected beforehand weighs as much as so many pairs of one person.
EXPECTED_PAIRS = 30.0
# And as so many of two persons.
EXPECTED_UNLIKE_PAIRS = 30.0
# Where more of all pairs are candidates than this the file is small, and many of its pairs are of
# one person: random pairs that are candidates say nothing then of two persons, to begin with.
SMALL_FILE_SHARE = 0.1
# A level that never came up among random pairs is taken to have come up this often.
UNSEEN_PAIRS = 0.3
# Of so many candidates one is taken to be a match before the first round.
FIRST_GUESS_SHARE = 0.1
WEIGHT_BITS_MAX = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """How often two records are of one person, and how much each level says about it, in bits."""

    prior_bits: float
    weights: Sequence[Floats]

    def bits(self, levels: Sequence[Levels]) -> Floats:
        """Return the binary logarithm of the odds that each pair is of one person."""
        total: Floats = np.full(len(levels[0]), self.prior_bits)
        for weight, level in zip(self.weights, levels, strict=True):
            total += weight[level]
        np.clip(total, -WEIGHT_BITS_MAX, WEIGHT_BITS_MAX, out=total)
        return total


def probability(bits: Floats) -> Floats:
    """Return the probability that goes with odds given in bits."""
    chance: Floats = 1 / (1 + np.exp2(-bits))
    return chance


def levels_of(comparisons: Sequence[Comparison], one: Ints, other: Ints) -> list[Levels]:
    """Return the levels of each pair, a column a comparison."""
    return [comparison.levels(one, other) for comparison in comparisons]


def fit(
    comparisons: Sequence[Comparison],
    candidates: Sequence[Levels],
    random: Sequence[Levels],
    *,
    apart: Bools,
    pairs: float,
) -> Model:
    """Find the model of a file from the levels of its candidates and of random pairs of it.

    `apart` tells which of the random pairs are no candidates: they are of two persons to begin
    with. `pairs` is the number of all pairs of the file.
    """
    sizes = [len(each.same) for each in comparisons]
    seen, count = _patterns(candidates, sizes)
    drawn, drawn_count = _patterns(random, sizes)
    expected = [np.asarray(each.same) for each in comparisons]
    unlikely = [UNSEEN_PAIRS + EXPECTED_UNLIKE_PAIRS * np.asarray(e.other) for e in comparisons]
    same = [each.copy() for each in expected]
    begin = apart if len(candidates[0]) > SMALL_FILE_SHARE * pairs else np.ones_like(apart)
    other = [_shares(random[at][begin], None, each) for at, each in enumerate(unlikely)]
    matches = max(1.0, FIRST_GUESS_SHARE * count.sum())
    model = _model(matches / pairs, same, other)
    for _ in range(ROUNDS_MAX):
        chance = probability(model.bits(seen)) * count
        before, matches = matches, float(chance.sum()) + 1
        unlike = (1 - probability(model.bits(drawn))) * drawn_count
        for at, size in enumerate(sizes):
            same[at] = np.bincount(seen[at], chance, size) + EXPECTED_PAIRS * expected[at]
            same[at] /= same[at].sum()
            other[at] = _shares(drawn[at], unlike, unlikely[at])
        model = _model(matches / pairs, same, other)
        if abs(matches / before - 1) < CHANGE_SHARE_MIN:
            break
    return model


def _model(prior: float, same: Sequence[Floats], other: Sequence[Floats]) -> Model:
    prior = min(0.5, prior)
    weights = [_weights(a, b) for a, b in zip(same, other, strict=True)]
    return Model(prior_bits=float(np.log2(prior / (1 - prior))), weights=weights)


def _weights(same: Floats, other: Floats) -> Floats:
    """Return the weight of each level in bits, among pairs where both say something."""
    known_same, known_other = 1 - same[-1], 1 - other[-1]
    weights: Floats = np.log2(
        np.maximum(same, 1e-9) / max(known_same, 1e-9) / (other / max(known_other, 1e-9))
    )
    weights[-1] = 0.0
    return weights


def _shares(levels: Levels, count: Floats | None, beforehand: Floats) -> Floats:
    seen: Floats = np.bincount(levels, count, len(beforehand)) + beforehand
    seen /= seen.sum()
    return seen


def _patterns(levels: Sequence[Levels], sizes: Sequence[int]) -> tuple[list[Levels], Floats]:
    """Return the different combinations of levels and how often each came up."""
    key = np.zeros(len(levels[0]), np.int64)
    for level, size in zip(levels, sizes, strict=True):
        key = key * size + level
    _, first, count = np.unique(key, return_index=True, return_counts=True)
    return [level[first] for level in levels], count.astype(float)
