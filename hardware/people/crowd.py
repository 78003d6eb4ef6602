"""Tells people apart who touch each other in the picture, and so are one thing that changed: pure.

Who is in such a thing is known from when they were apart: the leftmost of them stands at its left
edge and the rightmost at its right one; who changes sides within it is taken for the other. Where
more of it is left than they cover, and it is as much as people there usually are, there are more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hardware.people.detector import Box, common_area, overlap
from hardware.people.usual_size import UsualSize

# So much of somebody lies in the thing they are now a part of.
INSIDE_SHARE_MIN = 0.5
# Somebody is followed whose last box is nearly this one.
FOLLOWED_OVERLAP_MIN = 0.6
# A thing that is hardly wider than one of those in it for so long holds only one.
NARROW_SHARE_MAX = 1.2
NARROW_MS_MAX = 2_000
# A thing so much larger than somebody there usually is may be more than one.
LARGE_WIDTH_MIN = 1.6
LARGE_HEIGHT_MIN = 1.3
# Somebody covers so much of their box at least where nobody hides more than a part of them.
COVERED_SHARE_MIN = 0.35
# Whoever went so far alone, in their own heights, shows how large people are; furniture does not.
ALONE_HEIGHTS_MIN = 0.3
MORE_MAX = 4
STEP_PX = 2

Mask = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """Somebody as last seen: their box, their own size when alone, since when they are hidden.

    `way` is how far they went while they were alone.
    """

    box: Box
    width: float
    height: float
    narrow_since_ms: int | None = None
    way: float = 0.0


class Crowd:
    """The people in one picture, in its pixels."""

    def __init__(self) -> None:
        self._people: list[_Person] = []
        self._usual = UsualSize()

    def apart(
        self, things: Sequence[Box], followed: Sequence[Box], at_ms: int, changed: Mask
    ) -> list[Box]:
        """Return a box for each person in these things; `followed` are those known as people.

        `changed` is 0 where the picture shows the shop.
        """
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
            for person in self._in_thing(thing, inside.get(at, []), at_ms, changed)
        ]
        return [person.box for person in self._people]

    def _in_thing(
        self, thing: Box, people: Sequence[_Person], at_ms: int, changed: Mask
    ) -> list[_Person]:
        wide, tall = self._usual.at(thing.bottom, thing)
        is_large = thing.width > LARGE_WIDTH_MIN * wide or thing.height > LARGE_HEIGHT_MIN * tall
        went = _went(people[0], thing) if len(people) == 1 else 0.0
        way = people[0].way + went if len(people) == 1 else 0.0
        alone = _Person(box=thing, width=thing.width, height=thing.height, way=way)
        if not is_large:
            if went and way > ALONE_HEIGHTS_MIN * thing.height and _is_whole(thing, changed):
                self._usual.learn(thing, changed.shape[0])
            return [alone] if len(people) < 2 else _of_one(thing, people, at_ms, alone)
        fitting = [self._own_size(person) for person in people]
        placed = _placed(thing, fitting, None) if len(fitting) > 1 else fitting
        placed = [replace(person, box=_into(person, thing)) for person in placed]
        more = self._more(thing, [person.box for person in placed], changed)
        found = [*placed, *(_Person(box=box, width=box.width, height=box.height) for box in more)]
        return found if len(found) > 1 else [alone]

    def _own_size(self, person: _Person) -> _Person:
        """Return somebody not larger than people usually are where they stand."""
        wide, tall = self._usual.at(person.box.bottom, person.box)
        return replace(
            person,
            width=min(person.width, LARGE_WIDTH_MIN * wide),
            height=min(person.height, LARGE_HEIGHT_MIN * tall),
        )

    def _more(self, thing: Box, people: Sequence[Box], changed: Mask) -> list[Box]:
        """Return boxes of the usual size over what is left of a thing without these people."""
        top, left = max(0, int(thing.top)), max(0, int(thing.left))
        rest = (changed[top : round(thing.bottom), left : round(thing.right)] > 0).astype(np.uint8)
        for box in people:
            _clear(rest, box, left, top)
        more: list[Box] = []
        while len(more) < MORE_MAX and (one := self._best(rest, thing)) is not None:
            more.append(one)
            _clear(rest, one, left, top)
        return more

    def _best(self, rest: Mask, thing: Box) -> Box | None:
        """Return where somebody of the usual size covers most of what is left."""
        sums = np.pad(rest.astype(np.int32), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
        left, top = max(0, int(thing.left)), max(0, int(thing.top))
        height, width = rest.shape
        best = COVERED_SHARE_MIN
        found: Box | None = None
        for bottom in range(height, 0, -STEP_PX):
            size = self._usual.at(bottom + top, thing)
            wide, tall = min(round(size[0]), width), round(size[1])
            above = bottom - tall
            if above < -0.15 * tall:
                break
            columns = np.arange(0, width - wide + 1, STEP_PX)
            first = max(above, 0)
            covered = (
                sums[bottom, columns + wide]
                - sums[bottom, columns]
                - sums[first, columns + wide]
                + sums[first, columns]
            ) / (size[0] * size[1])
            at = int(np.argmax(covered))
            if covered[at] > best:
                best, x = float(covered[at]), left + int(columns[at])
                found = Box(left=x, top=top + first, right=x + wide, bottom=float(bottom + top))
        return found


def _clear(rest: Mask, box: Box, left: int, top: int) -> None:
    rows = slice(max(0, int(box.top) - top), max(0, round(box.bottom) - top))
    rest[rows, max(0, int(box.left) - left) : max(0, round(box.right) - left)] = 0


def _went(person: _Person, thing: Box) -> float:
    """Return how far somebody went since they were last seen."""
    (x1, y1), (x2, y2) = person.box.centre, thing.centre
    return math.hypot(x2 - x1, y2 - y1)


def _is_whole(thing: Box, changed: Mask) -> bool:
    """Tell whether a thing ends within the picture."""
    height, width = changed.shape
    return (
        thing.left > 1 and thing.top > 1 and thing.right < width - 1 and thing.bottom < height - 1
    )


def _of_one(thing: Box, people: Sequence[_Person], at_ms: int, alone: _Person) -> list[_Person]:
    """Return the people of a thing that is no larger than one, the others hidden for a while."""
    if thing.width > NARROW_SHARE_MAX * max(person.width for person in people):
        return _placed(thing, people, None)
    since = [person.narrow_since_ms for person in people if person.narrow_since_ms is not None]
    since_ms = min(since, default=at_ms)
    return [alone] if at_ms - since_ms > NARROW_MS_MAX else _placed(thing, people, since_ms)


def _into(person: _Person, thing: Box) -> Box:
    """Return somebody's box, of their own size, moved into a thing."""
    width, height = min(person.width, thing.width), min(person.height, thing.height)
    x = person.box.centre[0]
    left = min(max(x - width / 2, thing.left), thing.right - width)
    bottom = min(max(person.box.bottom, thing.top + height), thing.bottom)
    return Box(left=left, top=bottom - height, right=left + width, bottom=bottom)


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
