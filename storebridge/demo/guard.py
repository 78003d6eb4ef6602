"""Ends the demo's broker and database when the demo itself was killed and can end nothing."""

import os
import shutil
import signal
import time
from pathlib import Path

from storebridge.broker import end_left_over

END_TIMEOUT_S = 10.0
POLL_S = 0.05


def end_servers(folder: Path) -> None:
    """End the servers that a killed demo left behind in its folder."""
    end_left_over(folder / "broker")
    try:
        pid = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGINT)  # PostgreSQL's fast shutdown
    except (OSError, ValueError, IndexError):
        return  # there is none
    gives_up_s = time.monotonic() + END_TIMEOUT_S
    while Path(f"/proc/{pid}").exists() and time.monotonic() < gives_up_s:
        time.sleep(POLL_S)


def clean_up(folder: Path, *, passing: bool) -> None:
    """End the servers, and take a passing folder away."""
    end_servers(folder)
    if passing:
        shutil.rmtree(folder, ignore_errors=True)
