"""What becomes of a database file that SQLite cannot read: set aside, and saved row by row."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from edge_agent.database import outbox, streams
from edge_agent.database.sqlite import sqlite3

DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
MIGRATIONS_TABLE = "_sqlite_migrations"
# How many row numbers are tried one by one between the two ends of the damage of a table.
PROBED_ROWS_MAX = 200_000

_NOTHING_BELOW = -(2**63)
_NOTHING_ABOVE = 2**63 - 1

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """What was saved of a damaged file, and where the file lies now.

    `lost_rows` are those declared absent, None when not even their number could be read.
    """

    set_aside: Path
    rows: int
    lost_rows: int | None


def is_damage(error: BaseException) -> bool:
    """Tell whether SQLite says that the file itself is malformed."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.Error) and code is not None and code & 0xFF in DAMAGE


def marker(path: Path) -> Path:
    """Return the file whose presence asks for a salvage at the next start."""
    return path.with_name(path.name + ".salvage")


def all_set_aside(path: Path) -> list[Path]:
    """Return the damaged files, and their logs, that were set aside beside a database's file."""
    return sorted(path.parent.glob(f"{path.name}.damaged-*"))


def set_aside(path: Path) -> Path:
    """Rename a damaged file, with its write-ahead log; nothing of it is changed or deleted."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(aside)
    wal = path.with_name(path.name + "-wal")
    if wal.exists():
        wal.rename(aside.with_name(aside.name + "-wal"))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    marker(path).unlink(missing_ok=True)
    return aside


def salvage(aside: Path, connection: sqlite3.Connection) -> Salvaged:
    """Copy whatever can be read of a damaged file into a new one, within its open transaction.

    The old stream becomes a former one of the new file: its unreceived events are recorded again
    in the new stream (see `streams.py`), and those that could not be read are declared absent.
    """
    fresh = outbox.tail_of(connection).stream
    source = sqlite3.connect(f"{aside.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        tables = _tables(connection)
        for table in tables:
            _copy(source, connection, table)
    finally:
        source.close()
        aside.with_name(aside.name + "-shm").unlink(missing_ok=True)
    rows, lost = _begin_anew(connection, fresh)
    return Salvaged(set_aside=aside, rows=rows, lost_rows=lost)


def _begin_anew(connection: sqlite3.Connection, fresh: bytes) -> tuple[int, int | None]:
    """Begin a stream above all saved rows; return how many were saved and how many are lost."""
    known = connection.execute("SELECT 1 FROM stream WHERE stream <> ?", (fresh,)).fetchone()
    highest, rows, size = connection.execute(
        "SELECT ifnull(max(id), 0), count(*), ifnull(sum(length(row)), 0) FROM outbox"
    ).fetchone()
    streams.begin_first(connection)
    tail = outbox.tail_of(connection)
    tail = replace(tail, head=max(tail.head, highest - tail.base), kept_rows=rows, kept_bytes=size)
    outbox.save_tail(connection, tail)
    lost = streams.missing_rows(connection, tail)
    tail = outbox.skip(connection, streams.begin_next(connection), lost, "damaged")
    outbox.save_tail(connection, tail)
    return rows, lost if known else None


def _tables(connection: sqlite3.Connection) -> list[str]:
    query = (
        "SELECT name FROM sqlite_schema WHERE type = 'table' "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> ?"
    )
    return [name for (name,) in connection.execute(query, (MIGRATIONS_TABLE,))]


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> None:
    """Copy the readable rows of one table, as far as both files know its columns."""
    columns = _columns(target, table)
    try:
        known = _columns(source, table)
    except sqlite3.DatabaseError:
        return
    shared = [column for column in columns if column in known]
    if not shared:
        return
    target.execute(f'DELETE FROM "{table}"')  # noqa: S608 - names come from our own schema
    names = ", ".join(f'"{column}"' for column in shared)
    marks = ", ".join("?" * len(shared))
    target.executemany(
        f'INSERT OR IGNORE INTO "{table}" ({names}) VALUES ({marks})',  # noqa: S608
        _rows(source, table, names),
    )


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]


def _rows(source: sqlite3.Connection, table: str, names: str) -> Iterator[tuple[object, ...]]:
    """Yield each row that can be read: from both ends to the damage, then one by one within."""
    select = f'SELECT rowid, {names} FROM "{table}"'  # noqa: S608
    low, high = _NOTHING_BELOW, _NOTHING_ABOVE
    try:
        for rowid, *values in source.execute(f"{select} ORDER BY rowid"):
            low = rowid
            yield tuple(values)
    except sqlite3.DatabaseError:
        log.warning("table %s is damaged above row %d", table, low)
    else:
        return
    try:
        for rowid, *values in source.execute(
            f"{select} WHERE rowid > ? ORDER BY rowid DESC", (low,)
        ):
            high = rowid
            yield tuple(values)
    except sqlite3.DatabaseError:
        log.warning("table %s is damaged below row %d", table, high)
    first = max(low, 0) + 1
    for rowid in range(first, min(high, first + PROBED_ROWS_MAX)):
        try:
            found = source.execute(f"{select} WHERE rowid = ?", (rowid,)).fetchone()
        except sqlite3.DatabaseError:
            continue
        if found is not None:
            yield tuple(found[1:])
