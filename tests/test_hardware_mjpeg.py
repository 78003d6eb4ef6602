"""JPEG images over HTTP are cut however they come, in bounds, and refused in words."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.cameras.address import parse_address
from hardware.cameras.capture import CaptureError
from hardware.cameras.frames import FrameError
from hardware.cameras.images import IMAGE_BYTES_MAX
from hardware.cameras.mjpeg import HEAD_BYTES_MAX, MjpegCapture, Parts

JPEG = cv2.imencode(".jpg", np.full((48, 64, 3), 128, np.uint8))[1].tobytes()


def part(body: bytes, *, stated: bool) -> bytes:
    length = b"content-length: %d\r\n" % len(body) if stated else b""
    return b"--next\r\nContent-Type: image/jpeg\r\n" + length + b"\r\n" + body + b"\r\n"


@given(
    bodies=st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=6),
    stated=st.booleans(),
    cuts=st.lists(st.integers(1, 90), min_size=1),
    dashes=st.sampled_from([b"", b"--"]),
)
def test_parts_come_out_whole_however_they_are_cut(bodies, stated, cuts, dashes):
    bodies = [body.replace(b"--next", b"") or b"x" for body in bodies]
    sent = b"".join(part(body, stated=stated) for body in bodies) + b"--next"
    parts, got, at = Parts(dashes + b"next"), [], 0
    for turn in range(len(sent)):
        if at >= len(sent):
            break
        step = cuts[turn % len(cuts)]
        got += parts.feed(sent[at : at + step])
        at += step
    assert got == bodies


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"x" * (HEAD_BYTES_MAX + 1), "no-video"),
        (b"--next\r\n" + b"X: y\r\n" * 2_000, "no-video"),
        (part(b"", stated=False)[:-2] + b"z" * (IMAGE_BYTES_MAX + 200_000), "too-large"),
        (b"--next\r\nContent-Length: 999999999\r\n\r\n", "too-large"),
    ],
)
def test_what_has_no_end_is_refused_before_memory_has(sent: bytes, code: str):
    parts = Parts(b"next")
    pieces = (parts.feed(sent[at : at + 65_536]) for at in range(0, len(sent), 65_536))
    with pytest.raises(CaptureError) as refused:
        list(chain.from_iterable(pieces))
    assert refused.value.code == code


Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def a_camera(answer: Answer) -> Iterator[str]:
    class Camera(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *words: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}/live"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def stream(camera: BaseHTTPRequestHandler, *bodies: bytes) -> None:
    camera.send_response(200)
    camera.send_header("Content-Type", 'multipart/x-mixed-replace; boundary="next"')
    camera.end_headers()
    for body in bodies:
        camera.wfile.write(part(body, stated=True))


def status(code: int, *headers: tuple[str, str]) -> Answer:
    def answer(camera: BaseHTTPRequestHandler) -> None:
        camera.send_response(code)
        for name, value in headers:
            camera.send_header(name, value)
        camera.end_headers()

    return answer


def capture(url: str) -> MjpegCapture:
    return MjpegCapture(parse_address(url))


def test_images_are_read_until_the_camera_hangs_up():
    with a_camera(lambda camera: stream(camera, JPEG, JPEG)) as at:
        reading = capture(f"http://{at}")
        reading.open()
        for _ in range(2):
            reading.grab()
            assert reading.pixels().shape == (48, 64, 3)
        with pytest.raises(CaptureError, match="lost"):
            reading.grab()
        reading.close()


def test_a_broken_image_is_no_frame_and_a_vast_one_no_camera():
    vast = bytearray(JPEG)
    at = vast.index(b"\xff\xc0") + 5
    vast[at : at + 4] = b"\xff\xff\xff\xff"
    with a_camera(lambda camera: stream(camera, b"no image", bytes(vast))) as url:
        reading = capture(f"http://{url}")
        reading.open()
        reading.grab()
        with pytest.raises(FrameError):
            reading.pixels()
        reading.grab()
        with pytest.raises(CaptureError, match="too-large"):
            reading.pixels()
        reading.close()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (status(401, ("WWW-Authenticate", 'Basic realm="eye"')), "unauthorized"),
        (status(403), "unauthorized"),
        (status(404), "no-stream"),
        (status(503), "no-video"),
        (status(200, ("Content-Type", "text/html")), "no-video"),
        (status(200, ("Content-Type", "multipart/x-mixed-replace")), "no-video"),
        (status(302, ("Location", "file:///etc/passwd")), "no-video"),
    ],
)
def test_why_there_is_no_stream_is_told(answer: Answer, code: str):
    with a_camera(answer) as at, pytest.raises(CaptureError) as refused:
        capture(f"http://eye:s3cret@{at}").open()
    assert refused.value.code == code
    assert "s3cret" not in repr(refused.value)


@pytest.mark.parametrize(
    "challenge", ['Basic realm="eye"', 'Digest realm="eye", nonce="n0nce", qop="auth"']
)
def test_a_camera_that_asks_for_a_password_gets_it_and_no_other_does(challenge: str):
    heard: list[str] = []

    def answer(camera: BaseHTTPRequestHandler) -> None:
        heard.append(camera.headers.get("Authorization", ""))
        if not heard[-1]:
            status(401, ("WWW-Authenticate", challenge))(camera)
        else:
            stream(camera, JPEG)

    with a_camera(answer) as at:
        reading = capture(f"http://eye:s3cret@{at}")
        reading.open()
        reading.grab()
        reading.close()
    assert heard[0] == ""
    assert heard[1].startswith(challenge.split(maxsplit=1)[0])
    assert ("s3cret" in heard[1]) is False
