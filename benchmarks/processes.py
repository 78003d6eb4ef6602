"""Child processes of benchmarks: what they say, and the processor time that they use."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHILD_TIMEOUT_S = 600
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def said_by(
    module: str, *arguments: object, environ: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Run a module of the benchmarks as a process of its own, and return the JSON that it prints.

    Raises CalledProcessError when it fails; what it wrote about that stands on our own stderr.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **(environ or {})},
        stdout=subprocess.PIPE,
        check=True,
        timeout=CHILD_TIMEOUT_S,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def cpu_s(pid: int) -> float:
    """Return the processor time that a process and all its children have used so far."""
    parents = {}
    used = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue  # it has just ended
        # The name in brackets may hold blanks and brackets itself.
        fields = text.rsplit(")", 1)[1].split()
        each = int(text.split(" ", 1)[0])
        parents[each] = int(fields[1])
        used[each] = sum(map(int, fields[11:15])) / _TICKS_PER_S

    def belongs(each: int) -> bool:
        while each and each != pid:
            each = parents.get(each, 0)
        return each == pid

    return sum(seconds for each, seconds in used.items() if belongs(each))


def resident_mb(pid: int) -> tuple[float, float]:
    """Return how much memory a process has resident now, and the most it ever had, in MB."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return _mb(status["VmRSS"]), _mb(status["VmHWM"])


def _mb(entry: str) -> float:
    return int(entry.split(maxsplit=1)[0]) * 1024 / 1_000_000
