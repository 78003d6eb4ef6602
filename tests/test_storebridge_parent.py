"""A program that is asked to end, ends: whatever its threads are doing."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from storebridge.parent import FOLLOWS_PARENT

PROGRAM = """
    import signal, sys, threading, time
    from storebridge.parent import when_asked_to_end

    ended = threading.Event()
    when_asked_to_end(ended.set)

    def ask():
        time.sleep(0.5)  # until the other one waits
        # So does the kernel when the main thread has just been given another signal.
        signal.pthread_kill(threading.get_ident(), signal.Signals(int(sys.argv[1])))
        time.sleep(60)

    if len(sys.argv) > 1:
        threading.Thread(target=ask, daemon=True).start()
    print("waits", flush=True)
    ended.wait()
"""


def started(*arguments: str, **environ: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), *arguments]
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": ".", **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_another_thread_is_given_ends_a_program_that_waits_for_ever(number: int):
    with started(str(int(number))) as program:
        try:
            assert program.wait(20) == 0
        finally:
            program.kill()


def test_a_child_whose_parent_lets_go_of_it_ends():
    with started(**{FOLLOWS_PARENT: "1"}) as program:
        try:
            assert program.stdout is not None
            assert program.stdin is not None
            program.stdout.readline()
            program.stdin.close()
            assert program.wait(20) == 0
        finally:
            program.kill()
