"""Follows people from look to look: pure, what a detector saw and the time in, the people out.

Whoever is missed is held where they were last: for a moment at the picture's edge, longer inside
it, as long as somebody else hides that place, and as long as nothing at all has moved there.
Whoever walked out of the picture is gone, however still the place where they were seen last.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hardware.people.detector import Box, Sight, Stood, common_area, overlap

HITS_MIN = 2
START_SCORE_MIN = 0.4
WEAK_OVERLAP_MIN = 0.25
HOLD_MS = 3_000
HOLD_AT_EDGE_MS = 600
HOLD_EMPTY_MS = 600
HOLD_HIDDEN_MS = 60_000
# Nothing has changed where somebody was last seen, so there they are. The limit is for posters.
HOLD_STILL_MS = 600_000
STILL_SLACK_MS = 250
UNSURE_MS = 1_200
EDGE_SHARE = 0.02
# Whoever moved so far outwards at the picture's edge, in body heights within the last second, left.
LEAVING_HEIGHTS_MIN = 0.05
REACH_HEIGHTS_PER_S = 1.6
REACH_HEIGHTS_MIN = 0.35
REACH_S_MAX = 1.5
SPEED_OVER_MS = 1_000
# Whoever went from a place began to be followed so long before the place is seen empty.
GONE_MS_MAX = 15_000
LEFT_OVERLAP_MIN = 0.5
MOVED_HEIGHTS_MIN = 0.25
# What speaks against a pair, in body heights: a track that goes on as if it had stopped, each
# doubling in size, a track seen once only, and weak boxes after all others.
STANDING_COST = 0.1
GROWTH_COST = 0.5
UNSURE_COST = 0.3
WEAK_COST = 100.0
TRACKS_MAX = 100
STEPS_MAX = 64

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A person's box at a time."""

    at_ms: int
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One person followed.

    `seen_ms` is when a box last showed them; `there_ms` is when they were still there, also
    without being looked at, since nothing had moved. `over` is set the last time they are told of.
    `number` means nothing outside this camera's memory. `stood` is where somebody was before they
    were noticed, and since when; `void` is set where there was nobody after all.
    """

    number: int
    steps: tuple[Step, ...]
    first_ms: int
    there_ms: int
    hits: int = 1
    missed_ms: int | None = None
    moved: bool = False
    over: bool = False
    void: bool = False
    stood: Step | None = None

    @property
    def box(self) -> Box:
        """Return the last box."""
        return self.steps[-1].box

    @property
    def seen_ms(self) -> int:
        """Return when a box last showed them."""
        return self.steps[-1].at_ms

    @property
    def sure(self) -> bool:
        """Tell whether this is a person: seen more than once, and not as still as a poster."""
        return self.hits >= HITS_MIN and self.moved


class Tracker:
    """The people followed in one picture of `size` (width, height)."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._next = 1
        self.tracks: tuple[Track, ...] = ()

    def update(self, sight: Sight, at_ms: int) -> tuple[Track, ...]:
        """Take what was seen in the next frame, and return everybody followed after it."""
        known = [track for track in self.tracks if not track.over]
        pairs = _pair(known, sight.boxes, at_ms)
        followed = [
            _seen(track, sight.boxes[pairs[track.number]], at_ms)
            if track.number in pairs
            else self._unseen(track, sight, at_ms)
            for track in known
        ]
        taken = set(pairs.values())
        for at, box in enumerate(sight.boxes):
            if at not in taken and box.score >= START_SCORE_MIN and len(followed) < TRACKS_MAX:
                step = Step(at_ms=at_ms, box=box)
                followed.append(
                    Track(number=self._next, steps=(step,), first_ms=at_ms, there_ms=at_ms)
                )
                self._next += 1
        proven = [_proven(track, sight, followed, at_ms) for track in followed]
        for stood in sight.stood:
            proven = self._with_past(proven, stood, at_ms)
        self.tracks = tuple(proven)
        return self.tracks

    def _with_past(self, tracks: list[Track], stood: Stood, at_ms: int) -> list[Track]:
        """Return the tracks, the one of whoever stood there now knowing it.

        What was followed at the place itself is the shop behind them, if they were seen to go.
        """
        began = [track for track in tracks if at_ms - track.first_ms <= GONE_MS_MAX]
        left = max(began, key=lambda track: overlap(track.box, stood.box), default=None)
        if left is not None and overlap(left.box, stood.box) < LEFT_OVERLAP_MIN:
            left = None
        since = Step(at_ms=stood.since_ms, box=stood.box)
        near = [
            track
            for track in began
            if track is not left and common_area(track.steps[0].box, stood.box) > 0
        ]
        if near:
            person = max(near, key=lambda track: common_area(track.steps[0].box, stood.box))
            changed = {person.number: replace(person, stood=since, moved=True)}
            if left is not None:
                changed[left.number] = replace(left, over=True, void=True)
        elif left is not None:
            changed = {left.number: replace(left, stood=since, moved=True, over=True)}
        else:
            return tracks
        return [changed.get(track.number, track) for track in tracks]

    def finish(self) -> tuple[Track, ...]:
        """Return everybody for the last time: there are no further frames."""
        self.tracks = tuple(replace(track, over=True) for track in self.tracks if not track.over)
        return self.tracks

    def _unseen(self, track: Track, sight: Sight, at_ms: int) -> Track:
        """Return a track after a frame without its box: it is there, missed, or over."""
        is_still = sight.motion.last_ms(track.box) <= track.seen_ms + STILL_SLACK_MS
        is_still = is_still and not self._leaves(track) and track.box not in sight.empty
        if not sight.looked_at(track.box):
            return replace(track, there_ms=at_ms) if is_still and track.sure else track
        since_ms = at_ms if track.missed_ms is None else track.missed_ms
        missed = replace(track, missed_ms=since_ms)
        if not track.sure:
            return replace(missed, over=at_ms - track.seen_ms > UNSURE_MS)
        if is_still:
            over = at_ms - track.seen_ms > HOLD_STILL_MS
            return replace(missed, there_ms=track.there_ms if over else at_ms, over=over)
        return replace(missed, over=at_ms - track.there_ms > self._hold_ms(track, sight))

    def _hold_ms(self, track: Track, sight: Sight) -> int:
        if track.box in sight.empty:
            return HOLD_EMPTY_MS
        x, y = track.box.centre
        if any(box.left <= x <= box.right and box.top <= y <= box.bottom for box in sight.boxes):
            return HOLD_HIDDEN_MS
        return HOLD_AT_EDGE_MS if self._at_edge(track.box) else HOLD_MS

    def _at_edge(self, box: Box) -> bool:
        return any(self._edges(box))

    def _edges(self, box: Box) -> tuple[bool, bool, bool]:
        """Tell whether a box ends at the picture's left, right and lower edge.

        Not the upper one: it cuts off the heads of people who are near.
        """
        width, height = self._size
        return (
            box.left <= width * EDGE_SHARE,
            box.right >= width * (1 - EDGE_SHARE),
            box.bottom >= height * (1 - EDGE_SHARE),
        )

    def _leaves(self, track: Track) -> bool:
        """Tell whether somebody was walking out of the picture when they were seen last."""
        left, right, below = self._edges(track.box)
        (x1, y1), (x2, y2) = _recent(track)[0].box.centre, track.box.centre
        least = LEAVING_HEIGHTS_MIN * max(step.box.height for step in track.steps)
        return (
            (left and x1 - x2 > least) or (right and x2 - x1 > least) or (below and y2 - y1 > least)
        )


def _seen(track: Track, box: Box, at_ms: int) -> Track:
    steps = (*track.steps, Step(at_ms=at_ms, box=box))
    if len(steps) > STEPS_MAX:
        steps = (steps[0], *steps[2:])
    return replace(track, steps=steps, there_ms=at_ms, hits=track.hits + 1, missed_ms=None)


def _proven(track: Track, sight: Sight, all_tracks: Sequence[Track], at_ms: int) -> Track:
    """Note that this moved by itself, as no poster does."""
    if track.moved:
        return track
    first = track.steps[0].box
    (x1, y1), (x2, y2) = first.centre, track.box.centre
    moved = math.hypot(x2 - x1, y2 - y1) > MOVED_HEIGHTS_MIN * first.height
    if not moved and track.seen_ms == at_ms:
        alone = all(other is track or not common_area(other.box, track.box) for other in all_tracks)
        moved = alone and sight.motion.last_ms(track.box) >= at_ms
    return replace(track, moved=moved)


def _recent(track: Track) -> list[Step]:
    """Return the steps of the last second in which a person was seen."""
    return [step for step in track.steps if track.seen_ms - step.at_ms <= SPEED_OVER_MS]


def expected(track: Track, at_ms: int) -> Box:
    """Return where a person's box will be, going on as in the last second."""
    last = track.steps[-1]
    recent = _recent(track)
    elapsed_ms = last.at_ms - recent[0].at_ms
    if elapsed_ms <= 0:
        return last.box
    (x1, y1), (x2, y2) = recent[0].box.centre, last.box.centre
    # Nobody goes on for long as they went before they were lost.
    ahead = min(at_ms - last.at_ms, SPEED_OVER_MS) / elapsed_ms
    return last.box.moved((x2 - x1) * ahead, (y2 - y1) * ahead)


def _pair(tracks: Sequence[Track], boxes: Sequence[Box], at_ms: int) -> dict[int, int]:
    """Return which track goes on in which box: the likeliest pairs first, each once.

    Weak boxes only prolong what is followed already, and come after the others.
    """
    if not tracks or not boxes:
        return {}
    shown, last = _edges(boxes), _edges([track.box for track in tracks])
    ahead = _edges([expected(track, at_ms) for track in tracks])
    lost_s = np.array([min((at_ms - track.seen_ms) / 1000, REACH_S_MAX) for track in tracks])
    doubt = np.array([0.0 if track.hits >= HITS_MIN else UNSURE_COST for track in tracks])
    weak = np.array([box.score < START_SCORE_MIN for box in boxes])
    heights = np.maximum(last[:, 3] - last[:, 1], 1.0)[:, None]
    away = np.minimum(_apart(ahead, shown), _apart(last, shown) + STANDING_COST * heights) / heights
    shared = np.maximum(_overlaps(ahead, shown), _overlaps(last, shown))
    growth = np.abs(np.log(np.maximum(shown[:, 3] - shown[:, 1], 1.0)[None, :] / heights))
    cost = away - shared + GROWTH_COST * growth + doubt[:, None] + WEAK_COST * weak[None, :]
    possible = away <= (REACH_HEIGHTS_PER_S * lost_s + REACH_HEIGHTS_MIN)[:, None]
    possible &= ~weak[None, :] | (shared >= WEAK_OVERLAP_MIN)
    rows, columns = np.nonzero(possible)
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for each in np.argsort(cost[rows, columns], kind="stable"):
        number, at = tracks[rows[each]].number, int(columns[each])
        if number not in pairs and at not in taken:
            pairs[number] = at
            taken.add(at)
    return pairs


def _edges(boxes: Sequence[Box]) -> Floats:
    return np.array([(box.left, box.top, box.right, box.bottom) for box in boxes], np.float64)


def _apart(some: Floats, others: Floats) -> Floats:
    """Return how far the middles of each two boxes are from each other."""
    one, other = (some[:, :2] + some[:, 2:]) / 2, (others[:, :2] + others[:, 2:]) / 2
    return np.asarray(np.hypot(*np.moveaxis(one[:, None] - other[None], 2, 0)))


def _overlaps(some: Floats, others: Floats) -> Floats:
    """Return intersection over union of each two boxes."""
    first = np.maximum(some[:, None, :2], others[None, :, :2])
    last = np.minimum(some[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.maximum(last - first, 0), axis=2)
    areas = [np.prod(each[:, 2:] - each[:, :2], axis=1) for each in (some, others)]
    return np.asarray(shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-6))
