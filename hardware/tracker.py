"""Follows people from frame to frame: pure, a frame's boxes and time in, the people out.

A person whose box is lost is held where they were last: for a moment at the picture's edge, longer
inside it, and as long as somebody else's box hides that place.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hardware.detector import Box, overlap
from hardware.zones import Point

HITS_MIN = 3
HOLD_MS = 3_000
HOLD_AT_EDGE_MS = 400
HOLD_HIDDEN_MS = 60_000
EDGE_SHARE = 0.02
REACH_HEIGHTS_PER_S = 2.5
REACH_HEIGHTS_MIN = 0.3
REACH_S_MAX = 1.5
TRACKS_MAX = 100
# A standing person is about so many times as high as wide: for feet below the picture's edge.
HEIGHT_PER_WIDTH = 2.6
SMOOTHING = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One person followed: `seen_ms` is when a box last showed them, `foot` where they stand.

    `number` means nothing outside this camera's memory.
    """

    number: int
    box: Box
    foot: Point
    first_ms: int
    seen_ms: int
    hits: int = 1

    @property
    def sure(self) -> bool:
        """Tell whether this was seen often enough to be a person rather than a flicker."""
        return self.hits >= HITS_MIN


class Tracker:
    """The people followed in one picture of `size` (width, height)."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._next = 1
        self._height: float | None = None
        self.tracks: tuple[Track, ...] = ()

    def update(self, boxes: Sequence[Box], at_ms: int) -> tuple[Track, ...]:
        """Take the boxes of the next frame, and return everybody followed after it."""
        known = [track for track in self.tracks if at_ms - track.seen_ms <= HOLD_HIDDEN_MS]
        pairs = _pair(known, boxes, at_ms)
        followed: list[Track] = []
        for track in known:
            if track.number in pairs:
                followed.append(self._seen(track, boxes[pairs[track.number]], at_ms))
            elif self._is_held(track, boxes, at_ms):
                followed.append(track)
        taken = set(pairs.values())
        for at, box in enumerate(boxes):
            if at not in taken and len(followed) < TRACKS_MAX:
                foot = self._foot(box)
                followed.append(
                    Track(number=self._next, box=box, foot=foot, first_ms=at_ms, seen_ms=at_ms)
                )
                self._next += 1
        self.tracks = tuple(followed)
        return self.tracks

    def _seen(self, track: Track, box: Box, at_ms: int) -> Track:
        x, y = self._foot(box)
        foot = (
            track.foot[0] + SMOOTHING * (x - track.foot[0]),
            # Guessed feet say nothing about where those now in view were a frame ago.
            y if self._is_cut(track.box) else track.foot[1] + SMOOTHING * (y - track.foot[1]),
        )
        return replace(track, box=box, foot=foot, seen_ms=at_ms, hits=track.hits + 1)

    def _foot(self, box: Box) -> Point:
        """Return where a person stands: the middle of the lower edge, or where it would be.

        A box that the picture's lower edge cuts off is prolonged to the height of a person.
        """
        width = self._size[0]
        bottom = box.bottom
        if self._is_cut(box):
            usual = self._height if self._height is not None else HEIGHT_PER_WIDTH * box.width
            bottom = max(bottom, box.top + usual)
        elif box.left > width * EDGE_SHARE and box.right < width * (1 - EDGE_SHARE):
            before = self._height if self._height is not None else box.height
            self._height = before + 0.02 * (box.height - before)
        return box.centre[0], bottom

    def _is_cut(self, box: Box) -> bool:
        return box.bottom >= self._size[1] * (1 - EDGE_SHARE / 2)

    def _is_held(self, track: Track, boxes: Sequence[Box], at_ms: int) -> bool:
        lost_ms = at_ms - track.seen_ms
        if not track.sure:
            return lost_ms <= HOLD_AT_EDGE_MS
        x, y = track.box.centre
        if any(box.left <= x <= box.right and box.top <= y <= box.bottom for box in boxes):
            return lost_ms <= HOLD_HIDDEN_MS
        return lost_ms <= (HOLD_AT_EDGE_MS if self._at_edge(track.box) else HOLD_MS)

    def _at_edge(self, box: Box) -> bool:
        width, height = self._size
        beside = box.left <= width * EDGE_SHARE or box.right >= width * (1 - EDGE_SHARE)
        return beside or box.bottom >= height * (1 - EDGE_SHARE)


def _pair(tracks: Sequence[Track], boxes: Sequence[Box], at_ms: int) -> dict[int, int]:
    """Return which track goes on in which box, nearest first, each once."""
    offers: list[tuple[float, int, int]] = []
    for track in tracks:
        lost_s = min((at_ms - track.seen_ms) / 1000, REACH_S_MAX)
        reach = REACH_HEIGHTS_PER_S * lost_s + REACH_HEIGHTS_MIN
        for at, box in enumerate(boxes):
            (x1, y1), (x2, y2) = track.box.centre, box.centre
            heights = math.hypot(x2 - x1, y2 - y1) / max(1.0, track.box.height)
            if heights <= reach:
                offers.append((heights - overlap(track.box, box), track.number, at))
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, number, at in sorted(offers):
        if number not in pairs and at not in taken:
            pairs[number] = at
            taken.add(at)
    return pairs
