"""How much each device reads by the hour, and whether that is far less than it usually does.

Counts only, and none of a person: a scanner whose window is dirty, or a camera somebody turned a
little, still works and reads hardly anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.recorder import Writing
from edge_agent.visits.traffic import HOUR_US, hour_of

WEEK_US = 7 * 24 * HOUR_US
# The same hour of so many weeks is looked back at; fewer weeks than the least are no baseline.
WEEKS_MAX, WEEKS_MIN = 5, 3
# A quarter of what is usual is little, where at least so many reads are usual, and only below half
# of what the weakest of these weeks had.
USUAL_MIN = 20
LITTLE_SHARE, WEAKEST_SHARE = 0.25, 0.5

# Reads by the hour (µs UTC) at which they were counted.
Hours = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Rate:
    """What a device read in the last hour and the running one, and what it usually does there.

    `usual` is None where that is not known yet.
    """

    reads: int
    usual: float | None
    weakest: float = 0.0

    @property
    def is_little(self) -> bool:
        """Tell whether this is far less than usual."""
        return (
            self.usual is not None
            and self.usual >= USUAL_MIN
            and self.reads < self.usual * LITTLE_SHARE
            and self.reads < self.weakest * WEAKEST_SHARE
        )


def add(writing: Writing, device: str, at: int) -> None:
    """Count one read of a device."""
    writing.execute(
        "INSERT INTO device_hours (device, hour_at, reads) VALUES (?, ?, 1)"
        " ON CONFLICT (device, hour_at) DO UPDATE SET reads = reads + 1",
        (device, hour_of(at)),
    )


def hours(connection: sqlite3.Connection, at: int) -> dict[str, Hours]:
    """Return the counts of each device over the weeks that are looked back at."""
    rows = connection.execute(
        "SELECT device, hour_at, reads FROM device_hours WHERE hour_at >= ?",
        (hour_of(at) - WEEKS_MAX * WEEK_US - HOUR_US,),
    )
    found: dict[str, dict[int, int]] = {}
    for device, hour_at, reads in rows:
        found.setdefault(device, {})[hour_at] = reads
    return dict(found)


def rate(counted: Hours, at: int) -> Rate:
    """Compare the last whole hour and the running part of this one with the same of other weeks."""
    hour = hour_of(at)
    running = (at - hour) / HOUR_US
    first = min(counted, default=hour)
    weeks = [
        counted.get(hour - HOUR_US - back, 0) + counted.get(hour - back, 0) * running
        for back in range(WEEK_US, (WEEKS_MAX + 1) * WEEK_US, WEEK_US)
        if first <= hour - HOUR_US - back
    ]
    reads = counted.get(hour - HOUR_US, 0) + counted.get(hour, 0)
    if len(weeks) < WEEKS_MIN:
        return Rate(reads, None)
    return Rate(reads, median(weeks), min(weeks))


def reading_little(counted: Mapping[str, Hours], at: int) -> frozenset[str]:
    """Return the devices that read far less than usual, while the store is open.

    Where every one of several does, the store is closed, and nothing is wrong with any.
    """
    rates = {device: rate(each, at) for device, each in counted.items()}
    judged = {each for each in rates if (rates[each].usual or 0) >= USUAL_MIN}
    little = {each for each in judged if rates[each].is_little}
    return frozenset() if len(little) == len(judged) > 1 else frozenset(little)


def forget_old(writing: Writing, at: int) -> None:
    """Delete the hours that nobody looks back at any more."""
    before = hour_of(at) - WEEKS_MAX * WEEK_US - HOUR_US
    writing.execute("DELETE FROM device_hours WHERE hour_at < ?", (before,))
