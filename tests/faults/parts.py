"""Real processes to be killed, and what came of them: equality of sets, never of counts."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from storebridge.demo.audit import Place, recorded_in
from storebridge.demo.children import Child, own_environ
from storebridge.line import Line
from storebridge.parent import FOLLOWS_PARENT
from tests.cloud_parts import wait_until
from tests.conftest import BrokerForTests
from tests.faults.recording import STORE, TENANT
from wire.codec import decode_event

WAIT_S = 90.0
END_TIMEOUT_S = 15.0
# Each start of a recording gets numbers of its own.
NUMBERS_PER_START = 1_000_000


@dataclass
class Recording:
    """A store's recorder in a process of its own, and what it said before it was killed."""

    folder: Path
    port: int
    client: str
    notes: Path
    environ: dict[str, str]
    number: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def start(self, *, threads: int = 1, pause_ms: int = 3) -> None:
        """Record events in so many threads, with new numbers, on top of what is there."""
        self.number += 1
        first = self.number * NUMBERS_PER_START
        figures = [str(each) for each in (first, threads, pause_ms)]
        place = [str(self.folder), str(self.port), BrokerForTests.PASSWORD, self.client]
        with self.notes.open("ab") as notes, self.notes.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.recording", *place, *figures],
                stdin=subprocess.PIPE,
                stdout=notes,
                stderr=log,
                env={**self.environ, FOLLOWS_PARENT: "yes"},
                start_new_session=True,
            )

    @property
    def noted(self) -> dict[int, int]:
        """The seq of each event whose `record()` had returned, by number."""
        said = (line.split() for line in self._said())
        return {int(words[0]): int(words[1]) for words in said if words[0].isdigit()}

    @property
    def commits_and_writes(self) -> tuple[int, int]:
        """How many commits and writes the last recording that was done had made."""
        done = [line.split() for line in self._said() if line.startswith("done")]
        return int(done[-1][1]), int(done[-1][2])

    def wait_until_noted(self, more: int) -> None:
        """Wait until so many more events are recorded than when it was called."""
        enough = len(self.noted) + more
        self._wait_until(lambda: len(self.noted) >= enough, f"{more} more recorded events")

    def finish(self) -> None:
        """Record no more, and wait until the store knows by receipt that all has come."""
        first = self.number * NUMBERS_PER_START
        self._wait_until(lambda: any(each >= first for each in self.noted), "its first event")
        self._signal(signal.SIGUSR1)
        self._wait_until(lambda: self._said()[-1:] == ["received"], "the receipt of everything")

    def freeze(self) -> None:
        """Stop every thread of it where it is."""
        self._signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._finish()

    def end(self) -> None:
        """Ask it to end, and wait; safe to call twice."""
        if self._process is not None:
            self._signal(signal.SIGTERM)
            self._finish()

    def copy_file(self, to: Path) -> None:
        """Copy the store's files, which must be at rest, over another folder."""
        assert self._process is None
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.folder, to)

    def _said(self) -> list[str]:
        return self.notes.read_text().splitlines() if self.notes.exists() else []

    def _wait_until(self, true: Callable[[], bool], what: str) -> None:
        process = self._process
        assert process is not None

        def true_or_dead() -> bool:
            log = self.notes.with_suffix(".log")
            assert process.poll() is None, f"the recording ended by itself: {log.read_text()}"
            return true()

        wait_until(true_or_dead, what, WAIT_S)

    def _signal(self, which: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(which)

    def _finish(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        try:
            process.wait(END_TIMEOUT_S)
        finally:
            process.kill()
            process.wait()
            if process.stdin:
                process.stdin.close()


@dataclass
class Town:
    """A broker, a line that can be cut, a database, and processes that come and go."""

    folder: Path
    broker: BrokerForTests
    line: Line
    dsn: str
    _ending: ExitStack
    _workers: list[Child] = field(default_factory=list)

    def worker(self) -> Child:
        """Start a cloud worker."""
        number = len(self._workers) + 1
        config = self.folder / "cloud.toml"
        config.write_text(
            f"[database]\ndsn = {json.dumps(self.dsn)}\n"
            f"[broker]\nport = {self.broker.port}\n"
            f'username = "cloud"\npassword = "{self.broker.PASSWORD}"\n'
        )
        log = self.folder / f"worker-{number}.log"
        child = self.child("worker", "cloud", "run", str(config), "--no-web", log=log)
        self._workers.append(child)
        return child

    def child(self, name: str, *arguments: str, log: Path) -> Child:
        """Start one of our commands as a process, ended with the test."""
        child = Child(name, arguments, log=log, environ=own_environ())
        self._ending.callback(child.end)
        child.start()
        return child

    def recording(self, name: str = "store", **environ: str) -> Recording:
        """Make a store that can be recorded in, not started yet; its uplink takes the line."""
        made = Recording(
            folder=self.folder / name,
            port=self.line.port,
            client=f"acme-{name}",
            notes=self.folder / f"{name}.notes",
            environ={**own_environ(), **environ},
        )
        self._ending.callback(made.kill)
        return made

    def ask(self, question: str) -> list[tuple[object, ...]]:
        """Ask the database; its columns are called as in `cloud_sync/database`."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(question.encode()).fetchall()

    def places(self) -> list[Place]:
        """The stream and seq of each of the store's events in the ledger."""
        found = self.ask(f"SELECT stream, seq FROM ledger WHERE store = '{STORE}'")
        return [(bytes(stream), seq) for stream, seq in found]  # type: ignore[arg-type,misc]

    def numbers(self) -> list[int]:
        """The number of each recorded event in the ledger, as `tests.edge_builders` gave it."""
        found = self.ask(f"SELECT row FROM ledger WHERE store = '{STORE}'")
        return [decode_event(bytes(row)).mono_ms for (row,) in found]  # type: ignore[arg-type]

    def wait_for(self, numbers: set[int]) -> None:
        """Wait until the ledger holds the events of these numbers."""
        wait_until(lambda: numbers <= set(self.numbers()), "these events in the ledger", WAIT_S)

    def unaccounted(self) -> list[tuple[object, ...]]:
        """What was declared absent or is in quarantine: nothing, where nothing was lost."""
        return self.ask("SELECT first, last, reason FROM stream_absent") + self.ask(
            "SELECT first, count, reason FROM quarantine"
        )

    def check(self, recording: Recording) -> None:
        """Hold what was noted, the store's file and the ledger against each other.

        What was recorded but not noted is what a kill cut short between commit and answer.
        """
        recording.end()
        places, numbers = self.places(), self.numbers()
        assert len(places) == len(set(places)), "a place twice in the ledger"
        assert len(numbers) == len(set(numbers)), "an event twice in the ledger"
        assert set(places) == recorded_in(recording.folder / "store.sqlite3")
        assert set(recording.noted) <= set(numbers)
        assert self.unaccounted() == []


@contextmanager
def a_town(folder: Path, broker: BrokerForTests, dsn: str) -> Iterator[Town]:
    """A town whose processes end with the block."""
    line = Line(broker.host, broker.port)
    line.open()
    with ExitStack() as ending:
        ending.callback(line.close)
        yield Town(folder, broker, line, dsn, ending)


def agent_toml(town: Town, web_port: int) -> str:
    """The configuration of the agent of the store: a kiosk and no device."""
    lines: Sequence[str] = (
        f'tenant = "{TENANT}"',
        f'store = "{STORE}"',
        f'identifier_key = "{"5a" * 32}"',
        f"[broker]\nport = {town.line.port}",
        f'username = "{TENANT}-{STORE}"\npassword = "{town.broker.PASSWORD}"',
        f"[web]\nport = {web_port}",
        '[[zones]]\nname = "shelf-a"',
        '[[kiosks]]\nname = "kiosk-1"\nzone = "shelf-a"',
    )
    return "\n".join(lines) + "\n"
