"""What every detector of people in frames can do.

No detector looks for faces, and none cuts people out of a frame: a box is all there is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hardware.frames import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where a person appears in the picture, in its pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Return the width."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Return the height."""
        return self.bottom - self.top

    @property
    def centre(self) -> tuple[float, float]:
        """Return the middle."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def moved(self, right: float, down: float) -> "Box":
        """Return the box moved by so many pixels."""
        return Box(
            left=self.left + right,
            top=self.top + down,
            right=self.right + right,
            bottom=self.bottom + down,
        )


def overlap(one: Box, other: Box) -> float:
    """Return intersection over union: 1 for the same box, 0 for boxes apart."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (one.width * one.height + other.width * other.height - both)


class Detector(Protocol):
    """Finds people in frames. Belongs to one thread; never raises for what it is shown."""

    name: str
    fallback: bool

    def detect(self, frame: Frame, held: Sequence[Box]) -> list[Box]:
        """Return a box for each person.

        `held` are the boxes in which people are followed: what stands there is no furniture yet.
        """
