"""Who was erased here, and whether what lies free in the file was overwritten."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite_utils

ERASURES = (
    # An erasure that was done here: what went when, and when the last byte of it was gone.
    """
    CREATE TABLE erasures (
        erasure TEXT NOT NULL PRIMARY KEY, rows INTEGER NOT NULL, deleted_at INTEGER NOT NULL,
        wiped_at INTEGER
    )
    """,
    # One row: whether pages that were freed before deleting overwrote them are overwritten now.
    "CREATE TABLE overwritten (one INTEGER PRIMARY KEY, freed INTEGER NOT NULL)",
    "INSERT INTO overwritten VALUES (1, (SELECT count(*) = 0 FROM outbox))",
)


def m013_erasures(tables: "sqlite_utils.Database") -> None:
    """Note erasures that were done, so that each is answered."""
    for statement in ERASURES:
        tables.execute(statement)
