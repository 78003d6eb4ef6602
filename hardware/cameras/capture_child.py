"""The process that takes frames from one camera for us: started, asked, and killed.

Both sides share memory for one frame, which has no name and lies in no file. We ask for a frame,
the child puts the next one there and says so, and we copy it before we ask again: so neither side
ever sees half of one. The camera's address goes through the socket, where no list of processes
shows it.
"""

import json
import mmap
import os
import re
import select
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hardware.cameras.capture import REASONS
from hardware.cameras.frames import PIXELS_MAX, Pixels
from hardware.cameras.rtsp import FFMPEG_OPTIONS

PROGRAM = "hardware.cameras.capture_program"
ROOM_BYTES = PIXELS_MAX * 3
MESSAGE_BYTES_MAX = 256
# What the libraries would say on standard error is said by reasons instead.
ENVIRONMENT = {
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": FFMPEG_OPTIONS,
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "3",  # seconds
    "PYTHONPATH": str(Path(__file__).parent.parent),
}

_FRAME = re.compile(r"frame (\d{1,18}) (\d{1,5}) (\d{1,5})( 3)?")


class ChildEndedError(Exception):
    """The child ended by itself, or said what none says."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame lies in the shared memory: when it was taken (ms), and its shape."""

    at_mono_ms: int
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """The camera gives no frames, by the code of why, or gives some again (empty)."""

    code: str


class CaptureChild:
    """A child that takes frames from `source`, an address or device file, until `kill`.

    It loads its libraries at once, and opens the camera when it is told to `begin`.
    """

    def __init__(self, source: str, *, grey: bool, program: str = PROGRAM) -> None:
        room = os.memfd_create("frame")
        os.ftruncate(room, ROOM_BYTES)
        self._room = mmap.mmap(room, ROOM_BYTES, prot=mmap.PROT_READ)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, "-m", program, str(theirs.fileno()), str(room)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            pass_fds=(theirs.fileno(), room),
            start_new_session=True,  # Ctrl-C is for us, who end it in order
        )
        theirs.close()
        os.close(room)
        self._request = json.dumps({"source": source, "grey": grey}).encode()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    def begin(self) -> None:
        """Let it open the camera: nobody else has it any more."""
        self._send(self._request)

    def ask(self) -> None:
        """Ask for a frame."""
        self._send(b"?")

    def hear(self, timeout_s: float) -> Shown | Noted | None:
        """Return what the child says within this time; raises ChildEndedError."""
        if not select.select([self._socket], [], [], max(0.0, timeout_s))[0]:
            return None
        try:
            said = self._socket.recv(MESSAGE_BYTES_MAX).decode("ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise ChildEndedError from error
        if frame := _FRAME.fullmatch(said):
            height, width, colours = int(frame[2]), int(frame[3]), (3,) if frame[4] else ()
            if 0 < height * width <= PIXELS_MAX:
                return Shown(int(frame[1]), (height, width, *colours))
        word, _, code = said.partition(" ")
        if said == "alive" or (word == "away" and code in REASONS):
            return Noted(code)
        raise ChildEndedError

    def pixels(self, shown: Shown) -> Pixels:
        """Return a copy of the frame that was shown."""
        count = int(np.prod(shown.shape))
        return np.frombuffer(self._room, np.uint8, count).reshape(shown.shape).copy()

    def kill(self) -> None:
        """Kill the child; see `gone`."""
        self._socket.close()
        self._process.kill()

    def gone(self, wait_s: float) -> bool:
        """Wait for the end of a killed child; False while the kernel still holds it."""
        try:
            self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _send(self, words: bytes) -> None:
        try:
            self._socket.send(words, socket.MSG_DONTWAIT)
        except OSError:
            return  # it has ended, which `hear` finds
