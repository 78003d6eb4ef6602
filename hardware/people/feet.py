"""Where people stand, told from their boxes, also where the picture's edge cuts a box off."""

from dataclasses import dataclass

from hardware.people.detector import Box
from hardware.people.zones import Point

# A box that ends so near the picture's edge is cut off by it, or may be: boxes are not exact.
EDGE_SHARE = 0.012
NEAR_EDGE_SHARE = 0.045
# The middle between the feet lies so far above a box's lower edge, of its height.
FEET_SHARE = 0.035
# A standing person is about so many times as high as wide.
HEIGHT_PER_WIDTH = 2.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """Which edges of the picture cut a box off."""

    left: bool
    right: bool
    top: bool
    bottom: bool

    @property
    def any(self) -> bool:
        """Tell whether a part of the person is out of sight."""
        return self.left or self.right or self.top or self.bottom


def cuts(box: Box, size: tuple[int, int]) -> Cuts:
    """Return which edges of a picture of this size cut a box off."""
    width, height = size
    return Cuts(
        left=box.left <= width * EDGE_SHARE,
        right=box.right >= width * (1 - EDGE_SHARE),
        top=box.top <= 0,
        bottom=box.bottom >= height * (1 - EDGE_SHARE),
    )


def foot(box: Box, size: tuple[int, int], *, tall: float | None, wide: float | None) -> Point:
    """Return the point between a person's feet, outside the picture where a box is cut off.

    `tall` and `wide` are how large the person would appear there if nothing were cut off.
    """
    cut = cuts(box, size)
    x = box.centre[0]
    if wide is not None and wide > box.width and cut.left != cut.right:
        x = box.right - wide / 2 if cut.left else box.left + wide / 2
    y = box.bottom - FEET_SHARE * box.height
    if cut.bottom and tall is None:
        tall = HEIGHT_PER_WIDTH * box.width
    if tall is not None and near_bottom(box, size):
        y = max(y, box.top + (1 - FEET_SHARE) * tall)
    return x, y


def near_bottom(box: Box, size: tuple[int, int]) -> bool:
    """Tell whether the picture's lower edge may hide the feet."""
    return box.bottom >= size[1] * (1 - NEAR_EDGE_SHARE)
