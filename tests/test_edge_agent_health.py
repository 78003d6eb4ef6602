import json
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from edge_agent.clock import EARLIEST_AT, FixedClock
from edge_agent.database.database import Database
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.losses import Losses
from edge_agent.delivery.recorder import Recorder, RecordError
from edge_agent.doorbell import Doorbell
from edge_agent.health import LOST_SHOWN_S, WELL, Health, Troubles, healthz, prometheus, snapshot
from tests.edge_builders import StoreParts, event, store_in, wait_until
from wire.messages import DeviceState


def look(
    store: StoreParts,
    limits: Limits | None = None,
    *,
    link_up: bool = True,
    troubles: Troubles = WELL,
    losses: Mapping[str, Losses] | None = None,
) -> Health:
    return snapshot(
        store.database,
        store.recorder,
        limits or Limits(disk_free_bytes_min=0),
        store.clock.now(),
        link_up=link_up,
        troubles=troubles,
        losses=losses or {},
    )


def test_a_store_that_is_offline_is_well(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(100)
        health = look(store, link_up=False)
        assert (health.state, health.reasons) == ("ok", ())
        status, body = healthz(health)
        assert (status, json.loads(body)) == (
            200,
            {"state": "ok", "reasons": [], "online": False},
        )


def test_the_queue_and_its_age_are_told(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(4)
        store.clock.advance(90)
        store.record(6, first=4)
        store.receipt(3)
        health = look(store)
        assert (health.head, health.watermark, health.queue_rows) == (10, 3, 7)
        assert health.oldest_age_ms == 90_000
        assert health.queue_bytes * 10 == health.queue_rows * store.tail.kept_bytes


def test_a_recorder_that_cannot_write_is_a_failure(tmp_path: Path):
    def flood(writing):
        for number in range(100_000):
            writing.append(event(number))

    with store_in(tmp_path) as store:
        store.database.writer.execute("PRAGMA max_page_count = 1")
        with pytest.raises(RecordError):
            store.recorder.write(flood)
        health = look(store)
        assert health.state == "failed"
        assert "disk is full" in health.reasons[0]
        assert healthz(health)[0] == 503
        store.recorder.record(event(1))
        assert look(store).state == "ok"


def test_a_closed_recorder_is_a_failure(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.recorder.close()
        assert look(store).reasons == ("the recorder does not run",)


def test_a_disk_that_is_nearly_full_is_a_failure(tmp_path: Path):
    with store_in(tmp_path) as store:
        health = look(store, Limits(disk_free_bytes_min=2**62))
        assert health.state == "failed"
        assert "the disk is nearly full" in health.reasons[0]


def test_a_damaged_file_is_a_failure_until_the_restart_that_salvages_it(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(3)
        store.database.mark_damaged()
        assert look(store).state == "failed"
    with store_in(tmp_path) as store:
        health = look(store)
        assert health.state == "degraded"
        assert "store.sqlite3.damaged-1; 0 events could not be read" in health.reasons[0]


def test_an_outbox_nearly_at_its_limit_is_told_before_it_is_full(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(9)
        health = look(store, Limits(rows_max=10, disk_free_bytes_min=0))
        assert health.state == "degraded"
        assert "nearly full: 9 of 10 rows" in health.reasons[0]


def test_a_clock_without_trust_and_a_failed_device_are_named(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.tear("INSERT INTO device_states VALUES ('cam', 'camera', 'failed', 'unplugged', 5)")
        store.clock.set_wall(EARLIEST_AT)
        health = look(store)
        assert health.state == "degraded"
        assert len(health.reasons) == 2
        assert health.reasons[1] == "device cam is failed: unplugged"
        assert health.devices == (DeviceState("cam", "camera", "failed", "unplugged", 5),)


def test_writes_that_a_full_outbox_refused_are_counted_and_named(tmp_path: Path):
    limits = Limits(rows_max=3, rows_policy="refuse-new", disk_free_bytes_min=0)
    with store_in(tmp_path, limits) as store:
        store.record(3)
        for _ in range(2):
            with pytest.raises(RecordError, match="outbox is full"):
                store.recorder.record(event(4))
        health = look(store)
        assert (health.state, health.refused) == ("degraded", 2)
        assert any("refused 2 writes since the start" in reason for reason in health.reasons)
        assert "storebridge_edge_refused_writes_total 2.0\n" in prometheus(health).decode()
        store.clock.advance(LOST_SHOWN_S)
        assert not any("refused" in reason for reason in look(store).reasons)
        assert look(store).refused == 2


def test_readings_that_were_not_recorded_are_counted_by_device(tmp_path: Path):
    with store_in(tmp_path) as store:
        losses = Losses()
        losses.add(store.clock.now().at)
        health = look(store, losses={"camera-1": losses})
        assert health.state == "degraded"
        assert health.reasons == ("device camera-1: 1 readings were not recorded since the start",)
        text = prometheus(health).decode()
        assert 'storebridge_edge_unrecorded_readings_total{device="camera-1"} 1.0\n' in text


def test_a_thread_that_is_gone_is_a_failure_and_one_that_waits_a_worry(tmp_path: Path):
    with store_in(tmp_path) as store:
        health = look(store, troubles=Troubles(worries=("the uplink waits",)))
        assert (health.state, health.reasons) == ("degraded", ("the uplink waits",))
        health = look(store, troubles=Troubles(failures=("no uplink",)))
        assert healthz(health)[0] == 503


def test_the_metrics_say_the_same_as_the_picture(tmp_path: Path):
    with store_in(tmp_path) as store:
        store.record(12)
        store.tear("INSERT INTO device_states VALUES ('a\"b', 'camera', 'ok', '', 5)")
        text = prometheus(look(store, link_up=False)).decode()
        assert "storebridge_edge_up 1.0\n" in text
        assert "storebridge_edge_link_up 0.0\n" in text
        assert "storebridge_edge_queue_rows 12.0\n" in text
        assert "storebridge_edge_writes_total 2.0\n" in text
        assert 'storebridge_edge_device_ok{device="a\\"b",driver="camera"} 1.0\n' in text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_recorder_whose_thread_ended_by_a_mistake_is_a_failure(tmp_path: Path):
    broken = threading.Event()

    def now() -> int:
        if broken.is_set():
            raise ValueError("a mistake in the program")
        return EARLIEST_AT

    def produce() -> None:
        for _ in range(100_000):
            try:
                recorder.record(event(1))
            except (RecordError, ValueError):
                if not recorder.running:
                    return

    database = Database(tmp_path / "store.sqlite3")
    recorder = Recorder(database, Doorbell(), Limits(), now=now)
    recorder.start()
    producers = [threading.Thread(target=produce) for _ in range(10)]
    for producer in producers:
        producer.start()
    broken.set()
    wait_until(lambda: not recorder.running, "the recorder's end")
    for producer in producers:
        producer.join()
    limits = Limits(disk_free_bytes_min=0)
    health = snapshot(database, recorder, limits, FixedClock().now(), link_up=True)
    assert healthz(health)[0] == 503
    assert "the recorder does not run" in health.reasons
    recorder.close()
    database.close()
