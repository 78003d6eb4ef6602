"""How the places that two records are from compare."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from rapidfuzz import fuzz, process
from rapidfuzz.distance import JaroWinkler

from cloud_sync.identity.linkage.people import People
from cloud_sync.identity.linkage.text import plain_text, postcode_areas
from cloud_sync.identity.linkage.values import (
    NOT_SAID,
    Bools,
    Column,
    Ints,
    Levels,
    beside_each,
    for_each_pair,
    rarity,
    twin,
)

ALIKE = 0.92
# All words of one place are in the other, up to what is lost in rounding.
TOKENS_ALIKE = 99.9


class PlaceComparison:
    """Compares where somebody is from: postcode and place together, as one mostly tells the other.

    Two households of a village share both; counted one by one they would weigh twice.
    """

    _POSTCODES, _PLACES = 6, 6
    _SAID = (
        ("equal", "same sector", "same district", "same area", "different", NOT_SAID),
        (
            "equal, and few are from there",
            "equal, and some are from there",
            "equal, and many are from there",
            "alike",
            "different",
            NOT_SAID,
        ),
    )

    def __init__(self, name: str, people: People) -> None:
        self.name = name
        postcodes, places = self._read(people)
        self.take(Column.of(postcodes), Column.of(places))
        by_postcode = (0.55, 0.1, 0.1, 0.05, 0.2, 0.3)
        by_place = (0.2, 0.2, 0.2, 0.1, 0.3, 0.3)
        self.same = tuple(a * b for a in by_postcode for b in by_place)
        both_differ = 4 * self._PLACES + 4
        self.other = tuple(float(at == both_differ) for at in range(len(self.same)))

    def beside(self, records: Ints, person: People, before: Bools) -> Levels:  # noqa: ARG002
        """Return the levels of some records and a new one; none depends on which comes first."""
        (postcode,), (place,) = self._read(person)
        by_postcode = self._postcode_beside(self.postcode.codes[records], postcode)
        return by_postcode * self._PLACES + self._place_beside(self.place.codes[records], place)

    def extended(self, people: People) -> Self:
        """Return the comparison with more records."""
        postcodes, places = self._read(people)
        changed = twin(self)
        changed.take(self.postcode.extended(postcodes), self.place.extended(places))
        return changed

    def _read(self, people: People) -> tuple[list[str], list[str]]:
        return (
            [plain_text(_first(each)) for each in people.together("postcode")],
            [plain_text(_joined(each)) for each in people.together("place")],
        )

    def take(self, postcode: Column, place: Column) -> None:
        """Take the values to compare, and the areas that postcodes are in."""
        self.postcode, self.place = postcode, place
        areas = [postcode_areas(value) for value in postcode.values]
        self._areas = [Column.of([area[wide] for area in areas]) for wide in range(3)]

    def levels(self, one: Ints, other: Ints) -> Levels:
        """Return six levels of the postcode, in each six of the place."""
        return self._by_postcode(one, other) * self._PLACES + self._by_place(one, other)

    def describe(self, level: int) -> str:
        """Say what a level means."""
        postcode, place = divmod(level, self._PLACES)
        return f"postcode {self._SAID[0][postcode]}; place {self._SAID[1][place]}"

    def _by_postcode(self, one: Ints, other: Ints) -> Levels:
        a, b = self.postcode.codes[one], self.postcode.codes[other]
        known = self.postcode.known
        same = [area.codes[a] == area.codes[b] for area in self._areas]
        return _postcode_levels([a == b, *same], known[a] & known[b])

    def _postcode_beside(self, codes: Ints, postcode: str) -> Levels:
        areas = zip(self._areas, postcode_areas(postcode), strict=True)
        same = [each.codes[codes] == each.number.get(area, -1) for each, area in areas]
        equal = codes == self.postcode.number.get(postcode, -1)
        return _postcode_levels([equal, *same], self.postcode.known[codes] & (postcode != ""))

    def _by_place(self, one: Ints, other: Ints) -> Levels:
        codes = self.place.codes
        return for_each_pair(codes[one], codes[other], len(self.place.values), self._compare)

    def _compare(self, one: Ints, other: Ints) -> Levels:
        values = self.place.values
        equal, known = one == other, self.place.known[one] & self.place.known[other]
        unlike = np.nonzero(known & ~equal)[0]
        texts = values[one[unlike]].tolist(), values[other[unlike]].tolist()
        alike = process.cpdist(*texts, scorer=JaroWinkler.similarity) > ALIKE
        alike |= process.cpdist(*texts, scorer=fuzz.token_set_ratio) > TOKENS_ALIKE
        return self._place_levels(one, unlike[alike], equal=equal, known=known)

    def _place_beside(self, codes: Ints, place: str) -> Levels:
        equal = codes == self.place.number.get(place, -1)
        known = self.place.known[codes] & (place != "")
        unlike = np.nonzero(known & ~equal)[0]
        texts = self.place.values[codes[unlike]]
        alike = beside_each(place, texts, JaroWinkler.similarity) > ALIKE
        alike |= beside_each(place, texts, fuzz.token_set_ratio) > TOKENS_ALIKE
        return self._place_levels(codes, unlike[alike], equal=equal, known=known)

    def _place_levels(self, of: Ints, alike: Ints, *, equal: Bools, known: Bools) -> Levels:
        level = np.full(len(of), 4, np.int16)
        level[alike] = 3
        level[equal] = rarity(self.place.bits[of[equal]])
        level[~known] = 5
        return level


def _postcode_levels(same: Sequence[Bools], known: Bools) -> Levels:
    """Return the levels of postcodes of which it is told whether they are the same, and how far."""
    level = np.full(len(known), len(same), np.int16)
    for at in reversed(range(len(same))):
        level[same[at]] = at
    level[~known] = len(same) + 1
    return level


def _first(values: Sequence[str]) -> str:
    return next((value for value in values if value), "")


def _joined(values: Sequence[str]) -> str:
    return " ".join(value for value in values if value)
