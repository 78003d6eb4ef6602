"""The coupon rules: what was looked at and not bought, one open coupon an offer."""

from dataclasses import replace

import pytest

from cloud_sync.decisions.coupons import LEASE_S, Coupon, lease
from cloud_sync.decisions.offers import (
    DWELL_MS_MIN,
    NOT_BOUGHT_DAYS,
    OFFER_RULES,
    open_coupons,
    propose,
)
from cloud_sync.shoppers.profiles.profile import DwellFacts, ProductFacts, Profile
from tests.shopper_builders import DAY, NOW, TENANT

SHOPPER = "01" * 16
SOLD = {f"p{number}" for number in range(9)}
HOUR = 3_600_000_000


def looked(**viewed_online_at: int) -> Profile:
    """Build a consenting profile of somebody who looked at products online."""
    return Profile(
        consented=True,
        products={
            product: ProductFacts(viewed_at=at, viewed_online_at=at)
            for product, at in viewed_online_at.items()
        },
    )


def proposed(profile: Profile, *coupons: Coupon, now: int = NOW) -> list[Coupon]:
    return propose(TENANT, SHOPPER, profile, coupons, SOLD, now)


def the_coupon(**fields: object) -> Coupon:
    (coupon,) = proposed(looked(p1=NOW - HOUR))
    return replace(coupon, **fields)


def test_a_product_looked_at_online_and_not_bought_gives_a_coupon_that_says_so():
    coupon = the_coupon()
    assert (coupon.offer, coupon.product, coupon.percent) == ("looked-online", "p1", 10)
    assert (coupon.reason, coupon.because_at, coupon.channel) == (
        "viewed_online",
        NOW - HOUR,
        "web",
    )
    assert coupon.issued_at == NOW < coupon.expires_at


def test_the_latest_look_is_answered_and_ties_go_to_the_smaller_number():
    assert proposed(looked(p1=NOW - 9, p2=NOW - 2, p3=NOW - 5))[0].product == "p2"
    assert proposed(looked(p3=NOW - 2, p2=NOW - 2))[0].product == "p2"


def test_a_product_saved_or_dwelt_at_gives_a_coupon_of_its_own_offer():
    profile = Profile(
        consented=True,
        products={"p1": ProductFacts(saved_mark=2 * (NOW - HOUR) + 1)},
        dwelt={
            "p2": DwellFacts(dwell_ms=DWELL_MS_MIN, dwelt_at=NOW - HOUR),
            "p3": DwellFacts(dwell_ms=DWELL_MS_MIN - 1, dwelt_at=NOW),
        },
    )
    found = {coupon.offer: (coupon.product, coupon.reason) for coupon in proposed(profile)}
    assert found == {"saved-before": ("p1", "saved"), "dwelt-before": ("p2", "dwelled")}


def test_one_product_gets_one_coupon_though_several_rules_name_it():
    facts = ProductFacts(viewed_online_at=NOW - 5, saved_mark=2 * NOW + 1)
    found = proposed(Profile(consented=True, products={"p1": facts}))
    assert [coupon.offer for coupon in found] == ["looked-online"]


def test_what_was_bought_lately_is_not_offered():
    bought = ProductFacts(viewed_online_at=NOW - 5, bought_at=NOW - 9)
    assert proposed(Profile(consented=True, products={"p1": bought})) == []
    long_ago = replace_facts(bought, bought_at=NOW - NOT_BOUGHT_DAYS * DAY)
    assert len(proposed(Profile(consented=True, products={"p1": long_ago}))) == 1


def replace_facts(facts: ProductFacts, **fields: int) -> ProductFacts:
    return facts._replace(**fields)


def test_an_old_look_an_unsold_product_and_a_look_in_the_store_give_none():
    rule = OFFER_RULES[0]
    assert proposed(looked(p1=NOW - rule.days * DAY)) == []
    assert proposed(looked(unsold=NOW)) == []
    in_store = Profile(consented=True, products={"p1": ProductFacts(viewed_at=NOW)})
    assert proposed(in_store) == []


def test_nobody_is_offered_anything_without_consent():
    assert proposed(replace(looked(p1=NOW), consented=False)) == []


def test_at_most_one_coupon_of_an_offer_is_open():
    first = the_coupon()
    profile = looked(p1=NOW - HOUR, p2=NOW)
    assert proposed(profile, first, now=NOW + HOUR) == []
    assert proposed(profile, replace(first, state="claimed"), now=NOW + 8 * DAY) == []


def test_after_use_the_offer_rests_and_then_names_another_product():
    used = the_coupon(state="redeemed")
    rule = OFFER_RULES[0]
    later = NOW + rule.rest_days * DAY
    profile = looked(p1=later - 1, p2=later - 2)
    assert proposed(profile, used, now=later - DAY) == []
    (coupon,) = proposed(profile, used, now=later)
    assert (coupon.product, coupon.serial) == ("p2", 2)
    assert coupon.coupon != used.coupon


def test_the_same_decision_made_twice_is_the_same_coupon():
    assert the_coupon() == the_coupon()


def test_a_coupon_that_is_redeemed_expired_or_of_something_bought_since_is_closed():
    coupon = the_coupon()
    nothing = Profile(consented=True)
    bought = Profile(products={"p1": ProductFacts(bought_at=NOW + 1)})
    assert open_coupons([coupon], nothing, NOW) == [coupon]
    assert open_coupons([replace(coupon, state="redeemed")], nothing, NOW) == []
    assert open_coupons([coupon], nothing, coupon.expires_at) == []
    assert open_coupons([coupon], bought, NOW + 2) == []
    claimed = replace(coupon, state="claimed")
    assert open_coupons([claimed], bought, NOW + 2) == [claimed]


def test_of_two_coupons_of_one_offer_that_a_join_brought_one_is_shown():
    older = the_coupon(coupon="b")
    newer = the_coupon(coupon="a", issued_at=NOW + 5, owner="02" * 16)
    claimed = replace(newer, state="claimed")
    nothing = Profile(consented=True)
    assert open_coupons([newer, older], nothing, NOW + 9) == [older]
    assert open_coupons([claimed, older], nothing, NOW + 9) == [claimed]
    redeemed = replace(newer, state="redeemed")
    assert open_coupons([redeemed, older], nothing, NOW + 9) == []


def test_a_lease_goes_to_another_store_only_after_it_ran_out():
    leased = lease(the_coupon(), "s1", NOW)
    assert (leased.lease_store, leased.lease_until) == ("s1", NOW + LEASE_S * 1_000_000)
    assert lease(leased, "s2", leased.lease_until - 1) == leased
    moved = lease(leased, "s2", leased.lease_until)
    assert moved.lease_store == "s2"
    assert moved.lease not in ("", leased.lease)


def test_a_lease_is_prolonged_in_its_second_half_only():
    leased = lease(the_coupon(), "s1", NOW)
    half = LEASE_S * 1_000_000 // 2
    assert lease(leased, "s1", NOW + half - 1) == leased
    longer = lease(leased, "s1", NOW + half)
    assert longer.lease_until == NOW + half + LEASE_S * 1_000_000


@pytest.mark.parametrize("left", [1, HOUR])
def test_a_lease_never_outlasts_its_coupon(left: int):
    coupon = the_coupon()
    leased = lease(coupon, "s1", coupon.expires_at - left)
    assert leased.lease_until == coupon.expires_at
    assert lease(leased, "s1", coupon.expires_at - 1) == leased


def test_a_shopper_seen_in_no_store_gives_no_lease():
    assert lease(the_coupon(), "", NOW).lease == ""
