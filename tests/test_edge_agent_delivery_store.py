from pathlib import Path

from edge_agent.delivery import delivery_store
from edge_agent.delivery.delivery import on_connected, on_receipt, on_recorded
from edge_agent.delivery.limits import Limits
from tests.edge_builders import event, store_in
from wire.messages import Absent, Receipt


def test_what_the_cloud_said_survives_a_restart(tmp_path: Path):
    with store_in(tmp_path, Limits(rows_max=8)) as store:
        for number in range(10):
            store.recorder.record(event(number))
        now = store.clock.now()
        state = delivery_store.load(store.database.reader(), now)
        state = on_connected(on_recorded(state, 10), 0, b"nonce")
        delivery_store.save_session(store.recorder, state.session)
        receipt = Receipt(b"owner", state.stream, 4, ((6, 7),), nonce=b"nonce")
        state, outcome = on_receipt(state, receipt, lambda _: 0)
        assert outcome == "moved"
        delivery_store.save_received(store.recorder, state, now)
    with store_in(tmp_path) as store:
        again = delivery_store.load(store.database.reader(), now)
        assert (again.stream, again.head, again.first_kept) == (state.stream, 10, 3)
        assert (again.watermark, again.ranges, again.owner) == (4, ((6, 7),), b"owner")
        assert again.session == state.session
        assert not again.connected


def test_losses_not_yet_receipted_are_loaded(tmp_path: Path):
    with store_in(tmp_path, Limits(rows_max=8)) as store:
        for number in range(10):
            store.recorder.record(event(number))
        state = delivery_store.load(store.database.reader(), store.clock.now())
        assert state.absent == (Absent(1, 2, "evicted"),)


def test_sessions_of_a_restored_file_are_above_those_it_had(tmp_path: Path):
    with store_in(tmp_path) as store:
        now = store.clock.now()
        first = delivery_store.load(store.database.reader(), now)
        assert first.session >= now.at // 1_000_000
        delivery_store.save_session(store.recorder, first.session + 500)
        assert delivery_store.load(store.database.reader(), now).session == first.session + 500
