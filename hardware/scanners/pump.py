"""Takes what a device sends from its file as soon as it comes, in a thread of its own.

The kernel keeps little of it (64 key strokes, less than a scan has; 4 kB of a serial line) and
drops that when the device is unplugged, while recording one scan may take as long as the next ones.
"""

import os
import select
import threading
from collections import deque
from dataclasses import dataclass

from hardware.clock import mono_ms

READ_BYTES_MAX = 4_096
# Above this nothing more is taken from the kernel until somebody took what is here.
HELD_BYTES_MAX = 256 * 1024
CHUNK_BYTES = 100  # what a chunk costs besides its bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """What came at a time; empty for a pause: nothing came for a while after the last bytes."""

    at_mono_ms: int
    received: bytes


class Pump:
    """An open file whose bytes wait to be taken.

    Guarantees:
    - what came before the file ended is handed out before its end is told;
    - a pause is told once, `quiet_s` after the last bytes, and only where the kernel had nothing
      more by then, however late this thread came to look; also `first_quiet_s` after the start;
    - it waits without waking up, and holds at most HELD_BYTES_MAX and one read;
    - `close` closes the file.
    """

    def __init__(self, file: int, *, quiet_s: float, first_quiet_s: float | None = None) -> None:
        self._file = file
        self._quiet_s = quiet_s
        self._first_quiet_s = first_quiet_s
        self._chunks: deque[Chunk] = deque()
        self._held_bytes = 0
        self._end: OSError | None = None
        self._changed = threading.Condition()
        self._stopped = False
        self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)
        self._thread.start()

    def take(self, timeout_s: float) -> list[Chunk]:
        """Take all that came, waiting at most `timeout_s` for the first; OSError after the end."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._chunks or self._end), timeout_s)
            taken = list(self._chunks)
            self._chunks.clear()
            self._held_bytes = 0
            self._changed.notify_all()
            if not taken and self._end is not None:
                raise self._end
            return taken

    def close(self) -> None:
        """Stop, and close the file."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        os.eventfd_write(self._stop, 1)
        self._thread.join()
        os.close(self._stop)
        os.close(self._file)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._stop, select.POLLIN)
        poll.register(self._file, select.POLLIN)
        wait_s = self._first_quiet_s
        while True:
            ready = poll.poll(None if wait_s is None else wait_s * 1_000)
            if self._stopped:
                return
            wait_s = None
            received = b""
            try:
                if any(file == self._file for file, _ in ready):
                    received = os.read(self._file, READ_BYTES_MAX)
                    if not received:
                        raise OSError(0, "it was unplugged")
                    wait_s = self._quiet_s
            except BlockingIOError:
                continue  # somebody else took it
            except OSError as error:
                self._put(None, error)
                return
            self._put(Chunk(mono_ms(), received), None)

    def _put(self, chunk: Chunk | None, end: OSError | None) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._held_bytes < HELD_BYTES_MAX)
            if chunk is not None:
                self._chunks.append(chunk)
                self._held_bytes += len(chunk.received) + CHUNK_BYTES
            self._end = end
            self._changed.notify_all()
