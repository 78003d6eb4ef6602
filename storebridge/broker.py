"""The embedded MQTT broker: a nats-server that we configure, start and stop.

Each store may publish on its own topics only and hear only what is meant for it; the cloud may do
both everywhere. What one store sends in another's name never reaches anybody.
"""

import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storebridge.ports import free_port, wait_until_open

# The server refuses a client whose QoS 1 subscriptions together may leave more than 65,535 messages
# without an acknowledgement; a cloud worker has two for each shard, unless it holds all of them.
ACK_PENDING_MAX = 512
START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 5.0
PID_FILE = "broker.pid"


class BrokerError(Exception):
    """The embedded broker cannot be started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUser:
    """Somebody who may log in: a store with its two names, or the cloud (`store` empty)."""

    name: str
    password: str
    role: Literal["cloud", "store"]
    tenant: str = ""
    store: str = ""


def find_server() -> Path:
    """Return the nats-server program of this environment.

    Raises BrokerError when it is not installed.
    """
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise BrokerError("nats-server is not installed; run `make setup` again")
    return Path(found)


def rights_of(user: BrokerUser) -> tuple[list[str], list[str]]:
    """Return the NATS subjects that a user may publish to and subscribe to.

    MQTT topic levels are NATS subject tokens; `*` stands for one of them.
    """
    if user.role == "cloud":
        return ["sb.*.down.*", "sb.*.flow.*"], ["sb.>"]
    mine = f"sb.{user.tenant}"
    return (
        [f"{mine}.up.*.{user.store}.*"]
        + [f"{mine}.{kind}.*.{user.store}" for kind in ("state", "beat", "applied")],
        [f"{mine}.down.{user.store}"],
    )


def write_config(users: Sequence[BrokerUser], *, host: str, port: int, folder: Path) -> str:
    """Return the text of a nats-server configuration."""
    blocks = []
    for user in users:
        publish, subscribe = rights_of(user)
        # The broker's own bookkeeping of QoS 1 subscriptions runs on these subjects.
        subscribe = [*subscribe, "$MQTT.sub.>"]
        blocks.append(
            f'    {{ user: "{user.name}", password: "{user.password}", permissions: {{\n'
            f"      publish: {_quoted(publish)}, subscribe: {_quoted(subscribe)} }} }}"
        )
    return "\n".join(
        [
            'server_name: "storebridge"',
            f'listen: "{host}:-1"',
            f'jetstream {{ store_dir: "{folder / "jetstream"}" }}',
            f'mqtt {{ listen: "{host}:{port}", max_ack_pending: {ACK_PENDING_MAX} }}',
            f'log_file: "{folder / "broker.log"}"',
            "logfile_size_limit: 10MB",
            "authorization { users: [",
            ",\n".join(blocks),
            "] }",
            "",
        ]
    )


class EmbeddedBroker:
    """A nats-server that speaks MQTT 3.1.1 on one port of this machine.

    Guarantees: it listens when `start` returns; `stop` ends it by its own handle; a server that a
    killed parent left behind in the same folder is ended before the next start.
    """

    def __init__(
        self, folder: Path, users: Sequence[BrokerUser], *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.folder = folder
        self.users = tuple(users)
        self.host = host
        self.port = port or free_port(host)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Return the process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the server and wait until it listens.

        Raises BrokerError when it ends at once or does not listen in time.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        end_left_over(self.folder)
        config = self.folder / "broker.conf"
        config.touch(mode=0o600)
        config.write_text(
            write_config(self.users, host=self.host, port=self.port, folder=self.folder)
        )
        self._process = subprocess.Popen(
            [str(find_server()), "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches us first, and we stop it in order
        )
        self._pid_file.write_text(str(self._process.pid))
        if not wait_until_open(
            self.host, self.port, timeout_s=START_TIMEOUT_S, alive=lambda: self.pid is not None
        ):
            said = self._last_words()
            self.stop()
            raise BrokerError(f"the broker does not listen on {self.host}:{self.port}: {said}")

    def stop(self) -> None:
        """Stop the server; safe to call twice."""
        self._end(signal.SIGTERM)
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End the server as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()
        self._process = None

    @property
    def _pid_file(self) -> Path:
        return self.folder / PID_FILE

    def _last_words(self) -> str:
        if self._process is None or self._process.poll() is None:
            return "it is still starting"
        log = self.folder / "broker.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        said = self._process.stderr.read().decode(errors="replace") if self._process.stderr else ""
        return (said.strip() or " | ".join(lines[-3:]) or "it ended without a word")[:500]


def end_left_over(folder: Path) -> None:
    """End a server that a killed parent left running in this folder."""
    pid_file = folder / PID_FILE
    try:
        pid = int(pid_file.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except (OSError, ValueError):
        return
    if "nats-server" in command and str(folder) in command:
        _kill_and_wait(pid)
    pid_file.unlink(missing_ok=True)


def _kill_and_wait(pid: int) -> None:
    """Kill a process, a child of ours or not, and return when it holds nothing any more."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        # Until it is gone its port and its store folder are still taken.
        select.select([handle], [], [], STOP_TIMEOUT_S)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def new_password() -> str:
    """Return a random password for a broker user."""
    return secrets.token_urlsafe(18)


def _quoted(subjects: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{subject}"' for subject in subjects) + "]"
