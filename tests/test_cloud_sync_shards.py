import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from cloud_sync.database import Database
from cloud_sync.workers.shards import (
    Lease,
    LeaseLimits,
    LeaseLostError,
    Leases,
    claim,
    fair_share,
    fence,
    release,
    renew,
)
from wire.topics import SHARDS

A, B = b"a" * 16, b"b" * 16


@pytest.fixture
def database(cloud_dsn: str) -> Iterator[Database]:
    database = Database(cloud_dsn)
    yield database
    database.close()


def wait_until(true: Callable[[], bool], timeout_s: float = 20) -> None:
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


def test_shares_cover_all_shards() -> None:
    for workers in range(1, 70):
        assert fair_share(workers) * workers >= SHARDS
    assert fair_share(0) == fair_share(1) == SHARDS


def test_a_lease_has_one_holder_and_each_owner_a_new_epoch_and_id(database: Database) -> None:
    with database.ledger(0) as connection:
        first = claim(connection, A, 30, SHARDS)
        assert len(first) == SHARDS
        assert claim(connection, B, 30, SHARDS) == {}
        release(connection, A, [7])
        second = claim(connection, B, 30, SHARDS)
    assert list(second) == [7]
    assert second[7].epoch == first[7].epoch + 1
    assert second[7].owner != first[7].owner
    with database.ledger(0) as connection:
        assert renew(connection, A, 30).keys() == first.keys() - {7}
        assert renew(connection, B, 30) == second


def test_what_an_owner_began_before_a_takeover_is_not_committed(database: Database) -> None:
    with database.ledger(0) as connection:
        old = claim(connection, A, 0, 1)
        (shard,) = old
        new = claim(connection, B, 30, 1)
        fence(connection, new.values())
    with pytest.raises(LeaseLostError), database.ledger(shard) as connection:
        fence(connection, old.values())


def test_a_takeover_waits_for_the_commit_of_what_was_fenced(database: Database) -> None:
    with database.ledger(0) as connection:
        old = claim(connection, A, 0, 1)
    with database.ledger(0) as mine:
        fence(mine, old.values())
        with database.ledger(0) as other:
            assert 0 not in claim(other, B, 30, 1)
    with database.ledger(0) as other:
        assert 0 in claim(other, B, 30, 1)


def test_shards_of_a_killed_worker_are_taken_over_within_5_s(database: Database) -> None:
    with database.ledger(0) as connection:
        renew(connection, A, LeaseLimits().lease_s)
        claim(connection, A, LeaseLimits().lease_s, SHARDS)
    killed_at = time.monotonic()
    survivor = Leases(database)
    survivor.start()
    wait_until(lambda: len(survivor.held("test")) == SHARDS)
    took_s = time.monotonic() - killed_at
    survivor.close()
    assert took_s < 5
    assert survivor.held("test") == {}


def test_workers_come_to_share_the_shards_fairly_and_one_that_leaves_is_replaced(
    database: Database,
) -> None:
    limits = LeaseLimits(lease_s=5, renew_every_s=0.05)
    first, second = Leases(database, limits), Leases(database, limits)
    first.start()
    wait_until(lambda: len(first.held("test")) == SHARDS)
    second.start()
    wait_until(lambda: len(first.held("test")) == len(second.held("test")) == SHARDS // 2)
    assert not first.held("test").keys() & second.held("test").keys()
    first.close()
    wait_until(lambda: len(second.held("test")) == SHARDS)
    second.close()


def test_a_lost_database_voids_the_leases_and_new_owner_ids_follow(database: Database) -> None:
    leases = Leases(database, LeaseLimits(lease_s=0.5, renew_every_s=0.05))
    leases.start()
    wait_until(lambda: len(leases.held("test")) == SHARDS)
    before = {lease.owner for lease in leases.held("test").values()}
    worker = leases.worker

    def lost() -> bool:
        with psycopg.connect(database.dsn, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        return leases.worker != worker

    wait_until(lost)
    wait_until(lambda: len(leases.held("test")) == SHARDS)
    assert not before & {lease.owner for lease in leases.held("test").values()}
    leases.close()


def test_a_worker_that_stands_still_loses_its_shards(database: Database) -> None:
    still = Leases(database, LeaseLimits(lease_s=5, renew_every_s=0.05, stall_s_max=0.3))
    still.start()
    fresh: dict[int, Lease] = {}

    def taken() -> bool:
        with database.ledger(0) as connection:
            fresh.update(claim(connection, B, 30, SHARDS))
        return len(fresh) == SHARDS

    wait_until(lambda: len(still.held("test")) == SHARDS)
    wait_until(taken)
    assert still.held("test") == {}
    still.close()
