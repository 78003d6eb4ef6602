"""The local view holds what the cloud said last, and shows nothing it does not understand."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from edge_agent import local_view
from edge_agent.visits import marks, wallet
from edge_agent.visits.wallet import UnknownCoupon
from tests.edge_store import (
    ANNA,
    BO,
    MINUTE_US,
    NOON,
    SHOE,
    SOCK,
    Shop,
    a_coupon,
    a_plan,
    a_shop,
    a_shopper,
)
from wire.messages import Change
from wire.views import Because, Recommendation, SettingView, encode_view


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def apply(shop: Shop, change: Change) -> bool:
    return shop.recorder.write(lambda w: local_view.apply(w.connection, change))


def test_the_newest_value_of_a_key_counts_and_a_removed_one_is_gone(shop: Shop):
    for price_cents in (100, 200):
        shop.sells(SHOE, price_cents=price_cents)
    known = local_view.product(shop.connection, SHOE)
    assert known is not None
    assert known.price_cents == 200
    shop.tell("product", SHOE, None)
    assert local_view.product(shop.connection, SHOE) is None


@pytest.mark.parametrize(
    "change",
    [
        Change(table="product", key=SHOE, value=b"\xff\x00hostile"),
        Change(table="product", key=SHOE, value=encode_view(SettingView("a", "b"))),
        Change(table="weather", key=SHOE, value=b"rain"),
    ],
)
def test_what_is_not_understood_is_said_and_shows_nothing(shop: Shop, change: Change):
    shop.sells(SHOE)
    assert not apply(shop, change)
    if change.table == "product":
        assert local_view.product(shop.connection, SHOE) is None
    count = shop.connection.execute("SELECT count(*) FROM local_view WHERE view = 'weather'")
    assert count.fetchone() == (0,)


def test_of_two_identifiers_the_view_decided_last_counts(shop: Shop):
    shop.knows(ANNA, a_shopper("old", decided_at=1))
    shop.knows(BO, a_shopper("new", decided_at=2))
    found = local_view.shopper(shop.connection, [ANNA, BO])
    assert found is not None
    assert found.shopper == "new"
    assert local_view.shopper(shop.connection, []) is None


def test_the_plan_in_force_names_the_goods_of_a_zone(shop: Shop):
    shop.sells(SHOE)
    shop.sells(SOCK)
    shop.tell("plan", "shoes/1", a_plan("shoes", 1, NOON, SHOE, "unknown"))
    shop.tell("plan", "shoes/2", a_plan("shoes", 2, NOON + MINUTE_US, SOCK))
    shop.tell("plan", "hats/3", a_plan("hats", 3, NOON))

    def at(time: int) -> list[str]:
        return [each.product for each in local_view.products(shop.connection, "shoes", time)]

    assert at(NOON - 1) == []
    assert at(NOON + MINUTE_US - 1) == [SHOE]
    assert at(NOON + MINUTE_US) == [SOCK]
    assert {each.product for each in local_view.products(shop.connection)} == {SHOE, SOCK}


def test_a_snapshot_begins_from_nothing(shop: Shop):
    shop.tell("setting", "greeting", SettingView("greeting", "hello"))
    assert local_view.setting(shop.connection, "greeting") == "hello"
    shop.recorder.write(lambda w: local_view.clear(w.connection))
    assert local_view.setting(shop.connection, "greeting") is None


def test_the_shoppers_page_does_not_wait_for_a_large_catalogue(shop: Shop):
    """Reading one key looks one key up, however many there are."""
    plan = shop.connection.execute(
        "EXPLAIN QUERY PLAN SELECT value FROM local_view WHERE view = ? AND key = ?", ("a", "b")
    ).fetchall()
    assert "USING INDEX" in str(plan)


def test_a_consent_that_is_withdrawn_clears_everything_personal_at_once(shop: Shop):
    personal = a_shopper(
        coupons=(a_coupon(),),
        recommended=(Recommendation(SHOE, Because(reason="viewed")),),
        saved=(SHOE,),
        decided_at=NOON,
    )
    shop.knows(ANNA, personal)
    visit = shop.begin(ANNA)
    assert local_view.shopper(shop.connection, [ANNA]) == personal
    assert len(wallet.coupons(shop.connection, visit)) == 1
    bell = shop.recorder.doorbell.count
    withdrawn = msgspec.structs.replace(personal, consented=False, decided_at=NOON + 1)
    shop.knows(ANNA, withdrawn)
    assert shop.recorder.doorbell.count > bell
    shown = local_view.shopper(shop.connection, [ANNA])
    assert shown is not None
    assert (shown.coupons, shown.recommended, shown.saved) == ((), (), ())
    assert wallet.coupons(shop.connection, visit) == []
    assert marks.marked(shop.connection, visit, marks.SAVED) == []
    going_on = shop.current()
    assert going_on is not None
    assert not going_on.consented
    with pytest.raises(UnknownCoupon):
        wallet.redeem(shop.recorder, shop.clock, visit, "c1")
