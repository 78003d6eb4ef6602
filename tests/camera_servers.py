"""Network cameras for the tests: real servers in processes of their own, killed and frozen."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from hardware.cameras.frames import AwayError, Frame, FrameSource

HERE = Path(__file__).parent
DEBIAN_PYTHON = "/usr/bin/python3"
HAS_RTSP = "import gi; gi.require_version('GstRtspServer', '1.0')"


class CameraServer:
    """A server that can be killed, started again at the same port, frozen and continued."""

    def __init__(self, command: Sequence[str], arguments: Sequence[str]) -> None:
        self.port = free_port()
        self._command = [*command, str(self.port), *arguments]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


def rtsp_server(frames_per_s: int = 10, login: Sequence[str] = ()) -> CameraServer:
    """A real RTSP server; the test is skipped where Debian's is not installed."""
    known = (
        Path(DEBIAN_PYTHON).exists()
        and not subprocess.run(
            [DEBIAN_PYTHON, "-c", HAS_RTSP], check=False, capture_output=True
        ).returncode
    )
    if not known:
        pytest.skip("no RTSP server: install Debian's gir1.2-gst-rtsp-server-1.0 and python3-gi")
    command = [DEBIAN_PYTHON, str(HERE / "rtsp_server.py")]
    return CameraServer(command, [str(frames_per_s), *login])


def mjpeg_server(frames_per_s: int = 20, width: int = 64) -> CameraServer:
    """A server of JPEG frames over HTTP."""
    command = [sys.executable, str(HERE / "mjpeg_server.py")]
    return CameraServer(command, [str(frames_per_s), str(width)])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def wait_for_frame(source: FrameSource, within_s: float = 30.0) -> tuple[Frame, float]:
    """The next frame, and after how many seconds it came, whatever is said meanwhile."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < within_s:
        try:
            frame = source.take(0.2)
        except AwayError:
            continue
        if frame is not None:
            return frame, time.monotonic() - began_s
    raise AssertionError(f"no frame within {within_s} s")


def wait_until_away(source: FrameSource, within_s: float = 30.0) -> AwayError:
    """What the source says when its camera goes."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        try:
            source.take(0.2)
        except AwayError as away:
            return away
    raise AssertionError(f"the camera was not missed within {within_s} s")
