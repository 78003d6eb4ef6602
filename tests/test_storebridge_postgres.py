import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

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


def test_its_settings_are_in_effect_and_databases_come_and_go(embedded: EmbeddedPostgres) -> None:
    dsn = embedded.start()
    assert ask(dsn, "SHOW shared_buffers") == "32MB"
    assert ask(dsn, "SHOW listen_addresses") == ""
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
    left = (embedded.folder / "postmaster.pid").read_text().split("\n")[0]

    dsn = embedded.start()
    assert (embedded.folder / "postmaster.pid").read_text().split("\n")[0] == left
    assert ask(dsn, "SELECT 1") == 1
    embedded.stop()
    embedded.stop()
    with pytest.raises(psycopg.OperationalError):
        ask(dsn, "SELECT 1")


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
