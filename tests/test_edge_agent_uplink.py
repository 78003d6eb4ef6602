"""The uplink over a loopback link, against the cloud's own acceptance held in memory."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloud_sync.intake.accept import StreamState, accept, receipt_of
from edge_agent.database import outbox
from edge_agent.delivery.delivery_state import DeliveryLimits
from edge_agent.delivery.limits import Limits
from edge_agent.uplink import StoreIdentity, Uplink
from tests.edge_builders import (
    StoreParts,
    event,
    leaf_pages,
    overwrite,
    store_in,
    wait_until,
)
from wire.codec import decode, decode_event, encode
from wire.events import Origin
from wire.loopback import LoopbackBroker, LoopbackLink
from wire.messages import (
    Absent,
    Applied,
    Batch,
    Birth,
    Change,
    Death,
    Heartbeat,
    Message,
    Receipt,
    Update,
)
from wire.topics import down_topic, shard_filters, shard_of, state_topic
from wire.views import SettingView, encode_view

TENANT, STORE = "acme", "s0001"
QUICK = DeliveryLimits(receipt_timeout_ms=200, birth_timeout_ms=200)


class Cloud:
    """Receives one store's batches as the real intake does, and keeps the ledger in memory."""

    def __init__(self, broker: LoopbackBroker) -> None:
        self.owner = b"owner-1"
        self.states: dict[bytes, StreamState] = {}
        self.ledger: list[tuple[bytes, int, int]] = []
        self.identities: set[Origin] = set()
        self.absent: list[Absent] = []
        self.heard: list[Message] = []
        self.silent = False
        self._link = LoopbackLink(broker, "cloud")
        self._link.open(
            subscriptions=shard_filters(shard_of(TENANT, STORE)),
            on_message=lambda _, payload: self._hear(decode(payload)),
            on_up=lambda: None,
            on_down=lambda _: None,
            will=lambda: None,
        )

    @property
    def numbers(self) -> list[int]:
        return [number for _, _, number in self.ledger]

    def of(self, kind: type[Message]) -> list:
        return [message for message in self.heard if isinstance(message, kind)]

    def say(self, message: Message) -> None:
        self._link.publish(down_topic(TENANT, STORE), encode(message))

    def restore(self) -> None:
        """Come back from a backup that was made before anything arrived."""
        self.owner = b"owner-2"
        self.states, self.ledger = {}, []
        self.identities = set()

    def close(self) -> None:
        self._link.close()

    def _hear(self, message: Message) -> None:
        self.heard.append(message)
        match message:
            case Batch():
                self._accept(message)
            case Birth():
                self._receipt(message.stream, message.nonce)

    def _accept(self, batch: Batch) -> None:
        decoded = [decode_event(row) for row in batch.rows]
        origins = {
            batch.first + at: each.origin
            for at, each in enumerate(decoded)
            if each.origin is not None
        }
        held = {origin for origin in origins.values() if origin in self.identities}
        state = self.states.get(batch.stream, StreamState())
        accepted = accept(state, batch, origins, held)
        self.states[batch.stream] = accepted.state
        for row in accepted.rows:
            self.ledger.append((batch.stream, row.seq, decode_event(row.row).mono_ms))
            self.identities.add(row.origin or Origin(batch.stream, row.seq, row.checksum))
        self.absent += accepted.absent
        self._receipt(batch.stream, b"")

    def _receipt(self, stream: bytes, nonce: bytes) -> None:
        if not self.silent:
            state = self.states.get(stream, StreamState())
            self.say(receipt_of(state, stream=stream, owner=self.owner, credit=4, nonce=nonce))


class Mistaken(LoopbackLink):
    """A link in whose publishing there is a mistake, as often as it is told."""

    mistakes = 0

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> bool:
        if self.mistakes > 0:
            self.mistakes -= 1
            raise ValueError("a mistake in the program")
        return super().publish(topic, payload, qos=qos, retain=retain)


@contextmanager
def uplink_of(
    store: StoreParts, broker: LoopbackBroker, link: LoopbackLink | None = None
) -> Iterator[Uplink]:
    uplink = Uplink(
        store.database,
        store.recorder,
        link or LoopbackLink(broker, STORE),
        store.clock,
        StoreIdentity(tenant=TENANT, store=STORE, operator="op", version="1"),
        QUICK,
    )
    uplink.start()
    try:
        yield uplink
    finally:
        uplink.close()


@pytest.fixture
def broker() -> LoopbackBroker:
    return LoopbackBroker()


@pytest.fixture
def cloud(broker: LoopbackBroker) -> Iterator[Cloud]:
    cloud = Cloud(broker)
    yield cloud
    cloud.close()


def arrived(cloud: Cloud, count: int) -> None:
    wait_until(lambda: len(cloud.ledger) >= count, f"{count} events in the ledger")


def receipted(store: StoreParts, watermark: int | None = None) -> None:
    def settled() -> bool:
        tail = store.tail
        return outbox.receipted(store.database.reader(), tail.number) == (
            tail.head if watermark is None else watermark,
            (),
        )

    wait_until(settled, "the receipt")


def test_events_recorded_offline_arrive_once_and_are_receipted(
    tmp_path: Path, broker: LoopbackBroker, cloud: Cloud
):
    with store_in(tmp_path) as store:
        store.record(500)
        with uplink_of(store, broker):
            receipted(store, 500)
            assert sorted(cloud.numbers) == list(range(500))
            assert store.recorder.record(event(500)) == 501
            arrived(cloud, 501)
            receipted(store, 501)
        assert sorted(cloud.numbers) == list(range(501))


def test_the_birth_says_who_is_there_and_the_goodbye_is_clean(
    tmp_path: Path, broker: LoopbackBroker, cloud: Cloud
):
    with store_in(tmp_path) as store:
        with uplink_of(store, broker):
            wait_until(lambda: bool(cloud.of(Heartbeat)), "a heartbeat")
            birth = cloud.of(Birth)[0]
            assert (birth.stream, birth.operator, birth.version) == (store.tail.stream, "op", "1")
            assert birth.nonce
        death = decode(broker.retained[state_topic(TENANT, STORE)])
        assert death == Death(session=birth.session, clean=True)
    with store_in(tmp_path) as store, uplink_of(store, broker):
        wait_until(lambda: cloud.of(Birth)[-1].session > birth.session, "a later session")


def test_a_store_that_vanishes_is_declared_dead_with_its_session(
    tmp_path: Path, broker: LoopbackBroker, cloud: Cloud
):
    with store_in(tmp_path) as store, uplink_of(store, broker):
        wait_until(lambda: bool(cloud.of(Birth)), "the birth")
        broker.drop(STORE)
        wait_until(lambda: len(cloud.of(Birth)) > 1, "the next birth")
        births, deaths = cloud.of(Birth), cloud.of(Death)
        assert deaths[0] == Death(session=births[0].session)
        assert births[1].session > births[0].session


def test_sending_and_the_brokers_word_are_no_receipt(
    tmp_path: Path, broker: LoopbackBroker, cloud: Cloud
):
    cloud.silent = True
    with store_in(tmp_path) as store, uplink_of(store, broker):
        store.record(50)
        arrived(cloud, 50)
        assert outbox.receipted(store.database.reader(), 1) == (0, ())
        assert store.tail.kept_rows == 50


def test_after_a_cut_everything_arrives_once(tmp_path: Path, broker: LoopbackBroker, cloud: Cloud):
    with store_in(tmp_path) as store, uplink_of(store, broker):
        for round_ in range(5):
            store.record(200, first=200 * round_)
            broker.drop(STORE)
        receipted(store, 1_000)
        assert sorted(cloud.numbers) == list(range(1_000))


def test_a_damaged_row_is_declared_and_the_stream_goes_on(
    tmp_path: Path, broker: LoopbackBroker, cloud: Cloud
):
    with store_in(tmp_path) as store:
        store.record(20)
        store.tear("UPDATE outbox SET row = x'00' WHERE id = 7")
        with uplink_of(store, broker):
            receipted(store, 20)
        assert sorted(cloud.numbers) == [n for n in range(20) if n != 6]
        assert cloud.absent == [Absent(7, 7, "damaged")]


def test_a_file_torn_under_the_agent_is_salvaged_at_its_restart_and_the_rest_arrives(
    tmp_path: Path, broker: LoopbackBroker, cloud: Cloud
):
    with store_in(tmp_path) as store:
        store.record(2_000)
    overwrite(store.path, leaf_pages(store.path, "outbox")[5])
    with store_in(tmp_path) as store, uplink_of(store, broker):
        wait_until(lambda: store.database.damaged, "the damage to be found")
    with store_in(tmp_path) as store, uplink_of(store, broker):
        salvaged = store.database.salvaged
        assert salvaged is not None
        assert salvaged.lost_rows
        arrived(cloud, salvaged.rows)
        receipted(store, 2_000)
        assert len(set(cloud.numbers)) == len(cloud.numbers) == 2_000 - salvaged.lost_rows
        assert sum(gone.last - gone.first + 1 for gone in cloud.absent) == salvaged.lost_rows


def test_evicted_rows_are_declared_and_the_rest_arrives(
    tmp_path: Path, broker: LoopbackBroker, cloud: Cloud
):
    with store_in(tmp_path, Limits(rows_max=20)) as store:
        for number in range(50):
            store.recorder.record(event(number))
        with uplink_of(store, broker):
            receipted(store, 50)
        assert sorted(cloud.numbers) == list(range(30, 50))
        assert cloud.absent == [Absent(1, 30, "evicted")]


def test_a_store_restored_from_a_copy_begins_a_new_stream_and_doubles_nothing(
    tmp_path: Path, broker: LoopbackBroker, cloud: Cloud
):
    copy = tmp_path / "copy"
    with store_in(tmp_path / "live") as store:
        store.record(30)
    shutil.copytree(tmp_path / "live", copy)
    with store_in(tmp_path / "live") as store, uplink_of(store, broker):
        old = store.tail.stream
        store.record(20, first=30)
        receipted(store, 50)
    with store_in(copy) as store:
        store.record(25, first=1_000)
        with uplink_of(store, broker):
            wait_until(lambda: store.tail.stream != old, "the new stream")
            arrived(cloud, 75)
            receipted(store)
    assert sorted(cloud.numbers) == [*range(50), *range(1_000, 1_025)]


def test_a_new_stream_that_the_disk_refuses_is_begun_as_soon_as_it_writes_again(
    tmp_path: Path, broker: LoopbackBroker, cloud: Cloud, caplog: pytest.LogCaptureFixture
):
    cloud.silent = True
    with store_in(tmp_path) as store, uplink_of(store, broker) as uplink:
        old = store.tail.stream
        store.record(5)
        wait_until(lambda: bool(cloud.of(Batch)), "the Batch")
        store.database.writer.execute("PRAGMA query_only=ON")  # the next write fails, and only that
        cloud.silent = False
        cloud.say(Receipt(stream=old, owner=b"owner-1", watermark=0, verdict="forked"))
        wait_until(lambda: "readonly" in caplog.text, "the refusal")
        wait_until(lambda: store.tail.stream != old, "the new stream")
        receipted(store)
        wait_until(lambda: uplink.up, "the recovery")
    assert sorted(cloud.numbers) == list(range(5))


def test_a_damaged_row_that_a_restored_cloud_asks_for_is_declared_though_the_disk_failed_then(
    tmp_path: Path, broker: LoopbackBroker, cloud: Cloud, caplog: pytest.LogCaptureFixture
):
    with store_in(tmp_path) as store, uplink_of(store, broker):
        store.record(9)
        receipted(store, 9)
        store.tear("UPDATE outbox SET row = ? WHERE id = 3", b"torn")
        cloud.restore()
        store.database.writer.execute("PRAGMA query_only=ON")  # what the cloud has lost is not kept
        cloud.say(Receipt(stream=store.tail.stream, owner=b"owner-2", watermark=0))
        arrived(cloud, 8)
        receipted(store, 9)
        assert "readonly" in caplog.text
        assert sorted(cloud.numbers) == [0, 1, 3, 4, 5, 6, 7, 8]
        assert cloud.absent == [Absent(3, 3, "damaged")]


def test_a_cloud_restored_from_backup_gets_again_what_the_store_still_keeps(
    tmp_path: Path, broker: LoopbackBroker, cloud: Cloud
):
    with store_in(tmp_path) as store, uplink_of(store, broker):
        store.record(40)
        receipted(store, 40)
        cloud.restore()
        store.recorder.record(event(40))
        arrived(cloud, 41)
        receipted(store, 41)
        assert sorted(cloud.numbers) == list(range(41))


def test_an_update_is_applied_once_and_answered(
    tmp_path: Path, broker: LoopbackBroker, cloud: Cloud
):
    def setting(name: str, value: str) -> Change:
        return Change("setting", name, encode_view(SettingView(name, value)))

    with store_in(tmp_path) as store, uplink_of(store, broker):
        store.record(1)
        receipted(store, 1)
        cloud.say(Update(cloud.owner, 0, 5, (setting("a", "1"),), snapshot=True))
        wait_until(lambda: Applied(cloud.owner, 5) in cloud.heard, "the answer")
        cloud.say(Update(cloud.owner, 9, 12, (setting("a", "wrong"),)))
        cloud.say(Update(cloud.owner, 5, 9, (setting("b", "2"),)))
        wait_until(lambda: Applied(cloud.owner, 9) in cloud.heard, "the answer")
        rows = store.database.reader().execute("SELECT key, value FROM local_view ORDER BY key")
        assert rows.fetchall() == [
            ("a", encode_view(SettingView("a", "1"))),
            ("b", encode_view(SettingView("b", "2"))),
        ]
    with store_in(tmp_path) as store, uplink_of(store, broker):
        wait_until(lambda: cloud.of(Birth)[-1].applied == 9, "a birth with the applied revision")


def test_hostile_messages_cost_nothing(tmp_path: Path, broker: LoopbackBroker, cloud: Cloud):
    stranger = LoopbackLink(broker, "stranger")
    stranger.open(
        subscriptions=(),
        on_message=lambda _topic, _payload: None,
        on_up=lambda: None,
        on_down=lambda _: None,
        will=lambda: None,
    )
    with store_in(tmp_path) as store, uplink_of(store, broker):
        wait_until(lambda: stranger.up, "the stranger")
        for payload in (b"", b"\x00" * 100, b"\xff" * 5_000, encode(Death(session=1))):
            stranger.publish(down_topic(TENANT, STORE), payload)
        cloud.say(Receipt(b"other", b"x" * 16, 10_000))
        store.record(3)
        receipted(store, 3)
    stranger.close()


def test_live_events_pass_the_backlog_on_their_own_topic(
    tmp_path: Path, broker: LoopbackBroker, cloud: Cloud
):
    with store_in(tmp_path) as store:
        store.record(5_000)
        store.clock.advance(3_600)
        with uplink_of(store, broker):
            wait_until(lambda: bool(cloud.of(Batch)), "the backlog to begin")
            store.recorder.record(event(9_999))
            wait_until(lambda: 9_999 in cloud.numbers, "the live event")
            receipted(store, 5_001)
        sent = cloud.of(Batch)
        live = next(at for at, batch in enumerate(sent) if batch.first <= 5_001 <= batch.last)
        assert sent[live].lane == "live"
        assert any(batch.lane == "back" for batch in sent[live:])


def test_a_mistake_in_a_step_ends_no_uplink_and_is_told_meanwhile(
    tmp_path: Path, broker: LoopbackBroker, cloud: Cloud
):
    link = Mistaken(broker, STORE)
    with store_in(tmp_path) as store, uplink_of(store, broker, link) as uplink:
        store.record(5)
        receipted(store, 5)
        assert uplink.up
        link.mistakes = 2
        store.record(5, first=5)
        wait_until(lambda: bool(uplink.failure), "the mistake to be told")
        assert "ValueError in the program" in uplink.failure
        assert uplink.alive
        assert not uplink.up
        receipted(store, 10)
        wait_until(lambda: uplink.up, "the recovery")
        assert sorted(cloud.numbers) == list(range(10))


def test_a_mistake_while_connecting_is_made_good_in_the_same_session(
    tmp_path: Path, broker: LoopbackBroker, cloud: Cloud
):
    link = Mistaken(broker, STORE)
    link.mistakes = 1
    with store_in(tmp_path) as store, uplink_of(store, broker, link):
        store.record(5)
        receipted(store, 5)
        sessions = {birth.session for birth in cloud.of(Birth)}
        broker.drop(STORE)
        wait_until(lambda: bool(cloud.of(Death)), "the will")
        assert {death.session for death in cloud.of(Death)} == sessions
