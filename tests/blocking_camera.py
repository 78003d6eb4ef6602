"""The program of a camera whose device file blocks its reader: for the tests of live cameras."""

import json
import mmap
import os
import socket
import sys

import numpy as np

from hardware.cameras.capture import CaptureError, keep_grabbing
from hardware.cameras.capture_program import MESSAGE_BYTES_MAX, Asker
from hardware.cameras.frames import Pixels
from hardware.clock import mono_ms

SIDE = 32
FRAME_BYTES = SIDE * SIDE


class BlockingCapture:
    """Reads frames of grey from a file, as long as each takes to come."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = -1
        self._frame = b""

    def open(self) -> None:
        self._file = os.open(self._path, os.O_RDONLY)

    def grab(self) -> int:
        self._frame = b""
        while len(self._frame) < FRAME_BYTES:
            came = os.read(self._file, FRAME_BYTES - len(self._frame))
            if not came:
                raise CaptureError("lost")
            self._frame += came
        return mono_ms()

    def pixels(self) -> Pixels:
        return np.frombuffer(self._frame, np.uint8).reshape(SIDE, SIDE)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


if __name__ == "__main__":
    asking = socket.socket(fileno=int(sys.argv[1]))
    source = json.loads(asking.recv(MESSAGE_BYTES_MAX))["source"]
    keep_grabbing(BlockingCapture(source), Asker(asking, mmap.mmap(int(sys.argv[2]), 0)))
