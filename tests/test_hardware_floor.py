"""Zones on a plan of the floor are turned into the picture."""

import json
from pathlib import Path

import pytest

from hardware.people.floor import Floor, in_picture
from hardware.people.zone_file import ZoneFileError, read_zone_file
from hardware.people.zones import ZoneMap

# A floor of 6 x 4 m, seen by a camera that looks along it.
PLAN = ((0.0, 0.0), (6.0, 0.0), (6.0, 4.0), (0.0, 4.0))
PICTURE = ((200.0, 150.0), (440.0, 150.0), (640.0, 480.0), (0.0, 480.0))
FLOOR = Floor(picture=PICTURE, plan=PLAN)


def test_the_four_points_lie_where_they_were_said_to_and_the_middle_further_off() -> None:
    middle = (3.0, 2.0)
    zones = in_picture(ZoneMap(zones={"all": PLAN, "m": (middle, (3, 3), (2, 3))}), FLOOR)
    for turned, there in zip(zones.zones["all"], PICTURE, strict=True):
        assert turned == pytest.approx(there)
    x, y = zones.zones["m"][0]
    assert x == pytest.approx(320)
    assert y < 315  # half the way on the floor is less than half the way down the picture


def test_a_zone_file_may_be_drawn_on_the_plan(tmp_path: Path) -> None:
    path = tmp_path / "zones.json"
    floor = {"picture": PICTURE, "plan": PLAN}
    plain = {"zones": {"all": {"polygon": PLAN}}, "lines": {"door": [[0, 2], [6, 2]]}}
    path.write_text(json.dumps({**plain, "floor": floor}))
    assert read_zone_file(path).zones["all"][2] == pytest.approx((640, 480))
    path.write_text(json.dumps(plain))
    assert read_zone_file(path).zones["all"] == PLAN


def test_a_floor_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "zones.json"
    for picture in (
        ((0, 0), (1, 1), (2, 2), (0, 5)),
        (PICTURE[0], PICTURE[2], PICTURE[1], PICTURE[3]),
    ):
        zones = {"zones": {}, "floor": {"picture": picture, "plan": PLAN}}
        path.write_text(json.dumps({**zones, "zones": {"z": {"polygon": PLAN}}}))
        with pytest.raises(ZoneFileError, match="floor"):
            read_zone_file(path)


def test_a_point_behind_the_camera_is_refused() -> None:
    with pytest.raises(ValueError, match="not in front of the camera"):
        in_picture(ZoneMap(zones={"far": ((0, 0), (1, 60), (2, -60))}), FLOOR)
