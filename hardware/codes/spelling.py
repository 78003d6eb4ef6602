"""Finds the likeliest digits that a product code's grammar and check digit allow."""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hardware.codes.ean import Grammar

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]

_NEVER = np.float32(-1e9)


class Spelled(NamedTuple):
    """The best digits, the sum of their fits, and its lead over the next best digits."""

    digits: str
    score: float
    lead: float


class _Rules(NamedTuple):
    """A grammar as arrays.

    `forms` picks the fits of ways x places x digits, `barred` rules digits out; `after` leads to
    the check sum (modulo 10) behind a digit, places x ways x sums x digits, `before` to that before
    it; `first` is the check sum to begin with.
    """

    forms: Ints
    barred: Floats
    after: Ints
    before: Ints
    first: Floats


def spell(fits: Floats, grammar: Grammar) -> Spelled:
    """Return the best digits by their fits, places x 20: ten odd or only forms, then ten even."""
    rules = _rules(grammar)
    places = fits.shape[0]
    costs = fits.ravel()[rules.forms] + rules.barred
    # The best sum of fits before each place and from it on, by way and check sum.
    heads = [rules.first]
    for place in range(places - 1):
        came = np.take(heads[-1], rules.before[place]) + costs[:, place, None, :]
        heads.append(came.max(axis=2))
    tail = np.full_like(rules.first, _NEVER)
    tail[:, 0] = 0
    # The best number that has a digit at a place: ways x places x digits.
    through = np.empty_like(costs)
    for place in reversed(range(places)):
        goes = np.take(tail, rules.after[place]) + costs[:, place, None, :]
        through[:, place] = (heads[place][:, :, None] + goes).max(axis=1)
        tail = goes.max(axis=2)
    way, _, _ = np.unravel_index(int(through[:, 0].argmax()), (len(grammar.ways), 1, 10))
    digits = through[way].argmax(axis=1)
    best = float(through[way, 0, digits[0]])
    through[way, np.arange(places), digits] = _NEVER
    others = float(through[way].max())
    through[way] = _NEVER
    rival = max(others, float(through[:, 0].max()))
    chosen = grammar.ways[int(way)]
    spelled = chosen.head + "".join(map(str, digits)) + chosen.tail
    return Spelled(digits=spelled, score=best, lead=best - rival)


@cache
def _rules(grammar: Grammar) -> _Rules:
    ways, places = len(grammar.ways), grammar.digits
    even = np.array([[int(bit) for bit in way.even] for way in grammar.ways])
    forms = (np.arange(places)[:, None] * 20)[None] + (even * 10)[:, :, None] + np.arange(10)
    barred = np.zeros((ways, places, 10), np.float32)
    for index, way in enumerate(grammar.ways):
        barred[index, -1, [digit for digit in range(10) if str(digit) not in way.last]] = _NEVER
    weights = np.array([way.weights for way in grammar.ways]).T[:, :, None, None]
    turns = weights * np.arange(10)
    sums = np.arange(10)[:, None]
    lookup = np.arange(ways)[:, None, None] * 10
    first = np.full((ways, 10), _NEVER, np.float32)
    first[np.arange(ways), [way.offset % 10 for way in grammar.ways]] = 0
    return _Rules(forms, barred, lookup + (sums + turns) % 10, lookup + (sums - turns) % 10, first)
