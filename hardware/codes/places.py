"""Finds where in a picture bars stand side by side, and in which direction they are to be read.

Bars differ along one direction and are alike across it, text and pictures are not. How much
neighbouring pixels differ in four directions is averaged over small blocks; blocks in which one
direction stands out are joined to places.
"""

from dataclasses import dataclass, replace
from math import atan2, ceil, cos, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.cameras.frames import Pixels
from hardware.readings import Quad

# Blocks are so many pixels wide; a picture longer than LOOK_PIXELS_MAX is looked at smaller.
BLOCK_PIXELS = 8
LOOK_PIXELS_MAX = 960
# Neighbours of a block of bars differ by so much at least (of 255), and by so much in one
# direction: 1 is bars without noise, 0 is alike in all directions.
CONTRAST_MIN = 6.0
ONE_WAY_MIN = 0.5
# Fewer blocks are no code; more places than these are not looked at.
BLOCKS_MIN = 6
PLACES_MAX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place with bars: its middle, its size along and across the reading direction, in pixels.

    `angle` is that direction in radians, 0 to the right and turning to the picture's foot; the
    bars may as well be read the other way.
    """

    x: float
    y: float
    angle: float
    length: float
    height: float

    def moved(self, along: float, *, length: float) -> "Place":
        """Return the place moved along its reading direction, with another length."""
        x, y = self.x + along * cos(self.angle), self.y + along * sin(self.angle)
        return replace(self, x=x, y=y, length=length)

    def below(self, heights: float) -> "Place":
        """Return the place moved across its reading direction, by so many of its heights."""
        down = heights * self.height
        return replace(self, x=self.x - down * sin(self.angle), y=self.y + down * cos(self.angle))

    def at(self, x: float, y: float, length: float, width: int) -> tuple[int, int]:
        """Return where a point of the place, cut out this long and wide, is in the picture."""
        pixels = length / width
        along, down = x * pixels - length / 2, y * pixels - self.height / 2
        c, s = cos(self.angle), sin(self.angle)
        return round(self.x + along * c - down * s), round(self.y + along * s + down * c)

    def corners(self, *, backwards: bool = False) -> Quad:
        """Return its corners in the order in which a code there is read."""
        half = np.array([self.length, self.height]) / 2 * (-1 if backwards else 1)
        c, s = cos(self.angle), sin(self.angle)
        square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
        turned = square @ np.array([[c, s], [-s, c]]) + (self.x, self.y)
        first, second, third, fourth = ((round(x), round(y)) for x, y in turned.tolist())
        return first, second, third, fourth


def find_bars(grey: Pixels) -> list[Place]:
    """Return the places with bars, the most striking first, at most PLACES_MAX."""
    shrink = max(1, ceil(max(grey.shape) / LOOK_PIXELS_MAX))
    height, width = grey.shape[0] // shrink, grey.shape[1] // shrink
    if min(height, width) < 3 * BLOCK_PIXELS:
        return []
    if shrink > 1:
        smaller = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
        grey = np.asarray(smaller, np.uint8)
    cos2, sin2, energy = _directions(grey)
    one_way = np.sqrt(cos2 * cos2 + sin2 * sin2)
    mask = (one_way > ONE_WAY_MIN * energy) & (energy > CONTRAST_MIN * CONTRAST_MIN)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    found = []
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_AREA] < BLOCKS_MIN:
            continue
        rows, columns = np.nonzero(labels == label)
        place = _place(rows, columns, cos2[rows, columns].sum(), sin2[rows, columns].sum())
        found.append((float(one_way[rows, columns].sum()), place))
    found.sort(key=lambda each: -each[0])
    block = BLOCK_PIXELS * shrink
    return [_scaled(place, block) for _, place in found[:PLACES_MAX]]


def _directions(grey: Pixels) -> tuple[NDArray[np.float32], ...]:
    """Return the doubled direction (cosine, sine) and strength of the differences in each block."""
    height, width = grey.shape
    size = (width // BLOCK_PIXELS, height // BLOCK_PIXELS)
    end_y, end_x = size[1] * BLOCK_PIXELS, size[0] * BLOCK_PIXELS
    middle = grey[: end_y - 1, : end_x - 1]
    right, below = grey[: end_y - 1, 1:end_x], grey[1:end_y, : end_x - 1]
    beyond = grey[1:end_y, 1:end_x]
    pairs = ((middle, right), (middle, below), (middle, beyond), (right, below))
    means: list[NDArray[np.float32]] = []
    for one, other in pairs:
        mean = cv2.resize(cv2.absdiff(one, other), size, interpolation=cv2.INTER_AREA)
        means.append(np.asarray(cv2.blur(mean.astype(np.float32), (3, 3)), np.float32))
    across, down, falling, rising = (mean * mean for mean in means)
    halved = np.asarray((falling - rising) / 2, np.float32)
    return across - down, halved, across + down


def _place(rows: NDArray[np.intp], columns: NDArray[np.intp], cos2: float, sin2: float) -> Place:
    """Return the place that these blocks form, in blocks."""
    angle = atan2(sin2, cos2) / 2
    along = columns * cos(angle) + rows * sin(angle)
    across = rows * cos(angle) - columns * sin(angle)
    left, right = float(along.min()), float(along.max())
    top, bottom = float(across.min()), float(across.max())
    u, v = (left + right) / 2, (top + bottom) / 2
    return Place(
        x=u * cos(angle) - v * sin(angle) + 0.5,
        y=u * sin(angle) + v * cos(angle) + 0.5,
        angle=angle,
        length=right - left + 1,
        height=bottom - top + 1,
    )


def _scaled(place: Place, block: int) -> Place:
    return Place(
        x=place.x * block,
        y=place.y * block,
        angle=place.angle,
        length=place.length * block,
        height=place.height * block,
    )


def cut_out(grey: Pixels, place: Place, length: float, size: tuple[int, int]) -> Pixels:
    """Return `length` pixels around a place's middle, turned upright, as a picture of this size.

    The bars of the result stand upright over its whole height.
    """
    width, height = size
    scale_x, scale_y = length / width, place.height / height
    c, s = cos(place.angle), sin(place.angle)
    turn = np.array(
        [
            [c * scale_x, -s * scale_y, place.x - c * length / 2 + s * place.height / 2],
            [s * scale_x, c * scale_y, place.y - s * length / 2 - c * place.height / 2],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(grey, turn, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)
