"""`storebridge dwell` measures a video, or says why it cannot."""

import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from hardware.people.zones import ZoneMap
from storebridge.commands.dwell import app
from storebridge.simulated.walks import WalkScene, visit_walk

SIZE = (320, 240)
SHELF = ((100.0, 140.0), (213.0, 140.0), (213.0, 210.0), (100.0, 210.0))


@pytest.fixture
def zones(tmp_path: Path) -> Path:
    path = tmp_path / "zones.json"
    line = [[60, 239], [60, 66]]
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
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{zones")
    for video, file, complaint in (
        (broken, zones, "cannot be opened"),
        (tmp_path / "none.mp4", zones, "does not exist"),
        (tmp_path, zones, "is a folder"),
        (broken, wrong, "is no valid JSON"),
    ):
        result = CliRunner().invoke(app, [str(video), "--zones", str(file), "--json"])
        assert result.exit_code == 2
        assert complaint in json.loads(result.stdout)["error"]
        assert "Nothing was measured: " in result.stderr
        assert complaint in result.stderr


def test_zones_drawn_for_another_picture_are_an_error_and_not_an_empty_shop(
    tmp_path: Path,
) -> None:
    clip = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 10, SIZE)
    writer.write(np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    writer.release()
    far = [[1500, 700], [1800, 700], [1800, 900]]
    near = [[260, 200], [500, 200], [500, 260]]  # a part of it is in the picture
    file = tmp_path / "zones.json"
    for zones, code in (({"a": {"polygon": far}}, 2), ({"a": {"polygon": near}}, 0)):
        file.write_text(json.dumps({"zones": zones}))
        result = CliRunner().invoke(app, [str(clip), "--zones", str(file), "--json"])
        assert result.exit_code == code
        assert ("outside the picture of 320x240 pixels: a" in result.stderr) == (code == 2)


def test_time_is_that_of_the_frames_where_their_rate_varies(tmp_path: Path, zones: Path) -> None:
    """Measured by ffmpeg's clock: two of three frames are missing in the second half."""
    scene = WalkScene(SIZE, 1, [visit_walk(SIZE, SHELF, starts_s=1, stay_s=6, seed=1)])
    (truth,) = scene.truth(ZoneMap(zones={"shelf": SHELF}), until_s=30).stays
    clip = tmp_path / "vary.mp4"
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    listed = ["ffconcat version 1.0"]
    number = 0
    while number < round(scene.walks[0].ends_s + 1) * 10:
        step = 1 if number < 40 else 3
        name = pictures / f"{number:04}.jpg"
        cv2.imwrite(str(name), scene.frame(number / 10))
        listed += [f"file '{name}'", f"duration {step / 10}"]
        number += step
    script = tmp_path / "list.txt"
    script.write_text("\n".join(listed))
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("no ffmpeg here to make a clip of varying rate: apt-get install ffmpeg")
    subprocess.run(
        [
            ffmpeg,
            "-v",
            "error",
            "-f",
            "concat",
            "-safe",
            "0",
            "-i",
            str(script),
            "-vsync",
            "vfr",
            str(clip),
        ],
        check=True,
    )
    result = CliRunner().invoke(app, [str(clip), "--zones", str(zones), "--json"])
    (visit,) = json.loads(result.stdout)["zones"]["shelf"]["visits"]
    assert abs(visit["dwell_s"] - (truth.leave_s - truth.enter_s)) < 0.5


@pytest.mark.parametrize("suffix", ["h264", "mjpg"])
def test_a_rate_that_a_file_does_not_say_is_told_or_asked_for(
    tmp_path: Path, zones: Path, suffix: str
) -> None:
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("no ffmpeg here to make a bare stream: apt-get install ffmpeg")
    clip = tmp_path / f"bare.{suffix}"
    size = f"{SIZE[0]}x{SIZE[1]}"
    made = ["-f", "lavfi", "-i", f"testsrc=size={size}:rate=10:duration=2", str(clip)]
    subprocess.run([ffmpeg, "-v", "error", *made], check=True)
    asked = CliRunner().invoke(app, [str(clip), "--zones", str(zones), "--json"])
    said = json.loads(asked.stdout)
    assert (said["fps"], said["fps_assumed"]) == (25.0, 25.0)
    assert "bare" in asked.stderr
    assert "--fps" in asked.stderr
    told = CliRunner().invoke(app, [str(clip), "--zones", str(zones), "--json", "--fps", "10"])
    said = json.loads(told.stdout)
    assert (said["frames"], said["fps"], "fps_assumed" in said) == (20, 10.0, False)
    assert told.stderr == ""


def test_an_audit_is_written_where_it_is_asked_for_and_only_then(
    tmp_path: Path, zones: Path
) -> None:
    scene = WalkScene(SIZE, 1, [visit_walk(SIZE, SHELF, starts_s=0, stay_s=1, seed=1)])
    clip, audit = tmp_path / "walk.avi", tmp_path / "audit.mp4"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 10, SIZE)
    for number in range(60):
        writer.write(scene.frame(number / 10))
    writer.release()
    before = set(tmp_path.iterdir())
    plain = CliRunner().invoke(app, [str(clip), "--zones", str(zones), "--json"])
    assert set(tmp_path.iterdir()) == before
    drawn = CliRunner().invoke(
        app, [str(clip), "--zones", str(zones), "--json", "--audit", str(audit)]
    )
    assert set(tmp_path.iterdir()) == before | {audit}
    assert json.loads(drawn.stdout)["zones"] == json.loads(plain.stdout)["zones"]
    capture = cv2.VideoCapture(str(audit))
    read, first = capture.read()
    assert read
    assert np.abs(first.astype(int) - scene.frame(0.0)).max() > 60
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 60
    same = CliRunner().invoke(app, [str(clip), "--zones", str(zones), "--audit", str(clip)])
    assert "is the video itself" in same.stderr
    lost = CliRunner().invoke(app, [str(clip), "--zones", str(zones), "--model", "none"])
    assert "there is no model none" in lost.stderr
