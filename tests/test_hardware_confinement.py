"""A confined process computes and answers, and nothing else; filters are right on ARM too."""

import errno
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from hardware.codes.confinement import calls_filter, this_machine

ROOT = Path(__file__).parent.parent
ALLOWED, REFUSED, KILLED = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
X86_64, AARCH64 = 0xC000003E, 0xC00000B7

CONFINED = """
import os, sys
from hardware.codes import confinement
from hardware.codes.decoder import Decoded
from tests import hostile_decoders
code = Decoded(data=b"", symbology="QR", quad=((0, 0),) * 4)
print(confinement.confine(sys.argv[1], more_memory_bytes=50_000_000, cpu_s=5), flush=True)
try:
    bytes(60_000_000)
except MemoryError:
    print("no memory", flush=True)
me = os.getpid()
(told,) = hostile_decoders.escape(code, sys.argv[2])
os.write(1, told.data)
"""


def verdict(steps: bytes, architecture: int, number: int) -> int:
    """Run a filter as the kernel would."""
    program, at, value = list(struct.iter_unpack("=HBBI", steps)), 0, 0
    while True:
        code, when_true, when_false, word = program[at]
        at += 1
        if code == 0x20:
            value = {0: number, 4: architecture}[word]
        elif code == 0x15:
            at += when_true if value == word else when_false
        else:
            assert code == 0x06
            return word


@pytest.mark.parametrize(
    ("machine", "architecture", "allowed", "refused"),
    [
        # openat, socket, connect, execve, fork or clone, kill, ptrace, unlinkat, process_vm_writev
        ("x86_64", X86_64, (0, 1, 9, 231), (2, 257, 41, 42, 59, 57, 56, 62, 101, 263, 311)),
        ("aarch64", AARCH64, (63, 64, 222, 94), (56, 198, 203, 221, 220, 129, 117, 35, 271)),
    ],
)
def test_the_filter_of_each_machine_lets_through_computing_and_nothing_else(
    machine: str, architecture: int, allowed: tuple[int, ...], refused: tuple[int, ...]
) -> None:
    steps = calls_filter(machine)
    assert steps is not None
    assert {verdict(steps, architecture, number) for number in allowed} == {ALLOWED}
    assert {verdict(steps, architecture, number) for number in refused} == {REFUSED}
    # The second set of numbers that x86-64 has, and those of another architecture altogether.
    assert verdict(steps, architecture, 0x40000000) == REFUSED
    assert verdict(steps, 0x40000003, allowed[0]) == KILLED


def said_by_confined(machine: str, path: Path) -> list[str]:
    return subprocess.run(
        [sys.executable, "-c", CONFINED, machine, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


def test_a_confined_process_has_no_way_out_and_bounded_memory(tmp_path: Path) -> None:
    filtered, memory, ways = said_by_confined(this_machine(), tmp_path / "file")
    assert (filtered, memory, ways) == ("True", "no memory", "ways out: ")


def test_without_a_filter_limits_alone_refuse_files_and_sockets(tmp_path: Path) -> None:
    filtered, memory, ways = said_by_confined("vax", tmp_path / "file")
    assert (filtered, memory) == ("False", "no memory")
    for way in ("read a file", "write a file", "go online", "talk to a neighbour", "make a pipe"):
        assert way not in ways
