import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from storebridge.ports import free_port
from tests.cloud_parts import wait_until

# Only how long a failure takes: each of these waits ends with what it waits for.
WAIT_S = 240.0
SCREENS = re.compile(r"screens at (http://\S+)")

HEAVY = ("numpy", "cv2", "pandas", "psycopg", "cloud_sync", "typer", "rich", "pydantic")


def test_a_store_without_cameras_loads_neither_numpy_nor_the_cloud_nor_the_command_line():
    asked = (
        "import json, sys, storebridge.store_program;"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True)
    assert json.loads(said.stdout) == []


@contextmanager
def running(folder: Path, more: str = "") -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A store's program with its log; it begins with what `more` adds to its configuration."""
    config, log = folder / "store.toml", folder / "log"
    config.write_text(
        f'tenant = "acme"\nstore = "s0001"\nidentifier_key = "{"00" * 16}"\n'
        f"[broker]\nport = {free_port()}\n[web]\nport = 0\n{more}"
    )
    with log.open("wb") as output:
        command = [sys.executable, "-m", "storebridge", "agent", "run", str(config)]
        agent = subprocess.Popen(command, stderr=output)
    try:
        yield agent, log
    finally:
        agent.kill()
        agent.wait()


def address_in(log: Path) -> str:
    """Return where the screens are, once the log says so."""
    wait_until(lambda: SCREENS.search(log.read_text()), "the screens to be served", WAIT_S)
    found = SCREENS.search(log.read_text())
    assert found is not None
    return found[1]


def test_the_command_becomes_the_program_and_ends_when_asked(tmp_path: Path):
    with running(tmp_path) as (agent, log):
        assert requests.get(f"{address_in(log)}/healthz", timeout=WAIT_S).json()["state"]
        command = Path(f"/proc/{agent.pid}/cmdline").read_bytes()
        assert b"storebridge.store_program" in command
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(WAIT_S) == 0


def test_a_camera_that_is_away_is_told_once_however_often_it_is_tried(tmp_path: Path):
    devices = (
        '[[zones]]\nname = "door"\n'
        '[[devices]]\nname = "cam"\ndriver = "barcode-camera"\nzone = "door"\n'
        f'options = {{ source = "http://127.0.0.1:{free_port()}/x.mjpg" }}\n'
        '[[devices]]\nname = "cam-9"\ndriver = "barcode-camera"\nzone = "door"\n'
        "options = { source = 99 }\n"
    )
    with running(tmp_path, devices) as (agent, log):
        address_in(log)
        wait_until(lambda: log.read_text().count("failed") == 2, "both to be told", WAIT_S)
        time.sleep(2)  # many tries of each, four a second
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(WAIT_S) == 0
    told = [line for line in log.read_text().splitlines() if "no link to" not in line]
    assert sorted(line.split(": ")[-1][:15] for line in told if "failed" in line) == [
        "is its port rig", "was it unplugge",
    ]  # fmt: skip
    assert len(told) == 3, told  # and where the screens are


def run_with(folder: Path, *, port: int, more: str = "") -> subprocess.CompletedProcess[str]:
    config = folder / "store.toml"
    config.write_text(
        f'tenant = "acme"\nstore = "s0001"\nidentifier_key = "{"00" * 16}"\n'
        f"{more}[broker]\nport = {free_port()}\n[web]\nport = {port}\n"
    )
    command = [sys.executable, "-m", "storebridge", "agent", "run", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)


def test_an_address_in_use_is_one_line_with_advice_and_exit_code_1(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run_with(tmp_path, port=taken.getsockname()[1])
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("the store cannot start: the screens cannot be served at 127.0.0.1:")
    assert "set web.host and web.port" in last


def test_a_folder_that_is_a_file_is_one_line_with_advice_and_exit_code_1(tmp_path: Path):
    (tmp_path / "taken").touch()
    ended = run_with(tmp_path, port=free_port(), more='folder = "taken"\n')
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "name another folder" in ended.stderr.splitlines()[-1]
