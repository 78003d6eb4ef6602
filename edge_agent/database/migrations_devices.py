"""What the store counts of its devices."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite_utils


def m010_device_hours(tables: "sqlite_utils.Database") -> None:
    """Count what each device reads by the hour (µs UTC)."""
    tables.execute(
        "CREATE TABLE device_hours (device TEXT NOT NULL, hour_at INTEGER NOT NULL,"
        " reads INTEGER NOT NULL, PRIMARY KEY (device, hour_at))"
    )


def m011_waiting(tables: "sqlite_utils.Database") -> None:
    """Note since when (µs UTC) the one who has been in a zone longest is there."""
    tables.execute("ALTER TABLE zones_now ADD COLUMN waiting_since INTEGER")


def m012_badges(tables: "sqlite_utils.Database") -> None:
    """Note where badges of staff were shown (µs UTC), and until when their owner may be back."""
    tables.execute(
        "CREATE TABLE badges (zone TEXT NOT NULL, shown_at INTEGER NOT NULL,"
        " until INTEGER NOT NULL, away_us INTEGER NOT NULL, gone_at INTEGER NOT NULL DEFAULT 0)"
    )


def m014_staff_now(tables: "sqlite_utils.Database") -> None:
    """Note which badges' owners are in their zone, or still to pass a door, and how many."""
    tables.execute("ALTER TABLE badges ADD COLUMN there INTEGER NOT NULL DEFAULT 1")
    tables.execute("UPDATE badges SET there = 0 WHERE gone_at > 0")
    tables.execute("ALTER TABLE badges ADD COLUMN passes INTEGER NOT NULL DEFAULT 0")
    tables.execute("ALTER TABLE zones_now ADD COLUMN staff INTEGER NOT NULL DEFAULT 0")
