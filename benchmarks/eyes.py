"""What it costs to watch a camera: to judge its picture, and to read its images over HTTP."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

from benchmarks.result import Goal, Result, in_turns
from hardware.cameras.address import parse_address
from hardware.cameras.frames import FrameSlot, Pixels
from hardware.cameras.images import to_grey
from hardware.cameras.mjpeg import MjpegCapture
from hardware.cameras.sight import Sight
from hardware.cameras.watch import Watch
from storebridge.simulated.cards import draw_empty

SIZE = (768, 576)
FRAMES_PER_S = 10


def eyes(*, turns: int = 5, frames: int = 200) -> Iterator[Result]:
    """Watch frames of one camera, and read images over HTTP, beside the usual ways."""
    shown = [np.asarray(draw_empty(SIZE, 1, moment), np.uint8) for moment in range(FRAMES_PER_S)]
    ours, peer = in_turns(
        lambda: _watched_ms(shown, frames), lambda: _grey_ms(shown, frames), runs=turns
    )
    yield Result(
        name="eyes: processor time of a frame to judge its camera",
        value=ours,
        unit="ms/frame",
        goal=Goal(of="value", better="at most", number=0.3),
        peer="making the frame grey",
        peer_value=peer,
        runs=turns,
    )
    with _a_camera(shown) as url:
        ours, peer = in_turns(
            lambda: _read_ms(url, frames), lambda: _library_ms(url, frames), runs=turns
        )
    yield Result(
        name="eyes: processor time of an image over HTTP, as a reader of codes takes it",
        value=ours,
        unit="ms/frame",
        goal=Goal(of="ratio", better="at most", number=1.0),
        peer="OpenCV's FFmpeg, and making it grey",
        peer_value=peer,
        runs=turns,
    )


def _watched_ms(shown: Sequence[Pixels], count: int) -> float:
    """Take frames through a watch that judges their picture, at a camera's pace by their times."""
    slot = FrameSlot()
    watch = Watch(slot, sight=Sight())
    watch.open()

    def step(number: int) -> None:
        slot.put(shown[number % len(shown)], number * 1000 // FRAMES_PER_S)
        watch.look(0)

    return _cpu_ms(step, count)


def _grey_ms(shown: Sequence[Pixels], count: int) -> float:
    return _cpu_ms(lambda number: to_grey(shown[number % len(shown)]), count)


def _read_ms(url: str, count: int) -> float:
    capture = MjpegCapture(parse_address(url), grey=True)
    capture.open()

    def step(number: int) -> None:
        del number
        capture.grab()
        capture.pixels()

    try:
        return _cpu_ms(step, count)
    finally:
        capture.close()


def _library_ms(url: str, count: int) -> float:
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)

    def step(number: int) -> None:
        del number
        to_grey(np.asarray(capture.read()[1], np.uint8))

    try:
        return _cpu_ms(step, count)
    finally:
        capture.release()


def _cpu_ms(step: Callable[[int], object], count: int) -> float:
    step(0)
    began_s = time.process_time()
    for number in range(1, count + 1):
        step(number)
    return (time.process_time() - began_s) * 1000 / count


@contextmanager
def _a_camera(shown: Sequence[Pixels]) -> Iterator[str]:
    """Serve the frames as a network camera, as fast as they are taken."""
    jpegs = [cv2.imencode(".jpg", pixels)[1].tobytes() for pixels in shown]

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
            self.end_headers()
            number = 0
            try:
                while True:
                    jpeg = jpegs[number % len(jpegs)]
                    head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}"
                    self.wfile.write(f"{head}\r\n\r\n".encode() + jpeg + b"\r\n")
                    number += 1
            except OSError:
                return

        def log_message(self, *words: object) -> None:
            del words

    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/live"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
