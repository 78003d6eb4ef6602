"""The process in which codes are decoded, seen from the program that has the pictures.

It is spawned, never forked: whoever calls this may hold a database, and secrets. A keeper loads
the decoder and stays warm; the child that reads pictures is forked from it, and so is the next one
within milliseconds (see `decoding_child.py`).
"""

import contextlib
import mmap
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hardware.cameras.frames import PIXELS_MAX, Pixels
from hardware.codes.decoder import Decoded
from hardware.codes.decoding_answers import (
    ANSWER_BYTES_MAX,
    GREETING_FILTERED,
    GREETING_LIMITED,
    REQUEST,
    read_answer,
)
from hardware.driver import DeviceError

# How long a keeper may take to load its libraries from a slow disk, and to fork a child.
KEEPER_START_S_MAX = 8.0
CHILD_START_S_MAX = 2.0
# A keeper that is lost is started anew at once, but not twice in this time: it cannot live here.
RESTART_EVERY_S_MIN = 10.0
LAST_WORDS_CHARACTERS_MAX = 300

# Nothing of the caller's environment, where secrets may stand. One thread is enough for a decoder,
# and can be forked.
_ENVIRONMENT = {
    "PYTHONPATH": str(Path(__file__).parent.parent),
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "LC_ALL": "C.UTF-8",
}


class Hung(Exception):
    """The child did not answer in time."""


class DecodingProcess:
    """Runs one decoder for one thread, with whose end it ends, too.

    Guarantees:
    - only `start` and `ready` may last longer than the time they are given, by a few ms;
    - a picture is in memory that both processes share, and nowhere else.
    """

    def __init__(self, table: str, name: str, symbologies: Sequence[str]) -> None:
        self.filtered = True
        self._command = (table, name, *symbologies)
        self._title = f"the decoder of codes {name!r}"
        self._symbologies = frozenset(symbologies)
        self._number = 0
        self._keeper: subprocess.Popen[bytes] | None = None
        # Without a connection a socket says at once that nobody is there.
        self._control = self._child = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._greeted = self._was_ready = False
        self._due_s = 0.0
        self._restarted_s = -RESTART_EVERY_S_MIN
        self._pictures_fd = os.memfd_create("pictures")
        os.ftruncate(self._pictures_fd, PIXELS_MAX)
        self._pictures = np.frombuffer(mmap.mmap(self._pictures_fd, PIXELS_MAX), np.uint8)

    def start(self) -> None:
        """Spawn the process, where it does not run, and return at once; raises DeviceError."""
        if self._keeper is not None:
            return
        self._control, theirs = _sockets()
        self._control.setblocking(False)
        with theirs:
            self._keeper = self._spawn(theirs.fileno(), self._pictures_fd)
        self._was_ready = False
        self.renew()
        self._due_s = time.monotonic() + KEEPER_START_S_MAX

    def renew(self) -> None:
        """Have a fresh child in place of the one there is, which is killed."""
        self._child.close()
        self._child, theirs = _sockets()
        self._greeted = False
        self._due_s = time.monotonic() + CHILD_START_S_MAX
        with theirs, contextlib.suppress(OSError):  # without a keeper `ready` finds the end of it
            socket.send_fds(self._control, [b"\0"], [theirs.fileno()])

    def ready(self, timeout_s: float) -> bool:
        """Tell whether a child waits for pictures, after at most `timeout_s`.

        Raises DeviceError when none can be had, by whatever fault.
        """
        if self._greeted:
            return True
        self.start()
        try:
            greeting = self._receive(timeout_s)
        except Hung:
            if time.monotonic() < self._due_s:
                return False
            greeting = b""
        self._greeted = greeting in {GREETING_FILTERED, GREETING_LIMITED}
        if not self._greeted:
            self._restart()
            return False
        self._was_ready = True
        self.filtered = greeting == GREETING_FILTERED
        return True

    def decode(self, grey: Pixels, timeout_s: float) -> tuple[Decoded, ...]:
        """Return the codes in a picture of at most PIXELS_MAX; only where `ready`.

        Raises Hung, or BadAnswer when the child ended or is not to be trusted; have a fresh one.
        """
        height, width = grey.shape
        np.copyto(self._pictures[: grey.size].reshape(height, width), grey)
        self._number += 1
        with contextlib.suppress(OSError):  # the child has ended: there is no answer to come
            self._child.send(REQUEST.pack(self._number, height, width))
        said = self._receive(timeout_s)
        return read_answer(said, self._number, self._symbologies, (height, width))

    def end(self) -> None:
        """End the process; safe to call twice, and it can be started again."""
        if self._keeper is None:
            return
        self._keeper.kill()
        self._keeper.wait()
        self._keeper = None
        os.close(self._last_words)
        self._control.close()
        self._child.close()

    def __del__(self) -> None:
        self.end()
        os.close(self._pictures_fd)

    def _spawn(self, *fds: int) -> subprocess.Popen[bytes]:
        arguments = (str(os.getpid()), *map(str, fds), *self._command)
        self._last_words = os.memfd_create("last words")
        try:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "hardware.codes.decoding_child", *arguments],
                env=_ENVIRONMENT,
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._last_words,
                start_new_session=True,  # Ctrl-C at a terminal means the agent alone
            )
        except OSError as error:
            os.close(self._last_words)
            raise DeviceError(f"{self._title} cannot be started: {error.strerror}") from error

    def _receive(self, timeout_s: float) -> bytes:
        """Return what the child says, empty when it has ended; raises Hung."""
        self._child.settimeout(max(0.001, timeout_s))
        try:
            return self._child.recv(ANSWER_BYTES_MAX + 1)
        except TimeoutError:
            raise Hung from None
        except OSError:
            return b""

    def _restart(self) -> None:
        """Start anew after the keeper was lost, unless it is one that does not live."""
        words, was_ready, now_s = self._read_last_words(), self._was_ready, time.monotonic()
        self.end()
        if not was_ready or now_s - self._restarted_s < RESTART_EVERY_S_MIN:
            raise DeviceError(
                f"{self._title} does not run: {words or 'its process was ended'}; "
                "is everything installed that it needs, and memory free?"
            )
        self._restarted_s = now_s
        self.start()

    def _read_last_words(self) -> str:
        """Return the last line that the keeper wrote, with what failed while it loaded."""
        size = os.fstat(self._last_words).st_size
        lines = os.pread(self._last_words, size, 0).decode("utf-8", "replace").split("\n")
        said = [line for line in lines if line.strip()]
        return said[-1][:LAST_WORDS_CHARACTERS_MAX] if said else ""


def _sockets() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection that keeps the bounds of messages."""
    try:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except OSError as error:
        raise DeviceError(f"a decoder of codes cannot be reached: {error.strerror}") from error
