import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge_agent.database.database import SHARED, Database, DatabaseError, DatabaseInUse
from edge_agent.database.migrations import NewerFile
from edge_agent.database.sqlite import sqlite3
from tests.edge_builders import event, store_in


def test_a_second_process_is_refused_to_write(tmp_path: Path):
    with store_in(tmp_path) as store:
        code = (
            "import sys; from pathlib import Path\n"
            "from edge_agent.database.database import Database\n"
            "Database(Path(sys.argv[1]))"
        )
        other = subprocess.run(
            [sys.executable, "-c", code, str(store.path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert other.returncode != 0
        assert "is written by another process" in other.stderr
        with pytest.raises(DatabaseInUse, match="another process"):
            Database(store.path)


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path):
    (tmp_path / "store.sqlite3").mkdir()
    with pytest.raises(DatabaseError, match="is a folder; move it away"):
        Database(tmp_path / "store.sqlite3")


def test_a_closed_database_can_be_opened_again(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(3)
    with store_in(tmp_path) as store:
        assert store.numbers() == [0, 1, 2]


def test_another_process_may_read(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(3)
        reading = Database(store.path, read_only=True)
        assert reading.reader().execute("SELECT head FROM stream").fetchone() == (3,)
        with pytest.raises(sqlite3.OperationalError):
            reading.reader().execute("DELETE FROM outbox")
        reading.close()


def test_a_reader_cannot_write(tmp_path: Path):
    with (
        store_in(tmp_path) as store,
        pytest.raises(sqlite3.OperationalError, match=r"readonly|read-only"),
    ):
        store.database.reader().execute("DELETE FROM outbox")


def test_each_thread_has_its_own_reader(tmp_path: Path):
    with store_in(tmp_path) as store:
        readers = [store.database.reader(), store.database.reader()]
        thread = threading.Thread(target=lambda: readers.append(store.database.reader()))
        thread.start()
        thread.join()
        assert readers[0] is readers[1]
        assert readers[2] is not readers[0]


def test_a_transaction_that_raises_is_undone(tmp_path: Path):
    database = Database(tmp_path / "store.sqlite3")

    def half_way() -> None:
        with database.transaction() as connection:
            connection.execute("UPDATE stream SET head = 9")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_way()
    assert not database.writer.in_transaction
    assert database.writer.execute("SELECT head FROM stream").fetchone() == (0,)
    database.close()


def test_a_commit_waits_for_the_disk(tmp_path: Path):
    database = Database(tmp_path / "store.sqlite3")
    assert database.writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.writer.execute("PRAGMA synchronous").fetchone() == (2,)
    database.close()


def test_a_file_of_a_later_version_is_refused_with_the_way_out(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.tear(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "VALUES ('store', '999_later', '')"
        )
    with pytest.raises(NewerFile, match=r"999_later.*start the version that wrote it"):
        Database(tmp_path / "store.sqlite3")


def test_a_store_whose_file_is_up_to_date_loads_no_library_that_it_does_not_need(tmp_path: Path):
    Database(tmp_path / "store.sqlite3").close()
    program = (
        "import sys, pathlib, storebridge.store_program\n"
        "from edge_agent.database.database import Database\n"
        "Database(pathlib.Path(sys.argv[1])).close()\n"
        "print(*{'sqlite_utils', 'sqlite3', 'numpy', 'cv2', 'biip', 'typer'} & set(sys.modules))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "store.sqlite3")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == []


def test_a_chore_brings_the_log_into_the_file_so_that_a_commit_need_not(tmp_path: Path):
    def in_the_file_itself() -> int:
        alone = tmp_path / "alone.sqlite3"
        shutil.copy(tmp_path / "store.sqlite3", alone)
        connection = sqlite3.connect(alone)
        found = connection.execute("SELECT count(*) FROM outbox").fetchone()[0]
        connection.close()
        return found

    if not SHARED:
        pytest.skip("only the writer may bring the log in with this SQLite")
    with store_in(tmp_path) as store:
        store.database.checkpoint()
        store.record(50_000)
        log = tmp_path / "store.sqlite3-wal"
        assert log.stat().st_size > 1_000 * 4_096
        assert in_the_file_itself() == 0
        store.database.checkpoint()
        assert in_the_file_itself() == 50_000
        assert store.recorder.record(event(1)) == 50_001
