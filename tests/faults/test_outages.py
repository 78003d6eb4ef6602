"""The line is cut, the database dies: recording goes on, and everything arrives once."""

import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cloud_sync.database.migrations import migrate
from cloud_sync.database.schema import MIGRATIONS
from storebridge.postgres import EmbeddedPostgres
from tests.cloud_parts import wait_until
from tests.conftest import BrokerForTests
from tests.faults.parts import WAIT_S, Town, a_town

CUTS = 3


@pytest.mark.parametrize("seed", [8])
def test_a_line_cut_and_mended_again_and_again_loses_nothing(town: Town, seed: int):
    rng = random.Random(seed)
    town.worker()
    store = town.recording()
    store.start()
    wait_until(town.places, "the first events", WAIT_S)
    for _ in range(CUTS):
        town.line.cut()
        store.wait_until_noted(100)  # offline is normal: recording goes on
        town.line.restore()
        time.sleep(rng.uniform(0, 1.5))
    store.finish()
    town.check(store)


@pytest.fixture
def postgres() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of its own, as safe as it comes, that may be killed."""
    with tempfile.TemporaryDirectory(prefix="storebridge-postgres-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        yield server
        server.stop()


def kill(server: EmbeddedPostgres) -> None:
    """End a PostgreSQL as a crash would: the postmaster first, then what is left of it."""
    pid = int((server.folder / "postmaster.pid").read_text().split("\n")[0])
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs(processes, timeout=WAIT_S)


def test_a_killed_database_comes_back_with_all_it_had_receipted(
    tmp_path: Path, broker: BrokerForTests, postgres: EmbeddedPostgres
):
    with a_town(tmp_path, broker, postgres.start()) as town:
        migrate(town.dsn, MIGRATIONS)
        town.worker()
        store = town.recording()
        store.start()
        wait_until(town.places, "the first events", WAIT_S)
        store.wait_until_noted(50)
        kill(postgres)
        store.wait_until_noted(50)  # the store does not notice
        assert postgres.start() == town.dsn
        store.finish()
        town.check(store)
