"""Greeting: who arrives is answered from what was prepared, and by nothing that is not so now."""

from collections.abc import Iterator
from typing import Literal

import psycopg
import pytest
from psycopg import Connection

from cloud_sync.database.migrations import migrate
from cloud_sync.database.schema import MIGRATIONS
from cloud_sync.decisions.coupons import LEASE_S, coupons_of
from cloud_sync.decisions.prepared import PREPARED_DAYS
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.intake.streams import StreamKey
from cloud_sync.shoppers.graph.identity import Members, members_of
from cloud_sync.shoppers.profiles.profile import set_members_consent
from cloud_sync.workers.greeting import Greeting
from cloud_sync.workers.shards import Lease
from tests.shopper_builders import DAY, NOW, TENANT, happened, member, rolled_back, sell_sample
from tests.test_cloud_sync_decide import MINUTE, TEA, arrived, browsed, told, view_in
from wire.events import Saved
from wire.messages import Change
from wire.topics import shard_of
from wire.views import ShopperView, decode_view

EPOCH = 3


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    with rolled_back(postgres_server) as one:
        sell_sample(one)
        for store in ("s0001", "s0002"):
            shard = shard_of(TENANT, store)
            one.execute("UPDATE shard_lease SET epoch = %s WHERE shard = %s", (EPOCH, shard))
            one.execute(
                "INSERT INTO downlink (shard, tenant, store) VALUES (%s, %s, %s)",
                (shard, TENANT, store),
            )
        yield one


def leases(epoch: int = EPOCH) -> dict[int, Lease]:
    return {shard: Lease(shard=shard, epoch=epoch, owner=b"owner") for shard in range(64)}


def greeted(
    connection: Connection, *events: LedgerEvent, now: int = NOW, epoch: int = EPOCH
) -> dict[str, Change]:
    """Greet those who arrive by these events; returns the change put, by store."""
    live = [
        (StreamKey(shard_of(each.tenant, each.store), each.tenant, each.store, b"s"), each.event)
        for each in events
        if each.store is not None
    ]
    puts = Greeting(leases(epoch), now).ask(connection, live)()
    return {each.store: change for each in puts for change in each.changes}


def view_of(change: Change) -> ShopperView:
    assert change.key == member("M1").key
    assert change.value is not None
    view = decode_view(change.value)
    assert isinstance(view, ShopperView)
    return view


def test_who_arrives_is_greeted_with_what_the_fold_would_tell_and_it_tells_nothing_more(
    connection: Connection,
) -> None:
    told(connection, browsed())
    view = view_of(greeted(connection, arrived())["s0001"])
    (coupon,) = view.coupons
    assert (coupon.product, coupon.because.reason, coupon.because.at) == (
        TEA,
        "viewed_online",
        NOW - MINUTE,
    )
    assert coupon.lease_until == NOW + LEASE_S * 1_000_000
    assert told(connection, arrived()) == []
    ((kept,),) = coupons_of(connection, everybody(connection)).values()
    assert (kept.lease_store, kept.lease) == ("s0001", coupon.lease)


def test_what_has_changed_in_the_meantime_is_told_by_the_fold(connection: Connection) -> None:
    told(connection, browsed())
    greeted(connection, arrived())
    saved = happened(Saved(product=TEA), member("M1"))
    assert view_in(told(connection, arrived(), saved)).saved == (TEA,)


def test_a_coupon_that_another_store_may_redeem_is_shown_without_a_lease(
    connection: Connection,
) -> None:
    told(connection, browsed())
    told(connection, arrived("s0002"))
    (coupon,) = view_of(greeted(connection, arrived("s0001"))["s0001"]).coupons
    assert (coupon.lease, coupon.lease_until) == ("", 0)
    ((kept,),) = coupons_of(connection, everybody(connection)).values()
    assert kept.lease_store == "s0002"


def test_who_arrives_in_two_stores_at_once_is_greeted_in_one(connection: Connection) -> None:
    told(connection, browsed())
    puts = greeted(connection, arrived("s0001"), arrived("s0002"))
    assert len(puts) == 1
    ((kept,),) = coupons_of(connection, everybody(connection)).values()
    assert [kept.lease_store] == list(puts)


def test_a_store_that_knows_it_all_is_told_nothing(connection: Connection) -> None:
    told(connection, browsed())
    told(connection, arrived())
    assert greeted(connection, arrived(at=NOW + MINUTE), now=NOW + MINUTE) == {}


@pytest.mark.parametrize("table", ["identifier", "downlink"])
def test_who_is_missed_since_another_transaction_works_is_greeted_when_it_is_over(
    postgres_dsn: str, table: Literal["identifier", "downlink"]
) -> None:
    migrate(postgres_dsn, MIGRATIONS)
    with psycopg.connect(postgres_dsn) as one, psycopg.connect(postgres_dsn) as other:
        sell_sample(one)
        shard = shard_of(TENANT, "s0001")
        one.execute("UPDATE shard_lease SET epoch = %s", (EPOCH,))
        one.execute(
            "INSERT INTO downlink (shard, tenant, store) VALUES (%s, %s, 's0001')", (shard, TENANT)
        )
        told(one, browsed())
        one.commit()
        other.execute(f"SELECT FROM {table} FOR NO KEY UPDATE")
        one.execute("SET lock_timeout = '10s'")
        first = Greeting(leases(), NOW)
        key = StreamKey(shard, TENANT, "s0001", b"s")
        assert first.ask(one, [(key, arrived().event)])() == []
        assert len(first.missed) == 1
        again = Greeting(leases(), NOW)
        assert again.again(one, first.missed) == []
        assert again.missed == first.missed
        other.rollback()
        assert [put.store for put in again.again(one, first.missed)] == ["s0001"]
        assert again.missed == {}


def test_nobody_is_greeted_under_a_lease_that_was_lost(connection: Connection) -> None:
    told(connection, browsed())
    assert greeted(connection, arrived(), epoch=EPOCH - 1) == {}


def test_nothing_personal_is_shown_when_the_terms_do_not_allow_it_any_more(
    connection: Connection,
) -> None:
    told(connection, browsed())
    set_members_consent(connection, TENANT, consent=False)
    assert greeted(connection, arrived()) == {}


def test_what_was_prepared_long_ago_is_not_shown(connection: Connection) -> None:
    told(connection, browsed())
    later = NOW + PREPARED_DAYS * DAY
    assert greeted(connection, arrived(at=later), now=later) == {}


def test_a_coupon_that_expired_since_is_not_shown(connection: Connection) -> None:
    told(connection, browsed())
    connection.execute("UPDATE coupon SET expires_at = %s", (NOW,))
    assert view_of(greeted(connection, arrived())["s0001"]).coupons == ()


def test_a_coupon_that_was_redeemed_online_just_now_is_not_shown(connection: Connection) -> None:
    told(connection, browsed())
    connection.execute(
        "INSERT INTO coupon_act (tenant, coupon, act, source, reference, occurred_at, shard,"
        " position) SELECT tenant, coupon, 'redeemed', 'webshop', '', %s, 0, 0 FROM coupon",
        (NOW,),
    )
    assert view_of(greeted(connection, arrived())["s0001"]).coupons == ()


def test_who_was_only_seen_was_seen_on_the_day_of_the_arrival(connection: Connection) -> None:
    told(connection, browsed())
    view = view_of(greeted(connection, arrived(at=NOW + DAY), now=NOW + DAY)["s0001"])
    assert (view.because.reason, view.because.at) == ("seen", (NOW + DAY) // DAY * DAY)


def everybody(connection: Connection) -> Members:
    rows = connection.execute("SELECT DISTINCT tenant, shopper FROM identifier").fetchall()
    return members_of(connection, {(tenant, shopper.hex) for tenant, shopper in rows})
