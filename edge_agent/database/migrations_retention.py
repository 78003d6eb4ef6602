"""The age of receipts in running time, which no clock that is set can move."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite_utils

RUNNING_TIME = (
    # Up to which seq the cloud held all, when the store had heard it for so long.
    "ALTER TABLE received RENAME COLUMN received_at TO received_ms",
    "DELETE FROM received",
    # For how long the cloud has been heard in all, and when the last word of it came.
    "ALTER TABLE delivery RENAME COLUMN heard_at TO heard_ms",
    "ALTER TABLE delivery ADD COLUMN heard_boot INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE delivery ADD COLUMN heard_mono_ms INTEGER NOT NULL DEFAULT 0",
    "UPDATE delivery SET heard_ms = 0",
)


def m004_running_time(tables: "sqlite_utils.Database") -> None:
    """Count anew how old receipts are: what the wall clock said of it is worth nothing."""
    for statement in RUNNING_TIME:
        tables.execute(statement)
