"""The product's own files and database behind a schedule, for as long as it is played."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from cloud_sync.database import Database
from cloud_sync.database.schema import MIGRATIONS
from storebridge.postgres import EmbeddedPostgres
from storebridge.simulation.real_disk import Rack
from storebridge.simulation.real_ledger import RealLedger
from storebridge.simulation.rules import Rules

# Nobody cuts these files' power, so they may lie in memory, where no write waits for a disk.
MEMORY = Path("/dev/shm")  # noqa: S108 (each schedule makes a folder of its own in it)
MEMORY_BYTES_MIN = 512 * 1024**2


@contextmanager
def real_rules(database: Database) -> Iterator[Rules]:
    """Let a schedule run over SQLite files of its own and over this database, which it empties."""
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES_MIN
    place = MEMORY if in_memory else None
    with tempfile.TemporaryDirectory(prefix="storebridge-disks-", dir=place) as folder:
        rack = Rack(Path(folder))
        try:
            yield Rules(disk=rack.disk, ledger=partial(RealLedger, database))
        finally:
            rack.close()


@contextmanager
def a_database() -> Iterator[Database]:
    """Start a PostgreSQL in a temporary folder, with all tables of the cloud."""
    with tempfile.TemporaryDirectory(prefix="storebridge-simulation-") as folder:
        # No schedule cuts this server's power: it is the connections that drop.
        server = EmbeddedPostgres(Path(folder) / "postgres", settings={"fsync": "off"})
        database = Database(server.start())
        try:
            database.migrate(MIGRATIONS)
            yield database
        finally:
            database.close()
            server.stop()
