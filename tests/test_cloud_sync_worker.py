import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import psycopg
import pytest

from cloud_sync.config import from_table
from cloud_sync.database import Database
from cloud_sync.decisions.changes import StoreChange
from cloud_sync.intake.ledger import LedgerEvent, read
from cloud_sync.shoppers.fold import Folded
from cloud_sync.workers.worker import Worker
from tests.conftest import BrokerForTests
from tests.shopper_builders import happened, member, sell_sample
from tests.test_cloud_sync_decide import browsed, told
from wire.codec import chain_all, decode, encode, encode_event
from wire.events import Arrival, Event, Viewed
from wire.link import Link
from wire.loopback import LoopbackBroker, LoopbackLink
from wire.messages import (
    Applied,
    Batch,
    Birth,
    Change,
    Heartbeat,
    Lane,
    Message,
    Receipt,
    Update,
)
from wire.mqtt import MqttLink
from wire.topics import (
    applied_topic,
    beat_topic,
    down_topic,
    shard_of,
    state_topic,
    up_topic,
)

TENANT, STORE = "acme", "s0001"
STREAM = b"s" * 16
SHARD = shard_of(TENANT, STORE)
CONFIG = from_table({"worker": {"lease_s": 1.0, "renew_every_s": 0.1, "poll_s": 0.01}}, {})


def wait_until(true: Callable[[], object], timeout_s: float = 30) -> None:
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)


def row(number: int, product: str = "p") -> bytes:
    return encode_event(
        Event(
            occurred_at=1_000_000 + number,
            mono_ms=number,
            boot=1,
            clock=2,
            device="cam-1",
            zone="door",
            identifiers=(),
            body=Viewed(product=product),
        )
    )


ROWS = [row(number) for number in range(1, 51)]
CHAIN = [0, *chain_all(0, ROWS)]


def batch(first: int, last: int, lane: Lane = "live") -> Batch:
    rows = tuple(ROWS[first - 1 : last])
    return Batch(stream=STREAM, first=first, lane=lane, before=CHAIN[first - 1], rows=rows)


class Store:
    """A store that says on the wire what a test tells it to, and keeps what it is told."""

    def __init__(self, broker: LoopbackBroker, store: str = STORE) -> None:
        self.store = store
        self.heard: list[Message] = []
        self.link: Link = LoopbackLink(broker, f"{TENANT}-{store}")
        self.link.open(
            subscriptions=(down_topic(TENANT, store),),
            on_message=lambda _, payload: self.heard.append(decode(payload)),
            on_up=lambda: None,
            on_down=lambda _: None,
            will=lambda: None,
        )
        wait_until(lambda: self.link.up)

    def send(self, message: Message) -> None:
        match message:
            case Batch():
                self.link.publish(
                    up_topic(TENANT, self.store, message.lane), encode(message), qos=1
                )
            case Birth():
                self.link.publish(
                    state_topic(TENANT, self.store), encode(message), qos=1, retain=True
                )
            case Applied():
                self.link.publish(applied_topic(TENANT, self.store), encode(message))
            case Heartbeat():
                self.link.publish(beat_topic(TENANT, self.store), encode(message))

    def birth(self, *, nonce: bytes = b"nonce---", applied: int = 0, owner: bytes = b"") -> None:
        self.send(
            Birth(
                stream=STREAM,
                session=1,
                nonce=nonce,
                head=50,
                watermark=0,
                applied=applied,
                owner=owner,
            )
        )

    @property
    def receipts(self) -> list[Receipt]:
        return [each for each in self.heard if isinstance(each, Receipt)]

    @property
    def updates(self) -> list[Update]:
        return [each for each in self.heard if isinstance(each, Update)]

    def watermark(self) -> int:
        return max((each.watermark for each in self.receipts), default=0)


@dataclass
class Cloud:
    """A database, a broker and workers whose fold notes the positions that were folded."""

    database: Database
    broker: LoopbackBroker
    workers: list[Worker] = field(default_factory=list)
    folded: list[tuple[int, int]] = field(default_factory=list)
    decisions: dict[str, Sequence[StoreChange]] = field(default_factory=dict)

    def start(self) -> Worker:
        worker = Worker(
            CONFIG,
            self.database,
            lambda client_id: LoopbackLink(self.broker, client_id),
            self.fold,
            self.decide,
        )
        worker.start()
        self.workers.append(worker)
        wait_until(lambda: worker.shards)
        return worker

    def fold(
        self, connection: psycopg.Connection, shard: int, epoch: int, events: Sequence[LedgerEvent]
    ) -> Folded:
        if any(isinstance(e.event.body, Viewed) and e.event.body.product == "bad" for e in events):
            connection.execute("SELECT 'no number'::int")
        shoppers = {(e.tenant, e.event.device) for e in events}
        live = {(e.tenant, e.event.device) for e in events if e.live}
        self.folded += ((shard, each.position) for each in events)
        return Folded(touched=shoppers, live=live, stores=set())

    def decide(
        self, connection: psycopg.Connection, tenant: str, shoppers: Collection[str], now: int
    ) -> Sequence[StoreChange]:
        return [change for shopper in shoppers for change in self.decisions.get(shopper, ())]

    def seqs(self, shard: int = SHARD) -> list[int | None]:
        with self.database.ledger(shard) as connection:
            return [each.seq for each in read(connection, shard, 0)]

    def ask(self, question: str) -> list[tuple[object, ...]]:
        with self.database.ledger(0) as connection:
            return connection.execute(question.encode()).fetchall()


@pytest.fixture
def cloud(cloud_dsn: str) -> Iterator[Cloud]:
    database = Database(cloud_dsn)
    cloud = Cloud(database, LoopbackBroker())
    yield cloud
    for worker in cloud.workers:
        worker.close()
    database.close()


def test_a_batch_is_stored_receipted_and_folded_once_however_often_it_comes(cloud: Cloud) -> None:
    cloud.start()
    store = Store(cloud.broker)
    for message in (batch(1, 10), batch(1, 10), batch(5, 20), batch(41, 50), batch(11, 40, "back")):
        store.send(message)
    wait_until(lambda: store.watermark() == 50)
    assert sorted(cloud.seqs()) == list(range(1, 51))  # type: ignore[type-var]
    wait_until(lambda: len(cloud.folded) == 50)
    assert cloud.folded == [(SHARD, position) for position in range(1, 51)]
    with cloud.database.ledger(SHARD) as connection:
        live = {each.seq: each.live for each in read(connection, SHARD, 0)}
    assert live[5]
    assert not live[30]


def test_a_receipt_that_was_lost_is_given_again(cloud: Cloud) -> None:
    cloud.start()
    store = Store(cloud.broker)
    store.send(batch(1, 10))
    wait_until(lambda: store.watermark() == 10)
    before = len(store.receipts)
    store.send(batch(1, 10))
    wait_until(lambda: len(store.receipts) > before)
    assert store.receipts[-1].watermark == 10
    assert len(cloud.seqs()) == 10


def test_a_birth_is_answered_with_its_nonce_and_a_beat_shows_on_the_twin(cloud: Cloud) -> None:
    cloud.start()
    store = Store(cloud.broker)
    store.birth()
    wait_until(lambda: any(receipt.nonce == b"nonce---" for receipt in store.receipts))
    assert cloud.ask("SELECT online, head FROM store_twin") == [(True, 50)]


def test_poison_is_set_aside_and_the_stream_goes_on(cloud: Cloud) -> None:
    cloud.start()
    store = Store(cloud.broker)
    unknown_kind = row(2).replace(b"\x93\x07", b"\x93\x7f", 1)
    assert unknown_kind != row(2)
    rows = (row(1), b"\x93\x01\x02\x03", row(3), unknown_kind, row(5))
    store.send(Batch(stream=STREAM, first=1, lane="live", before=0, rows=rows))
    wait_until(lambda: store.watermark() == 5)
    assert cloud.seqs() == [1, 3, 5]
    assert cloud.ask("SELECT first, part FROM quarantine ORDER BY first") == [
        (2, "event"),
        (4, "event"),
    ]


def test_a_body_whose_rows_cannot_be_told_apart_is_set_aside_whole(cloud: Cloud) -> None:
    cloud.start()
    store = Store(cloud.broker)
    rows = (row(1), b"no row", row(3))
    store.send(Batch(stream=STREAM, first=1, lane="live", before=0, rows=rows))
    store.send(Batch(stream=STREAM, first=4, lane="live", before=0, rows=(row(4),)))
    wait_until(lambda: store.watermark() == 4)
    assert cloud.seqs() == [4]
    assert cloud.ask("SELECT first, count, part FROM quarantine") == [(1, 3, "body")]


def test_bytes_that_are_no_message_are_kept_and_never_receipted(cloud: Cloud) -> None:
    cloud.start()
    store = Store(cloud.broker)
    store.link.publish(up_topic(TENANT, STORE, "live"), b"garbage", qos=1)
    store.link.publish(up_topic(TENANT, STORE, "live"), b"garbage", qos=1)
    store.send(batch(1, 1))
    wait_until(lambda: store.watermark() == 1)
    assert cloud.ask("SELECT part, payload FROM quarantine") == [("message", b"garbage")]
    assert len(store.receipts) == 1


def test_an_event_that_cannot_be_folded_is_set_aside_and_the_shard_goes_on(cloud: Cloud) -> None:
    cloud.start()
    store = Store(cloud.broker)
    rows = (row(1), row(2), row(3, "bad"), row(4))
    store.send(Batch(stream=STREAM, first=1, lane="live", before=0, rows=rows))
    position = f"SELECT position FROM shard_fold WHERE shard = {SHARD}"
    wait_until(lambda: cloud.ask(position) == [(4,)])
    assert cloud.ask("SELECT first, part FROM quarantine") == [(3, "fold")]


def test_a_live_event_is_answered_and_repeated_until_it_is_applied(cloud: Cloud) -> None:
    change = Change("setting", "k", b"v")
    cloud.decisions["cam-1"] = [StoreChange(tenant=TENANT, store=STORE, change=change)]
    cloud.start()
    store = Store(cloud.broker)
    store.birth()
    wait_until(lambda: store.updates)
    snapshot = store.updates[-1]
    assert snapshot.snapshot
    store.send(Applied(owner=snapshot.owner, revision=snapshot.end))
    store.send(batch(1, 1))
    wait_until(lambda: any(change in update.changes for update in store.updates))
    wait_until(lambda: sum(change in update.changes for update in store.updates) >= 2)
    update = store.updates[-1]
    assert update.start == snapshot.end
    store.send(Applied(owner=update.owner, revision=update.end))
    wait_until(lambda: cloud.ask("SELECT 1 FROM downlink WHERE applied = revision"))


def test_who_arrives_while_the_downlink_is_busy_is_greeted_once_it_is_free(cloud: Cloud) -> None:
    with cloud.database.shopper(TENANT) as connection:
        sell_sample(connection)
        told(connection, browsed())
    arrival = happened(Arrival(), member("M1"), store=STORE).event
    rows = [encode_event(msgspec.structs.replace(arrival, mono_ms=each)) for each in range(50)]
    checksums = [0, *chain_all(0, rows)]
    cloud.start()
    store = Store(cloud.broker)
    store.birth()
    wait_until(lambda: store.updates)
    snapshot = store.updates[-1]
    store.send(Applied(owner=snapshot.owner, revision=snapshot.end))
    wait_until(lambda: cloud.ask("SELECT 1 FROM downlink WHERE applied = revision"))
    # The worker tries for a quarter of a second: on a busy machine it may be over by then.
    for seq, row in enumerate(rows, 1):
        with psycopg.connect(cloud.database.dsn) as other:
            other.execute("SELECT FROM downlink FOR NO KEY UPDATE")
            store.send(
                Batch(stream=STREAM, first=seq, lane="live", before=checksums[seq - 1], rows=(row,))
            )
            wait_until(lambda seq=seq: store.watermark() == seq)
            assert len(store.updates) == 1
        with contextlib.suppress(AssertionError):
            wait_until(lambda: len(store.updates) > 1, 0.5)
            break
    (change,) = store.updates[-1].changes
    assert change.key == member("M1").key


def test_who_is_touched_by_old_events_alone_is_decided_once_they_are_folded(cloud: Cloud) -> None:
    change = Change("setting", "k", b"v")
    cloud.decisions["cam-1"] = [StoreChange(tenant=TENANT, store=STORE, change=change)]
    cloud.start()
    store = Store(cloud.broker)
    store.send(batch(1, 10, "back"))
    wait_until(lambda: cloud.ask("SELECT 1 FROM downlink_key WHERE key = 'k'"))
    assert cloud.ask("SELECT count(*) FROM shopper_due") == [(0,)]


def test_two_workers_share_the_shards_and_a_second_takes_over(cloud: Cloud) -> None:
    first, second = cloud.start(), cloud.start()
    stores = [Store(cloud.broker, f"s{number:04}") for number in range(1, 9)]
    wait_until(lambda: first.shards == second.shards == 32)

    def all_hold(last: int) -> bool:
        for store in stores:
            if store.watermark() < last:
                store.send(batch(1, last))
        time.sleep(0.05)
        return all(store.watermark() == last for store in stores)

    wait_until(lambda: all_hold(10))
    first.close()
    wait_until(lambda: all_hold(20))
    for store in stores:
        shard = shard_of(TENANT, store.store)
        with cloud.database.ledger(shard) as connection:
            events = [e for e in read(connection, shard, 0) if e.store == store.store]
        assert [each.seq for each in events] == list(range(1, 21))
    wait_until(lambda: len(cloud.folded) == 20 * len(stores))
    assert len(set(cloud.folded)) == len(cloud.folded)


def test_two_workers_that_both_believe_they_own_a_shard_store_each_event_once(
    cloud: Cloud,
) -> None:
    from cloud_sync.intake.incoming import take_apart
    from cloud_sync.intake.receive import receive

    def send_all() -> None:
        for first in range(1, 50, 5):
            topic = up_topic(TENANT, STORE, "live")
            receive(cloud.database, [take_apart(topic, encode(batch(first, first + 5)))], 1)

    threads = [threading.Thread(target=send_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(cloud.seqs()) == list(range(1, 51))  # type: ignore[type-var]


def test_when_the_database_goes_and_comes_back_nothing_is_lost_and_the_owner_is_new(
    cloud: Cloud,
) -> None:
    worker = cloud.start()
    store = Store(cloud.broker)
    store.send(batch(1, 10))
    wait_until(lambda: store.watermark() == 10)
    owner = store.receipts[-1].owner
    with psycopg.connect(cloud.database.dsn, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    def holds() -> bool:
        store.send(batch(11, 20))
        time.sleep(0.05)
        # A connection that was just opened may still store them under the old owner.
        return store.watermark() == 20 and store.receipts[-1].owner != owner

    wait_until(holds)
    assert worker.alive
    assert cloud.seqs() == list(range(1, 21))


def test_over_a_real_broker_a_store_is_receipted(cloud: Cloud, broker: BrokerForTests) -> None:
    def link_as(client_id: str, username: str) -> MqttLink:
        return MqttLink(broker.host, broker.port, client_id, username, broker.PASSWORD)

    worker = Worker(
        CONFIG,
        cloud.database,
        lambda client_id: link_as(client_id, "cloud"),
        cloud.fold,
        cloud.decide,
    )
    cloud.workers.append(worker)
    worker.start()
    store = Store(cloud.broker)
    store.link = link_as(f"{TENANT}-{STORE}", f"{TENANT}-{STORE}")
    store.link.open(
        subscriptions=(down_topic(TENANT, STORE),),
        on_message=lambda _, payload: store.heard.append(decode(payload)),
        on_up=store.birth,
        on_down=lambda _: None,
        will=lambda: None,
    )

    def holds(last: int) -> bool:
        store.send(batch(1, last))
        time.sleep(0.05)
        return store.watermark() == last

    wait_until(lambda: holds(10))
    broker.restart()
    wait_until(lambda: holds(20))
    store.link.close()
    assert cloud.seqs() == list(range(1, 21))


def test_a_store_that_only_beats_is_woken_to_say_birth_to_a_new_owner(cloud: Cloud) -> None:
    cloud.start()
    store = Store(cloud.broker)
    store.send(
        Heartbeat(
            session=1,
            head=0,
            watermark=0,
            queue_rows=0,
            queue_bytes=0,
            oldest_age_ms=0,
            sent_at=1,
            clock=2,
            mono_ms=1,
            boot=1,
        )
    )
    wait_until(lambda: store.updates)
    assert (store.updates[0].start, store.updates[0].end) == (0, 0)
    assert not store.updates[0].snapshot
