"""The demo as a visitor runs it: real processes, a real cut, nothing left behind."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import psutil
import pytest
import requests

from cloud_sync.catalogue_file import SAMPLE, read_catalogue
from edge_agent.database.database import Database
from storebridge.commands.demo import duration_s, percentiles
from storebridge.demo.light_stores import UNWELL_DEVICE
from storebridge.demo.reads import count_of_reads
from storebridge.simulated.cards import draw_card, draw_product
from storebridge.town import KIOSK_CAMERA, LIGHT_STORES, REAL_CAMERA
from tests.cloud_parts import wait_until
from tests.terminal import make_in_a_terminal
from wire.codec import decode_event
from wire.events import Scan

# What was promised to scripts, and what else there is to know.
PROMISED = {
    "recorded", "accepted", "lost", "doubled", "quarantined", "scan_to_screen_ms", "offers_shown",
    "redemptions", "dwell_events", "cut_seconds", "drained_seconds",
}  # fmt: skip
MORE = {
    "absent", "online_events", "scans_shown", "scans_answered", "scans_answered_while_cut",
    "scan_to_coupon_ms",
}  # fmt: skip
END_TIMEOUT_S = 120.0


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "storebridge", "demo", "--folder", str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "COLUMNS": "200"},
    )


def printed_by(run: subprocess.Popen[str]) -> dict[str, str]:
    """Wait until a demo has printed its addresses, and return each with what stands beside it."""
    assert run.stdout is not None
    printed: dict[str, str] = {}
    while "headquarters" not in printed:
        line = run.stdout.readline()
        assert line, run.stderr.read() if run.stderr else ""
        name, _, rest = line.strip().partition(" ")
        printed[name] = rest.strip()
    return printed


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return every process whose command line names the folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(folder) in " ".join(process.info["cmdline"] or [])
    ]


def wait_until_none(folder: Path) -> list[str]:
    gives_up = time.monotonic() + END_TIMEOUT_S
    while (left := processes_of(folder)) and time.monotonic() < gives_up:
        time.sleep(0.1)
    return [" ".join(process.info["cmdline"])[:200] for process in left]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's own account may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="storebridge-demo-test-") as name:
        yield Path(name) / "town"


def test_a_demo_with_a_cut_loses_and_doubles_nothing_and_leaves_nothing(folder: Path):
    run = start(
        folder, "--for", "30s", "--json", "--stores", "1", "--speed", "10",
        "--cut-after", "8s", "--cut-for", "12s",
    )  # fmt: skip
    out, err = run.communicate(timeout=240)
    assert run.returncode == 0, err
    result = json.loads(out)
    assert result.keys() == PROMISED | MORE
    assert result["recorded"] == result["accepted"] > 100
    assert (result["lost"], result["doubled"], result["quarantined"]) == (0, 0, 0)
    assert result["cut_seconds"] == pytest.approx(12, abs=4)
    assert result["drained_seconds"] is not None
    assert result["scans_shown"] >= result["scans_answered"] > 0
    assert result["scans_answered_while_cut"] > 0
    for measured in ("scan_to_screen_ms", "scan_to_coupon_ms"):
        assert result[measured].keys() == {"p50", "p95", "p99"}
    assert result["dwell_events"] > 0
    assert result["online_events"] > 0
    assert result["offers_shown"] > 0
    ready = re.search(r"Ready after (\d+) s", err)
    assert ready is not None
    assert int(ready[1]) <= 60
    assert wait_until_none(folder) == []


def test_a_real_camera_is_read_beside_the_drawn_one_before_which_no_shopper_then_comes(
    folder: Path, tmp_path: Path
):
    shown, clicked = (each.product for each in read_catalogue(SAMPLE).products[:2])
    for number, frame in enumerate(
        (draw_card((640, 480), "sb:m:M00000001", 1), draw_product((640, 480), shown, 1))
    ):
        cv2.imwrite(str(tmp_path / f"{number}.png"), frame)
    run = start(folder, "--stores", "1", "--camera", str(tmp_path))
    address = {name: rest.split()[0] for name, rest in printed_by(run).items() if "http" in rest}
    assert str(tmp_path) in requests.get(address["stage"], timeout=20).text
    metrics = address["staff"].replace("/staff", "/metrics")
    for camera in (REAL_CAMERA, KIOSK_CAMERA):
        wait_until(count_of_reads(metrics, camera), camera)
        form = {"store": "s0001", "thing": clicked}
        assert requests.post(f"{address['stage']}show", data=form, timeout=20).ok
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=END_TIMEOUT_S)
    database = Database(folder / "s0001" / "store.sqlite3")
    rows = database.reader().execute("SELECT row FROM outbox ORDER BY id").fetchall()
    database.close()
    bodies = [decode_event(row).body for (row,) in rows]
    scans = {(body.code_kind, body.product) for body in bodies if isinstance(body, Scan)}
    assert scans == {("member", ""), ("product", shown), ("product", clicked)}


def test_the_addresses_it_prints_lead_to_four_screens_and_to_the_store_that_is_unwell(folder: Path):
    run = start(folder, "--stores", "2", "--no-shoppers")
    printed = printed_by(run)
    address = {name: rest.split()[0] for name, rest in printed.items() if "http" in rest}
    assert list(address) == ["stage", "kiosk", "staff", "headquarters"]
    for each in ("stage", "kiosk", "staff"):
        assert requests.get(address[each], timeout=20).ok
    words = re.search(r"organisation (\S+), name (\S+), password (\S+)", printed["headquarters"])
    assert words is not None
    form = dict(zip(("tenant", "name", "password"), words.groups(), strict=True))
    with requests.Session() as http:
        assert http.post(f"{address['headquarters']}sign-in", data=form, timeout=20).ok

        def all_there() -> bool:
            page = http.get(address["headquarters"], timeout=20).text
            stores = set(re.findall(r"\b[ls]\d{4}\b", page))
            return len(stores) == LIGHT_STORES + 2 and UNWELL_DEVICE in page

        wait_until(all_there, "all stores, and the one that is unwell")
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=END_TIMEOUT_S)


def test_make_demo_in_a_terminal_shows_what_happens_and_leaves_nothing_after_ctrl_c():
    with make_in_a_terminal("demo") as terminal:
        terminal.read_until("headquarters")
        terminal.read_until("recorded", "accepted", "Ctrl-C ends everything")
        (guard,) = (each for each in terminal.commands() if "guard" in each)
        folder = Path(guard[guard.index("guard") + 1])
        assert len(processes_of(folder)) >= 6  # broker, database, guard, cloud, agents
        terminal.type("\x03")
        terminal.read_to_the_end()
    assert wait_until_none(folder) == []
    assert not folder.exists()


@pytest.mark.parametrize("first", [None, signal.SIGHUP], ids=["", "while it ends"])
def test_a_demo_that_is_killed_leaves_no_process(folder: Path, first: signal.Signals | None):
    run = start(folder, "--stores", "1")
    assert run.stdout is not None
    ready = any("headquarters" in line for line in run.stdout)
    assert ready, run.stderr.read() if run.stderr else ""
    assert len(processes_of(folder)) >= 6  # the demo, broker, database, guard, cloud, agent
    if first is not None:  # as of a terminal that is closed
        agent = next(each for each in processes_of(folder) if "cloud" in each.cmdline())
        run.send_signal(first)
        agent.wait(END_TIMEOUT_S)
        assert run.poll() is None
    run.kill()
    run.wait(END_TIMEOUT_S)
    assert wait_until_none(folder) == []
    run.communicate()


def test_a_demo_that_is_asked_to_end_while_it_starts_starts_nothing_more(folder: Path):
    run = start(folder)
    until = time.monotonic() + END_TIMEOUT_S
    while not (folder / "postgres").exists() and time.monotonic() < until:
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=END_TIMEOUT_S)
    assert (run.returncode, out) == (0, ""), err
    assert not (folder / "cloud.toml").exists()
    assert wait_until_none(folder) == []


def test_a_demo_that_cannot_have_its_folder_says_so_and_leaves_nothing(tmp_path: Path):
    taken = tmp_path / "taken"
    taken.write_text("a file, no folder")
    run = start(taken, "--for", "1s")
    out, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "Traceback" not in err + out
    assert "taken" in err + out


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("45", 45), ("1.5m", 90), ("2 min", 120), ("1h", 3600)]
)
def test_a_duration_is_read_as_people_write_it(text, seconds):
    assert duration_s(text.replace(" ", "")) == seconds


def test_percentiles_are_values_that_were_measured():
    assert percentiles([float(n) for n in range(1, 101)]) == {"p50": 51, "p95": 96, "p99": 100}
    assert percentiles([]) == {"p50": None, "p95": None, "p99": None}
