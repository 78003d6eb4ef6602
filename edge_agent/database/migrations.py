"""The store's tables, as a numbered list of steps from an empty file to the present one."""

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from edge_agent.database.migrations_codes import m008_codes
from edge_agent.database.migrations_devices import (
    m010_device_hours,
    m011_waiting,
    m012_badges,
    m014_staff_now,
)
from edge_agent.database.migrations_privacy import m013_erasures
from edge_agent.database.migrations_retention import m004_running_time
from edge_agent.database.migrations_store import (
    m002_store,
    m003_benefits,
    m005_operator,
    m006_acts,
    m007_marks,
    m009_orders,
)
from edge_agent.database.sqlite import sqlite3

if TYPE_CHECKING:
    import sqlite_utils

Migration = Callable[["sqlite_utils.Database"], None]

# The name of the steps in the file.
STORE = "store"

OUTBOX_TABLES = (
    # Events of the present stream have the seq `id - base`; rows with an id up to `base` are left
    # over from former streams and wait to be recorded again. `before` is the chain checksum of the
    # row before, so that each row can be checked by itself; `bytes_to` counts the bytes of all rows
    # ever recorded up to and with this one.
    """
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY, recorded_at INTEGER NOT NULL, before INTEGER NOT NULL,
        checksum INTEGER NOT NULL, bytes_to INTEGER NOT NULL, row BLOB NOT NULL
    ) STRICT
    """,
    # The highest number is the present stream; head to absent_rows follow every commit.
    """
    CREATE TABLE stream (
        number INTEGER PRIMARY KEY, stream BLOB NOT NULL, base INTEGER NOT NULL,
        head INTEGER NOT NULL, checksum INTEGER NOT NULL, bytes_to INTEGER NOT NULL,
        kept_rows INTEGER NOT NULL, kept_bytes INTEGER NOT NULL, absent_rows INTEGER NOT NULL,
        watermark INTEGER NOT NULL, ranges TEXT NOT NULL
    ) STRICT
    """,
    # Rows of the present stream that will never be sent, until the cloud has taken note.
    """
    CREATE TABLE absent (
        first INTEGER PRIMARY KEY, last INTEGER NOT NULL, reason TEXT NOT NULL
    ) STRICT
    """,
    # Up to which seq the cloud held all at which time: rows are kept for a while after that.
    "CREATE TABLE received (seq INTEGER PRIMARY KEY, received_at INTEGER NOT NULL) STRICT",
    """
    CREATE TABLE damaged (
        id INTEGER PRIMARY KEY, stream BLOB NOT NULL, seq INTEGER NOT NULL,
        found_at INTEGER NOT NULL, reason TEXT NOT NULL, row BLOB NOT NULL
    ) STRICT
    """,
    # One row: what must survive a restart besides the stream.
    """
    CREATE TABLE delivery (
        one INTEGER PRIMARY KEY, boot INTEGER NOT NULL, session INTEGER NOT NULL,
        owner BLOB NOT NULL, applied INTEGER NOT NULL, applied_owner BLOB NOT NULL,
        heard_at INTEGER NOT NULL
    ) STRICT
    """,
)


class NewerFile(Exception):
    """The file was written by a later version of the program; install that or a newer one."""


def m001_outbox(tables: "sqlite_utils.Database") -> None:
    """Create the outbox and the state of its stream."""
    for statement in OUTBOX_TABLES:
        tables.execute(statement)


# A new step goes to the end with the next number; a released one is never changed.
MIGRATIONS: tuple[tuple[str, Migration], ...] = (
    ("001_outbox", m001_outbox),
    ("002_store", m002_store),
    ("003_benefits", m003_benefits),
    ("004_running_time", m004_running_time),
    ("005_operator", m005_operator),
    ("006_acts", m006_acts),
    ("007_marks", m007_marks),
    ("008_codes", m008_codes),
    ("009_orders", m009_orders),
    ("010_device_hours", m010_device_hours),
    ("011_waiting", m011_waiting),
    ("012_badges", m012_badges),
    ("013_erasures", m013_erasures),
    ("014_staff_now", m014_staff_now),
)


def migrate(connection: sqlite3.Connection) -> bool:
    """Bring the tables of a file to the present form; returns whether any step was to be taken.

    Each step has its own transaction.

    Raises NewerFile when the file knows steps that this program does not.
    """
    names = {name for name, _ in MIGRATIONS}
    done = _steps_of(connection)
    if unknown := done - names:
        raise NewerFile(
            f"the file has steps this version does not know: {', '.join(sorted(unknown))}; "
            "start the version that wrote it, or a newer one"
        )
    if done == names:
        return False
    _take_steps(connection)
    return True


def _steps_of(connection: sqlite3.Connection) -> set[str]:
    """Return which steps were taken in a file; sqlite_utils keeps them in a table of its own."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'")
    if known.fetchone() is None:
        return set()
    query = "SELECT name FROM _sqlite_migrations WHERE migration_set = ?"
    return {name for (name,) in connection.execute(query, (STORE,))}


def _take_steps(connection: sqlite3.Connection) -> None:
    # Loaded only where there is something to do, since it takes 3 MB of a store's memory.
    sqlite_utils = _loaded()
    steps = sqlite_utils.migrations.Migrations(STORE)
    for name, step in MIGRATIONS:
        steps(name=name)(step)
    steps.apply(sqlite_utils.Database(connection, execute_plugins=False))


def _loaded() -> ModuleType:
    """Load sqlite_utils without numpy, which it loads where it is installed: 12 MB for nothing.

    Who needs numpy, as cameras do, imports it afterwards as ever.
    """
    without = "numpy" not in sys.modules
    if without:
        sys.modules["numpy"] = None  # type: ignore[assignment]
    try:
        import_module("sqlite_utils.migrations")
    finally:
        if without:
            del sys.modules["numpy"]
    return sys.modules["sqlite_utils"]
