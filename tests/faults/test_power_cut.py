"""Recorded means on disk: a power cut takes nothing that `record()` had returned for.

kill -9 proves nothing about fsync, since the kernel keeps what a killed process wrote. So the
writer is frozen, its file system shut down without its journal, mounted again, and read.
"""

import shutil
from pathlib import Path

import pytest

from edge_agent.database import outbox
from edge_agent.database.database import Database
from tests.edge_builders import number_of
from tests.faults.parts import Recording, Town
from tests.faults.power import Disk, a_disk, why_not, without_fsync

THREADS = 4
RECORDED_MIN = 200

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "can be done here")


def cut_power(disk: Disk, store: Recording) -> set[int]:
    """Cut the power under a store that records; return what it had noted and is not on disk."""
    store.start(threads=THREADS, pause_ms=0)
    store.wait_until_noted(RECORDED_MIN)
    store.freeze()
    noted = store.noted
    disk.cut_power()
    store.kill()
    disk.unmount()
    disk.mount()
    kept = numbers_in(disk.folder)
    return {number for number, seq in noted.items() if kept.get(seq) != number}


def numbers_in(folder: Path) -> dict[int, int]:
    """The number of each row in a store's file, by seq; all of them are sound."""
    database = Database(folder / "store.sqlite3")
    try:
        tail = outbox.tail_of(database.reader())
        found = outbox.read(database.reader(), tail.base, 1, tail.head)
        assert not found.damaged
        return {row.seq: number_of(row.row) for row in found.rows}
    finally:
        database.close()


def test_a_power_cut_loses_nothing_that_was_recorded(town: Town):
    town.worker()
    with a_disk(town.folder) as disk:
        store = town.recording(disk.folder.name)
        assert cut_power(disk, store) == set()
        # The store goes on with its stream, and the cloud gets everything once.
        store.start()
        store.finish()
        town.check(store)


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler to disarm fsync")
def test_without_fsync_the_same_power_cut_loses_recorded_events(town: Town):
    with a_disk(town.folder) as disk:
        store = town.recording(disk.folder.name)
        store.start()
        store.wait_until_noted(10)
        store.end()
        safe = set(store.noted)
        store.environ |= without_fsync(town.folder)
        lost = cut_power(disk, store)
        assert lost
        assert not lost & safe
