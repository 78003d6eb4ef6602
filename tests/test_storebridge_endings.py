"""How commands end whose reader went away, or whom the disk refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from storebridge.endings import UNREAD

CAPABILITIES = "-dac_override,-dac_read_search"

# The first command of each group, in a process of its own, whose output nobody reads any more.
EVERY_GROUP = """
import contextlib, gc, io, json, os, tempfile
import typer
from storebridge.cli import app
from storebridge.endings import run_to_its_end

def first(group):
    name, command = next(iter(group.commands.items()))
    return (name, *first(command)) if hasattr(command, "commands") else (name,)

everything = typer.main.get_command(app)
with contextlib.redirect_stdout(io.StringIO()):
    everything(["--help"], standalone_mode=False)  # loads once what all of them load
gc.freeze()
ends = {}
for name, command in everything.commands.items():
    words = (name, *first(command)) if hasattr(command, "commands") else (name,)
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            reader, writer = os.pipe()
            os.close(reader)
            os.dup2(writer, 1)
            os.dup2(said.fileno(), 2)
            run_to_its_end(lambda: everything([*words, "--help"]))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        ends[" ".join(words)] = (code, said.read().decode())
print(json.dumps(ends))
"""


def run(
    *words: object, stdout: int = subprocess.PIPE, before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-m", "storebridge", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=120,
    )


def unread(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a command whose reader is gone before it begins."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return run(*words, stdout=writer)
    finally:
        os.close(writer)


def test_whatever_is_asked_ends_quietly_when_its_reader_goes_away():
    ran = subprocess.run(
        [sys.executable, "-c", EVERY_GROUP], capture_output=True, check=True, timeout=300
    )
    ends = json.loads(ran.stdout)
    assert len(ends) > 20
    assert {words: end for words, end in ends.items() if end != [UNREAD, ""]} == {}


@pytest.mark.parametrize(
    "words",
    [
        ("agent", "settings"),  # written with Typer
        ("bench", "nothing-so-called"),  # to standard error alone, which is read
        ("simulate", "delivery", "--seeds", "1"),
    ],
)
def test_what_was_asked_for_and_not_read_ends_by_the_code_of_a_closed_pipe(words: tuple[str, ...]):
    ended = unread(*words)
    if words[0] == "bench":
        assert ended.returncode == 2
        assert "No benchmark is called" in ended.stderr
    else:
        assert (ended.returncode, ended.stderr) == (UNREAD, "")


def test_an_answer_that_finds_the_disk_full_is_told_in_a_line():
    with Path("/dev/full").open("w") as full:
        ended = run("agent", "settings", "--json", stdout=full.fileno())
    assert ended.returncode == 1
    message = json.loads(ended.stderr)["error"]
    assert "No space left on device; free the disk" in message


def test_a_file_that_may_not_be_written_is_named_in_a_line(tmp_path: Path):
    records = tmp_path / "records.csv"
    records.write_text("unique_id,first_name,surname\n1,ann,li\n2,anne,li\n")
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o500)
    # Root may write everywhere, unless it gives that up.
    before = ("setpriv", f"--bounding-set={CAPABILITIES}") if os.geteuid() == 0 else ()
    ended = run("identity", "index", records, "--out", kept / "index", before=before)
    assert ended.returncode in (1, 2)
    assert str(kept / "index") in ended.stderr
    assert "Permission denied" in ended.stderr
    assert "Traceback" not in ended.stderr
