"""`storebridge dwell` measures a video, or says why it cannot."""

import json
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from hardware.zones import ZoneMap
from storebridge.commands.dwell import app
from storebridge.simulated.walks import WalkScene, visit_walk

SIZE = (480, 360)
SHELF = ((150.0, 210.0), (320.0, 210.0), (320.0, 315.0), (150.0, 315.0))


@pytest.fixture
def zones(tmp_path: Path) -> Path:
    path = tmp_path / "zones.json"
    line = [[90, 359], [90, 100]]
    path.write_text(json.dumps({"zones": {"shelf": {"polygon": SHELF}}, "lines": {"door": line}}))
    return path


def test_a_drawn_walk_is_measured(tmp_path: Path, zones: Path) -> None:
    scene = WalkScene(SIZE, 1, [visit_walk(SIZE, SHELF, starts_s=1, stay_s=4, seed=1)])
    (truth,) = scene.truth(ZoneMap(zones={"shelf": SHELF}), until_s=20).stays
    clip = tmp_path / "walk.avi"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 10, SIZE)
    for number in range(round(scene.walks[0].ends_s + 1) * 10):
        writer.write(scene.frame(number / 10))
    writer.release()
    result = CliRunner().invoke(app, [str(clip), "--zones", str(zones), "--json"])
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert list(said) == ["frames", "fps", "cpu_s", "detector", "footfall", "zones"]
    assert (said["fps"], said["detector"]) == (10.0, "background (fallback)")
    assert said["footfall"] == {"door": {"in": 1, "out": 0}}
    (visit,) = said["zones"]["shelf"]["visits"]
    assert abs(visit["enter_s"] - truth.enter_s) < 0.35
    assert abs(visit["leave_s"] - truth.leave_s) < 0.35
    assert visit["dwell_s"] == said["zones"]["shelf"]["person_seconds"]


def test_what_cannot_be_measured_is_said_in_one_sentence(tmp_path: Path, zones: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    for video, complaint in ((broken, "cannot be opened"), (tmp_path / "none.mp4", "no file")):
        result = CliRunner().invoke(app, [str(video), "--zones", str(zones), "--json"])
        assert (result.exit_code, result.stdout) == (2, "")
        assert "Nothing was measured: " in result.stderr
        assert complaint in result.stderr
