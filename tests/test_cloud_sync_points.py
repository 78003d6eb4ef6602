"""Points and levels: earned everywhere, taken back by refunds, spent once."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_sync.decisions.decide import decide
from cloud_sync.shoppers.consent.consents import OFFERS
from cloud_sync.shoppers.profiles.points import (
    Level,
    PointRules,
    PointsError,
    read_point_rules,
    set_point_rules,
    standing_of,
)
from cloud_sync.workers.road import Road
from storebridge.cli import app
from tests.shopper_builders import TENANT, fold_all, happened, member, order
from tests.test_cloud_sync_api import M1, NOW, Api, api  # noqa: F401 (a fixture)
from wire.events import Consent, Line, Purchased, Returned
from wire.views import ShopperView, decode_view

GOLD = Level(level="gold", points=20, title={"zh": "金卡", "en": "Gold"})
RULES = PointRules(
    cents_per_point={"CNY": 100},
    level=(GOLD, Level(level="all", points=0, title={"zh": "会员", "en": "Member"})),
)


@pytest.fixture
def shop(api: Api) -> Iterator[Api]:  # noqa: F811
    """The API; M1 has bought for 2,550 cents in a store."""
    with api.database.shopper(TENANT) as connection:
        set_point_rules(connection, TENANT, RULES)
        fold_all(connection, [happened(order("p1", cents=2_550), member("M1"), at=NOW)])
    return api


def spend(shop: Api, points: int, order: str = "w-1", event_id: str = "e-1"):
    body = {"identifiers": M1, "points": points, "order": order, "event_id": event_id}
    return shop.post("/v1/points/spend", body)


def test_what_was_bought_in_a_store_gives_points_and_a_level_everywhere(shop):
    with shop.database.shopper(TENANT) as connection:
        views = [
            decode_view(each.change.value)
            for each in decide(connection, TENANT, [shopper_id(connection)], NOW)
        ]
    for view in views:
        assert isinstance(view, ShopperView)
        assert (view.level, view.points) == (GOLD.title, 25)
    assert views
    told = shop.shopper()
    assert told["points"] == {"earned": 25, "left": 25}
    assert told["level"]["level"] == "gold"


def test_a_refund_takes_points_and_level_back(shop):
    back = Returned("o1", (), 2_000, "CNY")
    with shop.database.shopper(TENANT) as connection:
        fold_all(connection, [happened(back, member("M1"), store="s0002", at=NOW)])
    told = shop.shopper()
    assert (told["points"]["left"], told["level"]["level"]) == (5, "all")


def test_whoever_wants_no_personal_offers_sees_their_points_all_the_same(shop):
    no = Consent(OFFERS, False, "v1", "kiosk")
    with shop.database.shopper(TENANT) as connection:
        said = happened(no, member("M1"), at=NOW)
        Road().fold(connection, said.shard, 1, [said])
        changes = decide(connection, TENANT, [shopper_id(connection)], NOW)
        views = [decode_view(each.change.value) for each in changes]
    for view in views:
        assert isinstance(view, ShopperView)
        assert (view.consented, view.coupons, view.stage) == (False, (), "awareness")
        assert (view.level, view.points) == (GOLD.title, 25)
    assert views
    told = shop.shopper()
    assert (told["consented"], told["coupons"]) == (False, [])
    assert told["points"] == {"earned": 25, "left": 25}
    assert spend(shop, 20).status_code == 200


TEA, POT = Line("p1", 1, 900), Line("p2", 1, 900)


@pytest.mark.parametrize(
    ("paid", "back", "left"),
    [
        (1_800, (), 23),  # earned 25 and 18, spent 20
        (1_800, ((TEA, 900),), 24),  # earned 9 less, and half of what was spent is back
        (1_800, ((TEA, 900), (POT, 900)), 25),
        (1_800, ((TEA, 599),), 23),  # 37 earned are left, and 6 of 20 spent are back
        (0, ((TEA, 0),), 15),  # paid with points alone: by the goods
    ],
)
def test_points_spent_for_what_came_back_are_given_back_in_proportion(shop, paid, back, left):
    spend(shop, 20, "w-1")
    told = [Purchased("w-1", (TEA, POT), paid, "CNY")]
    told += [Returned("w-1", (line,), cents, "CNY") for line, cents in back]
    with shop.database.shopper(TENANT) as connection:
        fold_all(connection, [happened(each, member("M1"), store=None, at=NOW) for each in told])
    assert shop.shopper()["points"]["left"] == left


def test_points_are_spent_once_and_a_repeat_changes_nothing(shop):
    assert spend(shop, 20).json == {"points": 20, "left": 5, "repeated": False}
    assert spend(shop, 20).json == {"points": 20, "left": 5, "repeated": True}
    shop.fold()  # the event comes along the road, too
    assert shop.shopper()["points"] == {"earned": 25, "left": 5}
    for points, order_number, reason in ((6, "w-2", "too_few"), (19, "w-1", "order")):
        refused = spend(shop, points, order_number, "e-2")
        assert (refused.status_code, refused.json["error"]["reason"]) == (409, reason)
    used = spend(shop, 1, "w-3", "e-1")
    assert (used.status_code, used.json["error"]["reason"]) == (409, "event_id")
    assert spend(shop, 0).status_code == 400


def test_two_requests_at_once_never_spend_the_same_points(shop):
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(spend, shop, 20, f"w-{n}", f"e-{n}") for n in range(4)]
    codes = sorted(each.result().status_code for each in asked)
    assert codes == [200, 409, 409, 409]
    assert shop.shopper()["points"]["left"] == 5


def test_nobody_spends_by_posting_the_event(shop):
    event = {
        "event_id": "e-9",
        "kind": "points_spent",
        "occurred_at": NOW,
        "identifiers": M1,
        "body": {"order": "w-9", "points": 5},
    }
    refused = shop.post("/v1/events", {"events": [event]})
    assert refused.status_code == 400
    assert "POST /v1/points/spend" in refused.json["error"]["fields"][0]["message"]


def test_a_tenant_without_rules_has_no_points(shop):
    with shop.database.shopper(TENANT) as connection:
        set_point_rules(connection, TENANT, None)
    assert "points" not in shop.shopper()
    assert spend(shop, 1).status_code == 404


def test_points_go_below_none_where_spent_ones_are_taken_back():
    assert standing_of({"CNY": 2_550, "EUR": 10**6}, 0, RULES).earned == 25
    short = standing_of({"CNY": -5_000}, 20, RULES)
    assert (short.earned, short.left, short.level.level) == (0, -20, "all")


def test_rules_are_set_by_command_and_every_wrong_key_is_named(shop, tmp_path: Path):
    config, file = tmp_path / "cloud.toml", tmp_path / "points.toml"
    config.write_text(f'folder = "{tmp_path}"\n[database]\ndsn = "{shop.database.dsn}"\n')
    file.write_text(
        '[cents_per_point]\nCNY = 50\n[[level]]\nlevel = "gold"\npoints = 9\n'
        '[level.title]\nzh = "金"\nen = "Gold"\n'
    )
    command = ["points", "set", str(config), str(file), "--tenant", TENANT, "--json"]
    done = CliRunner().invoke(app, command)
    assert json.loads(done.stdout)["cents_per_point"] == {"CNY": 50}
    assert shop.shopper()["points"]["earned"] == 51
    file.write_text("rate = 1\n[cents_per_point]\nyuan = 0\n[[level]]\nlevel = 3\npoints = -1\n")
    with pytest.raises(PointsError) as error:
        read_point_rules(file)
    for wrong in ("'rate'", "'yuan' is no currency", "cents_per_point.yuan", "level is a name"):
        assert wrong in str(error.value)
    for wrong in ("points is a whole number", "title.zh", "title.en"):
        assert f"level 1: {wrong}" in str(error.value)


def shopper_id(connection) -> str:
    (shopper,) = connection.execute("SELECT DISTINCT shopper FROM identifier").fetchone()
    return shopper.hex
