"""Points in polygons and steps over lines."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.people.zones import Line, Point, ZoneMap, contains, crossing

SQUARE = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0))
NOTCHED = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (5.0, 2.0), (0.0, 10.0))
points = st.tuples(st.integers(-50, 50).map(float), st.integers(-50, 50).map(float))


@pytest.mark.parametrize(
    ("polygon", "point", "inside"),
    [
        (SQUARE, (5, 5), True),
        (SQUARE, (11, 5), False),
        (SQUARE, (5, -1), False),
        (NOTCHED, (5, 1), True),
        (NOTCHED, (5, 8), False),
        (NOTCHED, (1, 7), True),
    ],
)
def test_a_point_is_inside_or_outside(
    polygon: tuple[Point, ...], point: Point, inside: bool
) -> None:
    assert contains(polygon, point) is inside
    assert contains(polygon[::-1], point) is inside


def test_in_is_from_the_left_of_the_line_to_its_right() -> None:
    upwards: Line = ((100, 400), (100, 100))
    assert crossing(upwards, (90, 200), (110, 200)) == 1
    assert crossing(upwards, (110, 200), (90, 200)) == -1
    assert crossing(upwards, (90, 50), (110, 50)) == 0


@given(st.lists(points, min_size=2, max_size=30), points, points)
def test_on_any_path_ins_minus_outs_is_where_it_ends(
    path: list[Point], start: Point, end: Point
) -> None:
    """A line across the whole floor: however one walks, the sum says on which side one is."""
    line: Line = ((-1000.0, 0.5), (1000.0, 0.5))
    turns = sum(crossing(line, a, b) for a, b in pairwise(path))
    assert turns == int(path[-1][1] > 0.5) - int(path[0][1] > 0.5)
    # Stopping anywhere on the way changes nothing.
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    whole = crossing(line, start, end)
    assert crossing(line, start, middle) + crossing(line, middle, end) == whole


@given(points, points, points, points)
def test_a_line_reversed_swaps_in_and_out(
    start: Point, end: Point, before: Point, after: Point
) -> None:
    """Also for whoever appears on the line itself, or is lost there."""
    on_line = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    for step in ((before, after), (on_line, after), (before, on_line), (on_line, end)):
        assert crossing((end, start), *step) == -crossing((start, end), *step)


def test_a_map_names_the_zones_of_a_point() -> None:
    zones = ZoneMap(zones={"all": SQUARE, "notch": NOTCHED})
    assert zones.zones_at((5, 8)) == {"all"}
    assert zones.zones_at((1, 7)) == {"all", "notch"}


def test_shapes_without_an_area_are_refused() -> None:
    with pytest.raises(ValueError, match="flat needs 3"):
        ZoneMap(zones={"flat": ((0, 0), (1, 1))})
    with pytest.raises(ValueError, match="two different points"):
        ZoneMap(lines={"dot": ((1, 1), (1, 1))})
