"""How large people appear in one picture by how near they are: learned from those seen alone."""

from collections import deque
from statistics import median

import numpy as np

from hardware.people.detector import Box

SAMPLES_MAX = 400
SAMPLES_MIN = 30
# Wider than this, of their height, is hardly one person.
ALONE_WIDTH_MAX = 0.55
# Nothing is known of people much nearer or farther away than those who were seen.
ROOM_SHARE = 0.04
# A slope is told where people were seen as near and as far as this, of the picture's height.
SPREAD_MIN = 0.08
# A thing is hardly higher, of somebody in it, than where one stands far behind another.
HEIGHT_SHARE_MIN = 0.65
# Who reaches out or walks is wider than the usual person, who stands.
WIDTH_QUANTILE = 0.4


class UsualSize:
    """The usual height and width of people by where their feet are."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float, float]] = deque(maxlen=SAMPLES_MAX)
        self._fit: tuple[float, float, float] | None = None
        self._since_fit = 0
        self._nearest = (0.0, 0.0)

    def learn(self, box: Box, picture_height: int) -> None:
        """Take somebody who was seen whole and alone."""
        if box.width > ALONE_WIDTH_MAX * box.height:
            return
        self._seen.append((box.bottom, box.height, box.width))
        self._since_fit += 1
        if len(self._seen) >= SAMPLES_MIN and (self._fit is None or self._since_fit >= SAMPLES_MIN):
            self._since_fit = 0
            self._fit = self._fitted(picture_height)

    def at(self, bottom: float, seen: Box) -> tuple[float, float]:
        """Return the width and height of a person whose feet are there.

        Where this is unknown, what is seen is somebody; people are never much smaller than it.
        """
        if self._fit is None or not self._nearest[0] <= bottom <= self._nearest[1]:
            return seen.width, seen.height
        offset, slope, ratio = self._fit
        height = max(offset + slope * bottom, HEIGHT_SHARE_MIN * seen.height)
        return ratio * height, height

    def _fitted(self, picture_height: int) -> tuple[float, float, float]:
        bottoms, heights, widths = np.array(self._seen).T
        room = ROOM_SHARE * picture_height
        self._nearest = (float(bottoms.min()) - room, float(bottoms.max()) + room)
        ratio = float(np.quantile(widths / heights, WIDTH_QUANTILE))
        if np.std(bottoms) < SPREAD_MIN * picture_height:
            return median(heights), 0.0, ratio
        slope, offset = np.polyfit(bottoms, heights, 1)
        if slope < 0:  # nobody appears larger the farther away they are
            return median(heights), 0.0, ratio
        return float(offset), float(slope), ratio
