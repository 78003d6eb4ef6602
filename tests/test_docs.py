"""The documents, checked like behaviour: whatever can be set, said or run is written down."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

from benchmarks import BENCHMARKS
from cloud_sync.settings import SETTINGS as CLOUD_SETTINGS
from cloud_sync.workers.chores import CHORES
from edge_agent.settings import SETTINGS
from hardware.drivers import DRIVERS
from hardware.options import OptionsError
from storebridge.cli import app
from storebridge.ports import free_port
from tests.cloud_parts import wait_until
from wire.events import EVENT_KINDS

ROOT = Path(__file__).parent.parent
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
# What only a program can pass, since no TOML file holds it.
FOR_TESTS = {"feed"}
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(group: click.Group, path: str = "storebridge") -> Iterator[str]:
    """Yield every command that the help shows, as it is typed."""
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if isinstance(command, click.Group) or hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}"


ALL_COMMANDS = sorted(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS])
def test_every_setting_of_a_store_is_documented(name: str):
    assert f"| `{name}` |" in OPERATIONS


@pytest.mark.parametrize("name", [setting.name for setting in CLOUD_SETTINGS])
def test_every_setting_of_the_cloud_is_documented(name: str):
    assert f"| `{name}` |" in OPERATIONS


@pytest.mark.parametrize("name", [chore.name for chore in CHORES])
def test_every_chore_of_the_cloud_is_documented(name: str):
    assert f"| `{name}` |" in OPERATIONS


@pytest.mark.parametrize("name", EVENT_KINDS)
def test_every_event_kind_is_documented(name: str):
    assert f"| `{name}` |" in OPERATIONS


@pytest.mark.parametrize("name", DRIVERS)
def test_every_driver_is_documented_with_its_options(name: str):
    with pytest.raises(OptionsError) as caught:
        DRIVERS[name]({"no such option": 1})
    (known,) = (each.split("known: ")[1] for each in caught.value.problems if "known: " in each)
    (row,) = re.findall(rf"^\| `{name}` \| (.*?) \|", OPERATIONS, re.MULTILINE)
    assert row.replace("`", "").split(", ") == [
        option for option in known.split(", ") if option not in FOR_TESTS
    ]


@pytest.mark.parametrize("command", ALL_COMMANDS)
def test_every_command_is_documented(command: str):
    shown = command.rsplit(" ", 1)
    assert f"`{command}" in OPERATIONS or (
        f"`{shown[0]} " in OPERATIONS and f"`{shown[1]}`" in OPERATIONS
    )


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_is_documented(name: str):
    assert f"`{name}`" in (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")


def documents() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_every_command_that_a_document_shows_exists(document: Path):
    text = document.read_text(encoding="utf-8")
    for shown in re.findall(r"storebridge ((?:[a-z-]+ ?){1,2})", text):
        words = shown.split()
        known = any(
            command.split()[1 : 1 + size] == words[:size]
            for command in ALL_COMMANDS
            for size in (1, 2)
            if len(words) >= size
        )
        assert known, f"{document.name} shows `storebridge {shown.strip()}`"


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_every_link_between_documents_leads_somewhere(document: Path):
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_readme_begins_with_two_commands_that_make_knows():
    first_block = re.search(r"```sh\n(.*?)```", README, re.DOTALL)
    assert first_block is not None
    typed = [line.split("#")[0].strip() for line in first_block[1].strip().splitlines()]
    assert typed == ["make demo", "make test"]
    for target in set(re.findall(r"make ([a-z-]+)", README)):
        plan = subprocess.run(
            ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert plan.returncode == 0, plan.stderr
        assert "setup.sh" in plan.stdout


@pytest.fixture
def written() -> Iterator[Path]:
    """A folder with the configurations that the documents show, their secrets and ports filled in.

    It lies where the embedded database's own account may enter.
    """
    with tempfile.TemporaryDirectory(prefix="storebridge-docs-") as name:
        folder = Path(name)
        blocks = re.findall(r"```toml\n# (\S+)\n(.*?)```", OPERATIONS, re.DOTALL)
        for file, text in blocks:
            filled = text.replace("…", "0f" * 16).replace("8081", str(free_port()))
            filled = filled.replace("[web]\nsecure", f"[web]\nport = {free_port()}\nsecure")
            (folder / file).write_text(filled, encoding="utf-8")
        yield folder


def test_the_commands_of_the_readme_do_what_it_says(written: Path):
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if "storebridge " in line]
    assert len(lines) >= 4
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    for line in lines:
        words = [sys.executable, "-m", *line.split("#")[0].split()]
        names = [{"BRAND": "maru", "NAME": "ann"}.get(word, word) for word in words]
        log = written / "log"
        with log.open("wb") as output:
            ran = subprocess.Popen(
                names, cwd=written, env=environ, stdin=subprocess.PIPE, stdout=output, stderr=output
            )
            try:
                if "run" in names:  # until Ctrl-C
                    wait_until(lambda: "at http://" in log.read_text(), line)  # noqa: B023
                    ran.send_signal(signal.SIGINT)
                ran.communicate(b"four words make one\n", timeout=60)
            finally:
                ran.kill()
        assert ran.returncode == 0, f"{line}: {log.read_text()}"


def test_setting_up_what_is_set_up_is_quick_and_quiet():
    if not any((ROOT / ".venv").glob(".installed-*")):
        pytest.skip("tools/setup.sh did not make this environment, and would make it anew")
    ready = subprocess.run(
        ["tools/setup.sh", "test"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "installing" not in ready.stdout


@pytest.mark.parametrize("command", ALL_COMMANDS)
def test_every_command_explains_itself(command: str):
    group: click.Command = typer.main.get_command(app)
    for name in command.split()[1:]:
        group = group.commands[name]
    assert (group.help or "").strip().endswith((".", "…"))
