"""The blocks of a batch, kept so that one new record finds the records worth comparing with it."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from cloud_sync.identity.linkage.blocking import PASSES, Keys, keys_of
from cloud_sync.identity.linkage.people import People
from cloud_sync.identity.linkage.values import Ints


class Blocks:
    """Finds for one record those that the passes of the batch would compare with it.

    A key is a number of 64 bits made of a pass and its parts; it holds for one run of the program.
    `reaches` says, for each pass, how many records a block may have with the new one.
    """

    def __init__(self, people: People, reaches: Sequence[int]) -> None:
        self._reaches = reaches
        keys: list[int] = []
        records: list[int] = []
        parts = keys_of(people)
        self._passes = [all(part in parts for part in each) for each in PASSES]
        for number in range(len(PASSES)):
            for record in range(len(people.ids)):
                found = list(self._keys(parts, number, record))
                keys += found
                records += [record] * len(found)
        every, of = np.array(keys, np.int64), np.array(records, np.int64)
        order = np.argsort(every, kind="stable")
        # Each key once, with where its records begin; behind the last one they end.
        self._different, first = np.unique(every[order], return_index=True)
        self._first, self._records = np.append(first, len(every)), of[order]
        self._added: dict[int, list[int]] = {}

    def near(self, person: People) -> Ints:
        """Return the places of the records that share a block with a person, in their order."""
        parts = keys_of(person)
        keys = [
            (key, reach)
            for number, reach in enumerate(self._reaches)
            for key in self._keys(parts, number, 0)
        ]
        asked = np.array([key for key, _ in keys], np.int64)
        at = np.searchsorted(self._different, asked)
        there = self._different.take(at, mode="clip") == asked if len(self._different) else at < 0
        first, last = self._first[at].tolist(), self._first.take(at + there).tolist()
        found: list[Ints] = [np.empty(0, np.int64)]
        for (key, reach), begin, end in zip(keys, first, last, strict=True):
            added = self._added.get(key, ())
            if 0 < end - begin + len(added) < reach:
                found.append(self._records[begin:end])
                if added:
                    found.append(np.array(added, np.int64))
        return np.unique(np.concatenate(found))

    def add(self, person: People, place: int) -> None:
        """Add a record at a place of its own."""
        parts = keys_of(person)
        for number in range(len(PASSES)):
            for key in self._keys(parts, number, 0):
                self._added.setdefault(key, []).append(place)

    def _keys(self, parts: Mapping[str, Keys], number: int, record: int) -> Iterator[int]:
        each = PASSES[number]
        if not self._passes[number] or each[0] not in parts or each[-1] not in parts:
            return
        if len(each) == 1:
            yield from (hash((number, key)) for key in parts[each[0]][record])
            return
        ones, others = parts[each[0]][record], parts[each[1]][record]
        yield from (hash((number, one, other)) for one in ones for other in others)
