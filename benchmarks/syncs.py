"""Counts the calls of fsync and fdatasync of a child process, below everything it may claim."""

import ctypes
import shutil
import subprocess
from pathlib import Path

SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>

static long calls;

int fdatasync(int file)
{
    int (*real)(int) = (int (*)(int)) dlsym(RTLD_NEXT, "fdatasync");
    __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    return real(file);
}

int fsync(int file)
{
    int (*real)(int) = (int (*)(int)) dlsym(RTLD_NEXT, "fsync");
    __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    return real(file);
}

long storebridge_syncs(void) { return __atomic_load_n(&calls, __ATOMIC_SEQ_CST); }
"""


def build_counter(folder: Path) -> dict[str, str]:
    """Compile the counter, and return the environment under which a child is counted.

    Empty where there is no C compiler: then nothing is counted.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        return {}
    source, library = folder / "syncs.c", folder / "syncs.so"
    source.write_text(SOURCE)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"], check=True
    )
    return {"LD_PRELOAD": str(library)}


def counted() -> int | None:
    """Return how often this process has synced so far, None when nobody counts."""
    try:
        count = ctypes.CDLL(None).storebridge_syncs
    except AttributeError:
        return None
    count.restype = ctypes.c_long
    return int(count())
