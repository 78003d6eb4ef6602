"""Texts compared by their words: how telling the shared ones are, and how many are left over."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

import numpy as np
from rapidfuzz.distance import OSA, JaroWinkler

from cloud_sync.identity.linkage.values import Bools, Floats, Ints, Levels

# The most telling words of a text are compared; who has more is known by these.
WORDS_MAX = 6
# Pairs at a time, so that the tables of words against words stay small.
PAIRS_AT_A_TIME = 100_000
# Words of fewer letters are too easily like another.
LETTERS_MIN = 3
SHORTENED_LETTERS_MIN = 3
ALIKE = 0.9
# Of the words that share a spelling with a letter left out so many are compared.
SPELLING_WORDS_MAX = 200
# A mistyped word tells a bit less and a part of what the word itself tells; an initial is one of
# twenty letters, and may be anybody's.
MISTYPED_SHARE, MISTYPED_BITS, INITIAL_BITS = 0.6, 1.0, 1.5
SHARED_BITS = (0.5, 3, 5, 7, 9, 11, 13, 16, 20)
_LEFT_OVER = 4


class WordComparison:
    """Compares texts such as names by the words they share, whatever their order.

    Levels are ten steps of how telling the shared words are, in each of which: nothing left over,
    one has more words, each has one or more of its own, both have several.
    """

    same: tuple[float, ...] = (*([0.0025] * 12), *([0.02, 0.02, 0.003, 0.001] * 7), 0.0)
    other: tuple[float, ...] = (0.0, 0.0, 0.4, 0.6, *([0.0] * 37))

    def __init__(self, name: str, texts: Sequence[Sequence[str]]) -> None:
        self.name = name
        counts = Counter(word for text in texts for word in text)
        self.vocabulary = [word for word, _ in counts.most_common()]
        number = {word: at for at, word in enumerate(self.vocabulary)}
        total = sum(1 for text in texts if text)
        bits = [np.log2(total / counts[word]) for word in self.vocabulary]
        self.bits: Floats = np.array([*bits, 0.0])
        self.words: Ints = np.full((len(texts), WORDS_MAX), -1, np.int64)
        for record, text in enumerate(texts):
            codes = sorted((number[word] for word in text), reverse=True)[:WORDS_MAX]
            self.words[record, : len(codes)] = codes
        self._initial = np.array([ord(word[0]) for word in self.vocabulary] + [0])
        self._is_initial = np.array([len(word) == 1 for word in self.vocabulary] + [False])
        near = [(one, other) for one, other in _near(self.vocabulary)]
        size = len(self.vocabulary)
        self._near = np.unique(
            np.array([a * size + b for pair in near for a, b in (pair, pair[::-1])], np.int64)
        )

    def levels(self, one: Ints, other: Ints) -> Levels:
        """Return the level of each pair of records."""
        parts = range(0, len(one), PAIRS_AT_A_TIME)
        if not parts:
            return np.empty(0, np.int16)
        return np.concatenate(
            [
                self._compare(one[at : at + PAIRS_AT_A_TIME], other[at : at + PAIRS_AT_A_TIME])
                for at in parts
            ]
        )

    def _compare(self, one: Ints, other: Ints) -> Levels:
        a, b = self.words[one], self.words[other]
        left_a, left_b = a >= 0, b >= 0
        unknown = ~(left_a.any(1) & left_b.any(1))
        shared = np.zeros(len(one))
        equal = (a[:, :, None] == b[:, None, :]) & left_a[:, :, None]
        shared += (self.bits[a] * equal.any(2)).sum(1)
        left_a, left_b = left_a & ~equal.any(2), left_b & ~equal.any(1)
        near = self._among(a, b, left_a, left_b, self._are_near)
        told = np.maximum(self.bits[a] * MISTYPED_SHARE - MISTYPED_BITS, 0)
        shared += (told * near.any(2)).sum(1)
        left_a, left_b = left_a & ~near.any(2), left_b & ~near.any(1)
        initial = self._among(a, b, left_a, left_b, self._is_initial_of)
        shared += INITIAL_BITS * initial.any(2).sum(1)
        over_a = (left_a & ~initial.any(2)).sum(1)
        over_b = (left_b & ~initial.any(1)).sum(1)
        less, more = np.minimum(over_a, over_b), np.maximum(over_a, over_b)
        left = np.where(less == 0, more > 0, np.minimum(less, 2) + 1)
        level = np.digitize(shared, SHARED_BITS) * _LEFT_OVER + left
        level[unknown] = len(self.same) - 1
        answer: Levels = level.astype(np.int16)
        return answer

    def _among(
        self, a: Ints, b: Ints, left_a: Bools, left_b: Bools, test: Callable[[Ints, Ints], Bools]
    ) -> Bools:
        at = np.nonzero(left_a[:, :, None] & left_b[:, None, :])
        found = np.zeros((len(a), WORDS_MAX, WORDS_MAX), bool)
        found[at] = test(a[at[0], at[1]], b[at[0], at[2]])
        return found

    def _are_near(self, one: Ints, other: Ints) -> Bools:
        if not len(self._near):
            return np.zeros(len(one), bool)
        key = one * len(self.vocabulary) + other
        at = np.minimum(np.searchsorted(self._near, key), len(self._near) - 1)
        found: Bools = self._near[at] == key
        return found

    def _is_initial_of(self, one: Ints, other: Ints) -> Bools:
        short = self._is_initial[one] | self._is_initial[other]
        found: Bools = short & (self._initial[one] == self._initial[other])
        return found


def _near(vocabulary: Sequence[str]) -> set[tuple[int, int]]:
    """Return pairs of words of which one may be a slip, or a short form, of the other."""
    found: set[tuple[int, int]] = set()
    spellings: dict[str, list[int]] = defaultdict(list)
    for at, word in enumerate(vocabulary):
        if len(word) >= LETTERS_MIN:
            for spelling in {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}:
                spellings[spelling].append(at)
    for group in spellings.values():
        for one, other in combinations(group[:SPELLING_WORDS_MAX], 2):
            if (one, other) not in found and are_alike(vocabulary[one], vocabulary[other]):
                found.add((one, other))
    ordered = sorted(range(len(vocabulary)), key=vocabulary.__getitem__)
    found.update(_short_forms(vocabulary, ordered))
    return found


def _short_forms(vocabulary: Sequence[str], ordered: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Yield words that begin another one, such as `ben` and `benjamin`."""
    open_words: list[int] = []
    for at in ordered:
        while open_words and not vocabulary[at].startswith(vocabulary[open_words[-1]]):
            open_words.pop()
        yield from ((short, at) for short in open_words)
        if len(vocabulary[at]) >= SHORTENED_LETTERS_MIN:
            open_words.append(at)


def are_alike(one: str, other: str) -> bool:
    """Tell whether two words are one typing error apart, or spelled much alike."""
    if min(len(one), len(other)) >= 4 and OSA.distance(one, other, score_cutoff=1) <= 1:
        return True
    return JaroWinkler.similarity(one, other) >= ALIKE
