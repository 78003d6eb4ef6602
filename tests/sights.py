"""What a detector saw, made by hand: boxes with noise, misses and cut-offs from walks."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hardware.people.detector import Box, Sight, common_area
from hardware.people.zones import Point
from storebridge.simulated.walks import Walk

LONG_AGO_MS = -(10**9)


@dataclass
class Moves:
    """A motion map of which a test says where something last moved."""

    boxes: list[tuple[Box, int]] = field(default_factory=list)

    def last_ms(self, box: Box) -> int:
        return max((at for each, at in self.boxes if common_area(each, box)), default=LONG_AGO_MS)


def sight(boxes: Sequence[Box], size: tuple[int, int], motion: Moves | None = None) -> Sight:
    """Everything was looked at."""
    whole = Box(left=0, top=0, right=size[0], bottom=size[1])
    return Sight(boxes=tuple(boxes), looked=(whole,), motion=motion or Moves())


def person_box(foot: Point, size: tuple[int, int], *, tall: float = 0.3) -> Box | None:
    """Return the box of somebody who stands there, as far as the picture shows it."""
    height = tall * size[1]
    x, y = foot[0], foot[1] + 0.035 * height
    box = Box(
        left=max(0.0, x - 0.19 * height),
        top=max(0.0, y - height),
        right=min(float(size[0]), x + 0.19 * height),
        bottom=min(float(size[1]), y),
    )
    return box if box.width > 6 and box.height > 12 else None


@dataclass
class NoisyEye:
    """Looks at walks as a detector does: late, shaky, and not every time.

    Whoever stands behind somebody, most of them hidden, is not seen.
    """

    walks: Sequence[Walk]
    size: tuple[int, int]
    rng: np.random.Generator
    noise: float = 0.02
    misses: float = 0.05
    tall_share: float = 0.3

    def look(self, at_s: float) -> Sight:
        there = [(walk, place[0]) for walk in self.walks if (place := walk.foot(at_s)) is not None]
        there.sort(key=lambda one: -one[1][1])
        boxes: list[Box] = []
        motion = Moves()
        for _, foot in there:
            box = person_box(foot, self.size, tall=self.tall_share)
            if box is None:
                continue
            motion.boxes.append((box, round(at_s * 1000)))
            hidden = any(common_area(box, front) > 0.7 * box.area for front in boxes)
            if not hidden and self.rng.random() >= self.misses:
                boxes.append(self._shaken(box))
        return sight(boxes, self.size, motion)

    def _shaken(self, box: Box) -> Box:
        by = self.rng.normal(0, self.noise * box.height, 4)
        width, height = self.size
        return Box(
            left=max(0.0, box.left + by[0]),
            top=max(0.0, box.top + by[1]),
            right=min(float(width), box.right + by[2]),
            bottom=min(float(height), box.bottom + by[3]),
            score=float(self.rng.uniform(0.5, 0.9)),
        )
