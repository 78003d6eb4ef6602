"""Takes from this process what a decoder of codes never needs: files, sockets, processes, memory.

A picture is written by strangers, and the libraries that read codes in it are large. What is taken
here cannot be had again by this process. Linux only; the numbers stand in the kernel's headers
`linux/prctl.h`, `linux/seccomp.h`, `linux/audit.h` and `asm/unistd.h`.
"""

import ctypes
import errno
import os
import resource
import signal
import struct
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# What computing on memory that is there already, and answering through an open socket, is made of.
# Nothing that opens, names, connects, signals, traces or starts anything.
_CALLS = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "exit": (60, 93),
    "gettid": (186, 178),
    "futex": (202, 98),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "getrandom": (318, 278),
}
# Taken whole, also where the kernel filters no calls. A limit of 0 open files leaves those that
# are open, and refuses every new file, socket and pipe.
_TAKEN = (
    resource.RLIMIT_NOFILE,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_NPROC,
    resource.RLIMIT_CORE,
    resource.RLIMIT_MSGQUEUE,
)


class _Program(ctypes.Structure):
    """`struct sock_fprog`: a filter and the number of its instructions."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def confine(machine: str, *, more_memory_bytes: int, cpu_s: int) -> bool:
    """Let this process only compute and answer from now on; once for each process.

    It may take `more_memory_bytes` beyond what it holds now, and `cpu_s` of processor time beyond
    what it has used. No image of its memory is ever written to disk. Returns whether the kernel
    also filters its calls; where it cannot, or none are known of the machine, limits stand alone.
    """
    memory = _memory_bytes() + more_memory_bytes
    used_s = sum(os.times()[:2])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (int(used_s) + cpu_s, int(used_s) + cpu_s))
    for limit in _TAKEN:
        resource.setrlimit(limit, (0, 0))
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    steps = calls_filter(machine)
    return steps is not None and _filter_calls(steps)


def this_machine() -> str:
    """Return by which numbers this process calls its kernel: a 32-bit one by others."""
    return os.uname().machine if sys.maxsize > 2**32 else "32 bits"


def die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent`, its parent, ends in whatever way."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it could be asked for
        os.kill(os.getpid(), signal.SIGKILL)


def be_the_first_to_go() -> None:
    """Let the kernel end this process before others when memory is short."""
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def calls_filter(machine: str) -> bytes | None:
    """Return the filter for a machine as the kernel wants it, None where there is none.

    A step is a `struct sock_filter`. What _CALLS names is let through, everything else is refused
    with EPERM, and what calls by the numbers of another architecture is killed.
    """
    if machine not in _ARCHITECTURES:
        return None
    numbers = [call[list(_ARCHITECTURES).index(machine)] for call in _CALLS.values()]
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_IF_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        *((_JUMP_IF_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _filter_calls(steps: bytes) -> bool:
    program = _Program(len(steps) // 8, steps)
    try:
        _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program))
    except OSError:
        return False
    return True


def _memory_bytes() -> int:
    """Return the address space of this process: what RLIMIT_AS counts."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * resource.getpagesize()


def _prctl(option: int, first: int, second: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    words = (ctypes.c_ulong(word) for word in (first, second, 0, 0))
    if libc.prctl(option, *words) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {option} failed: {os.strerror(number)}")
