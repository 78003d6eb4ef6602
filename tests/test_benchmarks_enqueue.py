from pathlib import Path

from benchmarks.enqueue import bare_queue, enqueue
from benchmarks.processes import said_by
from benchmarks.syncs import build_counter
from edge_agent.database.database import Database


def test_enqueue_measures_both_alone_and_many_producers():
    results = list(enqueue(events=5, turns=3, before=10, producers=4, each=10, runs=1))
    assert all(each.value > 0 for each in results)
    assert sum(each.goal is not None for each in results) == 3


def test_the_bare_queue_writes_what_ours_would(tmp_path: Path):
    with bare_queue(tmp_path / "bare.sqlite3") as insert:
        insert(b"row")
        insert(b"row")
    database = Database(tmp_path / "bare.sqlite3")
    reader = database.reader()
    assert reader.execute("SELECT count(*) FROM outbox").fetchone() == (2,)
    assert reader.execute("SELECT head FROM stream").fetchone() == (2,)
    database.close()


def test_syncs_are_counted_below_sqlite(tmp_path: Path):
    counting = build_counter(tmp_path)
    said = said_by("benchmarks.producers", "ours", tmp_path / "ours", 1, 20, environ=counting)
    assert said["syncs"] >= 20  # a lone producer syncs each event
