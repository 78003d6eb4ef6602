"""Each event says who ran its zone when it happened, also after the store changed hands."""

from pathlib import Path

from edge_agent.database.database import Database
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.recorder import Recorder
from edge_agent.doorbell import Doorbell
from edge_agent.operators import Operators
from tests.edge_builders import event
from wire.codec import decode_event


def record_two(folder: Path, operators: Operators) -> list[str]:
    """Record an event by each of the two ways; return the operators of all there are."""
    database = Database(folder / "store.sqlite3")
    recorder = Recorder(database, Doorbell(), Limits(), operators=operators)
    recorder.start()
    try:
        recorder.record(event(1))
        recorder.write(lambda w: w.append(event(2)))
        rows = database.reader().execute("SELECT row FROM outbox ORDER BY id").fetchall()
        return [decode_event(row).operator for (row,) in rows]
    finally:
        recorder.close()
        database.close()


def test_a_store_that_changes_hands_takes_its_past_along(tmp_path: Path):
    assert record_two(tmp_path, Operators(store="east")) == ["east", "east"]
    after = record_two(tmp_path, Operators(store="west"))
    assert after == ["east", "east", "west", "west"]


def test_a_zone_that_somebody_else_runs_is_named_so():
    operators = Operators(store="east", zones={"door": "bean-co"})
    assert operators.sign(event()).operator == "bean-co"
    assert Operators(store="east", zones={"cafe": "bean-co"}).sign(event()).operator == "east"
    assert Operators().sign(event()).operator == ""
