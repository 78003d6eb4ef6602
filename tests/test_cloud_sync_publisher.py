import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from cloud_sync.database import Database
from cloud_sync.intake.incoming import take_apart
from cloud_sync.publisher import UPDATE_CHANGES_MAX, VALUE_BYTES_MAX, Publisher, forget_removed, put
from cloud_sync.workers.shards import Lease
from wire.codec import decode, encode
from wire.messages import Applied, Birth, Change, Update
from wire.topics import applied_topic, shard_of, state_topic

TENANT, STORE = "acme", "s0001"
SHARD = shard_of(TENANT, STORE)
OLD = {SHARD: Lease(shard=SHARD, epoch=1, owner=b"old-----")}
NEW = {SHARD: Lease(shard=SHARD, epoch=2, owner=b"new-----")}


@dataclass
class Line:
    """A publisher whose Updates are kept, and a store that applies them when told to."""

    database: Database
    sent: list[Update] = field(default_factory=list)
    is_up: bool = True

    def __post_init__(self) -> None:
        self.publisher = Publisher(self.database, self.publish)
        self.view: dict[str, bytes] = {}
        self.applied, self.owner = 0, b""

    def publish(self, topic: str, payload: bytes) -> bool:
        if self.is_up:
            message = decode(payload)
            assert isinstance(message, Update)
            self.sent.append(message)
        return self.is_up

    def put(self, **values: bytes | None) -> None:
        changes = [Change("setting", key, value) for key, value in values.items()]
        with self.database.ledger(SHARD) as connection:
            put(connection, TENANT, STORE, changes)

    def birth(self, leases: dict[int, Lease], now_ms: int = 0) -> None:
        birth = Birth(
            stream=b"s" * 16,
            session=1,
            nonce=b"",
            head=0,
            watermark=0,
            applied=self.applied,
            owner=self.owner,
        )
        said = take_apart(state_topic(TENANT, STORE), encode(birth))
        self.publisher.hear(leases, [said], now_ms)

    def apply_all(self, leases: dict[int, Lease], now_ms: int = 0) -> None:
        """Apply as a store does, and acknowledge."""
        for update in self.sent:
            if update.snapshot:
                self.view.clear()
            elif update.owner != self.owner or update.start > self.applied:
                continue
            for change in update.changes:
                if change.value is None:
                    self.view.pop(change.key, None)
                else:
                    self.view[change.key] = change.value
            self.applied, self.owner = update.end, update.owner
        self.sent.clear()
        applied = Applied(owner=self.owner, revision=self.applied)
        said = take_apart(applied_topic(TENANT, STORE), encode(applied))
        self.publisher.hear(leases, [said], now_ms)


@pytest.fixture
def line(cloud_dsn: str) -> Iterator[Line]:
    database = Database(cloud_dsn)
    yield Line(database)
    database.close()


def test_a_store_that_was_not_heard_is_sent_nothing(line: Line) -> None:
    line.put(a=b"1")
    assert line.publisher.send(0) == 0


def test_changes_are_sent_once_and_in_order_and_removed_keys_go(line: Line) -> None:
    line.put(a=b"1", b=b"2")
    line.birth(OLD)
    line.publisher.send(0)
    line.apply_all(OLD)
    assert line.view == {"a": b"1", "b": b"2"}
    line.put(a=None, c=b"3")
    line.put(c=b"4")
    assert line.publisher.send(0) == 1
    assert line.publisher.send(1) == 0
    line.apply_all(OLD)
    assert line.view == {"b": b"2", "c": b"4"}
    assert line.publisher.send(100_000) == 0


def test_an_unanswered_update_is_repeated_less_and_less_often(line: Line) -> None:
    line.put(a=b"1")
    line.birth(OLD)
    times = [now_ms for now_ms in range(0, 200_000, 500) if line.publisher.send(now_ms)]
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert waits == [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]
    line.apply_all(OLD)
    assert line.view == {"a": b"1"}


def test_what_the_link_did_not_take_is_sent_when_it_is_up(line: Line) -> None:
    line.put(a=b"1")
    line.birth(OLD)
    line.is_up = False
    assert line.publisher.send(0) == 0
    line.is_up = True
    assert line.publisher.send(1) == 1


def test_a_long_downlink_comes_in_parts_and_whole(line: Line) -> None:
    values = {f"k{number:04}": b"v" * 10 for number in range(2 * UPDATE_CHANGES_MAX + 7)}
    line.put(**values)
    line.birth(OLD)
    assert line.publisher.send(0) == 3
    assert [update.snapshot for update in line.sent] == [True, False, False]
    line.apply_all(OLD)
    assert line.view == values
    line.put(**{f"big{number}": bytes(VALUE_BYTES_MAX) for number in range(5)})
    assert line.publisher.send(0) == 5
    line.apply_all(OLD)
    assert len(line.view) == len(values) + 5


def test_a_value_that_cannot_cross_the_wire_is_refused_where_it_is_put(line: Line) -> None:
    with pytest.raises(ValueError, match="make the view smaller"):
        line.put(a=bytes(VALUE_BYTES_MAX + 1))


def test_a_new_owner_sends_everything_again_and_counts_on_above(line: Line) -> None:
    line.put(a=b"1")
    line.birth(OLD)
    line.publisher.send(0)
    line.apply_all(OLD)
    line.publisher.forget(NEW)
    line.put(b=b"2")
    line.birth(NEW)
    line.publisher.send(0)
    assert line.sent[0].snapshot
    line.apply_all(NEW)
    assert line.view == {"a": b"1", "b": b"2"}


def test_a_restored_cloud_takes_back_what_it_has_forgotten(line: Line) -> None:
    line.put(a=b"1")
    line.birth(OLD)
    line.publisher.send(0)
    line.apply_all(OLD)
    with line.database.ledger(SHARD) as connection:
        connection.execute("DELETE FROM downlink; DELETE FROM downlink_key")
    line.applied = 900
    line.publisher.forget(NEW)
    line.put(b=b"2")
    line.birth(NEW)
    line.publisher.send(0)
    line.apply_all(NEW)
    assert line.view == {"b": b"2"}
    assert line.applied > 900
    line.put(c=b"3")
    line.publisher.send(0)
    line.apply_all(NEW)
    assert line.view == {"b": b"2", "c": b"3"}


def test_a_store_that_lost_updates_asks_and_gets_them_again(line: Line) -> None:
    line.birth(OLD)
    line.put(a=b"1")
    line.publisher.send(0)
    line.apply_all(OLD)
    line.put(b=b"2")
    line.publisher.send(0)
    line.sent.clear()
    line.birth(OLD)
    assert line.publisher.send(0) == 1
    line.apply_all(OLD)
    assert line.view == {"a": b"1", "b": b"2"}


def test_a_store_that_went_offline_is_sent_nothing(line: Line) -> None:
    line.birth(OLD)
    line.publisher.forget(OLD, [(TENANT, STORE)])
    line.put(a=b"1")
    assert line.publisher.send(0) == 0


def keys(database: Database) -> set[str]:
    with database.ledger(SHARD) as connection:
        return {key for (key,) in connection.execute("SELECT key FROM downlink_key")}


def forget(database: Database) -> int:
    with database.ledger(SHARD) as connection:
        return forget_removed(connection, 10_000)


def test_a_removed_key_is_forgotten_when_its_store_has_applied_that(line: Line) -> None:
    line.put(a=b"1", b=b"2", c=b"3")
    line.birth(OLD)
    line.publisher.send(0)
    line.apply_all(OLD)
    line.put(a=None)
    line.publisher.send(10)
    assert forget(line.database) == 0
    line.apply_all(OLD)
    line.put(b=None)
    assert forget(line.database) == 1
    assert keys(line.database) == {"b", "c"}
    line.publisher.send(20)
    line.apply_all(OLD)
    assert line.view == {"c": b"3"}


def test_a_store_restored_from_before_a_forgotten_removal_loses_the_key(line: Line) -> None:
    line.put(a=b"1", b=b"2")
    line.birth(OLD)
    line.publisher.send(0)
    line.apply_all(OLD)
    backup = (dict(line.view), line.applied, line.owner)
    line.put(a=None)
    line.publisher.send(10)
    line.apply_all(OLD)
    assert forget(line.database) == 1
    line.view, line.applied, line.owner = backup
    line.birth(OLD)
    line.publisher.send(20)
    line.apply_all(OLD)
    assert line.view == {"b": b"2"}
    assert line.publisher.send(100_000) == 0


def test_what_was_just_put_is_sent_as_it_is_where_all_before_it_was(line: Line) -> None:
    line.birth(OLD)
    line.put(a=b"1")
    line.publisher.send(0)
    with line.database.ledger(SHARD) as connection:
        new = put(connection, TENANT, STORE, [Change("setting", k, b"2") for k in ("c", "b")])
    assert line.publisher.hand_over(new, 1)
    assert line.publisher.send(1) == 0
    line.apply_all(OLD)
    assert line.view == {"a": b"1", "b": b"2", "c": b"2"}
    assert line.publisher.send(10_000) == 0


def test_what_was_just_put_waits_for_what_was_put_before_it(line: Line) -> None:
    line.birth(OLD)
    line.publisher.send(0)
    line.put(a=b"1")
    with line.database.ledger(SHARD) as connection:
        new = put(connection, TENANT, STORE, [Change("setting", "b", b"2")])
    assert not line.publisher.hand_over(new, 0)
    assert line.publisher.send(0) == 1
    line.apply_all(OLD)
    assert line.view == {"a": b"1", "b": b"2"}


def test_what_was_just_put_is_sent_again_when_it_was_lost(line: Line) -> None:
    line.birth(OLD)
    with line.database.ledger(SHARD) as connection:
        new = put(connection, TENANT, STORE, [Change("setting", "a", b"1")])
    line.is_up = False
    assert not line.publisher.hand_over(new, 0)
    line.is_up = True
    line.publisher.send(0)
    line.sent.clear()
    assert line.publisher.send(5_000) == 1
    line.apply_all(OLD)
    assert line.view == {"a": b"1"}
