"""The processes of the demo: a pipe tells each when we are gone; they are ended in order."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from storebridge.parent import FOLLOWS_PARENT

END_TIMEOUT_S = 20.0
LAST_WORDS_CHARS = 600


class ChildError(Exception):
    """A process of the demo ended by itself."""


class Child:
    """One of our own commands as a child process, its output in a file.

    Guarantees: it ends when this process does, however this one ends; `end` waits for it.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], *, log: Path, environ: Mapping[str, str]
    ) -> None:
        self.name = name
        self._arguments = [sys.executable, "-m", "storebridge", *arguments]
        self._environ = {**environ, FOLLOWS_PARENT: "yes"}
        self._log = log
        self._output: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Return the process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start it, again if it had ended."""
        self._output = self._log.open("ab")
        self._process = subprocess.Popen(
            self._arguments,
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=dict(self._environ),
            start_new_session=True,  # Ctrl-C reaches us first, and we end it in order
        )

    def check(self) -> None:
        """Raise ChildError with its last words when it has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            said = self._log.read_text(errors="replace").strip()[-LAST_WORDS_CHARS:]
            raise ChildError(f"{self.name} ended with {self._process.returncode}: {said}")

    def ask_to_end(self) -> None:
        """Ask it to end, and return at once."""
        if self.pid is not None and self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def end(self) -> None:
        """End it and wait for it; safe to call twice."""
        if self._process is None:
            return
        self.ask_to_end()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        if self._process.stdin:
            self._process.stdin.close()
        if self._output:
            self._output.close()
        self._process = None

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def own_environ() -> dict[str, str]:
    """Return the environment for children: ours."""
    return dict(os.environ)
