"""Tells people apart who touch each other in the picture, and so are one thing that changed: pure.

How many are in such a thing is known from when they were apart. The leftmost of them stands at its
left edge and the rightmost at its right one; who changes sides within it is taken for the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hardware.people.detector import Box, common_area, overlap

# So much of somebody lies in the thing they are now a part of.
INSIDE_SHARE_MIN = 0.5
# Somebody is followed whose last box is nearly this one.
FOLLOWED_OVERLAP_MIN = 0.6
# A thing that is hardly wider than one of those in it for so long holds only one.
NARROW_SHARE_MAX = 1.2
NARROW_MS_MAX = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """Somebody as last seen: their box, their own size when alone, since when they are hidden."""

    box: Box
    width: float
    height: float
    narrow_since_ms: int | None = None


class Crowd:
    """The people in one picture, in its pixels."""

    def __init__(self) -> None:
        self._people: list[_Person] = []

    def apart(self, things: Sequence[Box], followed: Sequence[Box], at_ms: int) -> list[Box]:
        """Return a box for each person in these things; `followed` are those known as people."""
        known = [
            person
            for person in self._people
            if any(overlap(person.box, box) >= FOLLOWED_OVERLAP_MIN for box in followed)
        ]
        inside: dict[int, list[_Person]] = {}
        for person in known:
            shared = [common_area(thing, person.box) for thing in things]
            most = max(shared, default=0.0)
            if most > 0 and most >= INSIDE_SHARE_MIN * person.box.area:
                inside.setdefault(shared.index(most), []).append(person)
        self._people = [
            person
            for at, thing in enumerate(things)
            for person in _in_thing(thing, inside.get(at, []), at_ms)
        ]
        return [person.box for person in self._people]


def _in_thing(thing: Box, people: Sequence[_Person], at_ms: int) -> list[_Person]:
    alone = _Person(box=thing, width=thing.width, height=thing.height)
    if len(people) < 2:
        return [alone]
    if thing.width > NARROW_SHARE_MAX * max(person.width for person in people):
        return _placed(thing, people, None)
    since = [person.narrow_since_ms for person in people if person.narrow_since_ms is not None]
    since_ms = min(since, default=at_ms)
    return [alone] if at_ms - since_ms > NARROW_MS_MAX else _placed(thing, people, since_ms)


def _placed(thing: Box, people: Sequence[_Person], since_ms: int | None) -> list[_Person]:
    """Return the people of a thing where they stand in it."""
    ordered = sorted(people, key=lambda person: person.box.centre[0])
    nearest = max(ordered, key=lambda person: person.box.bottom)
    placed = []
    for person in ordered:
        width, height = min(person.width, thing.width), min(person.height, thing.height)
        left = min(max(person.box.left, thing.left), thing.right - width)
        if person is ordered[0]:
            left = thing.left
        elif person is ordered[-1]:
            left = thing.right - width
        bottom = min(max(person.box.bottom, thing.top + height), thing.bottom)
        if person is nearest:
            bottom = thing.bottom
        box = Box(left=left, top=bottom - height, right=left + width, bottom=bottom)
        placed.append(replace(person, box=box, narrow_since_ms=since_ms))
    return placed
