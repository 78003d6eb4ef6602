import re
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import requests
from flask.testing import FlaskClient

from edge_agent.web import WebServer
from hardware.cameras.camera import CaptureSource
from looks.words import Words
from storebridge.simulated.cards import Held
from storebridge.stage.app import create_stage
from storebridge.stage.cameras import STREAMS_MAX, Cameras, multipart
from storebridge.stage.pages import LOCALES, ODD_CODE, LineClock, figures_of
from storebridge.stage.theatre import CAMERAS
from storebridge.town import STAFF_PIN
from tests.theatre import JPEG, TheatreForTests, a_town

STAGE = Path(__file__).parent.parent / "storebridge" / "stage"
TEA = "6901234000016"


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[TheatreForTests]:
    theatre = TheatreForTests(town=a_town(tmp_path))
    yield theatre
    theatre.closed.set()


@pytest.fixture
def page(theatre: TheatreForTests) -> FlaskClient:
    return create_stage(theatre).test_client()


def test_the_page_shows_all_screens_of_the_chosen_store(page: FlaskClient, theatre):
    first, second = theatre.town.stores
    text = page.get("/").text
    for address in (
        theatre.town.kiosk_url(first),
        theatre.town.staff_url(first),
        theatre.town.console_url,
        "/shop/",
    ):
        assert f'src="{address}?language=zh"' in text
    assert f'src="/camera/{first.name}/kiosk.mjpg"' in text
    assert theatre.town.kiosk_url(second) not in text
    assert theatre.town.kiosk_url(second) in page.get(f"/?store={second.name}").text
    assert page.get("/?store=nowhere").status_code == 404


def test_the_page_gives_the_hints_that_a_visitor_needs(page: FlaskClient, theatre):
    text = page.get("/").text
    assert STAFF_PIN in text
    assert theatre.town.console_password in text


def test_frames_of_the_town_alone_may_be_shown_and_no_script_stands_in_the_page(
    page: FlaskClient, theatre
):
    answer = page.get("/")
    policy = answer.headers["Content-Security-Policy"]
    frames = next(part for part in policy.split("; ") if part.startswith("frame-src")).split()[1:]
    town = theatre.town
    ports = [town.cloud_port, *(store.port for store in town.stores)]
    assert frames == ["'self'", *(f"http://{town.host}:{port}" for port in ports)]
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|style=", answer.text)


def test_what_is_chosen_is_held_to_the_camera(page: FlaskClient, theatre):
    member, store = theatre.town.members[0], theatre.town.stores[1].name
    phone = theatre.phone(member)
    chosen = {
        member: phone,
        TEA: Held(TEA, "goods"),
        "photo": Held(phone.text, "card"),
        "odd": Held(ODD_CODE, "card"),
    }
    for thing in chosen:
        assert page.post("/show", data={"store": store, "thing": thing}).status_code == 303
    assert theatre.shown == [(store, held) for held in chosen.values()]


def test_a_photo_can_be_shown_once_there_was_a_phone(page: FlaskClient, theatre):
    form = {"store": theatre.town.stores[0].name, "thing": "photo"}
    assert re.search(r'value="photo"[^>]* disabled', page.get("/").text)
    assert page.post("/show", data=form).status_code == 400
    page.post("/show", data={**form, "thing": theatre.town.members[0]})
    assert not re.search(r'value="photo"[^>]* disabled', page.get("/").text)


def test_the_page_says_which_store_has_a_real_camera_and_that_nobody_sees_its_picture(
    tmp_path: Path,
):
    town = a_town(tmp_path, camera="rtsp://me:t0psecret@10.0.0.7/door")
    page = create_stage(TheatreForTests(town=town)).test_client()
    text = page.get("/?language=en").text
    assert "shown nowhere" in text
    assert "10.0.0.7/door" in text
    assert "t0psecret" not in text
    assert "shown nowhere" not in page.get(f"/?store={town.stores[1].name}&language=en").text


def test_nothing_else_can_be_shown(page: FlaskClient, theatre):
    store = theatre.town.stores[0].name
    for form in ({"store": store, "thing": "sb:p:x"}, {"store": store}, {"thing": TEA}):
        assert page.post("/show", data=form).status_code in (400, 404)
    assert theatre.shown == []


def test_the_switch_cuts_and_mends_the_line_and_says_what_happens(page: FlaskClient, theatre):
    store = theatre.town.stores[0].name
    json = {"Accept": "application/json"}
    theatre.counted = {"waiting": 14}
    live = page.post("/line?language=en", data={"store": store, "line": "cut"}, headers=json).json
    assert theatre.line_is_cut
    assert (live["cut"], live["line"]) == (True, "cut")
    assert live["line_title"] == "Cut for 0 s"
    assert "Waiting in the stores: 14" in live["line_text"]
    live = page.post("/line?language=en", data={"store": store, "line": "mend"}, headers=json).json
    assert not theatre.line_is_cut
    assert (live["line"], "On their way: 14" in live["line_text"]) == ("draining", True)
    theatre.counted = {"waiting": 0}
    assert page.get("/live").json["line"] == "whole"
    assert page.post("/line", data={"store": store, "line": "?"}).status_code == 400


def test_forms_of_other_sites_are_refused(page: FlaskClient, theatre):
    form = {"store": theatre.town.stores[0].name, "line": "cut", "thing": TEA}
    for path in ("/line", "/show"):
        answer = page.post(path, data=form, headers={"Origin": "http://evil.example"})
        assert answer.status_code == 403
    assert (theatre.line_is_cut, theatre.shown) == (False, [])


def test_figures_are_written_for_people_and_what_is_not_known_is_a_dash():
    words = Words("en", LOCALES)
    found = {"recorded": 12345, "waiting": None, "scan_to_screen_ms": {"p50": 83.4, "p99": 200}}
    written = {each.name: (each.value, each.unit) for each in figures_of(found, words)}
    assert written["recorded"] == ("12,345", "")
    assert written["scan_to_screen_ms"] == ("83", "ms")
    assert written["waiting"] == written["accepted"] == ("–", "")
    plain = figures_of({"scan_to_screen_ms": 91}, words)
    assert [each.value for each in plain if each.unit] == ["91"]


def test_the_line_is_timed_from_when_it_changed():
    clock = LineClock()
    assert clock.since_s(True, 100.0) == 0
    assert clock.since_s(True, 107.0) == 7
    assert clock.since_s(False, 108.0) == 0


def test_a_frame_is_a_part_that_ends_with_the_next_boundary():
    stream = b"".join(multipart(iter([b"one", b"two!"])))
    first, one, two, rest = stream.split(b"--sb-frame\r\n")
    assert (first, rest) == (b"", b"")
    assert one == b"Content-Type: image/jpeg\r\nContent-Length: 3\r\n\r\none\r\n"
    assert two.endswith(b"Content-Length: 4\r\n\r\ntwo!\r\n")


def test_streams_are_bounded_and_given_back(page: FlaskClient, theatre):
    path = f"/camera/{theatre.town.stores[0].name}/kiosk.mjpg"
    opened = [page.get(path, buffered=False) for _ in range(STREAMS_MAX)]
    refused = page.get(path)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    for each in opened:
        each.close()
    with closing(page.get(path)) as again:
        assert again.status_code == 200


def test_a_stream_that_never_began_is_given_back():
    cameras = Cameras(streams_max=1)
    cameras.stream(iter([])).close()
    assert cameras.stream(iter([])).status_code == 200


def test_cameras_that_are_none_are_not_found(page: FlaskClient, theatre):
    store = theatre.town.stores[0].name
    assert page.get(f"/camera/{store}/ceiling.mjpg").status_code == 404
    assert page.get("/camera/nowhere/kiosk.mjpg").status_code == 404
    assert len(CAMERAS) == 3


def test_the_real_camera_reads_the_stream_and_a_page_gets_whole_frames(theatre):
    web = WebServer(create_stage(theatre), "127.0.0.1", 0, 8)
    web.start()
    url = f"http://127.0.0.1:{web.port}/camera/{theatre.town.stores[0].name}/kiosk.mjpg"
    source = CaptureSource(url)
    source.open()
    try:
        frame = source.take(20.0)
        assert frame is not None
        drawn = cv2.imdecode(np.frombuffer(JPEG, np.uint8), cv2.IMREAD_COLOR)
        assert frame.pixels.shape == drawn.shape
        with requests.get(url, stream=True, timeout=20) as stream:
            assert stream.headers["Content-Type"].startswith("multipart/x-mixed-replace")
            seen = b"".join(islice(stream.iter_content(64), 60))
        assert JPEG in seen
    finally:
        source.close()
        theatre.closed.set()
        web.close()


def test_the_page_speaks_both_languages_and_remembers_which(page: FlaskClient):
    assert 'lang="en"' in page.get("/?language=en").text
    assert 'lang="en"' in page.get("/").text
    assert 'lang="en"' in page.get("/shop/sign-in").text
    assert 'lang="zh-CN"' in page.get("/?language=zh").text


def test_every_text_is_there_in_both_languages():
    assert LOCALES["zh"].keys() == LOCALES["en"].keys()
    pages = "".join(each.read_text() for each in sorted(STAGE.rglob("*.html")))
    for key in re.findall(r'words\("([^"]+)"\)', pages):
        assert key in LOCALES["en"], key
