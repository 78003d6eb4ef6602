"""No frame leaves the agent: one that is recognised by any piece is looked for everywhere.

It is shown to a real store's program by three cameras, with its screens open and its line up. Then
it is looked for in every file the program could write, every table, its log, its shared memory and
every byte that crossed its sockets. That the search would find it is shown by planting pieces.
"""

import ast
import base64
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
import requests
from werkzeug.security import generate_password_hash

from edge_agent.database.sqlite import sqlite3
from storebridge.ports import wait_until_open
from tests.camera_servers import free_port
from tests.canary import HEIGHT, WIDTH, Canary, pieces_in_files
from tests.conftest import BrokerForTests
from tests.recording_proxy import RecordingProxy
from tests.test_architecture import name_of, product_files

PIN = "2468"
STREAMED_S = 4.0


@dataclass(frozen=True, slots=True)
class Played:
    """What a store left behind after the canary was shown to it."""

    canary: Canary
    folder: Path
    broker: RecordingProxy
    web: RecordingProxy
    camera: RecordingProxy
    shared: dict[str, bytes]
    written: frozenset[Path]
    elsewhere: frozenset[str]


def cameras(canary: Canary) -> ThreadingHTTPServer:
    """A network camera that gives the canary, ten frames a second."""

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
            self.end_headers()
            length = len(canary.jpeg)
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n"
            try:
                while True:
                    self.wfile.write(head.encode() + canary.jpeg + b"\r\n")
                    time.sleep(0.1)
            except OSError:
                return

        def log_message(self, *words: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def configuration(folder: Path, camera_port: int, broker_port: int, web_port: int) -> Path:
    corners = [[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]]
    stream = f'"http://127.0.0.1:{camera_port}/live"'
    path = folder / "store.toml"
    path.write_text(
        f'tenant = "acme"\nstore = "s0001"\nidentifier_key = "{secrets.token_hex(16)}"\n'
        f'[broker]\nport = {broker_port}\nusername = "acme-s0001"\n'
        f'password = "{BrokerForTests.PASSWORD}"\n'
        f'[web]\nport = {web_port}\nstaff_pin_hash = "{generate_password_hash(PIN)}"\n'
        "[codes]\ndebounce_s = 0.0\nheld_s = 0.0\n"
        '[[zones]]\nname = "shoes"\n'
        '[[kiosks]]\nname = "kiosk-1"\nzone = "shoes"\n'
        '[[devices]]\nname = "reader"\ndriver = "barcode-camera"\nzone = "shoes"\n'
        f'kiosk = "kiosk-1"\noptions = {{ source = {stream} }}\n'
        '[[devices]]\nname = "shelf"\ndriver = "barcode-camera"\nzone = "shoes"\n'
        f'options = {{ source = "{folder / "shown"}", loop = true, image_every_ms = 200 }}\n'
        '[[devices]]\nname = "floor"\ndriver = "people-camera"\nzone = "shoes"\n'
        f"options = {{ source = {stream}, zones = {{ shoes = {corners} }} }}\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    root = tmp_path_factory.mktemp("canary")
    canary = Canary("6901234567892", seed=secrets.randbits(64))
    (root / "shown").mkdir()
    (root / "shown" / "canary.png").write_bytes(canary.png)
    (root / "tmp").mkdir()
    broker, camera = BrokerForTests(root / "broker"), cameras(canary)
    broker.start()
    to_broker = RecordingProxy(broker.port)
    web_port = free_port()
    to_camera = RecordingProxy(camera.server_port)
    config = configuration(root, to_camera.port, to_broker.port, web_port)
    to_web = RecordingProxy(web_port)
    log = (root / "log").open("wb")
    environ = {**os.environ, "TMPDIR": str(root / "tmp"), "HOME": str(root / "tmp")}
    agent = subprocess.Popen(
        [sys.executable, "-m", "storebridge.store_program", str(config)],
        stdout=log,
        stderr=log,
        env=environ,
        cwd=root / "tmp",
    )
    try:
        alive: Callable[[], bool] = lambda: agent.poll() is None  # noqa: E731
        assert wait_until_open("127.0.0.1", web_port, timeout_s=60, alive=alive)
        look_at_screens(f"http://127.0.0.1:{to_web.port}")
        wait_until_read(root / "store" / "store.sqlite3")
        processes = [psutil.Process(agent.pid), *psutil.Process(agent.pid).children(recursive=True)]
        shared = shared_memory(processes)
        written = frozenset(path for each in processes for path in written_by(each))
        known = {to_broker.port, to_web.port, web_port, to_camera.port}
        elsewhere = other_sockets(processes, known)
        agent.terminate()
        assert agent.wait(20) == 0
    finally:
        agent.kill()
        agent.wait()
        log.close()
        broker.stop()
        camera.shutdown()
        for proxy in (to_broker, to_web, to_camera):
            proxy.close()
    (root / "shown" / "canary.png").unlink()  # the camera's own
    return Played(canary, root, to_broker, to_web, to_camera, shared, written, elsewhere)


def look_at_screens(at: str) -> None:
    """Open the kiosk and the staff page, and follow what they push for a while."""
    with requests.Session() as browser:
        assert browser.get(f"{at}/kiosk/kiosk-1", timeout=60).status_code == 200
        entry = browser.get(f"{at}/staff/enter", timeout=60).text
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', entry))
        browser.post(f"{at}/staff/enter", {**hidden, "pin": PIN}, timeout=60).raise_for_status()
        assert browser.get(f"{at}/staff", timeout=60).url == f"{at}/staff"
        browser.get(f"{at}/healthz", timeout=60)
        browser.get(f"{at}/metrics", timeout=60)
        until_s = time.monotonic() + STREAMED_S
        with browser.get(f"{at}/kiosk/kiosk-1/events", stream=True, timeout=60) as pushed:
            for _ in pushed.iter_content(None):
                if time.monotonic() > until_s:
                    break


def wait_until_read(database: Path) -> None:
    """Wait until both readers have read the canary's code and the events are at the broker."""
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            counted = connection.execute("SELECT device FROM device_hours").fetchall()
            states = dict(connection.execute("SELECT device, state FROM device_states").fetchall())
        if {device for (device,) in counted} == {"reader", "shelf"} and "floor" in states:
            time.sleep(2)
            return
        time.sleep(0.2)
    raise AssertionError(f"the canary was not read: {counted}, {states}")


def written_by(process: psutil.Process) -> list[Path]:
    """Return the files that a process has open for writing."""
    return [Path(each.path) for each in process.open_files() if each.mode not in {"r", "rb"}]


def other_sockets(processes: list[psutil.Process], known: set[int]) -> frozenset[str]:
    """Return the network sockets of processes that no proxy records, but those between them."""
    sockets = [each for one in processes for each in one.net_connections(kind="inet")]
    inner = {(each.raddr, each.laddr) for each in sockets if each.raddr}
    return frozenset(
        str(each)
        for each in sockets
        if (each.laddr, each.raddr) not in inner
        and each.laddr.port not in known
        and (not each.raddr or each.raddr.port not in known)
    )


def shared_memory(processes: list[psutil.Process]) -> dict[str, bytes]:
    """Return what lies in named shared memory that a process of ours has mapped or left there."""
    return {
        str(path): path.read_bytes()
        for path in Path("/dev/shm").iterdir()
        if path.is_file() and any(str(path) in maps_of(each) for each in processes)
    }


def maps_of(process: psutil.Process) -> str:
    return Path(f"/proc/{process.pid}/maps").read_text()


def test_no_piece_of_a_frame_stands_in_any_file(played: Played):
    assert (played.folder / "store" / "store.sqlite3").stat().st_size > 0
    assert pieces_in_files(played.canary, played.folder) == {}
    # And nothing is written anywhere else.
    outside = [path for path in played.written if played.folder not in path.parents]
    assert [path for path in outside if not str(path).startswith(("/dev/null", "/memfd:"))] == []


def test_no_piece_of_a_frame_stands_in_any_table(played: Played):
    database = played.folder / "store" / "store.sqlite3"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        listed = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = [name for (name,) in listed]
        cells = [
            cell if isinstance(cell, bytes) else str(cell).encode()
            for table in tables
            for row in connection.execute(f'SELECT * FROM "{table}"')
            for cell in row
        ]
    assert {"outbox", "device_hours", "answers"} <= set(tables)
    assert len(cells) > 50
    assert played.canary.pieces_in(b"\0".join(cells)) == 0


def test_no_piece_of_a_frame_crossed_a_socket_or_lies_in_shared_memory(played: Played):
    assert b"sb/acme/up/" in played.broker.recorded
    assert b"text/event-stream" in played.web.recorded
    assert b"/staff" in played.web.recorded
    for what in (played.broker.recorded, played.web.recorded, *played.shared.values()):
        assert played.canary.pieces_in(what) == 0


def test_a_camera_is_told_nothing_of_what_it_shows(played: Played):
    """What comes from it is the canary; what goes to it is the question for its pictures."""
    assert played.camera.sent.count(b"GET /live") >= 2
    assert played.canary.pieces_in(played.camera.sent) == 0
    assert played.canary.jpeg in played.camera.recorded


def test_no_process_of_a_store_has_a_socket_that_is_not_looked_into(played: Played):
    assert played.elsewhere == frozenset()


def row(canary: Canary) -> bytes:
    return canary.pixels[10, 20:60].tobytes()


@pytest.mark.parametrize(
    "piece",
    [
        row,
        lambda canary: canary.png[5_000:5_064],
        lambda canary: canary.jpeg[5_001:5_065],
        lambda canary: base64.b64encode(row(canary)),
        lambda canary: b"data:image/jpeg;base64," + base64.b64encode(canary.jpeg)[4_003:4_100],
        lambda canary: row(canary).hex().encode(),
    ],
    ids=["pixels", "PNG", "JPEG", "base64", "data address", "hex"],
)
def test_a_planted_piece_is_found_wherever_it_stands(played: Played, tmp_path: Path, piece):
    planted = piece(played.canary)
    (tmp_path / "log").write_bytes(b"12:00 INFO frame " + planted + b"\n")
    with sqlite3.connect(tmp_path / "store.sqlite3") as connection:
        connection.execute("CREATE TABLE crops (picture BLOB)")
        connection.execute("INSERT INTO crops VALUES (?)", (b"person " + planted,))
    assert set(pieces_in_files(played.canary, tmp_path)) == {
        str(tmp_path / "log"),
        str(tmp_path / "store.sqlite3"),
    }


def test_a_planted_piece_is_found_in_what_crossed_a_socket(played: Played):
    received = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=received.serve_forever, daemon=True).start()
    proxy = RecordingProxy(received.server_port)
    with pytest.raises(requests.RequestException):
        requests.post(
            f"http://127.0.0.1:{proxy.port}/", row(played.canary), timeout=10
        ).raise_for_status()
    received.shutdown()
    received.server_close()
    proxy.close()
    assert played.canary.pieces_in(proxy.recorded) > 0


FACES = ("CascadeClassifier", "FaceDetectorYN", "FaceRecognizerSF", "haarcascade", "lbpcascade")


def test_no_face_detector_is_imported_named_or_shipped():
    for path in product_files():
        names = {
            node.attr if isinstance(node, ast.Attribute) else node.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute | ast.Name)
        }
        assert not names & set(FACES), name_of(path)
    root = Path(__file__).parent.parent
    listed = subprocess.run(
        ["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True
    ).stdout.split()
    named = [path for path in listed if "cascade" in Path(path).suffix or "face" in Path(path).stem]
    assert named == []
    assert [path for path in listed if path.endswith((".onnx", ".caffemodel", ".tflite"))] == []
