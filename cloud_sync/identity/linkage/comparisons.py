"""How two records compare, column by column: each comparison gives one of a few levels.

A level is a number; that of a pair of which one says nothing is the last one, and weighs nothing.
`same` tells how often each level is expected of two records of one person, `other` of two persons,
before any file was seen; the file itself soon outweighs both.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol, Self

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

from cloud_sync.identity.linkage.columns import Role
from cloud_sync.identity.linkage.people import People
from cloud_sync.identity.linkage.places import PlaceComparison
from cloud_sync.identity.linkage.text import (
    plain_date,
    plain_number,
    plain_text,
)
from cloud_sync.identity.linkage.values import (
    NOT_SAID,
    VERY_TELLING_BITS,
    Bools,
    Column,
    Floats,
    Ints,
    Levels,
    beside_each,
    for_each_pair,
    rarity,
    twin,
)
from cloud_sync.identity.linkage.words import WordComparison

# A day of the year that more than this share of all dates has stands for "only the year is known".
COARSE_DAY_SHARE = 0.03
# A shorter number with a typing error is another number.
NUMBER_LETTERS_MIN = 6


class Comparison(Protocol):
    """Compares pairs of records in one respect."""

    name: str
    same: tuple[float, ...]
    other: tuple[float, ...]

    def levels(self, one: Ints, other: Ints) -> Levels:
        """Return the level of each pair of records; the last level is "not known"."""
        ...

    def describe(self, level: int) -> str:
        """Say what a level means."""
        ...

    def beside(self, records: Ints, person: People, before: Bools) -> Levels:
        """Return the levels of some records and a new one of the same columns.

        `before` tells which of them come before it. How telling a value is stays what it was.
        """
        ...

    def extended(self, people: People) -> "Comparison":
        """Return the comparison with more records; how telling a value is stays what it was."""
        ...


class ColumnComparison(ABC):
    """What comparisons of a single column have in common."""

    plain: Callable[[str], str]
    said: tuple[str, ...]

    def __init__(self, name: str, people: People) -> None:
        self.name = name
        self.take(Column.of(self._read(people)))

    def beside(self, records: Ints, person: People, before: Bools) -> Levels:  # noqa: ARG002
        """Return the levels of some records and a new one; none depends on which comes first."""
        column = self.column
        codes, (value,) = column.codes[records], self._read(person)
        own = column.number.get(value, -1)
        known = column.known[codes] if value else np.zeros(len(codes), bool)
        return self._with_value(codes, value, codes == own, known)

    @abstractmethod
    def _with_value(self, codes: Ints, value: str, equal: Bools, known: Bools) -> Levels:
        """Return the levels of values of the column with another one, which may be new.

        Told are which are equal, and of which pairs both say something.
        """

    def extended(self, people: People) -> Self:
        """Return the comparison with more records."""
        return self._with(self.column.extended(self._read(people)))

    def describe(self, level: int) -> str:
        """Say what a level means."""
        return self.said[level]

    def _read(self, people: People) -> list[str]:
        plain = type(self).plain
        return [plain(value) for value in people.columns[self.name][1]]

    def _with(self, column: Column) -> Self:
        changed = twin(self)
        changed.take(column)
        return changed

    def take(self, column: Column) -> None:
        """Take the values to compare, and what is derived from them."""
        self.column = column


class DateComparison(ColumnComparison):
    """Compares dates of birth: equal, mistyped, only the year equal, or another date."""

    same: tuple[float, ...] = (0.2, 0.2, 0.2, 0.1, 0.05, 0.04, 0.05, 0.05, 0.02, 0.09, 0.0)
    other: tuple[float, ...] = (*([0.0] * 9), 1.0, 0.0)
    _EQUAL, _NEAR, _NEAR_COARSE, _TWO_OFF, _YEAR_COARSE, _YEAR, _YEARS, _OTHER, _NONE = (
        0,
        *range(3, 11),
    )

    plain = staticmethod(plain_date)
    said = (
        "equal, and few have it",
        "equal, and some have it",
        "equal, and many have it",
        "one typing error",
        "one typing error, and only the year may be known",
        "two typing errors",
        "the same year, and only that may be known",
        "the same year",
        "at most two years apart",
        "different",
        NOT_SAID,
    )

    def __init__(self, name: str, people: People) -> None:
        dates = Column.of([plain_date(value) for value in people.columns[name][1]])
        days = dates.derive(lambda date: date[4:8])
        common = 2.0**-days.bits > COARSE_DAY_SHARE
        self._coarse_days = {day for day, often in zip(days.values, common, strict=True) if often}
        super().__init__(name, people)

    def take(self, column: Column) -> None:
        """Take dates, and their years."""
        super().take(column)
        self.coarse = np.array([date[4:8] in self._coarse_days for date in column.values], bool)
        self.years = np.array([_year(date) for date in column.values], np.int64)

    def levels(self, one: Ints, other: Ints) -> Levels:
        """Return 0 to 2 for equal dates (rare to common), then less and less alike."""
        codes = self.column.codes
        return for_each_pair(codes[one], codes[other], len(self.column.values), self._compare)

    def _compare(self, one: Ints, other: Ints) -> Levels:
        values, known = self.column.values, self.column.known
        typing_errors = process.cpdist(
            values[one].tolist(), values[other].tolist(), scorer=OSA.distance
        )
        coarse = self.coarse[one] | self.coarse[other]
        apart = np.abs(self.years[one] - self.years[other])
        return self._levels(
            typing_errors, coarse, apart, one, equal=one == other, known=known[one] & known[other]
        )

    def _with_value(self, codes: Ints, value: str, equal: Bools, known: Bools) -> Levels:
        typing_errors = beside_each(value, self.column.values[codes], OSA.distance)
        coarse = self.coarse[codes] | (value[4:8] in self._coarse_days)
        apart = np.abs(self.years[codes] - _year(value))
        return self._levels(typing_errors, coarse, apart, codes, equal=equal, known=known)

    def _levels(
        self, errors: Floats, coarse: Bools, apart: Ints, of: Ints, *, equal: Bools, known: Bools
    ) -> Levels:
        level = np.full(len(of), self._OTHER, np.int16)
        level[apart <= 2] = self._YEARS
        level[apart == 0] = self._YEAR
        level[(apart == 0) & coarse] = self._YEAR_COARSE
        level[errors == 2] = self._TWO_OFF
        level[errors == 1] = self._NEAR
        level[(errors == 1) & coarse] = self._NEAR_COARSE
        level[equal] = rarity(self.column.bits[of[equal]], telling=8.5, very_telling=11.0)
        level[~known] = self._NONE
        return level


class CategoryComparison(ColumnComparison):
    """Compares words out of a list, such as an occupation: equal (rare to common) or not."""

    same: tuple[float, ...] = (0.25, 0.25, 0.3, 0.2, 0.0)
    other: tuple[float, ...] = (0.0, 0.0, 0.4, 0.6, 0.0)

    plain = staticmethod(plain_text)
    said = (
        "equal, and few have it",
        "equal, and some have it",
        "equal, and many have it",
        "different",
        NOT_SAID,
    )

    def levels(self, one: Ints, other: Ints) -> Levels:
        """Return 0 to 2 for equal words (rare to common), 3 for different ones."""
        a, b = self.column.codes[one], self.column.codes[other]
        return self._levels(a, a == b, self.column.known[a] & self.column.known[b])

    def _with_value(self, codes: Ints, value: str, equal: Bools, known: Bools) -> Levels:  # noqa: ARG002
        return self._levels(codes, equal, known)

    def _levels(self, of: Ints, equal: Bools, known: Bools) -> Levels:
        level = np.full(len(of), 3, np.int16)
        level[equal] = rarity(self.column.bits[of[equal]], telling=4.5, very_telling=7.0)
        level[~known] = 4
        return level


class NumberComparison(ColumnComparison):
    """Compares identifying numbers and addresses: equal, one typing error, or different."""

    same: tuple[float, ...] = (0.75, 0.05, 0.1, 0.1, 0.0)
    other: tuple[float, ...] = (0.0, 0.0, 0.0, 1.0, 0.0)

    plain = staticmethod(plain_number)
    said = ("equal", "equal, and many have it", "one typing error", "different", NOT_SAID)

    def levels(self, one: Ints, other: Ints) -> Levels:
        """Return 0 for an equal rare number, 1 for an equal common one, 2 mistyped, 3 another."""
        codes = self.column.codes
        return for_each_pair(codes[one], codes[other], len(self.column.values), self._compare)

    def _compare(self, one: Ints, other: Ints) -> Levels:
        values, known = self.column.values, self.column.known
        errors = process.cpdist(
            values[one].tolist(), values[other].tolist(), scorer=OSA.distance, score_cutoff=1
        )
        mistyped = np.nonzero((errors == 1) & self._long[one] & self._long[other])[0]
        return self._levels(one, mistyped, one == other, known[one] & known[other])

    def _with_value(self, codes: Ints, value: str, equal: Bools, known: Bools) -> Levels:
        mistyped = np.empty(0, np.int64)
        if len(value) >= NUMBER_LETTERS_MIN and known.any():
            errors = beside_each(value, self.column.values[codes], OSA.distance, score_cutoff=1)
            mistyped = np.nonzero((errors == 1) & self._long[codes])[0]
        return self._levels(codes, mistyped, equal, known)

    def _levels(self, of: Ints, mistyped: Ints, equal: Bools, known: Bools) -> Levels:
        level = np.full(len(of), 3, np.int16)
        level[mistyped] = 2
        level[equal] = self.column.bits[of[equal]] < VERY_TELLING_BITS
        level[~known] = 4
        return level

    def take(self, column: Column) -> None:
        """Take numbers, and which of them are long enough to be recognised when mistyped."""
        super().take(column)
        self._long = np.array([len(each) >= NUMBER_LETTERS_MIN for each in column.values], bool)


def comparisons_of(people: People) -> list[Comparison]:
    """Return the comparisons that the columns of a file allow."""
    found: list[Comparison] = []
    if _tells(people, "name"):
        found.append(WordComparison("name", people))
    found += [DateComparison(name, people) for name in people.of_role("date")]
    if _tells(people, "postcode") or _tells(people, "place"):
        found.append(PlaceComparison("place", people))
    found += [CategoryComparison(name, people) for name in people.of_role("category")]
    found += [NumberComparison(name, people) for name in people.of_role("number")]
    if _tells(people, "address"):
        found.append(WordComparison("address", people))
    return found


def _tells(people: People, role: Role) -> bool:
    return any(map(any, people.together(role)))


def _year(date: str) -> int:
    return int(date[:4]) if date[:4].isdecimal() else -9
