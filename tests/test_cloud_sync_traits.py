"""Traits: what is computed of a shopper, and that it does not matter when a trait was defined."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from psycopg import Connection

from cloud_sync.reports.trait_values import Asset, assets, spread, values
from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.consent import consents
from cloud_sync.shoppers.graph.identity import members_of
from cloud_sync.shoppers.profiles.lapse import CDNOW, Bought, alive, expected_orders
from cloud_sync.shoppers.profiles.own_traits import (
    OwnTrait,
    TraitError,
    own_traits_of,
    read_own_traits,
    set_own_traits,
)
from cloud_sync.shoppers.profiles.profile import set_members_consent
from cloud_sync.shoppers.profiles.traits import TRAITS, Trait, ask_traits
from tests.shopper_builders import (
    DAY,
    NOW,
    TENANT,
    fold_all,
    happened,
    member,
    rolled_back,
    shopper_of,
    web,
)
from tests.test_cloud_sync_funnel import history_of, sell
from wire.events import (
    CouponRedeemed,
    Dwell,
    Followed,
    Line,
    Purchased,
    Returned,
    Searched,
    Tried,
    Viewed,
    Watched,
)

TODAY = NOW // DAY_US
M1 = member("M1")


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    """The catalogue of tests/funnel_history.py: p1 and p3 of brand a, p2 of b, p1 in spring."""
    with rolled_back(postgres_server) as one:
        sell(one)
        set_members_consent(one, TENANT, True)
        yield one


def bought(number: str, cents: int = 1_000, days_ago: int = 0, product: str = "p1"):
    lines = (Line(product, 1, cents),)
    return happened(Purchased(number, lines, cents, "CNY"), M1, at=NOW - days_ago * DAY)


def traits(connection: Connection, now: int = NOW) -> dict[str, Trait]:
    key = shopper_of(connection, M1)
    found = ask_traits(connection, TENANT, members_of(connection, [key]), now)[key]
    return {each.trait: each for each in found}


def test_orders_give_recency_frequency_and_money_and_a_refund_takes_them_back(connection):
    fold_all(
        connection,
        [
            bought("o1", 2_000, days_ago=400),
            bought("o2", 1_000, days_ago=30),
            bought("o3", 500, days_ago=3),
            happened(Returned("o3", (Line("p1", 1, 500),), 500, "CNY"), M1),
            happened(CouponRedeemed("c1"), M1, at=NOW - DAY),
        ],
    )
    found = traits(connection)
    assert found["recency"].value == 30
    assert found["frequency"].value == 1
    assert found["money"].value == 1_000
    assert found["price_sensitivity"].value == 1.0
    assert found["lifetime_value"].value["so_far"] == 3_000
    assert found["recency"].at == NOW - 30 * DAY
    assert found["frequency"].confidence == 0.25
    assert 0 < found["lapse_risk"].value < 1


def test_interests_come_from_goods_content_names_and_searches(connection):
    fold_all(
        connection,
        [
            happened(Viewed(product="p2"), M1, store=None, at=NOW - 60 * DAY),
            happened(Tried("p1"), M1),
            happened(Followed("spring"), M1, store=None),
            happened(Searched("SPRING "), M1, store=None),
            happened(Watched("film", 9_000, 9_000), M1, store=None),
            happened(Viewed(topic="nothing we know"), M1, store=None),
            happened(Dwell(NOW, 30_000, confidence_pct=90, plan=1), M1),
        ],
    )
    found = traits(connection)
    assert found["interests"].value == {"spring": 1.0}
    # Tried 3 and watched 1 of a; looked at b once, a half life ago.
    assert found["brand_affinity"].value == {"a": 0.889, "b": 0.111}
    assert found["category_affinity"].value == {"tea": 1.0}
    assert found["content_form"].value == "video"
    assert found["dwell_interest"].value == 30


def test_nobody_has_traits_that_rest_on_nothing(connection):
    fold_all(connection, [happened(Viewed(topic="nothing we know"), M1)])
    assert traits(connection) == {}


def test_the_past_knows_nothing_of_what_came_after(connection):
    fold_all(connection, [bought("o1", days_ago=30), bought("o2")])
    assert traits(connection, NOW - DAY)["frequency"].value == 1
    assert traits(connection)["frequency"].value == 2


OWN = (
    OwnTrait(trait="of_a", act="tried", topic="A", days=50),
    OwnTrait(trait="spring_viewed", act="viewed", topic="spring", measure="days_since"),
    OwnTrait(trait="spring_spent", act="bought", topic="spring", measure="amount"),
    OwnTrait(trait="searched_lately", act="searched", days=4),
)


@pytest.mark.parametrize("seed", range(3))
def test_a_trait_defined_later_is_as_if_it_had_been_there_from_the_start(connection, seed: int):
    history = history_of(random.Random(seed))

    def found() -> dict[str, dict[str, int]]:
        everybody = connection.execute("SELECT identifier FROM identifier").fetchall()
        said = {(TENANT, each.hex, "profiling"): (2 * NOW + 1, "", "", "") for (each,) in everybody}
        consents.write(connection, said)
        return {
            each.trait: dict(values(connection, TENANT, each, TODAY))
            for each in own_traits_of(connection, TENANT)
        }

    with connection.transaction(force_rollback=True):
        set_own_traits(connection, TENANT, OWN)
        for each in history:
            fold_all(connection, [each])
            found()
        from_the_start = found()
    fold_all(connection, history)
    set_own_traits(connection, TENANT, OWN)
    assert found() == from_the_start
    assert any(from_the_start.values())
    # All shoppers at once, or one by one with the others: the same values.
    rows = connection.execute("SELECT DISTINCT tenant, shopper FROM identifier").fetchall()
    keys = [(tenant, shopper.hex) for tenant, shopper in rows]
    asked = ask_traits(connection, TENANT, members_of(connection, keys), NOW)
    for own in OWN:
        one_by_one = {
            key[1]: each.value
            for key, some in asked.items()
            for each in some
            if each.trait == own.trait
        }
        assert one_by_one == from_the_start[own.trait]
        lies = spread(connection, TENANT, own, TODAY)
        assert (lies.shoppers, lies.total) == (len(one_by_one), sum(one_by_one.values()))


def test_the_asset_value_of_a_brand_is_the_sum_over_its_shoppers(connection):
    back = Returned("o1", (Line("p1", 1, 300),), 300, "CNY")
    other = Purchased("w1", (Line("p1", 1, 50, "a"), Line("p2", 1, 70)), 120, "CNY")
    fold_all(connection, [bought("o1"), happened(back, M1), happened(other, web("c1"))])
    assert assets(connection, TENANT) == [
        Asset(brand="a", currency="CNY", shoppers=2, cents=750),
        Asset(brand="b", currency="CNY", shoppers=1, cents=70),
    ]


def test_the_lapse_risk_says_what_share_of_shoppers_is_lost():
    chance = np.random.default_rng(7)
    foretold, true = [], []
    for _ in range(6_000):
        now = chance.uniform(5, 60)
        rate, loss = chance.gamma(CDNOW.r, 1 / CDNOW.alpha), chance.beta(CDNOW.a, CDNOW.b)
        at, last, repeats = 0.0, 0.0, 0
        lives = chance.random() >= loss
        while lives and (at := at + chance.exponential(1 / rate)) < now:
            last, repeats = at, repeats + 1
            lives = chance.random() >= loss
        foretold.append(alive(Bought(repeats=repeats, last_days=7 * last, now_days=7 * now)))
        true.append(lives)
    order = np.argsort(foretold)
    for part in np.array_split(order, 5):
        assert np.mean(np.array(true)[part]) == pytest.approx(
            np.mean(np.array(foretold)[part]), abs=0.05
        )


def test_who_stays_away_for_longer_than_usual_is_likelier_lost():
    weekly = [
        Bought(repeats=9, last_days=63, now_days=63 + days) for days in (0, 7, 30, 300, 9_000)
    ]
    risks = [1 - alive(each) for each in weekly]
    assert risks == sorted(risks)
    assert risks[0] < 0.1 < 0.98 < risks[-1] <= 1
    assert expected_orders(weekly[0], 365) > 5 > expected_orders(weekly[-2], 365)
    assert alive(Bought(repeats=10**6, last_days=1, now_days=3_650)) == 0.0


def test_every_wrong_key_of_a_file_of_traits_is_named(tmp_path: Path):
    file = tmp_path / "traits.toml"
    file.write_text(
        'colour = 1\n[[trait]]\ntrait = "recency"\nact = "sang"\nday = 1\n'
        '[[trait]]\ntrait = "X"\nact = "viewed"\nmeasure = "much"\ndays = 0\n'
    )
    with pytest.raises(TraitError) as error:
        read_own_traits(file, [each.trait for each in TRAITS])
    for wrong in ("'colour'", "'recency' is taken", "act is one of", "'day' is unknown"):
        assert wrong in str(error.value)
    for wrong in ("a name of 1 to 40", "measure is one of", "days is a whole"):
        assert f"trait 2: {wrong}" in str(error.value) or wrong in str(error.value)
    with pytest.raises(TraitError, match="cannot be read"):
        read_own_traits(tmp_path / "none.toml", ())


def test_of_who_does_not_allow_it_no_trait_is_worked_out(connection):
    looked = OwnTrait(trait="looked", act="viewed", days=30)
    set_own_traits(connection, TENANT, [looked])
    fold_all(connection, [happened(Viewed(product="p1"), M1), bought("o1")])
    assert {"frequency", "looked"} <= traits(connection).keys()
    assert len(dict(values(connection, TENANT, looked, TODAY))) == 1
    said = {(TENANT, shopper_of(connection, M1)[1], "profiling"): (2 * NOW, "", "", "")}
    consents.write(connection, said)
    assert not {"frequency", "looked"} & traits(connection).keys()
    assert dict(values(connection, TENANT, looked, TODAY)) == {}
