"""Where the people who are followed stand: a path of sure places for each, pure.

A step becomes sure when the next one is known, so that it is smoothed without lagging; one whose
feet the picture's edge hides when the person was seen whole, since their own height then tells
where the feet were. Whoever lingers there cut off stands where the picture ends.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from hardware.people.detector import Box
from hardware.people.feet import cuts, foot, near_bottom
from hardware.people.tracker import Step, Track
from hardware.people.zones import Point

OWN_SIZES = 15
OWN_SIZES_MIN = 2
# How tall people are near the lower edge is learned from boxes that end in the lower part.
LOWER_SHARE = 0.7
USUAL_STEP = 0.02
SETTLE_MS = 700
GUESS_MS = 3_000
SMOOTH_MS = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """Where a person stood at a time, and how tall they appear there in pixels."""

    at_ms: int
    foot: Point
    tall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Walker:
    """One person: the places that became sure with this update, and until when they were there.

    `stood` is where they were before they were noticed, and since when.
    """

    number: int
    fixes: tuple[Fix, ...]
    first_ms: int
    there_ms: int
    over: bool = False
    stood: Fix | None = None


@dataclass(slots=True, kw_only=True)
class _Person:
    settled_ms: int
    last: Step | None = None
    tall: list[float] = field(default_factory=list)
    wide: list[float] = field(default_factory=list)


class Paths:
    """The paths in one picture of `size` (width, height)."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._usual: float | None = None
        self._people: dict[int, _Person] = {}

    def update(self, tracks: Sequence[Track], at_ms: int) -> list[Walker]:
        """Take everybody who is followed after a frame, and return where the sure ones stand."""
        walkers: list[Walker] = []
        for track in tracks:
            person = self._people.get(track.number)
            if person is None:
                person = _Person(settled_ms=track.first_ms - 1)
                self._people[track.number] = person
            if track.seen_ms == at_ms and not track.over:
                self._measure(person, track)
            if track.sure:
                fixes = self._settled(person, track, at_ms)
                walkers.append(
                    Walker(
                        number=track.number,
                        fixes=fixes,
                        first_ms=track.first_ms,
                        there_ms=track.there_ms,
                        over=track.over,
                        stood=self._stood(person, track),
                    )
                )
        following = {track.number for track in tracks if not track.over}
        self._people = {n: person for n, person in self._people.items() if n in following}
        return walkers

    def _measure(self, person: _Person, track: Track) -> None:
        """Learn how large a person is from a box that shows them whole."""
        box = track.box
        cut = cuts(box, self._size)
        if not (cut.left or cut.right):
            person.wide = [*person.wide, box.width][-OWN_SIZES:]
        if cut.left or cut.right or near_bottom(box, self._size):
            return
        person.tall = [*person.tall, box.height][-OWN_SIZES:]
        if track.sure and box.bottom > self._size[1] * LOWER_SHARE:
            before = box.height if self._usual is None else self._usual
            self._usual = before + USUAL_STEP * (box.height - before)

    def _stood(self, person: _Person, track: Track) -> Fix | None:
        step = track.stood
        return None if step is None else self._fix(person, step, [step], lingers=True)

    def _settled(self, person: _Person, track: Track, at_ms: int) -> tuple[Fix, ...]:
        """Return the steps that are sure by now, in order."""
        waiting = [step for step in track.steps if step.at_ms > person.settled_ms]
        fixes: list[Fix] = []
        for place, step in enumerate(waiting):
            following = waiting[place + 1] if place + 1 < len(waiting) else None
            age_ms = at_ms - step.at_ms
            if following is None and age_ms < SETTLE_MS and not track.over:
                break
            is_guess = near_bottom(step.box, self._size) and len(person.tall) < OWN_SIZES_MIN
            if is_guess and age_ms < GUESS_MS and not track.over:
                break
            around = [one for one in (person.last, step, following) if one is not None]
            fixes.append(self._fix(person, step, around, lingers=age_ms >= GUESS_MS))
            person.last, person.settled_ms = step, step.at_ms
        return tuple(fixes)

    def _fix(self, person: _Person, step: Step, around: Sequence[Step], *, lingers: bool) -> Fix:
        """Return the place of a step, smoothed by its neighbours in time."""
        weights = 0.0
        x = y = 0.0
        for near in around:
            if abs(near.at_ms - step.at_ms) > SMOOTH_MS:
                continue
            weight = 2.0 if near is step else 1.0
            at = self._foot(person, near.box, lingers=lingers)
            x, y, weights = x + weight * at[0], y + weight * at[1], weights + weight
        return Fix(at_ms=step.at_ms, foot=(x / weights, y / weights), tall=step.box.height)

    def _foot(self, person: _Person, box: Box, *, lingers: bool) -> Point:
        wide = statistics.median(person.wide) if person.wide else None
        if len(person.tall) >= OWN_SIZES_MIN:
            return foot(box, self._size, tall=statistics.median(person.tall), wide=wide)
        x, y = foot(box, self._size, tall=self._usual, wide=wide)
        return x, min(y, self._size[1] - 1.0) if lingers else y
