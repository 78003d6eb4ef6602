"""The funnel between any two days: what is counted live is what history says, event by event."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from psycopg import Connection

from cloud_sync.catalogue import import_catalogue
from cloud_sync.catalogue_file import Catalogue, Content, Product, ShelfPlan
from cloud_sync.decisions.decide import decide
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.reports import kept_paths
from cloud_sync.reports.funnel import By, Flow, counts, flows
from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.graph.identity import members_of
from cloud_sync.shoppers.profiles.profile import set_members_consent, whole_profiles_of
from cloud_sync.shoppers.profiles.stage import stage_of
from cloud_sync.shoppers.profiles.stage_rules import STAGE_RULES, STAGES, StageRule, set_rules
from tests.funnel_history import BRANDS, CONTENT, SHELF, counted, flowed, stages
from tests.shopper_builders import (
    DAY,
    NOW,
    TENANT,
    app,
    fold_all,
    happened,
    member,
    rolled_back,
    web,
)
from wire.events import (
    Arrival,
    Dwell,
    Followed,
    Line,
    Purchased,
    Returned,
    Saved,
    Searched,
    Tried,
    Viewed,
    Watched,
)
from wire.topics import SHARDS
from wire.views import decode_view

TODAY = NOW // DAY_US
EVERY: tuple[By, ...] = ("whole", "brand", "store", "channel")
RULES = (
    *STAGE_RULES,
    StageRule(stage="loyalty", act="bought", amount=2_500, days=60),
    StageRule(stage="interest", act="watched", amount=5_000, days=10),
)
PRODUCTS = ("p1", "p2", "p3", "unknown")
WHO = (*map(member, ("M1", "M2", "M3")), app("a1"), *map(web, ("c1", "c2", "c3", "c4")))


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    """The catalogue that tests/funnel_history.py knows."""
    with rolled_back(postgres_server) as one:
        sell(one)
        yield one


def sell(connection: Connection, tenant: str = TENANT) -> None:
    goods = tuple(
        Product(
            product=product,
            name={"zh": product, "en": product},
            brand=brand,
            category="tea",
            price_cents=100,
            currency="CNY",
            series="spring" if product == "p1" else "",
        )
        for product, brand in BRANDS.items()
    )
    (zone, plan), stood = SHELF
    shown = tuple(Content(content=one, form="video", brand=brand) for one, brand in CONTENT.items())
    plans = (ShelfPlan(zone=zone, plan=plan, products=stood),)
    import_catalogue(connection, tenant, Catalogue(products=goods, plans=plans, contents=shown))


def history_of(chance: random.Random) -> list[LedgerEvent]:
    """Draw a history; each order number names one order, some of which come back."""
    some = []
    for number in range(40):
        product = chance.choice(PRODUCTS)
        bodies = [
            Viewed(product=product),
            Viewed(content=chance.choice(["film", "picture", "lost"])),
            Watched(content="film", watched_ms=chance.choice([1_000, 5_000])),
            Tried(product=product),
            Saved(product=product, saved=chance.random() < 0.7),
            Followed(subject=chance.choice(["a", "spring", "nothing"])),
            Dwell(NOW, chance.choice([12_000, 20_000]), confidence_pct=90, plan=1),
            Searched(query="green tea"),
            Arrival(),
        ]
        some.append(_event(chance, chance.choice(bodies), chance.choice(["", "a"])))
        if number % 2 == 0:
            some += _order(chance, f"o{number}")
    return some


def _order(chance: random.Random, number: str) -> list[LedgerEvent]:
    lines = tuple(
        Line(chance.choice(PRODUCTS), 1, chance.choice([0, 1_000]), chance.choice(["", "b"]))
        for _ in range(chance.randrange(3))
    )
    cents = sum(line.amount_cents for line in lines)
    found = [_event(chance, Purchased(number, lines, cents, "CNY"))]
    if chance.random() < 0.5:
        # An order and its return may bear different identifiers of one shopper, if they ever met.
        back = lines[: chance.randrange(3)]
        cents = sum(line.amount_cents for line in back)
        found.append(_event(chance, Returned(number, back, cents, "CNY")))
    return found


def _event(chance: random.Random, body, brand: str = "") -> LedgerEvent:
    each = happened(
        body,
        *chance.sample(WHO, chance.choice([0, 1, 1, 1, 2])),
        store=chance.choice([None, "s0001", "s0002"]),
        source=chance.choice(["shop", "app"]),
        at=NOW - chance.choice([0, 1, 3, 40, 100, 400]) * DAY,
        accepted_at=NOW,
    )
    return replace(each, event=replace(each.event, brand=brand))


def live(connection: Connection) -> dict[str, int]:
    """Count today's stages as decisions see them, shopper by shopper."""
    rows = connection.execute("SELECT DISTINCT tenant, shopper FROM identifier").fetchall()
    keys = [(tenant, shopper.hex) for tenant, shopper in rows]
    profiles = whole_profiles_of(connection, members_of(connection, keys))
    met = [each for each in profiles.values() if each.acts]
    return dict(Counter(stage_of(each, NOW, RULES).stage for each in met))


@pytest.mark.parametrize("seed", range(6))
def test_counts_and_flows_are_what_history_says_event_by_event(connection, seed: int):
    chance = random.Random(seed)
    history = history_of(chance)
    first = TODAY - chance.choice([1, 3, 39, 40, 99, 130])
    arrived = chance.sample(history, len(history))
    for each in arrived:  # one by one: whose an order is, if several tell of it, is settled apart
        fold_all(connection, [each])
    owners = {
        each.hex: shopper.hex
        for each, shopper in connection.execute("SELECT identifier, shopper FROM identifier")
    }
    for by in EVERY:
        stood = {day: stages(history, owners, day, RULES, by) for day in (first, TODAY)}
        found = counts(connection, TENANT, [first, TODAY], RULES, by)
        assert found == {day: counted(stood[day]) for day in (first, TODAY)}
        told = {
            (key, each.before, each.after): each.shoppers
            for key, some in flows(connection, TENANT, first, TODAY, RULES, by).items()
            for each in some
        }
        assert told == flowed(stood[first], stood[TODAY])
        for key in filter(None, found[TODAY]):
            one = counts(connection, TENANT, [TODAY], RULES, by, key)
            assert one == {TODAY: {key: found[TODAY][key]}}
    kept_paths.count(connection, TENANT, NOW, RULES)
    for by in EVERY:
        for key in ("", "a", "s0001", "store", "app", "nobody"):
            days = sorted(chance.sample(range(TODAY - 420, TODAY + 2), 4))
            kept = kept_paths.counts(connection, TENANT, days, by, key)
            assert kept == counts(connection, TENANT, days, RULES, by, key)
            told = kept_paths.flows(connection, TENANT, days[1], days[2], by, key)
            assert told == flows(connection, TENANT, days[1], days[2], RULES, by, key)
    whole = counts(connection, TENANT, [TODAY], RULES)[TODAY][""]
    assert {stage: whole[stage] for stage in STAGES if whole[stage]} == live(connection)


def test_what_comes_late_changes_the_past(connection):
    fold_all(connection, [happened(Arrival(), member("M1"), at=NOW - 5 * DAY)])
    assert flows(connection, TENANT, TODAY - 3, TODAY, RULES) == {
        "": [Flow(before="awareness", after="awareness", shoppers=1)]
    }
    late = happened(_bought("o1"), member("M1"), at=NOW - 2 * DAY, live=False)
    fold_all(connection, [late])
    assert flows(connection, TENANT, TODAY - 3, TODAY, RULES) == {
        "": [Flow(before="awareness", after="purchase", shoppers=1)]
    }


def test_a_refund_takes_the_stage_back_on_its_own_day_wherever_the_goods_come_back(connection):
    lines = (Line("p1", 1, 1_000, "a"),)
    back = Returned("o1", lines, 1_000, "CNY")
    fold_all(
        connection,
        [
            happened(_bought("o1"), web("c1"), member("M1"), store=None, at=NOW - 5 * DAY),
            happened(back, member("M1"), store="s0002", at=NOW - DAY),
        ],
    )
    for by, key in (("whole", ""), ("brand", "a"), ("channel", "shop")):
        assert flows(connection, TENANT, TODAY - 2, TODAY, RULES, by, key) == {
            key: [Flow(before="purchase", after="awareness", shoppers=1)]
        }
    assert live(connection) == {"awareness": 1}


def test_a_refund_of_a_part_leaves_the_order_standing(connection):
    back = Returned("o1", (Line("p1", 1, 400, "a"),), 400, "CNY")
    fold_all(connection, [happened(_bought("o1"), member("M1")), happened(back, member("M1"))])
    assert live(connection) == {"purchase": 1}
    assert counts(connection, TENANT, [TODAY], RULES, "brand", "a")[TODAY]["a"]["purchase"] == 1


def _bought(number: str) -> Purchased:
    return Purchased(number, (Line("p1", 1, 1_000, "a"),), 1_000, "CNY")


def test_whoever_has_a_view_is_decided_anew_when_the_rules_change(connection):
    set_members_consent(connection, TENANT, True)
    folded = fold_all(
        connection, [happened(Arrival(), member("M1")), happened(Arrival(), app("a"))]
    )
    decide(connection, TENANT, {shopper for _, shopper in folded.touched}, NOW)
    rules = (StageRule(stage="loyalty", act="arrived"),)
    assert set_rules(connection, TENANT, rules) == 1
    rows = connection.execute("SELECT shard, shopper FROM shopper_due WHERE tenant = %s", (TENANT,))
    ((shard, shopper),) = rows.fetchall()
    assert 0 <= shard < SHARDS
    (change,) = decide(connection, TENANT, [shopper], NOW)
    assert decode_view(change.change.value).stage == "loyalty"
