"""What the set-up says where something is missing, on a machine made of the few tools named.

`make test` cannot run itself here: what it does when nothing is missing is what runs these tests.
"""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOOLS = ("sh", "dirname", "cat", "cksum", "cut", "ls", "grep", "id", "env", "rm", "dpkg")
NOBODY = 65_534


@dataclass(frozen=True)
class Machine:
    """A checkout and a PATH of its own; who works there is no administrator."""

    folder: Path
    user: int | None = NOBODY if os.getuid() == 0 else None

    def has(self, name: str, script: str = "exit 0") -> None:
        """Put a program there, or what stands for it."""
        program = self.folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def run(self, script: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run one of the tools there as an ordinary user."""
        return subprocess.run(
            ["/bin/sh", str(self.folder / "tools" / script), *words],
            env={"PATH": str(self.folder / "bin"), "HOME": str(self.folder), **environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            user=self.user,
        )

    def refusal(self, *words: str, **environ: str) -> list[str]:
        """Return what the set-up says, which must end without having done it."""
        ended = self.run("setup.sh", *words, **environ)
        assert ended.returncode == 1, ended.stdout + ended.stderr
        return (ended.stdout + ended.stderr).strip().splitlines()


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A machine with the code reader, and without Python, Debian's tools, npm."""
    with tempfile.TemporaryDirectory(prefix="storebridge-setup-") as name:
        folder = Path(name)
        folder.chmod(stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO)
        shutil.copytree(ROOT / "tools", folder / "tools")
        for file in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
            shutil.copy(ROOT / file, folder / file)
        (folder / "bin").mkdir()
        for tool in TOOLS:
            found = shutil.which(tool)
            if found is not None:
                (folder / "bin" / tool).symlink_to(found)
        machine = Machine(folder)
        machine.has("ldconfig", "echo libzbar.so.0")
        yield machine


def test_without_the_code_reader_and_without_debian_it_says_what_to_install(machine: Machine):
    machine.has("ldconfig", "echo nothing")
    machine.has("python3")
    assert machine.refusal("run") == [
        "setup: this is no Debian: please install libzbar0 yourself",
        "setup: without libzbar0 no code can be read, and nothing here works",
    ]


def test_an_ordinary_user_is_told_what_to_ask_an_administrator_for(machine: Machine):
    machine.has("ldconfig", "echo nothing")
    machine.has("python3")
    machine.has("apt-get", "echo must not be run; exit 99")
    asked, why = machine.refusal("run")
    assert asked == (
        "setup: this user may not install packages; ask an administrator to run:"
        " apt-get install libzbar0"
    )
    assert why == "setup: without libzbar0 no code can be read, and nothing here works"


def test_what_debian_refused_stands_above_the_sentence_that_says_so(machine: Machine):
    machine.has("ldconfig", "echo nothing")
    machine.has("python3")
    machine.has("apt-get", "echo E: no such package; exit 100")
    machine.has("sudo", '[ "$1" = -n ] && shift; exec "$@"')
    machine.has("true")
    said = machine.refusal("run")
    assert said[-1] == "setup: without libzbar0 no code can be read, and nothing here works"
    assert "E: no such package" in said
    assert "setup: they could not be installed; what stands above says why" in said


def test_without_a_python_that_is_new_enough_it_says_which_it_needs(machine: Machine):
    machine.has("python3", "exit 1")  # too old
    said = machine.refusal("run")
    assert said[0].startswith("setup: this is no Debian: please install python3 python3-venv")
    assert said[-1] == "setup: Storebridge needs Python 3.11 or newer, and there is none here"


def test_a_python_that_cannot_make_environments_is_told_with_debians_package(machine: Machine):
    machine.has("python3.12", "case $2 in *ensurepip*) exit 1;; esac")
    said = machine.refusal("run")
    assert said[-1] == (
        "setup: python3.12 cannot make a virtual environment without Debian's python3.12-venv"
    )


def test_without_a_registry_it_says_what_was_not_in_reach(machine: Machine):
    machine = replace(machine, user=None)  # who may use the Python of these tests
    (machine.folder / "bin" / "python3").symlink_to(sys.executable)
    said = machine.refusal("run", PIP_NO_INDEX="1")
    assert any("No matching distribution" in line for line in said)
    assert said[-1] == (
        "setup: the packages could not be installed; what stands above says why"
        " (is a registry in reach?)"
    )
    assert not list((machine.folder / ".venv").glob(".installed-*"))


def test_the_tests_go_on_without_the_parts_that_only_some_need(machine: Machine):
    machine.has("python3", "case $2 in *ensurepip*) exit 1;; esac")
    said = machine.refusal("test")
    assert any("the tests that need these are skipped" in line for line in said)
    ended = machine.run("npm.sh")
    assert (ended.returncode, ended.stdout.strip()) == (
        0,
        "setup: there is no npm here; the tests that let axe-core look at the screens are skipped",
    )
