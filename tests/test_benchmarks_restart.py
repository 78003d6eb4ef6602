from pathlib import Path

from benchmarks.receipts import ReceiptingCloud
from benchmarks.restart import STORE, TENANT, restart
from edge_agent.uplink import StoreIdentity, Uplink
from tests.edge_builders import WAIT_S, store_in, wait_until
from wire.loopback import LoopbackBroker, LoopbackLink
from wire.topics import shard_filters, shard_of


def test_restart_and_drain_measure_a_long_and_a_short_queue():
    results = list(restart(many=500, few=100, drain_many=6_000, drain_few=4_000, steps=5, runs=2))
    assert [each.unit for each in results] == ["ms"] * 3
    assert all(each.value > 0 and each.goal for each in results)


def test_a_store_that_is_stopped_late_leaves_the_next_turn_what_it_shall_drain(tmp_path: Path):
    broker = LoopbackBroker()
    link, witness = LoopbackLink(broker, "cloud"), LoopbackLink(broker, "witness")
    cloud = ReceiptingCloud(link, tenant=TENANT, store=STORE)
    sent: list[bytes] = []
    witness.open(
        subscriptions=shard_filters(shard_of(TENANT, STORE)),
        on_message=lambda topic, payload: sent.append(payload) if "/up/" in topic else None,
        on_up=lambda: None,
        on_down=lambda _: None,
        will=lambda: None,
    )
    with store_in(tmp_path) as store:
        store.record(3_000)
        for turn in (1, 2):
            sent.clear()
            cloud.take(1_000)
            identity = StoreIdentity(tenant=TENANT, store=STORE)
            store_link = LoopbackLink(broker, STORE)
            uplink = Uplink(store.database, store.recorder, store_link, store.clock, identity)
            uplink.start()
            assert cloud.wait(timeout_s=WAIT_S)
            wait_until(lambda: len(sent) >= 15, "Batches without an answer")
            assert cloud.rows == turn * 1_000
            uplink.close()
    witness.close()
    link.close()
