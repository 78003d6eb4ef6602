"""Areas and counting lines in a camera's picture: pure geometry, in pixels, y downwards."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

Point = tuple[float, float]
Polygon = tuple[Point, ...]
Line = tuple[Point, Point]

POLYGON_POINTS_MAX = 64
ZONES_MAX = 32
# Whoever stands cut off by the picture's lower edge is placed at most this share of it below.
BELOW_SHARE_MAX = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneMap:
    """The zones and counting lines of one camera, by name."""

    zones: Mapping[str, Polygon] = field(default_factory=dict)
    lines: Mapping[str, Line] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.zones) > ZONES_MAX or len(self.lines) > ZONES_MAX:
            raise ValueError(f"zones, lines: at most {ZONES_MAX} of each for one camera")
        for name, points in (*self.zones.items(), *self.lines.items()):
            if not all(math.isfinite(number) for point in points for number in point):
                raise ValueError(f"zones, lines: {name} has a corner that is no number")
        for name, polygon in self.zones.items():
            if not 3 <= len(polygon) <= POLYGON_POINTS_MAX:
                raise ValueError(f"zones: {name} needs 3 to {POLYGON_POINTS_MAX} points")
        for name, (start, end) in self.lines.items():
            if start == end:
                raise ValueError(f"lines: {name} needs two different points")

    def zones_at(self, point: Point) -> frozenset[str]:
        """Return the names of the zones that contain the point."""
        return frozenset(name for name, polygon in self.zones.items() if contains(polygon, point))


def area(polygon: Polygon) -> float:
    """Return how many square pixels a polygon covers."""
    edges = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in edges)) / 2


def sides_cross(polygon: Polygon) -> bool:
    """Tell whether two sides of a polygon cross; sides that only touch do not."""
    sides = list(zip(polygon, polygon[1:] + polygon[:1], strict=True))
    return any(
        side(one, other[0]) * side(one, other[1]) < 0
        and side(other, one[0]) * side(other, one[1]) < 0
        for one, other in itertools.combinations(sides, 2)
    )


def out_of_sight(zones: ZoneMap, size: tuple[int, int]) -> tuple[str, ...]:
    """Return the names of the zones and lines that lie outside a picture of (width, height)."""
    width, height = size[0], size[1] * (1 + BELOW_SHARE_MAX)
    return tuple(
        name
        for name, points in (*zones.zones.items(), *zones.lines.items())
        if max(x for x, _ in points) < 0
        or max(y for _, y in points) < 0
        or min(x for x, _ in points) > width
        or min(y for _, y in points) > height
    )


def contains(polygon: Polygon, point: Point) -> bool:
    """Tell whether the point lies in the polygon, by counting the edges right of it."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside


def edge_share(polygon: Polygon, before: Point, after: Point) -> float:
    """Return which share of a step, from outside a polygon to inside or back, lies before its edge.

    Where a step meets several edges it is the first.
    """
    shares = [
        share
        for edge in zip(polygon, polygon[1:] + polygon[:1], strict=True)
        if (share := _meeting(before, after, edge)) is not None
    ]
    return min(shares, default=0.5)


def _meeting(before: Point, after: Point, edge: Line) -> float | None:
    """Return at which share of a step it meets an edge, None where it does not."""
    from_edge, to_edge = side(edge, before), side(edge, after)
    if (from_edge >= 0) == (to_edge >= 0):
        return None
    share = from_edge / (from_edge - to_edge)
    start, end = side((before, after), edge[0]), side((before, after), edge[1])
    return share if start == 0 or end == 0 or (start > 0) != (end > 0) else None


def side(line: Line, point: Point) -> float:
    """Return above 0 for a point right of the line, seen from its first to its second point."""
    (x1, y1), (x2, y2) = line
    return (x2 - x1) * (point[1] - y1) - (y2 - y1) * (point[0] - x1)


def crossing(line: Line, before: Point, after: Point) -> int:
    """Return 1 when the step crosses the line inwards (left to right), -1 outwards, 0 otherwise.

    A point on the line itself counts as beyond it on the same side of the picture whichever way
    the line was drawn: no step is counted twice or missed, and the line reversed mirrors exactly.
    """
    first, last = min(line), max(line)
    was_right, is_right = side((first, last), before) >= 0, side((first, last), after) >= 0
    if was_right == is_right:
        return 0
    first_right = side((before, after), first) >= 0
    last_right = side((before, after), last) >= 0
    if first_right == last_right:
        return 0
    return 1 if is_right == (line[0] == first) else -1
