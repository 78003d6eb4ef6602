"""Two workers share the shards: when one is killed, the other goes on within five seconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cloud_parts import wait_until
from tests.conftest import BrokerForTests
from tests.faults.parts import WAIT_S, Town
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


def holder_of_our_shard(town: Town) -> bytes:
    ((worker,),) = town.ask(f"SELECT worker FROM shard_lease WHERE shard = {SHARD}")
    return bytes(worker)  # type: ignore[arg-type]


def test_the_broker_grants_a_worker_every_share_of_the_shards(broker: BrokerForTests):
    all_but_one = tuple(each for shard in range(1, SHARDS) for each in shard_filters(shard))
    with listening(broker, all_but_one) as link:
        wait_until(lambda: link.up, "the subscriptions of 63 shards", WAIT_S)


def test_a_killed_workers_shards_are_taken_over_within_five_seconds(town: Town):
    first = town.worker()
    wait_until(lambda: list(shards_held(town).values()) == [SHARDS], "one worker", WAIT_S)
    name_of_first = holder_of_our_shard(town)
    second = town.worker()
    wait_until(lambda: sorted(shards_held(town).values()) == [32, 32], "two workers", WAIT_S)
    owner = first if holder_of_our_shard(town) == name_of_first else second

    store = town.recording()
    with receipts_heard(town) as heard:
        store.start(pause_ms=10)
        wait_until(lambda: heard, "a first receipt", WAIT_S)
        store.wait_until_noted(50)
        killed_at = time.monotonic()
        owner.kill()
        before = {owner_id for at, owner_id in heard if at < killed_at}
        wait_until(lambda: heard[-1][1] not in before, "a receipt of the other worker", WAIT_S)
        taken_over_at = next(at for at, owner_id in heard if owner_id not in before)
    assert taken_over_at - killed_at < TAKEOVER_S_MAX
    assert list(shards_held(town).values()) == [SHARDS]
    store.finish()
    town.check(store)
