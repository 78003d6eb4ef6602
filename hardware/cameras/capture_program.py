"""The program that takes frames from one camera for another process, which may kill it any time.

OpenCV's video library reads what strangers send, hangs with a broken camera's driver, and is set up
by its environment only: it runs here. Started by `capture_child`; see there for what is said.
It can write no file, and ends with the process that started it.
"""

import json
import mmap
import os
import resource
import socket
import sys
import threading
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from hardware.cameras.address import parse_address
from hardware.cameras.capture import Capture, CaptureError, keep_grabbing
from hardware.cameras.frames import Pixels
from hardware.cameras.library_capture import LibraryCapture
from hardware.cameras.plugged_camera import open_plugged, parse_plugged, taken_at
from hardware.cameras.rtsp import open_stream
from hardware.cameras.stream_clock import StreamClock

MESSAGE_BYTES_MAX = 4096
# Beyond what the program holds when it starts: some dozens of the largest frames.
MORE_MEMORY_BYTES_MAX = 2 * 1024**3
# A camera that gives frames says so this often also where none is asked for.
ALIVE_EVERY_S = 0.5


def main() -> None:
    """Take frames until nobody asks for them any more."""
    asking = socket.socket(fileno=int(sys.argv[1]))
    requested = asking.recv(MESSAGE_BYTES_MAX)
    if not requested:
        return
    request = json.loads(requested)
    room = mmap.mmap(int(sys.argv[2]), 0)
    cv2.setNumThreads(1)
    _confine()
    capture = make_capture(request["source"], grey=request["grey"])
    keep_grabbing(capture, Asker(asking, room))


def make_capture(source: str, *, grey: bool) -> Capture:
    """Return the capture of an address or a device file."""
    if "://" in source:
        address = parse_address(source)
        return LibraryCapture(
            partial(open_stream, address), lambda: StreamClock().taken_at, grey=grey
        )
    plugged = parse_plugged(source)
    return LibraryCapture(partial(open_plugged, plugged), lambda: taken_at, grey=grey)


class Asker:
    """The process that started us: it asks for one frame after the other."""

    gone = False  # its end of the socket closes, and this program ends

    def __init__(self, asking: socket.socket, room: mmap.mmap) -> None:
        self._socket = asking
        self._room = np.frombuffer(room, np.uint8)
        self._asked = threading.Event()
        self._alive_s = 0.0
        threading.Thread(target=self._listen, name="asked", daemon=True).start()

    @property
    def waits(self) -> bool:
        """Tell whether it has asked."""
        return self._asked.is_set()

    def show(self, pixels: Pixels, at_mono_ms: int) -> None:
        """Put a frame into the shared memory, and say so."""
        if pixels.size > self._room.size:
            raise CaptureError("too-large")
        self._asked.clear()
        self._room[: pixels.size] = pixels.reshape(-1)
        self._say(" ".join(map(str, ("frame", at_mono_ms, *pixels.shape))))

    def note(self, code: str) -> None:
        """Say why there are no frames, or now and then that there are."""
        if code:
            self._alive_s = 0.0
            self._say(f"away {code}")
        elif time.monotonic() - self._alive_s >= ALIVE_EVERY_S:
            self._alive_s = time.monotonic()
            self._say("alive")

    def rest(self, time_s: float) -> None:
        """Wait."""
        time.sleep(time_s)

    def _say(self, words: str) -> None:
        try:
            self._socket.send(words.encode("ascii"), socket.MSG_DONTWAIT)
        except BlockingIOError:
            return  # it does not listen now, and has more to read than it needs

    def _listen(self) -> None:
        # A thread of its own, which also a call that hangs in the library does not keep from this.
        while self._socket.recv(MESSAGE_BYTES_MAX):
            self._asked.set()
        os._exit(0)


def _confine() -> None:
    """Take from this process what it does not need: the right to write files, endless memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    memory = pages * resource.getpagesize() + MORE_MEMORY_BYTES_MAX
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))


if __name__ == "__main__":
    main()
