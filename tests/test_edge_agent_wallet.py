"""Coupons are used once: not by two tabs, two threads, without a lease, or in another's name."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_agent.visits import visits, wallet
from edge_agent.visits.wallet import AlreadyRedeemed, Expired, NoLease, UnknownCoupon, VisitOver
from tests.edge_store import (
    ANNA,
    BO,
    KIOSK,
    MINUTE_US,
    NOON,
    SHOE,
    TILL,
    Shop,
    a_coupon,
    a_shop,
    a_shopper,
)
from wire.events import CouponRedeemed


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def test_a_coupon_is_redeemed_once_by_forty_tabs(shop: Shop):
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(),)))
    visit = shop.begin(ANNA)

    def tap(_: int) -> bool:
        try:
            wallet.redeem(shop.recorder, shop.clock, visit, "c1")
        except AlreadyRedeemed:
            return False
        return True

    with ThreadPoolExecutor(20) as tabs:
        assert sum(tabs.map(tap, range(40))) == 1
    assert len(shop.events("coupon_redeemed")) == 1


def test_the_table_itself_refuses_a_second_redemption(shop: Shop):
    """The cloud's view may be wrong about a coupon's state; the primary key is not."""
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(),)))
    visit = shop.begin(ANNA)
    wallet.redeem(shop.recorder, shop.clock, visit, "c1")
    with pytest.raises(AlreadyRedeemed):
        shop.recorder.write(lambda w: wallet.insert_redemption(w, visit, _redemption(), a_coupon()))
    assert len(shop.events("coupon_redeemed")) == 1


def _redemption() -> wallet.Redemption:
    return wallet.Redemption(
        coupon="c1",
        offer="spring",
        lease="lease-1",
        order="",
        amount_cents=0,
        currency="",
        redeemed_at=NOON,
    )


def test_a_redemption_names_the_order_and_the_lease(shop: Shop):
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(brand="acme"),)))
    visit = shop.begin(ANNA)
    wallet.redeem(shop.recorder, shop.clock, visit, "c1", "order-1", 250, "CNY")
    (event,) = shop.events("coupon_redeemed")
    assert event.body == CouponRedeemed("c1", "spring", "lease-1", "order-1", 250, "CNY")
    assert (event.identifiers, event.visit, event.brand) == ((ANNA,), visit.visit, "acme")
    assert [each.state for each in wallet.coupons(shop.connection, visit)] == ["redeemed"]


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"lease": ""}, NoLease),
        ({"lease_until": NOON}, NoLease),
        ({"expires_at": NOON}, Expired),
        ({"state": "redeemed"}, AlreadyRedeemed),
    ],
)
def test_nothing_is_redeemed_without_the_right_to(
    shop: Shop, changed: dict[str, object], error: type[Exception]
):
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(**changed),)))
    visit = shop.begin(ANNA)
    with pytest.raises(error):
        wallet.redeem(shop.recorder, shop.clock, visit, "c1")
    assert shop.events("coupon_redeemed") == []


def test_a_clock_set_back_does_not_extend_a_lease(shop: Shop):
    coupon = a_coupon(lease_until=NOON - MINUTE_US)
    shop.knows(ANNA, a_shopper(coupons=(coupon,), decided_at=NOON))
    shop.clock.set_wall(NOON - 600 * MINUTE_US)
    visit = shop.begin(ANNA)
    with pytest.raises(NoLease):
        wallet.redeem(shop.recorder, shop.clock, visit, "c1")


def test_a_tab_left_open_cannot_act_for_the_shopper_before(shop: Shop):
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(),)))
    visit = shop.begin(ANNA)
    visits.end(shop.recorder, shop.clock, KIOSK.device, "tap")
    with pytest.raises(VisitOver):
        wallet.redeem(shop.recorder, shop.clock, visit, "c1")
    shop.begin(BO)
    with pytest.raises(VisitOver):
        wallet.claim(shop.recorder, shop.clock, visit, "c1")


def test_a_coupon_of_somebody_else_is_unknown(shop: Shop):
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(),)))
    visit = shop.begin(BO)
    with pytest.raises(UnknownCoupon):
        wallet.redeem(shop.recorder, shop.clock, visit, "c1")


def test_a_coupon_claimed_twice_is_one_event(shop: Shop):
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(),)))
    visit = shop.begin(ANNA)
    for _ in range(2):
        assert wallet.claim(shop.recorder, shop.clock, visit, "c1").state == "claimed"
    assert len(shop.events("coupon_claimed")) == 1
    assert [each.state for each in wallet.coupons(shop.connection, visit)] == ["claimed"]


def test_expired_coupons_are_not_shown(shop: Shop):
    shop.knows(ANNA, a_shopper(coupons=(a_coupon("old", expires_at=NOON - 1), a_coupon("new"))))
    visit = shop.begin(ANNA)
    assert [each.coupon for each in wallet.coupons(shop.connection, visit, NOON)] == ["new"]


def redeemed_at_kiosk(shop: Shop, **changed: object) -> None:
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(**changed),)))
    visit = shop.begin(ANNA)
    wallet.redeem(shop.recorder, shop.clock, visit, "c1")
    visits.end(shop.recorder, shop.clock, KIOSK.device, "tap")


def test_what_was_redeemed_at_a_kiosk_may_be_spent_by_the_same_shopper_in_time(shop: Shop):
    redeemed_at_kiosk(shop)
    shop.knows(ANNA, a_shopper(coupons=()))
    (coupon,) = wallet.spendable(shop.connection, shop.begin(ANNA, place=TILL))
    assert (coupon.coupon, coupon.percent) == ("c1", 10)
    assert wallet.spendable(shop.connection, shop.begin(BO, place=TILL)) == []
    shop.clock.advance(wallet.SPENDABLE_S_MAX + 1)
    assert wallet.spendable(shop.connection, shop.begin(ANNA, place=TILL)) == []


def test_a_redemption_is_spent_on_one_order(shop: Shop):
    redeemed_at_kiosk(shop)
    now = shop.clock.now()
    shop.recorder.write(lambda w: wallet.spend_in(w, now, "c1", "order-1", 250))
    with pytest.raises(AlreadyRedeemed):
        shop.recorder.write(lambda w: wallet.spend_in(w, now, "c1", "order-2", 250))
    row = shop.connection.execute("SELECT spent_order, spent_cents FROM redemptions").fetchone()
    assert tuple(row) == ("order-1", 250)
    assert wallet.spendable(shop.connection, shop.begin(ANNA, place=TILL)) == []


def test_what_was_redeemed_with_an_order_is_spent_with_it(shop: Shop):
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(),)))
    visit = shop.begin(ANNA)
    wallet.redeem(shop.recorder, shop.clock, visit, "c1", "order-1", 250, "CNY")
    assert wallet.spendable(shop.connection, visit) == []


def test_a_claim_and_a_redemption_belong_to_the_brand_of_their_goods(shop: Shop):
    shop.sells(SHOE, brand="acme")
    coupons = (a_coupon("c1", product=SHOE), a_coupon("c2", brand="other"), a_coupon("c3"))
    shop.knows(ANNA, a_shopper(coupons=coupons))
    visit = shop.begin(ANNA)
    for each in coupons:
        wallet.claim(shop.recorder, shop.clock, visit, each.coupon)
        wallet.redeem(shop.recorder, shop.clock, visit, each.coupon)
    for kind in ("coupon_claimed", "coupon_redeemed"):
        assert [event.brand for event in shop.events(kind)] == ["acme", "other", ""]
