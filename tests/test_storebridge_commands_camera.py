"""The camera commands say in words what is wrong, and write zone files that are read again."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from hardware.cameras.camera import make_source
from hardware.cameras.frames import Frame, Pixels
from hardware.people.zone_file import read_zone_file
from hardware.people.zones import area, sides_cross
from storebridge.camera_check import Seen, faults
from storebridge.cli import app
from storebridge.drawing.still import Still, create_page, take_still
from storebridge.drawing.zone_text import DrawingError, zone_toml
from tests.camera_pictures import HEIGHT, WIDTH, seen, shop
from tests.camera_servers import mjpeg_server

SHOP = shop()


def a_camera(change: Callable[[Pixels], Pixels], *, every_ms: int = 100, age_ms: int = 5) -> Seen:
    watched = Seen()
    for number in range(12):
        at_ms = 1_000 + number * every_ms
        frame = Frame(pixels=seen(change(SHOP), number), at_mono_ms=at_ms, number=number)
        watched.add(frame, at_ms + age_ms)
    return watched


@pytest.mark.parametrize(
    ("watched", "word"),
    [
        (a_camera(lambda p: cv2.GaussianBlur(p, (0, 0), 6)), "blurred"),
        (a_camera(lambda p: (p * 0.1).astype(np.uint8)), "dark"),
        (a_camera(lambda p: np.full_like(p, 250)), "too bright"),
        (a_camera(lambda p: np.full_like(p, 120)), "next to nothing"),
        (a_camera(lambda p: p, every_ms=500), "pictures a second"),
        (a_camera(lambda p: p, age_ms=1_800), "1.8 s late"),
        (a_camera(lambda p: p[::2, ::2]), "320 pixels wide"),
        (Seen(), "gave no picture"),
        (Seen(failure="the camera is lost: was it unplugged?"), "The camera is lost: was it"),
    ],
)
def test_what_is_wrong_is_said_in_words(watched: Seen, word: str):
    (said,) = faults(watched)
    assert word in said


def test_nothing_is_said_of_a_good_camera():
    good = a_camera(lambda picture: picture)
    assert list(faults(good)) == []
    assert good.frames_per_s == 10


def test_a_real_camera_is_tested_and_no_password_shown():
    server = mjpeg_server(frames_per_s=20, width=640)
    server.start()
    try:
        address = f"http://eye:s3cret@127.0.0.1:{server.port}/live"
        done = CliRunner().invoke(app, ["camera", "test", address, "--for", "1", "--json"])
    finally:
        server.kill()
    result = json.loads(done.stdout)
    assert result["frames"] > 0  # how many come in a second is the machine's, too
    assert (result["width"], result["height"]) == (640, 480)
    assert done.exit_code == 1  # its pictures are plain
    assert "s3cret" not in done.output


def test_what_is_no_source_ends_with_the_reason():
    done = CliRunner().invoke(app, ["camera", "test", "/nowhere/eye:s3cret@clip.mp4", "--json"])
    assert done.exit_code == 2
    assert "there is no file or folder" in json.loads(done.stdout)["error"]
    assert "s3cret" not in done.output


def test_no_zones_are_drawn_over_what_has_no_picture(tmp_path: Path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    for source in (tmp_path / "none", tmp_path, broken):
        done = CliRunner().invoke(app, ["camera", "zones", str(source)])
        assert done.exit_code == 2, source
        assert len(done.stderr.splitlines()) == 1


def test_cameras_are_listed_as_json():
    assert isinstance(
        json.loads(CliRunner().invoke(app, ["camera", "list", "--json"]).stdout), list
    )


names = st.text(min_size=1, max_size=12).filter(lambda name: name.isprintable() or "\x7f" in name)
points = st.tuples(st.integers(0, 4000), st.integers(0, 4000))
polygons = st.lists(points, min_size=3, max_size=5).filter(
    lambda corners: area(corners) >= 1 and not sides_cross(corners)
)


@given(
    zones=st.dictionaries(names, polygons, min_size=1, max_size=4),
    lines=st.dictionaries(names, st.lists(points, min_size=2, max_size=2, unique=True), max_size=3),
)
def test_what_is_drawn_is_what_the_file_says(tmp_path_factory, zones, lines):
    drawn = {"zones": {name: {"polygon": p} for name, p in zones.items()}, "lines": lines}
    text = zone_toml(json.dumps(drawn).encode())
    assert tomllib.loads(text).get("lines", {}) == {
        name: [list(point) for point in ends] for name, ends in lines.items()
    }
    path = tmp_path_factory.mktemp("zones") / "zones.toml"
    path.write_text(text, encoding="utf-8")
    read = read_zone_file(path)
    assert {name: [list(p) for p in polygon] for name, polygon in read.zones.items()} == {
        name: [list(p) for p in polygon] for name, polygon in zones.items()
    }


@pytest.mark.parametrize(
    "drawn",
    [
        b"",
        b"[]",
        b"{}",
        b'{"zones": {"a": {"polygon": [[1, 2]]}}}',
        b'{"zones": {"a": {"polygon": [[0, 0], [9, 9], [9, 0], [0, 8]]}}}',
        b'{"areas": {}}',
    ],
)
def test_what_is_no_drawing_is_refused(drawn: bytes):
    with pytest.raises(DrawingError):
        zone_toml(drawn)


def test_the_still_is_shown_to_this_browser_alone_and_kept_nowhere():
    page = create_page(Still(b"png", 4, 3), "t0ken").test_client()
    at_home = {"base_url": "http://127.0.0.1:8000"}
    answer = page.get("/t0ken/still.png", **at_home)
    assert (answer.status_code, answer.data) == (200, b"png")
    assert answer.headers["Cache-Control"] == "no-store"
    assert page.get("/other/still.png", **at_home).status_code == 404
    assert page.get("/t0ken/still.png", base_url="http://elsewhere.example").status_code == 404
    assert page.get("/t0ken/", **at_home).status_code == 200


def test_a_still_is_the_whole_picture(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "shop.png"), SHOP)
    still = take_still(make_source(str(tmp_path)))
    assert (still.width, still.height) == (WIDTH, HEIGHT)
    decoded = cv2.imdecode(np.frombuffer(still.png, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decoded, SHOP)
