"""A decoder that does what the codes it reads tell it: what a taken-over decoder would do.

Its table is named to a `ChildDecoder` by tests alone. It stands for a library with a fault that a
picture can reach, and tries everything that the confinement of a child is there to refuse.
"""

import contextlib
import ctypes
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hardware.cameras.frames import Pixels
from hardware.codes.decoder import Decoded
from hardware.codes.zbar import ZbarDecoder

ORDER = b"hostile:"
_KEEPER = os.getpid()
_SEIZE = 0x4206  # PTRACE_SEIZE, which stops nobody


class HostileDecoder:
    """Reads codes as ZBar does, and obeys those that begin with ORDER."""

    def __init__(self, symbologies: Sequence[str]) -> None:
        self._decoder = ZbarDecoder(symbologies)

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        found = self._decoder.decode(grey)
        for code in found:
            if code.data.startswith(ORDER):
                what, _, about = code.data.removeprefix(ORDER).decode().partition(":")
                return _ACTS[what](code, about)
        return found


def _hang(code: Decoded, about: str) -> Sequence[Decoded]:
    while True:
        pass


def _sleep(code: Decoded, about: str) -> Sequence[Decoded]:
    time.sleep(3_600)
    return ()


def _crash(code: Decoded, about: str) -> Sequence[Decoded]:
    ctypes.string_at(0)
    return ()


def _raise(code: Decoded, about: str) -> Sequence[Decoded]:
    raise UnicodeError("secret words of a code")


def _eat(code: Decoded, about: str) -> Sequence[Decoded]:
    eaten: list[bytes] = []
    while True:
        eaten.append(bytes(50_000_000))


def _flood(code: Decoded, about: str) -> Sequence[Decoded]:
    """Write nonsense to whatever is open, for ever."""
    while True:
        for fd in range(3, 30):
            with contextlib.suppress(OSError):
                os.write(fd, b"\xdd" * 100_000)


def _many(code: Decoded, about: str) -> Sequence[Decoded]:
    return [Decoded(data=b"%05d" % n * 800, symbology="QR", quad=code.quad) for n in range(100)]


def _forge(code: Decoded, about: str) -> Sequence[Decoded]:
    return [Decoded(data=b"4006381333931", symbology="a payment", quad=code.quad)]


def escape(code: Decoded, about: str) -> Sequence[Decoded]:
    """Tell in one code which ways out there were; `about` is a file that may be deleted."""
    ways = b",".join(name for name, way in _ways_out(about) if _is_open(way))
    return [Decoded(data=b"ways out: " + ways, symbology="QR", quad=code.quad)]


def _ways_out(path: str) -> Iterator[tuple[bytes, Callable[[], object]]]:
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name: str, *arguments: object) -> None:
        if getattr(libc, name)(*arguments) == -1:
            raise OSError(ctypes.get_errno(), name)

    yield b"read a file", lambda: os.open("/etc/hostname", os.O_RDONLY)
    yield b"write a file", lambda: os.open(path + ".new", os.O_WRONLY | os.O_CREAT)
    yield b"delete a file", Path(path).unlink
    yield b"cut a file", lambda: os.truncate(path, 0)
    yield b"rename a file", lambda: Path(path).rename(path + ".moved")
    yield b"list a folder", lambda: next(Path("/").iterdir())
    yield b"go online", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    yield b"talk to a neighbour", lambda: socket.socket(socket.AF_UNIX)
    yield b"make a pipe", os.pipe
    yield b"keep in memory", lambda: os.memfd_create("x")
    yield b"start a process", lambda: os.fork() or os._exit(0)
    yield b"become another program", lambda: os.execv("/no/such", ["program"])
    yield b"signal its parent", lambda: os.kill(_KEEPER, signal.SIGCONT)
    yield b"trace its parent", lambda: call("ptrace", _SEIZE, _KEEPER, 0, 0)
    yield b"raise a limit", lambda: call("setrlimit", 7, (ctypes.c_ulong * 2)(100, 100))
    yield b"change its owner", lambda: call("setuid", 1)


def _is_open(way: Callable[[], object]) -> bool:
    try:
        way()
    except FileNotFoundError:
        return True  # it would have been done, had there been such a file
    except OSError:
        return False
    return True


_ACTS: dict[str, Callable[[Decoded, str], Sequence[Decoded]]] = {
    "hang": _hang,
    "sleep": _sleep,
    "crash": _crash,
    "raise": _raise,
    "eat": _eat,
    "flood": _flood,
    "many": _many,
    "forge": _forge,
    "escape": escape,
}

HOSTILE_DECODERS = {"hostile": HostileDecoder}
