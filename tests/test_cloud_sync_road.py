"""One fold makes figures, shoppers and newcomers of the same events; a newcomer is told once."""

from collections.abc import Iterator

import pytest
from psycopg import Connection

from cloud_sync.codes.code_keys import set_code_keys
from cloud_sync.decisions.visits import left_of
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.graph.identity import members_of
from cloud_sync.workers.road import Road, tell_catalogue
from tests.shopper_builders import (
    NOW,
    TENANT,
    happened,
    member,
    order,
    rolled_back,
    sell_sample,
    shopper_of,
)
from wire.events import Arrival, VisitEnded
from wire.views import SettingView, decode_view


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    with rolled_back(postgres_server) as connection:
        yield connection


def arrived(store: str = "s0001") -> LedgerEvent:
    return happened(Arrival(), member("M1"), store=store)


def fold(road: Road, connection: Connection, *events: LedgerEvent) -> None:
    with connection.transaction():
        road.fold(connection, events[0].shard, 1, events)


def told(connection: Connection, store: str = "s0001") -> tuple[set[tuple[str, str]], int]:
    """What stands on a store's downlink, and how many revisions that took."""
    keys = connection.execute("SELECT view, key FROM downlink_key WHERE store = %s", (store,))
    revision = connection.execute("SELECT revision FROM downlink WHERE store = %s", (store,))
    return set(keys), (revision.fetchone() or (0,))[0]


def test_a_store_is_told_all_products_and_plans_with_its_first_event(connection: Connection):
    catalogue = sell_sample(connection)
    fold(Road(), connection, arrived())
    keys, revision = told(connection)
    assert {key for view, key in keys if view == "product"} == {
        each.product for each in catalogue.products
    }
    assert sum(view == "plan" for view, _ in keys) == len(catalogue.plans)
    assert revision == len(keys)


def test_a_store_that_knows_the_catalogue_is_told_nothing_again(connection: Connection):
    sell_sample(connection)
    road = Road()
    for _ in range(3):
        fold(road, connection, arrived())
    first = told(connection)
    fold(Road(), connection, arrived())  # another worker, which remembers nothing
    assert told(connection) == first


def test_a_store_whose_telling_was_undone_is_told_with_its_next_event(connection: Connection):
    sell_sample(connection)
    road = Road()
    with connection.transaction(force_rollback=True):
        road.fold(connection, arrived().shard, 1, [arrived()])
        assert told(connection)[0]
    assert told(connection) == (set(), 0)
    fold(road, connection, arrived())
    assert told(connection)[0]


def test_each_new_store_of_a_step_is_told(connection: Connection):
    sell_sample(connection)
    fold(Road(), connection, arrived("s0001"), arrived("s0002"))
    assert told(connection, "s0001") == told(connection, "s0002")
    assert told(connection, "s0001")[0]


def test_every_store_is_told_the_keys_of_signed_codes_and_when_they_change(connection: Connection):
    def keys() -> list[bytes | None]:
        rows = connection.execute("SELECT value FROM downlink_key WHERE view = 'setting'")
        return [value for (value,) in rows]

    sell_sample(connection)
    fold(Road(), connection, arrived())
    assert keys() == []
    set_code_keys(connection, TENANT, ["0a" * 32, "0b" * 32])
    fold(Road(), connection, arrived())
    (value,) = keys()
    assert decode_view(value or b"") == SettingView("codes.public_keys", f"{'0a' * 32} {'0b' * 32}")
    # A new import of the catalogue leaves them; that none is left is told, too.
    assert tell_catalogue(connection, TENANT, ["s0001"]) == set()
    set_code_keys(connection, TENANT, [])
    assert tell_catalogue(connection, TENANT, ["s0001"]) == {"s0001"}
    assert keys() == [None]


@pytest.mark.parametrize("keys", [["0a"], ["0A" * 32], ["0a" * 32] * 9, [""]])
def test_what_is_no_key_is_refused(connection: Connection, keys: list[str]):
    with pytest.raises(ValueError, match="key"):
        set_code_keys(connection, TENANT, keys)


def test_figures_and_shoppers_are_made_of_the_same_events(connection: Connection):
    bought = happened(order("6901234000016"), member("M1"))
    with connection.transaction():
        folded = Road().fold(connection, bought.shard, 1, [arrived(), bought])
    assert {tenant for tenant, _ in folded.live} == {TENANT}
    assert len(folded.live) == 1
    figures = connection.execute("SELECT sum(amount) FROM store_hour WHERE store = 's0001'")
    assert (figures.fetchone() or (None,))[0]


def test_only_stores_that_do_not_know_it_are_told(connection: Connection):
    sell_sample(connection)
    assert tell_catalogue(connection, TENANT, ["s0001"]) == {"s0001"}
    assert tell_catalogue(connection, TENANT, ["s0001", "s0002"]) == {"s0002"}


def test_the_fold_notes_who_has_left_a_store(connection: Connection):
    sell_sample(connection)
    road = Road()
    fold(road, connection, arrived())
    key = shopper_of(connection, member("M1"))
    members = members_of(connection, [key])
    assert left_of(connection, members, NOW) == {key: set()}
    fold(road, connection, happened(VisitEnded(by="tap"), member("M1"), at=NOW + 1))
    assert left_of(connection, members, NOW) == {key: {"s0001"}}
