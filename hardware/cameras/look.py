"""Measures one picture of a camera: how bright, how sharp, and where its edges lie.

What is kept of a picture are sums of edges along broad bands: enough to tell that the camera was
turned, far too little to show who stood before it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.cameras.frames import Pixels

Bands = NDArray[np.float32]

# Edges are summed in a picture of this size, along so many bands in each direction.
SIZE = (192, 144)
BANDS = 4
# Steps of brightness up to this are noise.
NOISE = 4
# Sharpness is measured at the strongest edges of every eighth row: how much of a rise over eight
# pixels happens within one of them. Weaker ones are noise, and so is the answer of too few.
ROW_STEP = 8
EDGE_PX = 8
EDGE_RISE_MIN = 30
EDGE_SHARE = 0.03
EDGES_MIN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was measured: brightness and contrast from 0 to 255, sharpness from 0 to 1.

    The sharpness is None for a picture without clear edges. `columns` and `rows` hold a row of
    numbers for each band: how much there is of upright and of level edges along it.
    """

    brightness: float
    contrast: float
    sharpness: float | None
    columns: Bands
    rows: Bands


def look_at(pixels: Pixels) -> Look:
    """Measure a picture, in colours or without."""
    plane = pixels if pixels.ndim == 2 else cv2.extractChannel(pixels, 1)
    small = cv2.resize(plane, SIZE, interpolation=cv2.INTER_AREA).astype(np.int16)
    width, height = SIZE
    upright = np.maximum(np.abs(np.diff(small, axis=1)) - NOISE, 0)
    level = np.maximum(np.abs(np.diff(small, axis=0)) - NOISE, 0)
    columns = upright.reshape(BANDS, height // BANDS, width - 1).sum(axis=1)
    rows = level.T.reshape(BANDS, width // BANDS, height - 1).sum(axis=1)
    return Look(
        brightness=float(small.mean()),
        contrast=float(small.std()),
        sharpness=_sharpness(np.asarray(plane, np.uint8)),
        columns=np.sqrt(columns, dtype=np.float32),
        rows=np.sqrt(rows, dtype=np.float32),
    )


def _sharpness(plane: Pixels) -> float | None:
    """Return which part of a strong edge's rise happens within a pixel: 1 for a perfect edge."""
    lines = np.ascontiguousarray(plane[::ROW_STEP])
    if lines.shape[1] <= EDGE_PX:
        return None
    steps = cv2.absdiff(lines[:, 1:], lines[:, :-1])
    rises = cv2.absdiff(lines[:, EDGE_PX:], lines[:, :-EDGE_PX])
    # The greatest step between the two pixels of each rise.
    greatest = cv2.dilate(steps, np.ones((1, EDGE_PX), np.uint8), anchor=(0, 0))
    greatest = greatest[:, : rises.shape[1]]
    share = np.partition(rises.reshape(-1), int(rises.size * (1 - EDGE_SHARE)))
    strong = rises >= max(EDGE_RISE_MIN, int(share[int(rises.size * (1 - EDGE_SHARE))]))
    if np.count_nonzero(strong) < EDGES_MIN:
        return None
    return float(np.median(greatest[strong] / rises[strong]))
