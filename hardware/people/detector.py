"""What every detector of people in frames can do.

No detector looks for faces, and none cuts people out of a frame: a box is all there is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hardware.cameras.frames import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where a person appears in the picture, in its pixels, and how sure that is (0 to 1)."""

    left: float
    top: float
    right: float
    bottom: float
    score: float = 1.0

    @property
    def width(self) -> float:
        """Return the width."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Return the height."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Return the area, 0 for a box without width or height."""
        return max(0.0, self.width) * max(0.0, self.height)

    @property
    def centre(self) -> tuple[float, float]:
        """Return the middle."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def moved(self, right: float, down: float) -> "Box":
        """Return the box moved by so many pixels."""
        return replace(
            self,
            left=self.left + right,
            top=self.top + down,
            right=self.right + right,
            bottom=self.bottom + down,
        )

    def padded(self, by: float) -> "Box":
        """Return the box grown by so many pixels on every side."""
        return replace(
            self,
            left=self.left - by,
            top=self.top - by,
            right=self.right + by,
            bottom=self.bottom + by,
        )

    def scaled(self, by: float) -> "Box":
        """Return the box in a picture that is so many times as large."""
        return replace(
            self,
            left=self.left * by,
            top=self.top * by,
            right=self.right * by,
            bottom=self.bottom * by,
        )


def common_area(one: Box, other: Box) -> float:
    """Return how many square pixels lie in both boxes."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return width * height if width > 0 and height > 0 else 0.0


def overlap(one: Box, other: Box) -> float:
    """Return intersection over union: 1 for the same box, 0 for boxes apart."""
    both = common_area(one, other)
    return both / (one.area + other.area - both) if both else 0.0


def around(one: Box, other: Box) -> Box:
    """Return the smallest box that holds both."""
    return Box(
        left=min(one.left, other.left),
        top=min(one.top, other.top),
        right=max(one.right, other.right),
        bottom=max(one.bottom, other.bottom),
        score=max(one.score, other.score),
    )


class Motion(Protocol):
    """Tells when something last changed in a part of the picture."""

    def last_ms(self, box: Box) -> int:
        """Return when; a time long ago where nothing has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stood:
    """Somebody stood here from `since_ms` on and has just gone: they were taken for the shop."""

    box: Box
    since_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a detector saw in one frame.

    `looked` are the parts of the picture in which every person would be in `boxes`; elsewhere it
    did not look this time. `motion` tells where somebody may have come or gone meanwhile.
    `empty` says of boxes, where a detector can, that they show the shop and nobody; `stood` are
    people of whom it learns now that they were there.
    """

    boxes: tuple[Box, ...]
    looked: tuple[Box, ...]
    motion: Motion
    empty: frozenset[Box] = frozenset()
    stood: tuple[Stood, ...] = ()

    def looked_at(self, box: Box) -> bool:
        """Tell whether most of a box lies where it looked."""
        return sum(common_area(part, box) for part in self.looked) >= 0.6 * box.area > 0


class Detector(Protocol):
    """Finds people in frames. Belongs to one thread; never raises for what it is shown."""

    name: str
    fallback: bool

    def look(self, frame: Frame, held: Sequence[Box]) -> Sight:
        """Return what there is to see.

        `held` are the boxes in which people are followed: what stands there is no furniture yet.
        """
