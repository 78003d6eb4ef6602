"""A camera that goes away comes back by itself, is missed once, and costs nothing meanwhile."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from hardware.cameras.camera import make_source
from hardware.cameras.capture import REASONS
from hardware.cameras.capture_child import CaptureChild
from hardware.cameras.frames import AwayError, FrameSource
from hardware.cameras.live import Absence, LiveChild, LiveThread
from hardware.cameras.patience import MISSED_S_MIN
from hardware.clock import mono_ms
from hardware.driver import DeviceError
from tests.blocking_camera import FRAME_BYTES
from tests.camera_servers import (
    CameraServer,
    free_port,
    mjpeg_server,
    rtsp_server,
    wait_for_frame,
    wait_until_away,
)

# A second is promised; measured on a quiet machine: 0.05 to 0.6 s. One that runs other tests, too,
# took 1.8 s once: it is given twice the second, and more where opening took long just before.
BACK_S_MAX = 2.0


def back_s_max(opened_s: float) -> float:
    return max(BACK_S_MAX, 1.5 * opened_s)


@contextmanager
def opened(source: FrameSource) -> Iterator[FrameSource]:
    source.open()
    try:
        yield source
    finally:
        source.close()


@contextmanager
def running(server: CameraServer) -> Iterator[CameraServer]:
    server.start()
    try:
        yield server
    finally:
        server.kill()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("kind", ["rtsp", "http"])
def test_a_killed_camera_is_missed_once_and_back_within_a_second(kind: str):
    server = rtsp_server() if kind == "rtsp" else mjpeg_server()
    with running(server), opened(make_source(f"{kind}://127.0.0.1:{server.port}/live")) as source:
        opened_s = wait_for_frame(source)[1]
        server.kill()
        assert wait_until_away(source).answers is False
        own_s, began_s = time.process_time(), time.monotonic()
        child = source.pid if isinstance(source, LiveChild) else None
        child_s = cpu_s(child) if child else 0.0
        while time.monotonic() - began_s < 1.5:
            assert source.take(0.1) is None  # nothing is said twice
        spent_s = time.process_time() - own_s + (cpu_s(child) - child_s if child else 0.0)
        assert spent_s < 0.05 * 1.5  # one that is away is no work
        server.start()
        assert wait_for_frame(source)[1] < back_s_max(opened_s)


@pytest.mark.parametrize("kind", ["rtsp", "http"])
def test_a_frozen_camera_is_missed_and_back_at_once_with_what_it_sees_now(kind: str):
    """Its connection stays open, as one does whose camera lost its power."""
    server = rtsp_server() if kind == "rtsp" else mjpeg_server()
    with running(server), opened(make_source(f"{kind}://127.0.0.1:{server.port}/live")) as source:
        opened_s = wait_for_frame(source)[1]
        server.freeze()
        began_s = time.monotonic()
        wait_until_away(source)
        assert time.monotonic() - began_s < MISSED_S_MIN + back_s_max(opened_s)
        server.thaw()
        frame, waited_s = wait_for_frame(source)
        assert waited_s < back_s_max(opened_s)
        assert mono_ms() - frame.at_mono_ms < 1_000


def test_a_stream_that_paused_gives_what_it_sees_now_before_what_it_saw_then():
    server = rtsp_server()
    with running(server), opened(make_source(f"rtsp://127.0.0.1:{server.port}/live")) as source:
        for _ in range(5):
            wait_for_frame(source)
        server.freeze()
        time.sleep(MISSED_S_MIN * 0.6)
        server.thaw()
        assert all(mono_ms() - wait_for_frame(source)[0].at_mono_ms < 1_000 for _ in range(3))


def test_a_read_that_never_returns_is_ended_and_the_camera_read_anew():
    server = rtsp_server()
    with running(server), opened(make_source(f"rtsp://127.0.0.1:{server.port}/live")) as source:
        assert isinstance(source, LiveChild)
        opened_s = wait_for_frame(source)[1]
        wait_for_frame(source)
        hanging = source.pid
        assert hanging is not None
        os.kill(hanging, signal.SIGSTOP)
        assert wait_until_away(source).answers is False
        assert wait_for_frame(source)[1] < back_s_max(opened_s)
        assert source.pid != hanging
        assert not Path(f"/proc/{hanging}").exists()


@contextmanager
def device_file(path: Path) -> Iterator[threading.Event]:
    """A camera's device file: it gives frames while the event is set, else it blocks its reader."""
    os.mkfifo(path)
    file = os.open(path, os.O_RDWR)
    gives, ended = threading.Event(), threading.Event()

    def give() -> None:
        while not ended.wait(0.05):
            if gives.is_set():
                os.write(file, bytes(FRAME_BYTES))

    camera = threading.Thread(target=give)
    camera.start()
    yield gives
    ended.set()
    camera.join()
    os.close(file)


def test_a_device_whose_read_blocks_is_missed_once_and_back_as_soon_as_it_gives_frames(
    tmp_path: Path,
):
    """As a plugged camera's does whose driver waits for it in the kernel."""
    device = tmp_path / "video"
    child = partial(CaptureChild, str(device), grey=True, program="tests.blocking_camera")
    with device_file(device) as gives, opened(LiveChild(child, "the camera")) as source:
        gives.set()
        opened_s = wait_for_frame(source)[1]
        for _ in range(10):
            wait_for_frame(source)
        gives.clear()
        assert wait_until_away(source).answers is False
        began_s, own_s = time.monotonic(), time.process_time()
        while time.monotonic() - began_s < 1.5:
            assert source.take(0.1) is None  # nothing is said twice
        assert time.process_time() - own_s < 0.05 * 1.5
        gives.set()
        assert wait_for_frame(source)[1] < back_s_max(opened_s)


def test_a_read_that_returns_before_it_is_ended_goes_on_by_itself():
    server = rtsp_server()
    with running(server), opened(make_source(f"rtsp://127.0.0.1:{server.port}/live")) as source:
        assert isinstance(source, LiveChild)
        wait_for_frame(source)
        hanging = source.pid
        assert hanging is not None
        os.kill(hanging, signal.SIGSTOP)
        began_s = time.monotonic()
        assert source.take(1.0) is None  # less than MISSED_S_MIN
        assert time.monotonic() - began_s < 1.25
        os.kill(hanging, signal.SIGCONT)
        assert wait_for_frame(source)[1] < BACK_S_MAX
        assert source.pid == hanging


def test_a_crash_of_the_video_library_costs_a_moment():
    server = rtsp_server()
    with running(server), opened(make_source(f"rtsp://127.0.0.1:{server.port}/live")) as source:
        assert isinstance(source, LiveChild)
        wait_for_frame(source)
        assert source.pid is not None
        os.kill(source.pid, signal.SIGSEGV)
        assert "crash" in str(wait_until_away(source))
        wait_for_frame(source)


def test_a_program_that_crashes_at_once_is_started_less_and_less_often():
    starts = []

    def start() -> CaptureChild:
        starts.append(time.monotonic())
        return CaptureChild("rtsp://127.0.0.1/live", grey=True, program="no.such.program")

    with opened(LiveChild(start, "the camera")) as source:
        wait_until_away(source)
        until_s = time.monotonic() + 2.0
        while time.monotonic() < until_s:
            assert source.take(0.2) is None
    assert 2 <= len(starts) <= 4


def test_no_child_outlives_the_program_that_started_it():
    server = rtsp_server()
    program = (
        "import sys, time\n"
        "from hardware.cameras.camera import make_source\n"
        "source = make_source(sys.argv[1])\n"
        "source.open()\n"
        "while source.take(1) is None: pass\n"
        "print(source.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with running(server):
        parent = subprocess.Popen(
            [sys.executable, "-c", program, f"rtsp://127.0.0.1:{server.port}/live"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        parent.communicate()
        until_s = time.monotonic() + 5
        while Path(f"/proc/{child}").exists() and time.monotonic() < until_s:
            time.sleep(0.05)
        assert not Path(f"/proc/{child}").exists()


def test_a_wrong_password_a_wrong_path_and_no_answer_are_told_apart():
    server = rtsp_server(login=("eye", "s3cret"))
    with running(server):
        at = f"127.0.0.1:{server.port}"
        with opened(make_source(f"rtsp://eye:s3cret@{at}/live")) as source:
            wait_for_frame(source)
        for address, says in {
            f"rtsp://eye:wr0ng@{at}/live": "password",
            f"rtsp://{at}/live": "password",
            f"rtsp://eye:s3cret@{at}/other": "no stream at this path",
            f"rtsp://eye:s3cret@127.0.0.1:{free_port()}/live": "refuses connections",
        }.items():
            with opened(make_source(address)) as source:
                said = str(wait_until_away(source))
            assert says in said
            assert "s3cret" not in said
            assert "wr0ng" not in said


def test_a_camera_that_is_not_plugged_in_is_named():
    with opened(make_source("/dev/video97")) as source:
        away = wait_until_away(source)
    assert str(away) == "the camera /dev/video97 is not there: was it unplugged?"


def test_grey_frames_have_no_colours():
    server = mjpeg_server()
    url = f"http://127.0.0.1:{server.port}/live"
    with running(server):
        for grey, shape in ((True, (48, 64)), (False, (48, 64, 3))):
            with opened(make_source(url, grey=grey)) as source:
                assert wait_for_frame(source)[0].pixels.shape == shape


def test_no_address_shows_in_the_list_of_processes_or_on_standard_error():
    program = (
        "import sys, time\n"
        "from hardware.cameras.camera import make_source\n"
        "from hardware.cameras.frames import AwayError\n"
        "source = make_source('rtsp://eye:s3cret@127.0.0.1:9/live?token=t0ken')\n"
        "source.open()\n"
        "try:\n"
        "    while True: source.take(1)\n"
        "except AwayError:\n"
        "    print(open(f'/proc/{source.pid}/cmdline').read(), flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parent.parent,
        check=True,
    )
    assert "capture_program" in done.stdout
    assert done.stderr == ""
    for secret in ("s3cret", "t0ken"):
        assert secret not in done.stdout


def test_a_fault_is_said_once_however_it_shows():
    absence = Absence("the camera")
    codes = ["lost", "refused", "unreachable", "", "", "lost", "unauthorized", "unauthorized"]
    said = [absence.note(code) for code in codes]
    assert [str(each) for each in said if each] == [
        REASONS[code].format("the camera") for code in ("lost", "lost", "unauthorized")
    ]


def test_a_thread_whose_camera_hangs_does_not_hold_who_closes_it():
    class Hanging:
        def open(self) -> None:
            time.sleep(2)

        def grab(self) -> int:
            raise AssertionError

        def close(self) -> None:
            return

    source = LiveThread(Hanging, "the camera")  # type: ignore[arg-type, type-abstract]
    source.open()
    began_s = time.monotonic()
    assert source.take(0.2) is None
    source.close()
    assert time.monotonic() - began_s < 2
    with pytest.raises((AwayError, DeviceError, AssertionError)):
        wait_for_frame(source, 0.3)


def test_starting_a_child_waits_for_nothing():
    source = LiveChild(partial(CaptureChild, "/dev/video97", grey=True), "the camera")
    began_s = time.monotonic()
    source.open()
    assert time.monotonic() - began_s < 0.5
    source.close()
