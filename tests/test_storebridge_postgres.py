import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from storebridge.postgres import EmbeddedPostgres, PostgresError, create_database, drop_database


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory(prefix="storebridge-postgres-") as folder:
        embedded = EmbeddedPostgres(Path(folder) / "data", settings={"shared_buffers": "32MB"})
        yield embedded
        embedded.stop()


def ask(dsn: str, question: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


def pid_of(server: EmbeddedPostgres) -> int:
    return int((server.folder / "postmaster.pid").read_text().split("\n")[0])


def test_its_settings_are_in_effect_and_databases_come_and_go(embedded: EmbeddedPostgres) -> None:
    dsn = embedded.start()
    assert ask(dsn, "SHOW shared_buffers") == "32MB"
    assert ask(dsn, "SHOW listen_addresses") == ""
    assert ask(dsn, "SHOW wal_segment_size") == "1MB"
    other = create_database(dsn, "other")
    assert ask(other, "SELECT current_database()") == "other"
    drop_database(dsn, "other")
    with pytest.raises(psycopg.OperationalError):
        ask(other, "SELECT 1")


def test_a_server_left_by_a_killed_program_is_adopted_and_stopped(
    embedded: EmbeddedPostgres,
) -> None:
    embedded.stop()
    program = (
        "import os, sys; from pathlib import Path\n"
        "from storebridge.postgres import EmbeddedPostgres\n"
        "EmbeddedPostgres(Path(sys.argv[1])).start()\n"
        "os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(embedded.folder)], check=False)
    assert killed.returncode == -9
    left = pid_of(embedded)

    dsn = embedded.start()
    assert pid_of(embedded) == left
    assert ask(dsn, "SELECT 1") == 1
    embedded.stop()
    embedded.stop()
    with pytest.raises(psycopg.OperationalError):
        ask(dsn, "SELECT 1")


@contextmanager
def another_program(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that uses the server until its standard input is closed."""
    program = (
        "import sys; from pathlib import Path\n"
        "from storebridge.postgres import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(Path(sys.argv[1])); server.start()\n"
        "print('ready', flush=True); sys.stdin.read(); server.stop()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.communicate(timeout=60)
        assert process.returncode == 0


def test_a_program_that_finds_a_running_server_leaves_it_to_its_owner(
    embedded: EmbeddedPostgres,
) -> None:
    with another_program(embedded.folder):
        command = EmbeddedPostgres(embedded.folder)
        dsn = command.start()
        command.stop()
        assert ask(dsn, "SELECT 1") == 1
    assert not embedded.alive


def test_a_program_that_started_the_server_leaves_it_to_one_that_came_since(
    embedded: EmbeddedPostgres,
) -> None:
    command = EmbeddedPostgres(embedded.folder)
    dsn = command.start()
    with another_program(embedded.folder):
        command.stop()
        assert ask(dsn, "SELECT 1") == 1
    assert not embedded.alive


def test_a_server_that_died_is_brought_back_under_the_same_dsn(embedded: EmbeddedPostgres) -> None:
    dsn = embedded.start()
    postmaster = psutil.Process(pid_of(embedded))
    processes = [postmaster, *postmaster.children(recursive=True)]
    postmaster.kill()
    psutil.wait_procs(processes, timeout=30)
    assert not embedded.alive
    assert embedded.start() == dsn
    assert ask(dsn, "SELECT 1") == 1
    embedded.stop()
    assert not embedded.alive


def test_a_pid_file_that_names_a_stranger_is_not_adopted(embedded: EmbeddedPostgres) -> None:
    embedded.stop()
    stranger = os.getpid()
    lines = [
        str(stranger),
        str(embedded.folder),
        "1",
        "5432",
        str(embedded.folder),
        "",
        "",
        "ready",
    ]
    (embedded.folder / "postmaster.pid").write_text("\n".join(lines) + "\n")
    assert ask(embedded.start(), "SELECT 1") == 1
    embedded.stop()


def test_a_folder_of_another_version_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresError, match="Version mismatch"):
        EmbeddedPostgres(tmp_path).start()


def test_a_file_in_the_place_of_its_folder_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "postgres").write_text("a file")
    with pytest.raises(PostgresError, match="postgres: File exists; give this account the right"):
        EmbeddedPostgres(tmp_path / "postgres").start()


def test_a_lock_that_another_account_left_behind_does_not_keep_it_from_starting(
    tmp_path: Path,
) -> None:
    # What another account may not open, root may: a folder in its place nobody can.
    (tmp_path / ".lockfile").mkdir()
    program = (
        "import sys; from pathlib import Path\n"
        "from storebridge.postgres import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(Path(sys.argv[1]))\n"
        "print(server.start()); server.stop()"
    )
    with tempfile.TemporaryDirectory(prefix="storebridge-postgres-") as folder:
        ran = subprocess.run(
            [sys.executable, "-c", program, f"{folder}/postgres"],
            env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    assert not ran.stderr
