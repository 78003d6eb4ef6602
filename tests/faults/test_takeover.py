"""Two workers share the shards: when one is killed, the other goes on within five seconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from storebridge.demo.children import Child
from tests.cloud_parts import wait_until
from tests.conftest import BrokerForTests
from tests.faults.parts import WAIT_S, Recording, Town
from tests.faults.recording import STORE, TENANT
from wire.codec import decode
from wire.link import OnMessage
from wire.messages import Receipt
from wire.mqtt import MqttLink
from wire.topics import SHARDS, down_topic, shard_filters, shard_of

TAKEOVER_S_MAX = 5.0
SHARD = shard_of(TENANT, STORE)


@contextmanager
def listening(
    broker: BrokerForTests, subscriptions: tuple[str, ...], hear: OnMessage = lambda *_: None
) -> Iterator[MqttLink]:
    """A link with the rights of the cloud."""
    link = MqttLink(broker.host, broker.port, "listener", "cloud", broker.PASSWORD)
    link.open(
        subscriptions=subscriptions,
        on_message=hear,
        on_up=lambda: None,
        on_down=lambda _: None,
        will=lambda: None,
    )
    try:
        yield link
    finally:
        link.close()


@contextmanager
def receipts_heard(town: Town) -> Iterator[list[tuple[float, bytes]]]:
    """Listen to what the cloud tells the store: when each receipt came, and from which owner."""
    heard: list[tuple[float, bytes]] = []

    def hear(_: str, payload: bytes) -> None:
        message = decode(payload)
        if isinstance(message, Receipt):
            heard.append((time.monotonic(), message.owner))

    with listening(town.broker, (down_topic(TENANT, STORE),), hear):
        yield heard


def shards_held(town: Town) -> dict[bytes, int]:
    """How many shards each worker holds now."""
    rows = town.ask(
        "SELECT worker, count(*) FROM shard_lease WHERE leased_until > clock_timestamp()"
        " GROUP BY worker"
    )
    return {bytes(worker): count for worker, count in rows}  # type: ignore[arg-type,misc]


def join(town: Town, workers: dict[bytes, Child]) -> None:
    """Start another worker, and wait until all have even shares of the shards."""
    child = town.worker()
    even = [SHARDS // (len(workers) + 1)] * (len(workers) + 1)
    wait_until(lambda: list(shards_held(town).values()) == even, "even shares", WAIT_S)
    workers.update({name: child for name in shards_held(town) if name not in workers})


def kill_owner(
    town: Town,
    workers: dict[bytes, Child],
    store: Recording,
    heard: list[tuple[float, bytes]],
) -> tuple[float, float]:
    """Kill the worker that owns the store's shard.

    Returns how many seconds later the other's first receipt came, and the first event that was
    recorded after the kill stood in the ledger.
    """
    ((name,),) = town.ask(f"SELECT worker FROM shard_lease WHERE shard = {SHARD}")
    before = {owner for _, owner in heard}
    killed_at = time.monotonic()
    workers.pop(bytes(name)).kill()  # type: ignore[arg-type]
    noted = max(store.noted)
    wait_until(lambda: max(town.numbers()) > noted, "an event after the kill", WAIT_S)
    accepted_s = time.monotonic() - killed_at
    return next(at for at, owner in heard if owner not in before) - killed_at, accepted_s


def test_the_broker_grants_a_worker_every_share_of_the_shards(broker: BrokerForTests):
    all_but_one = tuple(each for shard in range(1, SHARDS) for each in shard_filters(shard))
    with listening(broker, all_but_one) as link:
        wait_until(lambda: link.up, "the subscriptions of 63 shards", WAIT_S)


def test_a_killed_workers_shards_are_taken_over_within_five_seconds(town: Town):
    workers: dict[bytes, Child] = {}
    store = town.recording()
    join(town, workers)
    with receipts_heard(town) as heard:
        store.start(pause_ms=10)
        wait_until(lambda: heard, "a first receipt", WAIT_S)
        join(town, workers)
        store.wait_until_noted(20)
        took_s = kill_owner(town, workers, store, heard)
    assert max(took_s) < TAKEOVER_S_MAX, took_s
    store.finish()
    town.check(store)
