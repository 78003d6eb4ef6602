"""What a shopper marked is the cloud's list, with what was tapped in this store since."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlite_utils

from edge_agent.database.migrations import MIGRATIONS
from edge_agent.visits import marks, visits
from edge_agent.visits.marks import FOLLOWED, SAVED, TRIED
from tests.edge_store import ANNA, BO, MINUTE_US, NOON, SHOE, SOCK, Shop, a_shop, a_shopper


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def save(shop: Shop, product: str, saved: bool = True) -> None:
    visit = shop.current()
    assert visit is not None
    marks.mark(shop.recorder, shop.clock, visit, SAVED, product, saved)


def listed(shop: Shop) -> list[str]:
    visit = shop.current()
    assert visit is not None
    return marks.marked(shop.connection, visit, SAVED)


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
    marks.mark(shop.recorder, shop.clock, unnamed, SAVED, SHOE)
    shop.knows(ANNA, a_shopper(saved=(SOCK,), decided_at=shop.clock.now().at + 600_000_000))
    named = shop.begin(ANNA)
    assert named.visit == unnamed.visit
    assert set(marks.marked(shop.connection, named, SAVED)) == {SHOE, SOCK}
    marks.mark(shop.recorder, shop.clock, named, SAVED, SHOE, False)
    assert marks.marked(shop.connection, named, SAVED) == [SOCK]
    visits.end(shop.recorder, shop.clock, named.kiosk, "tap")
    assert marks.marked(shop.connection, shop.begin(ANNA), SAVED) == [SOCK]


def test_what_was_saved_under_an_earlier_version_is_still_marked():
    tables = sqlite_utils.Database(memory=True)
    for name, step in MIGRATIONS:
        if name == "007_marks":
            tables.execute("INSERT INTO saves VALUES ('anna', '690', 1, 5)")
        step(tables)
    rows = tables.execute("SELECT kind, subject, thing, is_on, marked_at FROM marks").fetchall()
    assert rows == [("saved", "anna", "690", 1, 5)]


def test_a_brand_is_followed_at_once_without_the_cloud_and_names_its_brand(shop: Shop):
    visit = shop.begin(ANNA)
    for _ in range(2):
        marks.mark(shop.recorder, shop.clock, visit, FOLLOWED, "acme")
    assert marks.marked(shop.connection, visit, FOLLOWED) == ["acme"]
    (event,) = shop.events("followed")
    assert (event.body.subject, event.body.followed, event.brand) == ("acme", True, "acme")
    assert (event.identifiers, event.visit) == ((ANNA,), visit.visit)
    assert marks.marked(shop.connection, visit, SAVED) == []


def test_a_brand_that_the_cloud_knows_is_followed_can_be_left_here(shop: Shop):
    shop.knows(ANNA, a_shopper(followed=("acme", "other"), decided_at=NOON))
    visit = shop.begin(ANNA)
    assert marks.marked(shop.connection, visit, FOLLOWED) == ["acme", "other"]
    marks.mark(shop.recorder, shop.clock, visit, FOLLOWED, "acme", False)
    assert marks.marked(shop.connection, visit, FOLLOWED) == ["other"]


def test_nothing_is_followed_on_a_screen_without_consent(shop: Shop):
    shop.knows(ANNA, a_shopper(followed=("acme",), consented=False))
    assert marks.marked(shop.connection, shop.begin(ANNA), FOLLOWED) == []


def test_what_was_tried_counts_once_a_visit(shop: Shop):
    shop.sells(SHOE, brand="acme")
    for _ in range(2):
        visit = shop.begin(ANNA)
        for _ in range(2):
            marks.mark(shop.recorder, shop.clock, visit, TRIED, SHOE)
        assert marks.marked(shop.connection, visit, TRIED) == [SHOE]
        visits.end(shop.recorder, shop.clock, visit.kiosk, "tap")
    events = shop.events("tried")
    assert [(each.body.product, each.brand, each.identifiers) for each in events] == [
        (SHOE, "acme", (ANNA,))
    ] * 2
