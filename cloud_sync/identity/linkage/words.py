"""Texts compared by their words: how telling the shared ones are, and how many are left over."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler

from cloud_sync.identity.linkage.columns import Role
from cloud_sync.identity.linkage.people import People
from cloud_sync.identity.linkage.text import words
from cloud_sync.identity.linkage.values import Bools, Floats, Ints, Levels, twin

# The most telling words of a text are compared; who has more is known by these.
WORDS_MAX = 6
# Pairs at a time, so that the tables of words against words stay small.
PAIRS_AT_A_TIME = 100_000
# A pair of words is one number, of the first word and so many bits for the second.
WORD_BITS = 32
WORD_MASK = (1 << WORD_BITS) - 1
# Words of fewer letters are too easily like another.
LETTERS_MIN = 3
SHORTENED_LETTERS_MIN = 3
ALIKE = 0.9
# A word of at most 30 letters and its beginning of three or more are at least this much alike, and
# so are two words of four or more with one typing error.
LIKELY_ALIKE = 0.78
# Of the words that share a spelling with a letter left out so many are compared.
SPELLING_WORDS_MAX = 200
# A mistyped word tells a bit less and a part of what the word itself tells; an initial is one of
# twenty letters, and may be anybody's.
MISTYPED_SHARE, MISTYPED_BITS, INITIAL_BITS = 0.6, 1.0, 1.5
SHARED_BITS = np.array([0.5, 3, 5, 7, 9, 11, 13, 16, 20])
_LEFT_OVER = 4
LEFT_OVER_SAID = (
    "none is left over",
    "one has more words",
    "each has a word of its own",
    "each has several words of its own",
)


class WordComparison:
    """Compares texts such as names by the words they share, whatever their order.

    Levels are ten steps of how telling the shared words are, in each of which: nothing left over,
    one has more words, each has one or more of its own, both have several.
    """

    same: tuple[float, ...] = (*([0.0025] * 12), *([0.02, 0.02, 0.003, 0.001] * 7), 0.0)
    other: tuple[float, ...] = (0.0, 0.0, 0.4, 0.6, *([0.0] * 37))

    def __init__(self, name: Role, people: People) -> None:
        self.name: str = name
        self._role: Role = name
        texts = self._read(people)
        counts = Counter(word for text in texts for word in text)
        total = sum(1 for text in texts if text)
        self._rarest_bits = float(np.log2(max(1, total)))
        self.number: dict[str, int] = {}
        self.bits: Floats = np.zeros(1)
        self.take_words([word for word, _ in counts.most_common()])
        self.bits[:-1] = [np.log2(total / counts[word]) for word in self.vocabulary]
        self.words = self.rows_of(texts)
        self.near: Ints | None = None

    def describe(self, level: int) -> str:
        """Say what a level means."""
        if level == len(self.same) - 1:
            return "not said by both"
        step, left = divmod(level, _LEFT_OVER)
        least = SHARED_BITS[step - 1] if step else 0
        most = SHARED_BITS[step] if step < len(SHARED_BITS) else None
        told = f"{least:g} bits or more" if most is None else f"{least:g} to {most:g} bits"
        return f"shared words tell {told}; {LEFT_OVER_SAID[left]}"

    def beside(self, records: Ints, person: People, before: Bools) -> Levels:
        """Return the levels of some records and a new one, which `before` are before."""
        (text,) = self._read(person)
        size = len(self.vocabulary)
        new = [word for word in text if word not in self.number]
        own = sorted((self.number[word] for word in text if word in self.number), reverse=True)
        own = [*range(size + len(new) - 1, size - 1, -1), *own][:WORDS_MAX]
        rows = self.words[records]
        # Most have few words, and all pairs of them are looked at.
        width = max(1, len(own), int((rows >= 0).any(0).sum()))
        rows = rows[:, :width]
        mine = np.array(own + [-1] * (width - len(own)))[None, :].repeat(len(rows), 0)
        compared = self._with_words(new, [at for at in own if at < size], rows)
        if before.all():
            return compared.compare_rows(rows, mine)
        first = before[:, None]
        return compared.compare_rows(np.where(first, rows, mine), np.where(first, mine, rows))

    def _with_words(self, new: Sequence[str], old: Sequence[int], rows: Ints) -> "WordComparison":
        """Return the comparison of a few words, new and old ones, with the words of some rows."""
        small = twin(self)
        near = _of_words(self._near_pairs(), old)
        if new:
            rarest = np.full(len(new), self._rarest_bits)
            small.bits = np.concatenate([self.bits[:-1], rarest, self.bits[-1:]])
            small.initials = np.concatenate([self.initials[:-1], _initials([*new, ""])])
            near.append(self._near_new(new, rows))
        small.near = _both_ways(near)
        return small

    def _near_new(self, new: Sequence[str], rows: Ints) -> Ints:
        """Return the pairs of words of the vocabulary in some rows and of new words near them."""
        known = np.unique(rows)
        known = known[known >= 0]
        size = len(self.vocabulary)
        pairs = near_to(range(len(new)), [*new, *self._spelt[known].tolist()])
        return _pair_numbers(
            (size + own, int(known[other - len(new)])) for own, other in pairs if other >= len(new)
        )

    def _near_pairs(self) -> Ints:
        """Return the pairs of words near each other, which are found when first asked for."""
        if self.near is None:
            self.near = _both_ways([_pair_numbers(_near(self.vocabulary))])
        return self.near

    def extended(self, people: People) -> "WordComparison":
        """Return the comparison with more records; how telling a word is stays what it was."""
        texts = self._read(people)
        more = twin(self)
        size = len(self.vocabulary)
        told = {word: None for text in texts for word in text if word not in self.number}
        if told:
            more.take_words([*self.vocabulary, *told])
            if self.near is not None:
                new = near_to(range(size, size + len(told)), more.vocabulary)
                more.near = np.union1d(self.near, _both_ways([_pair_numbers(new)]))
        more.words = np.concatenate([self.words, more.rows_of(texts)])
        return more

    def _read(self, people: People) -> list[tuple[str, ...]]:
        return [words(each) for each in people.together(self._role)]

    def take_words(self, vocabulary: list[str]) -> None:
        """Take a vocabulary that begins with the one of before; what is new is the rarest."""
        self.vocabulary = vocabulary
        self.number = {word: at for at, word in enumerate(vocabulary)}
        bits = np.full(len(vocabulary) + 1, self._rarest_bits)
        bits[: len(self.bits) - 1] = self.bits[:-1]
        bits[-1] = 0.0
        self.bits = bits
        self.derive()

    def derive(self) -> None:
        """Work out from the vocabulary its spellings and initials, to be asked by number."""
        self._spelt = np.array(self.vocabulary, object)
        self.initials = _initials([*self.vocabulary, ""])

    def rows_of(self, texts: Sequence[Sequence[str]]) -> Ints:
        """Return the most telling words of each text, by number."""
        rows: Ints = np.full((len(texts), WORDS_MAX), -1, np.int64)
        for record, text in enumerate(texts):
            codes = sorted((self.number[word] for word in text), reverse=True)[:WORDS_MAX]
            rows[record, : len(codes)] = codes
        return rows

    def levels(self, one: Ints, other: Ints) -> Levels:
        """Return the level of each pair of records."""
        parts = range(0, len(one), PAIRS_AT_A_TIME)
        if not parts:
            return np.empty(0, np.int16)
        self._near_pairs()
        return np.concatenate(
            [
                self.compare_rows(
                    self.words[one[at : at + PAIRS_AT_A_TIME]],
                    self.words[other[at : at + PAIRS_AT_A_TIME]],
                )
                for at in parts
            ]
        )

    def compare_rows(self, a: Ints, b: Ints) -> Levels:
        """Return the level of each row of words with the same row of others."""
        left_a, left_b = a >= 0, b >= 0
        # A record's words come first in its row, so that who has none has no first one.
        unknown = ~(left_a[:, 0] & left_b[:, 0])
        equal = (a[:, :, None] == b[:, None, :]) & left_a[:, :, None]
        equal_a, equal_b = equal.any(2), equal.any(1)
        bits = self.bits[a]
        shared = (bits * equal_a).sum(1)
        left_a, left_b = left_a & ~equal_a, left_b & ~equal_b
        tests = ((self._are_near, _mistyped_bits), (self._is_initial_of, _initial_bits))
        pair, at, beside = np.nonzero(left_a[:, :, None] & left_b[:, None, :])
        for test, told in tests:
            passed = test(a[pair, at], b[pair, beside])
            if not passed.any():
                continue
            found_a, found_b = np.zeros(a.shape, bool), np.zeros(b.shape, bool)
            found_a[pair[passed], at[passed]] = True
            found_b[pair[passed], beside[passed]] = True
            shared += (told(bits) * found_a).sum(1)
            left_a, left_b = left_a & ~found_a, left_b & ~found_b
            still = left_a[pair, at] & left_b[pair, beside]
            pair, at, beside = pair[still], at[still], beside[still]
        over_a, over_b = left_a.sum(1), left_b.sum(1)
        less, more = np.minimum(over_a, over_b), np.maximum(over_a, over_b)
        left = np.where(less == 0, more > 0, np.minimum(less, 2) + 1)
        level = np.searchsorted(SHARED_BITS, shared, "right") * _LEFT_OVER + left
        level[unknown] = len(self.same) - 1
        answer: Levels = level.astype(np.int16)
        return answer

    def _are_near(self, one: Ints, other: Ints) -> Bools:
        near = self._near_pairs()
        if not len(near):
            return np.zeros(len(one), bool)
        key = (one << WORD_BITS) + other
        at = np.minimum(np.searchsorted(near, key), len(near) - 1)
        found: Bools = near[at] == key
        return found

    def _is_initial_of(self, one: Ints, other: Ints) -> Bools:
        a, b = self.initials[one], self.initials[other]
        found: Bools = (a < 0) | (b < 0)
        return found & (np.abs(a) == np.abs(b)) if found.any() else found


def _mistyped_bits(bits: Floats) -> Floats:
    """Return what words tell that are shared but for a typing error."""
    return np.maximum(bits * MISTYPED_SHARE - MISTYPED_BITS, 0)


def _initial_bits(bits: Floats) -> Floats:
    """Return what words tell of which the other has the first letter alone."""
    return np.full_like(bits, INITIAL_BITS)


def _initials(vocabulary: Sequence[str]) -> Ints:
    """Return the number of each word's first letter, below 0 where the word is nothing else."""
    letters = [ord(word[0]) if word else 0 for word in vocabulary]
    return np.array(
        [-at if len(word) == 1 else at for at, word in zip(letters, vocabulary, strict=True)],
        np.int64,
    )


def _pair_numbers(pairs: Iterable[tuple[int, int]]) -> Ints:
    """Return each pair of words as one number."""
    return np.array([(one << WORD_BITS) + other for one, other in pairs], np.int64)


def _both_ways(pairs: Sequence[Ints]) -> Ints:
    """Return pairs of words, each in both directions, in the order of their numbers."""
    there = np.concatenate([np.empty(0, np.int64), *pairs])
    back = ((there & WORD_MASK) << WORD_BITS) + (there >> WORD_BITS)
    both: Ints = np.concatenate([there, back])
    both.sort()
    return both


def _of_words(pairs: Ints, few: Sequence[int]) -> list[Ints]:
    """Return those of the pairs, which are in their order, that each of a few words begins."""
    ends = np.searchsorted(pairs, [at << WORD_BITS for word in few for at in (word, word + 1)])
    each = ends.tolist()
    return [pairs[first:last] for first, last in zip(each[::2], each[1::2], strict=True)]


def _near(vocabulary: Sequence[str]) -> set[tuple[int, int]]:
    """Return pairs of words of which one may be a slip, or a short form, of the other."""
    found: set[tuple[int, int]] = set()
    spellings: dict[str, list[int]] = defaultdict(list)
    for at, word in enumerate(vocabulary):
        if len(word) >= LETTERS_MIN:
            for spelling in _spellings(word):
                spellings[spelling].append(at)
    for group in spellings.values():
        for one, other in combinations(group[:SPELLING_WORDS_MAX], 2):
            if (one, other) not in found and are_alike(vocabulary[one], vocabulary[other]):
                found.add((one, other))
    ordered = sorted(range(len(vocabulary)), key=vocabulary.__getitem__)
    found.update(_short_forms(vocabulary, ordered))
    return found


def near_to(few: Sequence[int], vocabulary: Sequence[str]) -> set[tuple[int, int]]:
    """Return the pairs that `_near` finds, of which one is among a few words."""
    own = [vocabulary[at] for at in few]
    if not own:
        return set()
    likeness = process.cdist(own, vocabulary, scorer=JaroWinkler.similarity)
    found: set[tuple[int, int]] = set()
    likely = likeness >= LIKELY_ALIKE
    for at, other in zip(*(each.tolist() for each in np.nonzero(likely)), strict=True):
        short, long = sorted((own[at], vocabulary[other]), key=len)
        if len(short) < LETTERS_MIN or few[at] == other:
            continue
        is_short_form = len(short) >= SHORTENED_LETTERS_MIN and long.startswith(short)
        if is_short_form or (are_alike(short, long) and _spellings(short) & _spellings(long)):
            found.add((few[at], other))
    return found


def _spellings(word: str) -> set[str]:
    """Return a word and what is left of it without each of its letters."""
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


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
