import time
from pathlib import Path

from benchmarks.outboxes import fill, many_rows
from edge_agent.database import outbox
from edge_agent.database.database import Database
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.recorder import Recorder
from edge_agent.doorbell import Doorbell
from wire.codec import decode_event


def test_a_filled_outbox_is_one_that_the_recorder_goes_on_with(tmp_path: Path):
    at = time.time_ns() // 1_000
    path = tmp_path / "store.sqlite3"
    fill(path, many_rows(300, at=at), recorded_at=at)
    database = Database(path)
    recorder = Recorder(database, Doorbell(), Limits())
    recorder.start()
    event = decode_event(next(many_rows(1, at=at)))
    assert recorder.record(event) == 301
    tail = outbox.tail_of(database.reader())
    found = outbox.read(database.reader(), tail.base, 1, 301)
    assert (len(found.rows), found.damaged) == (301, ())
    assert tail.kept_rows == 301
    assert tail.kept_bytes == tail.bytes_to == sum(len(row.row) for row in found.rows)
    recorder.close()
    database.close()
