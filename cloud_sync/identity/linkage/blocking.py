"""Which pairs of records are worth a comparison: those that share something not too common."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cloud_sync.identity.linkage.people import People
from cloud_sync.identity.linkage.text import (
    plain_date,
    plain_number,
    plain_text,
    postcode_areas,
    words,
)
from cloud_sync.identity.linkage.values import Ints

# Records that share a key are compared with each other where there are at most so many.
BLOCK_RECORDS_MAX = 100
# Each pass compares so many pairs for each record; it takes its smallest blocks first, and what
# goes beyond is left to the other passes.
PASS_PAIRS_PER_RECORD = 25
PREFIX_LETTERS = 4
# A pass groups records by what they share in all of its parts.
PASSES: Sequence[tuple[str, ...]] = (
    ("number",),
    ("word", "date"),
    ("postcode",),
    ("word", "place"),
    ("prefix", "district"),
    ("prefix", "year"),
    ("words",),
    ("date", "place"),
    ("date", "district"),
    ("word",),
    ("day", "district"),
    ("day", "place"),
    ("address", "word"),
    ("address", "district"),
    ("address", "date"),
)

Keys = Sequence[Iterable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The pairs of records worth comparing, the first record before the second.

    `reaches` says, for each of PASSES, how many records a block may have to be compared as a whole.
    """

    one: Ints
    other: Ints
    reaches: Sequence[int]


def candidate_pairs(people: People) -> Candidates:
    """Find the pairs of records worth comparing."""
    parts = keys_of(people)
    size = len(people.ids)
    found, reaches = [np.empty(0, np.int64)], []
    for each in PASSES:
        reaches.append(BLOCK_RECORDS_MAX)
        if all(part in parts for part in each):
            pairs, reaches[-1] = _pairs(_blocks([parts[part] for part in each]), size)
            found.append(pairs)
    pairs = np.unique(np.concatenate(found))
    return Candidates(one=pairs // max(1, size), other=pairs % max(1, size), reaches=reaches)


def keys_of(people: People) -> Mapping[str, Keys]:
    """Return, by part of a pass, the keys of each record."""
    keys: dict[str, Keys] = {}
    names = [words(each) for each in people.together("name")]
    if any(names):
        keys["word"] = [set(each) for each in names]
        keys["prefix"] = [{word[:PREFIX_LETTERS] for word in each} for each in names]
        keys["words"] = [
            {f"{one} {other}" for one in each for other in each if one < other} for each in names
        ]
    for values in people.of_role("date").values():
        dates = [plain_date(value) for value in values]
        keys["date"] = _some(dates)
        keys["year"] = _some([date[:4] for date in dates])
        keys["day"] = _some([date[4:8] for date in dates])
    for values in people.of_role("postcode").values():
        postcodes = [plain_text(value) for value in values]
        keys["postcode"] = _some(postcodes)
        keys["district"] = _some([postcode_areas(value)[1] for value in postcodes])
    if people.of_role("place"):
        places = people.together("place")
        keys["place"] = [{plain_text(value) for value in each} - {""} for each in places]
    numbers = people.together("number")
    keys["number"] = [
        {f"{at} {plain_number(value)}" for at, value in enumerate(each) if plain_number(value)}
        for each in numbers
    ]
    if people.of_role("address"):
        keys["address"] = [set(words(each)) for each in people.together("address")]
    return keys


def _some(values: Sequence[str]) -> Keys:
    return [(value,) if value else () for value in values]


def _blocks(parts: Sequence[Keys]) -> dict[object, list[int]]:
    """Group records by their keys."""
    blocks: dict[object, list[int]] = {}
    if len(parts) == 1:
        for record, keys in enumerate(parts[0]):
            for key in keys:
                blocks.setdefault(key, []).append(record)
        return blocks
    for record, (ones, others) in enumerate(zip(*parts, strict=True)):
        for one in ones:
            for other in others:
                blocks.setdefault((one, other), []).append(record)
    return blocks


def _pairs(blocks: Mapping[object, list[int]], size: int) -> tuple[Ints, int]:
    """Return the pairs within the blocks, as one number each, the smallest blocks first.

    With them comes the size up to which all blocks were taken.
    """
    by_size: dict[int, list[list[int]]] = {}
    for block in blocks.values():
        if 2 <= len(block) <= BLOCK_RECORDS_MAX:
            by_size.setdefault(len(block), []).append(block)
    left = PASS_PAIRS_PER_RECORD * size
    found: list[Ints] = []
    reach = BLOCK_RECORDS_MAX
    for length in sorted(by_size):
        one, other = np.triu_indices(length, 1)
        # Sorted, as the words of a name come in another order each time the program runs.
        members = np.array(sorted(by_size[length]), np.int64)[: max(0, left // len(one))]
        if len(members) < len(by_size[length]):
            reach = min(reach, length - 1)
        found.append((members[:, one] * size + members[:, other]).ravel())
        left -= len(found[-1])
    return (np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)), reach
