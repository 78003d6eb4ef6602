"""Profiles: what is kept of events, and that a shopper is the merge of its identifiers."""

from collections.abc import Iterator

import pytest
from psycopg import Connection

from cloud_sync.shoppers.atoms.acts import AMOUNT_CENTS_MAX, BRAND_CHARACTERS_MAX, QUANTITY_MAX
from cloud_sync.shoppers.graph.identity import members_of
from cloud_sync.shoppers.profiles.profile import (
    MoneyFacts,
    Profile,
    set_members_consent,
    whole_profiles_of,
)
from tests.shopper_builders import (
    DAY,
    NOW,
    TENANT,
    fold_all,
    happened,
    member,
    order,
    rolled_back,
    sell_sample,
    shopper_of,
    web,
)
from wire.events import Dwell, Followed, Line, Purchased, Returned, Saved, Scan, Searched, Viewed
from wire.identifiers import Identifier


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    with rolled_back(postgres_server) as one:
        yield one


def profile_of(connection: Connection, identifier: Identifier) -> Profile:
    """All that is known; what of it may be used is tried in test_cloud_sync_consents.py."""
    key = shopper_of(connection, identifier)
    return whole_profiles_of(connection, members_of(connection, [key]))[key]


def test_a_shopper_is_the_merge_of_its_identifiers_without_reading_events_again(
    connection: Connection,
):
    fold_all(
        connection,
        [
            happened(Viewed(product="p1"), web("c"), store=None, at=NOW - DAY),
            happened(order("p1", "p2"), member("M1")),
        ],
    )
    assert profile_of(connection, member("M1")).products["p1"].views == 0
    fold_all(connection, [happened(Viewed(product="p3"), web("c"), member("M1"), store=None)])
    profile = profile_of(connection, web("c"))
    assert profile == profile_of(connection, member("M1"))
    assert profile.products["p1"].views == profile.products["p1"].bought == 1
    assert profile.products["p1"].viewed_online_at == NOW - DAY
    assert set(profile.products) == {"p1", "p2", "p3"}
    assert profile.stores == {"s0001": NOW}


def test_money_is_kept_by_currency(connection: Connection):
    fold_all(
        connection,
        [
            happened(order("p1", cents=500), member("M1")),
            happened(order("p1", "p2", cents=700), member("M1")),
            happened(order("p1", cents=300, currency="EUR"), member("M1")),
            happened(Returned(order="o", lines=(), amount_cents=200, currency="CNY"), member("M1")),
        ],
    )
    assert profile_of(connection, member("M1")).money == {
        "CNY": MoneyFacts(orders=2, paid_cents=1900, refunded_cents=200),
        "EUR": MoneyFacts(orders=1, paid_cents=300, refunded_cents=0),
    }


def test_acts_keep_their_first_and_last_time_of_a_day(connection: Connection):
    start = NOW // DAY * DAY
    for second in (30, 10, 20):
        at = start + second * 1_000_000
        fold_all(connection, [happened(Searched(query="tea"), member("M1"), at=at)])
    facts = profile_of(connection, member("M1")).acts[start // DAY, "searched"]
    assert (facts.times, facts.first_at, facts.last_at) == (3, start + 10**7, start + 3 * 10**7)


@pytest.mark.parametrize("turned", [False, True])
def test_the_later_word_about_a_saved_product_counts_whichever_came_first(
    connection: Connection, turned: bool
):
    events = [
        happened(Saved(product="p1"), member("M1"), at=NOW),
        happened(Saved(product="p1", saved=False), member("M1"), at=NOW + 5),
        happened(Saved(product="p2", saved=False), member("M1"), at=NOW),
        happened(Saved(product="p2"), member("M1"), at=NOW + 5),
    ]
    for event in reversed(events) if turned else events:
        fold_all(connection, [event])
    products = profile_of(connection, member("M1")).products
    assert (products["p1"].saved, products["p2"].saved) == (False, True)


@pytest.mark.parametrize("turned", [False, True])
def test_the_later_word_about_a_followed_brand_counts_whichever_came_first(
    connection: Connection, turned: bool
):
    events = [
        happened(Followed(subject="yunwu"), member("M1"), at=NOW),
        happened(Followed(subject="yunwu", followed=False), member("M1"), at=NOW + 5),
        happened(Followed(subject="qingxing"), member("M1"), at=NOW),
        happened(Followed(subject="maru"), member("M1"), at=NOW + 1),
    ]
    for event in reversed(events) if turned else events:
        fold_all(connection, [event])
    assert profile_of(connection, member("M1")).followed == ("maru", "qingxing")


def test_a_clock_years_ahead_does_not_have_the_last_word(connection: Connection):
    ahead = happened(Viewed(product="p1"), member("M1"), at=NOW + 9_000 * DAY, accepted_at=NOW)
    fold_all(connection, [ahead])
    assert profile_of(connection, member("M1")).products["p1"].viewed_at == NOW


def test_hostile_figures_and_texts_break_nothing(connection: Connection):
    huge = 2**63 - 1
    lines = (Line(product="p1", quantity=huge, amount_cents=huge),) * 3
    evil = "'; DROP TABLE identifier; --\0\"{}\\"
    fold_all(
        connection,
        [
            happened(
                Purchased(order=evil, lines=lines, amount_cents=huge, currency="CNY"), member("M1")
            ),
            happened(order("p1", currency=evil), member("M1")),
            happened(Viewed(product=evil), member("M1")),
            happened(
                Dwell(entered_at=-huge, dwell_ms=huge, confidence_pct=100, plan=huge),
                member("M1"),
                zone=evil,
            ),
            happened(Saved(product="p9"), member("M1"), at=-huge, accepted_at=NOW),
            happened(Scan(code_kind=evil, symbology=evil, product="x" * 4096), member("M1")),
            happened(Followed(subject=evil * 9), member("M1")),
            happened(Followed(subject="\0"), member("M1")),
        ],
    )
    profile = profile_of(connection, member("M1"))
    assert profile.products["p1"].bought == 3 * QUANTITY_MAX + 1
    assert profile.money["CNY"].paid_cents == AMOUNT_CENTS_MAX
    assert set(profile.products) == {"p1", "p9"}
    assert profile.products["p9"].saved_at == 0
    assert profile.followed == ((evil * 9).replace("\0", "")[:BRAND_CHARACTERS_MAX],)


def test_dwell_counts_for_the_goods_of_the_shelf_plan_that_share_it_equally(
    connection: Connection,
):
    dwell = Dwell(entered_at=NOW, dwell_ms=40_000, confidence_pct=90, plan=1)
    fold_all(connection, [happened(dwell, member("M1"), zone="window")])
    assert profile_of(connection, member("M1")).dwelt == {}
    # The plan is told after the dwell: it counts all the same.
    plan = next(each for each in sell_sample(connection).plans if each.zone == "window")
    dwelt = profile_of(connection, member("M1")).dwelt
    assert set(dwelt) == set(plan.products)
    assert {facts.dwell_ms for facts in dwelt.values()} == {40_000 // len(plan.products)}


def test_dwell_without_confidence_says_nothing_about_goods(connection: Connection):
    sell_sample(connection)
    dwell = Dwell(entered_at=NOW, dwell_ms=40_000, confidence_pct=0, plan=1)
    fold_all(connection, [happened(dwell, member("M1"), zone="window")])
    assert profile_of(connection, member("M1")).dwelt == {}


def test_nobody_consents_but_members_whose_terms_say_so(connection: Connection):
    fold_all(
        connection,
        [happened(Viewed(), member("M1")), happened(Viewed(), web("c"), store=None)],
    )
    assert not profile_of(connection, member("M1")).consented
    set_members_consent(connection, TENANT, consent=True)
    assert profile_of(connection, member("M1")).consented
    assert not profile_of(connection, web("c")).consented
    set_members_consent(connection, TENANT, consent=False)
    assert not profile_of(connection, member("M1")).consented
