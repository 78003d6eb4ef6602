"""The built-in fallback for seeing people without a model: what differs from the empty shop.

It knows no people, only change. Plain background subtraction learns a standing person into the
background within seconds; here nothing is learned where somebody is followed and has moved at all
in the last half minute.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.cameras.frames import Frame, Pixels
from hardware.people.crowd import Crowd
from hardware.people.detector import Box, Sight, Stood, around, common_area
from hardware.people.motion import MotionMap

WORK_WIDTH_PX = 192
DIFFERENCE_MIN = 24
# A shadow darkens all colours alike, down to about half.
SHADOW_DARKEST = 0.5
SHADOW_COLOUR_MAX = 0.12
GAIN_MIN, GAIN_MAX = 0.7, 1.4
MOTION_MIN = 14
MOTION_SHARE_MIN = 0.004
STILL_S_MAX = 30.0
LEARN_S = 6.0
PERSON_SHARE_MIN = 0.004
# Somebody who is followed is still seen where so much less is left of them.
FOLLOWED_SHARE = 0.4
# So much of a box differs from the shop at most where there is nobody.
EMPTY_SHARE_MAX = 0.12
# What was behind somebody has edges in the background that the picture has not, and lies still.
UNCOVERED_EDGES_MIN = 1.4
UNCOVERED_STILL_MS = 400
# Who is there at the beginning moves a little by then, so much of their box; furniture does not.
ALIVE_MS = 5_000
ALIVE_SHARE_MIN = 0.01
# The light was switched or the camera turned, when so much of the picture changed at once.
CHANGED_SHARE_MAX = 0.65

Mask = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What is there: people, which of those held are gone, and who was there unnoticed."""

    boxes: list[Box] = field(default_factory=list)
    empty: list[Box] = field(default_factory=list)
    stood: list[Stood] = field(default_factory=list)


class BackgroundDetector:
    """The detector `background`."""

    name = "background"
    fallback = True

    def __init__(self) -> None:
        self._background: NDArray[np.float32] | None = None
        self._before: Pixels | None = None
        self._moved_ms: NDArray[np.int64] | None = None
        self._at_ms = self._began_ms = 0
        self._alive: NDArray[np.bool_] = np.zeros((1, 1), bool)
        self._motion = MotionMap()
        self._crowd = Crowd()

    def look(self, frame: Frame, held: Sequence[Box]) -> Sight:
        """Return a box around each thing that is not background, and has moved lately."""
        self._motion.see(frame.pixels, frame.at_mono_ms)
        height, width = frame.pixels.shape[:2]
        seen = self._found(frame, held)
        return Sight(
            boxes=tuple(seen.boxes),
            looked=(Box(left=0, top=0, right=width, bottom=height),),
            motion=self._motion,
            empty=frozenset(seen.empty),
            stood=tuple(seen.stood),
        )

    def _found(self, frame: Frame, held: Sequence[Box]) -> _Seen:
        small, scale = _shrink(frame.pixels)
        background, before, moved_ms = self._background, self._before, self._moved_ms
        elapsed_s = (frame.at_mono_ms - self._at_ms) / 1000
        self._before, self._at_ms = small, frame.at_mono_ms
        if background is None or before is None or moved_ms is None:
            self._start(small, frame.at_mono_ms)
            return _Seen()
        if small.shape != before.shape:
            self._start(small, frame.at_mono_ms)
            return _Seen()
        changed = _changed(small, background)
        if np.count_nonzero(changed) > CHANGED_SHARE_MAX * changed.size:
            self._start(small, frame.at_mono_ms)
            return _Seen()
        moves = cv2.absdiff(small, before).max(axis=2) > MOTION_MIN
        moved_ms[moves] = frame.at_mono_ms
        followed = [box.scaled(scale) for box in held]
        things = _boxes(changed, followed)
        if frame.at_mono_ms - self._began_ms <= ALIVE_MS:
            self._alive |= moves
        bare = [box for box in things if self._is_uncovered(box, small, changed)]
        stood = [Stood(box=box.scaled(1 / scale), since_ms=self._began_ms) for box in bare]
        for box in bare:
            _put(small, background, changed, box)
            self._alive[_inside(box, changed)] = False
        since_ms = frame.at_mono_ms - round(STILL_S_MAX * 1000)
        found = [box for box in things if box not in bare and _has_moved(box, moved_ms, since_ms)]
        self._learn(small, background, [*found, *followed], elapsed_s)
        people = self._crowd.apart(found, followed, frame.at_mono_ms, changed)
        return _Seen(
            boxes=[box.scaled(1 / scale) for box in people],
            empty=[
                box
                for box, place in zip(held, followed, strict=True)
                if _share(place, changed > 0) < EMPTY_SHARE_MAX
            ],
            stood=stood,
        )

    def _start(self, small: Pixels, at_ms: int) -> None:
        self._background = small.astype(np.float32)
        self._moved_ms = np.full(small.shape[:2], at_ms - 10**9, np.int64)
        self._alive = np.zeros(small.shape[:2], bool)
        self._began_ms = at_ms

    def _is_uncovered(self, box: Box, small: Pixels, changed: Mask) -> bool:
        """Tell whether a thing is the shop behind somebody who was taken for a part of it.

        They were there from the beginning on, and moved a little, as people do.
        """
        if self._background is None or self._moved_ms is None:
            return False
        if _share(box, self._alive) < ALIVE_SHARE_MIN:
            return False
        rows, columns = _inside(box.padded(2), changed)
        still_ms = self._at_ms - UNCOVERED_STILL_MS
        if np.count_nonzero(self._moved_ms[rows, columns] > still_ms) > MOTION_SHARE_MIN * box.area:
            return False
        mask = changed[rows, columns]
        kernel = np.ones((3, 3), np.uint8)
        edge = cv2.dilate(mask, kernel) > cv2.erode(mask, kernel)
        now = _steepness(small[rows, columns].astype(np.float32))[edge]
        before = _steepness(self._background[rows, columns])[edge]
        return bool(before.sum() > UNCOVERED_EDGES_MIN * now.sum())

    def _learn(
        self,
        small: Pixels,
        background: NDArray[np.float32],
        people: Sequence[Box],
        elapsed_s: float,
    ) -> None:
        free = np.full(small.shape[:2], 255, np.uint8)
        for box in people:
            top, bottom = max(0, round(box.top) - 2), max(0, round(box.bottom) + 3)
            left, right = max(0, round(box.left) - 2), max(0, round(box.right) + 3)
            free[top:bottom, left:right] = 0
        share = 1 - math.exp(-max(0.0, elapsed_s) / LEARN_S)
        cv2.accumulateWeighted(small, background, share, free)


def _shrink(pixels: Pixels) -> tuple[Pixels, float]:
    colours = pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    height, width = colours.shape[:2]
    scale = min(1.0, WORK_WIDTH_PX / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(colours, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(small, (3, 3)), np.uint8), scale


def _changed(small: Pixels, background: NDArray[np.float32]) -> Mask:
    """Return where the picture differs from the background, shadows left out."""
    now = small.astype(np.float32)
    # The camera's own exposure follows what it sees: compare at the same brightness.
    gain = float(np.median((now + 8) / (background + 8)))
    now /= min(max(gain, GAIN_MIN), GAIN_MAX)
    different = np.abs(now - background).max(axis=2) > DIFFERENCE_MIN
    ratio = (now + 8) / (background + 8)
    brightest, darkest = ratio.max(axis=2), ratio.min(axis=2)
    shadow = (
        (brightest < 1) & (darkest > SHADOW_DARKEST) & (brightest - darkest < SHADOW_COLOUR_MAX)
    )
    mask = (different & ~shadow).astype(np.uint8) * 255
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)), np.uint8)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 3), np.uint8)), np.uint8)


def _boxes(changed: Mask, followed: Sequence[Box]) -> list[Box]:
    """Return the boxes of all large parts, those above each other joined to one person."""
    _, _, parts, _ = cv2.connectedComponentsWithStats(changed)
    smallest = PERSON_SHARE_MIN * changed.size
    boxes = [
        Box(left=float(x), top=float(y), right=float(x + width), bottom=float(y + height))
        for x, y, width, height, area in parts[1:]
        if area >= smallest / 8
    ]
    boxes.sort(key=lambda box: -box.width * box.height)
    joined: list[Box] = []
    for box in boxes:
        for at, whole in enumerate(joined):
            if _belong_together(whole, box):
                joined[at] = around(whole, box)
                break
        else:
            joined.append(box)
    return [
        box
        for box in joined
        if box.area >= smallest
        or (
            box.area >= FOLLOWED_SHARE * smallest
            and any(common_area(box, each) > 0.5 * box.area for each in followed)
        )
    ]


def _belong_together(whole: Box, part: Box) -> bool:
    beside = min(whole.right, part.right) - max(whole.left, part.left)
    gap = max(whole.top, part.top) - min(whole.bottom, part.bottom)
    # A coat as light as the wall leaves a gap between head and legs.
    gap_max = 0.4 if part.area < 0.35 * whole.area else 0.15
    return beside >= 0.5 * part.width and gap <= gap_max * whole.height


def _has_moved(box: Box, moved_ms: NDArray[np.int64], since_ms: int) -> bool:
    return _share(box, moved_ms > since_ms) > MOTION_SHARE_MIN


def _inside(box: Box, picture: NDArray[np.generic]) -> tuple[slice, slice]:
    """Return the rows and columns of a picture that a box covers."""
    height, width = picture.shape[:2]
    return (
        slice(max(0, int(box.top)), min(height, round(box.bottom))),
        slice(max(0, int(box.left)), min(width, round(box.right))),
    )


def _share(box: Box, places: NDArray[np.bool_]) -> float:
    """Return which share of a box these places cover."""
    inside = places[_inside(box, places)]
    return float(np.count_nonzero(inside)) / inside.size if inside.size else 0.0


def _steepness(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how strong the edges are at each place."""
    grey = colours.mean(axis=2)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return np.asarray(np.abs(across) + np.abs(down), np.float32)


def _put(small: Pixels, background: NDArray[np.float32], changed: Mask, box: Box) -> None:
    """Take what is in a box now for the shop."""
    at = _inside(box.padded(2), changed)
    spread = cv2.dilate(changed[at], np.ones((5, 5), np.uint8)) > 0
    background[at][spread] = small[at][spread]
