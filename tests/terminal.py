"""A terminal in which somebody types `make …` and, later, Ctrl-C."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
ROWS, COLUMNS = 50, 160
WAIT_S = 120.0
READ_BYTES = 65_536


class Terminal:
    """The screen and keyboard of one running command."""

    def __init__(self, pid: int, screen: int) -> None:
        self.pid = pid
        self.said = ""
        self._screen = screen

    def read_until(self, *words: str) -> None:
        """Wait until all of these stand, or stood, on the screen."""
        ends = time.monotonic() + WAIT_S
        while not all(word in self.said for word in words):
            assert time.monotonic() < ends, f"no {words} in {self.said[-2_000:]}"
            assert self._read(), f"it ended without {words}: {self.said[-2_000:]}"

    def read_to_the_end(self) -> None:
        """Wait until the command has ended."""
        ends = time.monotonic() + WAIT_S
        while self._read():
            assert time.monotonic() < ends, f"it does not end: {self.said[-2_000:]}"

    def type(self, keys: str) -> None:
        """Type something; Ctrl-C is what the terminal makes of \\x03."""
        os.write(self._screen, keys.encode())

    def commands(self) -> list[list[str]]:
        """Return the command lines of what it has started and that still hangs on it."""
        lines = []
        for process in psutil.Process(self.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # it ended while we looked
                lines.append(process.cmdline())
        return lines

    def _read(self) -> bool:
        """Read what there is; False when nothing will come any more."""
        if not select.select([self._screen], [], [], 1.0)[0]:
            return True
        try:
            said = os.read(self._screen, READ_BYTES)
        except OSError:  # which is how Linux says that the other end is gone
            return False
        self.said += said.decode(errors="replace")
        return bool(said)


@contextmanager
def make_in_a_terminal(target: str) -> Iterator[Terminal]:
    """Run `make <target>` in a terminal; where nobody set this checkout up, without its set-up."""
    is_set_up = any((ROOT / ".venv").glob(".installed-*"))
    words = ["make", target] if is_set_up else ["make", "-o", "setup", target]
    pid, screen = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execvp(words[0], words)
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    try:
        yield Terminal(pid, screen)
    finally:
        try:
            os.kill(pid, signal.SIGKILL)
        finally:
            os.waitpid(pid, 0)
            os.close(screen)
