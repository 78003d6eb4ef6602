"""The shopper's list is the cloud's, with what was tapped in this store since."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent import saves, visits
from tests.edge_store import ANNA, BO, MINUTE_US, NOON, SHOE, SOCK, Shop, a_shop, a_shopper


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def save(shop: Shop, product: str, saved: bool = True) -> None:
    visit = shop.current()
    assert visit is not None
    saves.save(shop.recorder, shop.clock, visit, product, saved)


def listed(shop: Shop) -> list[str]:
    visit = shop.current()
    assert visit is not None
    return saves.products(shop.connection, visit)


def test_a_tap_counts_at_once_without_the_cloud_and_only_once(shop: Shop):
    shop.begin(ANNA)
    save(shop, SHOE)
    save(shop, SHOE)
    assert listed(shop) == [SHOE]
    save(shop, SHOE, saved=False)
    assert listed(shop) == []
    assert len(shop.events("saved")) == 2


def test_the_cloud_wins_once_it_has_decided_later(shop: Shop):
    shop.begin(ANNA)
    save(shop, SHOE)
    shop.knows(ANNA, a_shopper(saved=(SOCK,), decided_at=NOON + 1))
    assert listed(shop) == [SOCK, SHOE]
    shop.knows(ANNA, a_shopper(saved=(SOCK,), decided_at=NOON + 2 * MINUTE_US))
    assert listed(shop) == [SOCK]


def test_one_shoppers_list_is_not_anothers(shop: Shop):
    shop.begin(ANNA)
    save(shop, SHOE)
    shop.begin(BO)
    assert listed(shop) == []
    shop.begin(ANNA)
    assert listed(shop) == [SHOE]


def test_an_unnamed_visit_has_a_list_of_its_own(shop: Shop):
    shop.begin()
    save(shop, SHOE)
    assert listed(shop) == [SHOE]


def test_a_list_made_before_the_code_was_shown_stays_in_the_visit(shop: Shop):
    unnamed = shop.begin()
    saves.save(shop.recorder, shop.clock, unnamed, SHOE)
    shop.knows(ANNA, a_shopper(saved=(SOCK,), decided_at=shop.clock.now().at + 600_000_000))
    named = shop.begin(ANNA)
    assert named.visit == unnamed.visit
    assert set(saves.products(shop.connection, named)) == {SHOE, SOCK}
    saves.save(shop.recorder, shop.clock, named, SHOE, False)
    assert saves.products(shop.connection, named) == [SOCK]
    visits.end(shop.recorder, shop.clock, named.kiosk, "tap")
    assert saves.products(shop.connection, shop.begin(ANNA)) == [SOCK]
