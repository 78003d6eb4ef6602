"""Folding of shards: what is folded when, and from where."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from psycopg import Connection

from cloud_sync.database import Database
from cloud_sync.decisions.changes import StoreChange
from cloud_sync.intake import ledger
from cloud_sync.intake.copying import LedgerRow
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.fold import Folded
from cloud_sync.workers.folding import HURRIED_EVENTS_MAX, Folding, hurried_events
from cloud_sync.workers.pending import pending
from cloud_sync.workers.shards import Lease, claim
from tests.shopper_builders import NOW, happened
from wire.codec import encode_event
from wire.events import Arrival

EVENT = happened(Arrival()).event


@dataclass
class Shards:
    """A database, its leases, and a folding that notes what was folded."""

    database: Database
    leases: dict[int, Lease]
    folded: list[tuple[int, int]] = field(default_factory=list)
    live: bool = False

    def __post_init__(self) -> None:
        self.folding = Folding(self.database, self.fold, lambda *_: [], events_max=4)

    def append(self, shard: int, count: int) -> list[LedgerEvent]:
        row = LedgerRow("acme", "s1", "store", b"s" * 16, 1, True, NOW, 2, encode_event(EVENT), 1)
        with self.database.ledger(shard) as connection:
            first = ledger.append(connection, {shard: [row] * count})[shard].first
            return ledger.read(connection, shard, first - 1)

    def fold(
        self, connection: Connection, shard: int, epoch: int, events: Sequence[LedgerEvent]
    ) -> Folded:
        self.folded += ((shard, each.position) for each in events)
        live = {("acme", "shopper")} if self.live else set()
        return Folded(touched=live, live=live, stores=set())

    def step(self, *, patient: bool = False) -> int:
        with self.database.question(0) as connection:
            behind = pending(connection, self.leases).behind
        return self.folding.step(self.leases, NOW, behind, patient=patient).folded

    def position(self, shard: int) -> int:
        with self.database.ledger(shard) as connection:
            row = connection.execute("SELECT position FROM shard_fold WHERE shard = %s", (shard,))
            return int(row.fetchall()[0][0])


@pytest.fixture
def shards(cloud_dsn: str) -> Iterator[Shards]:
    database = Database(cloud_dsn)
    with database.ledger(0) as connection:
        leases = claim(connection, b"w" * 16, 60, 64)
    yield Shards(database, leases)
    database.close()


def test_a_patient_step_lets_events_gather_and_the_next_one_folds_them(shards: Shards) -> None:
    shards.append(3, 3)
    assert shards.step(patient=True) == 0
    shards.append(3, 1)
    shards.append(9, 1)
    assert shards.step(patient=True) == 4
    assert shards.step() == 1
    assert shards.folded == [(3, 1), (3, 2), (3, 3), (3, 4), (9, 1)]
    assert (shards.position(3), shards.position(9)) == (4, 1)


def test_while_live_events_come_steps_are_short_unless_these_pile_up():
    assert [hurried_events(waiting) for waiting in (1, 300)] == [HURRIED_EVENTS_MAX] * 2
    waiting, steps = 20_000, 0
    while waiting > HURRIED_EVENTS_MAX:
        waiting, steps = waiting - hurried_events(waiting), steps + 1
    assert steps < 20


def test_a_step_is_bounded_and_no_shard_waits_for_ever(shards: Shards) -> None:
    for shard in (3, 9, 20):
        shards.append(shard, 6)
    while shards.step():
        shards.append(3, 4)
        if shards.position(20) == 6:
            break
    assert shards.position(9) == 6
    assert len(shards.folded) == len(set(shards.folded))


def test_remembered_events_are_folded_once_and_gaps_are_read(shards: Shards) -> None:
    shards.folding.remember({3: shards.append(3, 2)})
    shards.append(3, 1)  # by another writer
    shards.folding.remember({3: shards.append(3, 3)})
    while shards.step():
        pass
    assert shards.folded == [(3, position) for position in range(1, 7)]


def test_only_a_fold_that_tells_nobody_commits_without_waiting_for_the_disk(
    shards: Shards,
) -> None:
    for live, expected in ((False, "off"), (True, "on")):
        shards.live = live
        shards.append(3, 1)
        with shards.database.ledger(3) as connection:
            shards.folding.fold_some(shards.leases[3], 4, NOW, connection)
            assert connection.execute("SHOW synchronous_commit").fetchall() == [(expected,)]
        with shards.database.ledger(3) as connection:
            assert connection.execute("SHOW synchronous_commit").fetchall() == [("on",)]


def test_a_round_decides_each_of_those_due_once_also_when_touched_again(cloud_dsn: str) -> None:
    database = Database(cloud_dsn)
    decided: list[str] = []

    def touch(shard: int, shopper: str) -> None:
        with database.ledger(shard) as connection:
            connection.execute(
                "INSERT INTO shopper_due (shard, tenant, shopper) VALUES (%s, 'acme', %s)"
                " ON CONFLICT DO NOTHING",
                (shard, shopper),
            )

    def decide(
        _: Connection, tenant: str, shoppers: Collection[str], now: int
    ) -> list[StoreChange]:
        decided.extend(sorted(shoppers))
        return []

    with database.ledger(0) as connection:
        leases = claim(connection, b"w" * 16, 60, 64)
    folding = Folding(
        database, lambda *_: Folded(touched=set(), live=set(), stores=set()), decide, events_max=4
    )
    touch(3, "a")
    touch(3, "b")
    touch(9, "c")
    while folding.decide_due(leases, NOW):
        touch(3, "a")
    assert decided == ["a", "b", "c"]
    while folding.decide_due(leases, NOW):
        pass
    assert decided == ["a", "b", "c", "a"]
    database.close()
