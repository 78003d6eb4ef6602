"""Follows people from look to look: pure, what a detector saw and the time in, the people out.

Whoever is missed is held where they were last: for a moment at the picture's edge, longer inside
it, as long as somebody else hides that place, and as long as nothing at all has moved there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hardware.detector import Box, Sight, common_area, overlap

HITS_MIN = 2
START_SCORE_MIN = 0.4
WEAK_OVERLAP_MIN = 0.25
HOLD_MS = 3_000
HOLD_AT_EDGE_MS = 600
HOLD_HIDDEN_MS = 60_000
# Nothing has changed where somebody was last seen, so there they are. The limit is for posters.
HOLD_STILL_MS = 600_000
STILL_SLACK_MS = 250
UNSURE_MS = 1_200
EDGE_SHARE = 0.02
REACH_HEIGHTS_PER_S = 1.6
REACH_HEIGHTS_MIN = 0.35
REACH_S_MAX = 1.5
SPEED_OVER_MS = 1_000
MOVED_HEIGHTS_MIN = 0.25
TRACKS_MAX = 100
STEPS_MAX = 64


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
    `number` means nothing outside this camera's memory.
    """

    number: int
    steps: tuple[Step, ...]
    first_ms: int
    there_ms: int
    hits: int = 1
    missed_ms: int | None = None
    moved: bool = False
    over: bool = False

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
        self.tracks = tuple(_proven(track, sight, followed, at_ms) for track in followed)
        return self.tracks

    def finish(self) -> tuple[Track, ...]:
        """Return everybody for the last time: there are no further frames."""
        self.tracks = tuple(replace(track, over=True) for track in self.tracks if not track.over)
        return self.tracks

    def _unseen(self, track: Track, sight: Sight, at_ms: int) -> Track:
        """Return a track after a frame without its box: it is there, missed, or over."""
        is_still = sight.motion.last_ms(track.box) <= track.seen_ms + STILL_SLACK_MS
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
        x, y = track.box.centre
        if any(box.left <= x <= box.right and box.top <= y <= box.bottom for box in sight.boxes):
            return HOLD_HIDDEN_MS
        return HOLD_AT_EDGE_MS if self._at_edge(track.box) else HOLD_MS

    def _at_edge(self, box: Box) -> bool:
        width, height = self._size
        beside = box.left <= width * EDGE_SHARE or box.right >= width * (1 - EDGE_SHARE)
        return beside or box.bottom >= height * (1 - EDGE_SHARE)


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
        alone = all(
            other is track or not common_area(other.box, track.box) for other in all_tracks
        )
        moved = alone and sight.motion.last_ms(track.box) >= at_ms
    return replace(track, moved=moved)


def expected(track: Track, at_ms: int) -> Box:
    """Return where a person's box will be, going on as in the last second."""
    last = track.steps[-1]
    recent = [step for step in track.steps if last.at_ms - step.at_ms <= SPEED_OVER_MS]
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
    offers: list[tuple[bool, float, int, int]] = []
    for track in tracks:
        ahead = expected(track, at_ms)
        lost_s = min((at_ms - track.seen_ms) / 1000, REACH_S_MAX)
        reach = REACH_HEIGHTS_PER_S * lost_s + REACH_HEIGHTS_MIN
        for at, box in enumerate(boxes):
            shared = max(overlap(ahead, box), overlap(track.box, box))
            weak = box.score < START_SCORE_MIN
            away = min(_heights_apart(ahead, box), _heights_apart(track.box, box) + 0.1)
            if away > reach or (weak and shared < WEAK_OVERLAP_MIN):
                continue
            growth = abs(math.log(max(box.height, 1.0) / max(track.box.height, 1.0)))
            doubt = 0.0 if track.hits >= HITS_MIN else 0.3
            offers.append((weak, away - shared + 0.5 * growth + doubt, track.number, at))
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, number, at in sorted(offers):
        if number not in pairs and at not in taken:
            pairs[number] = at
            taken.add(at)
    return pairs


def _heights_apart(one: Box, other: Box) -> float:
    (x1, y1), (x2, y2) = one.centre, other.centre
    return math.hypot(x2 - x1, y2 - y1) / max(1.0, one.height)


