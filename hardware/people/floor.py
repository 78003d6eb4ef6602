"""Zones drawn on a plan of the floor, turned into the picture of a camera that sees it.

A camera sees a flat floor as through a window: straight stays straight, so that the corners of a
zone and the ends of a line are all that has to be turned.
"""

import itertools

import msgspec
import numpy as np
from numpy.typing import NDArray

from hardware.people.zones import Point, ZoneMap, area

Matrix = NDArray[np.float64]


class Floor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Four points of the floor: where each is in the picture (pixels), and on the plan.

    The plan may be in any measure. No three of the points may lie on one line.
    """

    picture: tuple[Point, Point, Point, Point]
    plan: tuple[Point, Point, Point, Point]

    def __post_init__(self) -> None:
        for name, points in (("picture", self.picture), ("plan", self.plan)):
            for a, b, c in itertools.combinations(points, 3):
                if abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) < 1e-9:
                    raise ValueError(f"floor: three points of its {name} lie on one line")


def in_picture(zones: ZoneMap, floor: Floor | None) -> ZoneMap:
    """Return the zones and lines in pixels; unchanged without a floor.

    Raises ValueError when a point of the plan is not in front of the camera, and for a zone that
    is smaller than a pixel.
    """
    pixels = zones if floor is None else _seen(zones, _matrix(floor))
    for name, polygon in pixels.zones.items():
        if area(polygon) < 1:
            raise ValueError(
                f"zones: {name} covers less than a pixel: its corners are in pixels of the picture"
            )
    return pixels


def _seen(zones: ZoneMap, matrix: Matrix) -> ZoneMap:
    return ZoneMap(
        zones={
            name: tuple(_turned(matrix, point, name) for point in polygon)
            for name, polygon in zones.zones.items()
        },
        lines={
            name: (_turned(matrix, start, name), _turned(matrix, end, name))
            for name, (start, end) in zones.lines.items()
        },
    )


def _matrix(floor: Floor) -> Matrix:
    """Return the homography from plan to picture: eight equations for its eight numbers."""
    rows: list[list[float]] = []
    results: list[float] = []
    for (x, y), (u, v) in zip(floor.plan, floor.picture, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        results += [u, v]
    numbers = np.linalg.solve(np.array(rows), np.array(results))
    matrix = np.append(numbers, 1.0).reshape(3, 3)
    depths = [float(matrix[2] @ (x, y, 1.0)) for x, y in floor.plan]
    if min(depths) <= 0 < max(depths):
        raise ValueError("floor: its points are not in the same order in picture and plan")
    return matrix if depths[0] > 0 else -matrix


def _turned(matrix: Matrix, point: Point, name: str) -> Point:
    x, y, depth = matrix @ (*point, 1.0)
    if depth <= 1e-9:
        raise ValueError(f"{name}: the point {point} of the plan is not in front of the camera")
    return float(x / depth), float(y / depth)
