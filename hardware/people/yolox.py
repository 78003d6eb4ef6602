"""A YOLOX model of people, read from an ONNX file and run by OpenCV on parts of a picture.

The network has no fixed size in truth: its cost grows with the area it is shown, so it is shown no
grey bars and only the parts that matter, at the scale it was made for.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.cameras.frames import Pixels
from hardware.driver import DeviceError
from hardware.people.detector import Box
from hardware.people.onnx_file import picture_size
from hardware.people.ration import CELL_PX, Part

STRIDES = (8, 16, 32)
GREY = 114
SCORE_MIN = 0.25
OVERLAP_MAX = 0.6
# A box that lies so far within a surer one is a part of the same person.
INSIDE_SHARE_MAX = 0.85
BOXES_MAX = 200
OUTPUTS_MIN = 6
GRIDS_KEPT_MAX = 64

Floats = NDArray[np.float32]


class YoloxModel:
    """The network of one file; belongs to one thread."""

    def __init__(self, path: Path) -> None:
        """Read it; raises DeviceError when the file is not such a model."""
        try:
            self.size = max(picture_size(path))
            self._net = cv2.dnn.readNetFromONNX(str(path))
            self._run(np.full((2 * CELL_PX, 2 * CELL_PX, 3), GREY, np.uint8))
        except (cv2.error, ValueError) as error:
            raise DeviceError(f"{path} cannot be used as a model of people: {error}") from error

    def find(self, pixels: Pixels, parts: Sequence[Part]) -> list[Box]:
        """Return the people in these parts of a picture, surest first."""
        rows = [self._find_in(pixels, part) for part in parts]
        if not rows:
            return []
        found = np.concatenate(rows)
        found = found[np.argsort(-found[:, 4])[:BOXES_MAX]]
        return [
            Box(left=left, top=top, right=right, bottom=bottom, score=score)
            for left, top, right, bottom, score in found[distinct(found[:, :4])].tolist()
        ]

    def _find_in(self, pixels: Pixels, part: Part) -> Floats:
        """Return left, top, right, bottom and score of everybody in a part, in the picture."""
        left, top = int(part.box.left), int(part.box.top)
        piece = pixels[top : int(part.box.bottom), left : int(part.box.right)]
        if piece.ndim == 2:
            piece = np.asarray(cv2.cvtColor(piece, cv2.COLOR_GRAY2BGR), np.uint8)
        rows = self._run(_on_grid(piece, part.scale))
        half, corner = rows[:, 2:4] / 2, np.array([left, top], np.float32)
        first = (rows[:, :2] - half) / part.scale + corner
        last = (rows[:, :2] + half) / part.scale + corner
        return np.concatenate([first, last, rows[:, 4:]], axis=1)

    def _run(self, shown: Pixels) -> Floats:
        """Return centre, size and score of each person, in pixels of what was shown."""
        self._net.setInput(cv2.dnn.blobFromImage(shown))
        output = np.asarray(self._net.forward(), np.float32)
        corners, strides = _grid(shown.shape[0], shown.shape[1])
        if output.ndim != 3 or output.shape[1] != len(strides) or output.shape[2] < OUTPUTS_MIN:
            raise ValueError(f"its output has the shape {output.shape}")
        rows = output[0]
        # Columns: centre, size (as a logarithm), how sure of a thing, and of its being a person.
        scores = rows[:, 4] * rows[:, 5]
        kept = np.flatnonzero(scores > SCORE_MIN)
        kept = kept[np.argsort(-scores[kept])[:BOXES_MAX]]
        centres = (rows[kept, 0:2] + corners[kept]) * strides[kept, None]
        sizes = np.exp(np.minimum(rows[kept, 2:4], 10)) * strides[kept, None]
        return np.concatenate([centres, sizes, scores[kept, None]], axis=1)


def distinct(edges: Floats) -> list[int]:
    """Return the rows, of boxes in the order of their scores, that show somebody of their own.

    A box that lies in a surer one is a part of that person; one around two surer ones is nobody.
    """
    first = np.maximum(edges[:, None, :2], edges[None, :, :2])
    last = np.minimum(edges[:, None, 2:], edges[None, :, 2:])
    shared = np.prod(np.maximum(last - first, 0), axis=2)
    areas = np.maximum(np.diagonal(shared), 1e-6)
    within = shared / areas[:, None] > INSIDE_SHARE_MAX
    same = within | (shared > OVERLAP_MAX * (areas[:, None] + areas[None, :] - shared))
    kept: list[int] = []
    for row in range(len(edges)):
        if not same[row, kept].any() and np.count_nonzero(within[kept, row]) < 2:
            kept.append(row)
    return kept


def _on_grid(piece: Pixels, scale: float) -> Pixels:
    """Return the piece at the network's scale, its sides filled up to whole cells with grey."""
    height = max(1, round(piece.shape[0] * scale))
    width = max(1, round(piece.shape[1] * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    shown = np.full(
        (-(-height // CELL_PX) * CELL_PX, -(-width // CELL_PX) * CELL_PX, 3), GREY, np.uint8
    )
    shown[:height, :width] = cv2.resize(piece, (width, height), interpolation=how)
    return shown


@lru_cache(maxsize=GRIDS_KEPT_MAX)
def _grid(height: int, width: int) -> tuple[Floats, Floats]:
    """Return the corner (in cells) and the cell size of each row of the output."""
    corners: list[Floats] = []
    strides: list[Floats] = []
    for stride in STRIDES:
        y, x = np.mgrid[: height // stride, : width // stride].astype(np.float32)
        corners.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full(x.size, stride, np.float32))
    return np.concatenate(corners), np.concatenate(strides)
