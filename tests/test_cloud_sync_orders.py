"""An order counts once, whoever tells of it; what comes back is taken off it, wherever it does."""

import json
import random
from collections.abc import Iterator, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.decisions.coupons import Coupon, coupons_of, issue
from cloud_sync.decisions.offers import open_coupons
from cloud_sync.intake import ledger as ledgers
from cloud_sync.intake.accept import AcceptedRow
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.reports import brand_hour, store_hour
from cloud_sync.shoppers.atoms.facts import FACT_TABLES
from cloud_sync.shoppers.graph.identity import members_of
from cloud_sync.shoppers.profiles.profile import MoneyFacts
from cloud_sync.shoppers.profiles.stage import stage_of
from cloud_sync.shoppers.trade.orders import Bought, effects, order_key
from tests.doors import NOW, Doors, doors_of, payload
from tests.shopper_builders import DAY, TENANT, happened, member
from wire.codec import encode_event
from wire.events import AnyBody, Clock, CouponRedeemed, Discount, Event, Line, Purchased, Returned
from wire.identifiers import Identifier
from wire.topics import shard_of

TEA, POT = "6901234000016", "6901234000115"
TILL = "till-1-9f3a51c0b7d2"
STREAM = b"o" * 16


@pytest.fixture
def doors(cloud_dsn: str) -> Iterator[Doors]:
    with doors_of(cloud_dsn) as made:
        yield made


def line(product: str, quantity: int = 1, cents: int = 7_600) -> Line:
    return Line(product, quantity, cents, "Maru")


def bought(order: str = TILL, *, lines: Sequence[Line] = (), cents: int = 15_200, **more: object):
    lines = tuple(lines) or (line(TEA), line(POT))
    return Purchased(order, lines, cents, "CNY", **more)


def back(order: str, *lines: Line, cents: int) -> Returned:
    return Returned(order, lines, cents, "CNY")


def told(
    doors: Doors, body: AnyBody, *who: Identifier, store: str = "s0001", at: int = NOW - DAY
) -> LedgerEvent:
    """Let a store tell something: into the ledger, and folded."""
    event = Event(at, 0, 0, Clock.SYNCED, "till-1", "", who, body)
    shard = shard_of(TENANT, store)
    with doors.database.ledger(shard) as connection:
        after = ledgers.read(connection, shard, 0)
        accepted = AcceptedRow(len(after) + 1, 1, encode_event(event))
        row = ledgers.store_row(TENANT, store, STREAM, accepted, event, live=True)
        ledgers.append(connection, {shard: [row]})
        found = ledgers.read(connection, shard, after[-1].position if after else 0)[0]
        doors.road.fold(connection, shard, 1, [found])
    return found


def facts(doors: Doors) -> dict[str, list[tuple[object, ...]]]:
    """All sums of all facts and figures that are not 0."""
    found = {}
    with doors.database.shopper(TENANT) as connection:
        for table in FACT_TABLES:
            if table.sums:
                names = ", ".join((*table.keys, *table.sums))
                some = " OR ".join(f"{each} <> 0" for each in table.sums)
                sql = f"SELECT {names} FROM {table.name} WHERE {some}"
                rows = connection.execute(sql.encode()).fetchall()
                place = list(table.keys).index("shard") if "shard" in table.keys else -1
                found[table.name] = sorted(
                    tuple(each for at, each in enumerate(row) if at != place) for row in rows
                )
        since, until = NOW - 90 * DAY, NOW + DAY
        found["store_hour"] = sorted(store_hour.totals(connection, TENANT, since, until).items())
        found["store_hour"] = [
            (store, some) for store, each in found["store_hour"] if (some := _nonzero(each))
        ]
        brand = brand_hour.totals(connection, TENANT, "Maru", since, until)
        found["brand_hour"] = [
            sorted((name, sorted(_nonzero(each).items())) for name, each in brand.products.items())
        ]
    return found


def _nonzero(figures) -> dict[str, int]:
    return {name: amount for name, amount in figures.items() if amount}


@pytest.mark.parametrize(
    ("order", "place", "key"),
    [
        ("w-17", "web", ("w-17", "web")),
        ("till-1-9f@s0001", "pay", ("till-1-9f", "s0001")),
        ("#1001 (a@B)", "web", ("#1001 (a@B)", "web")),
        ("@s0001", "web", ("@s0001", "web")),
        ("a\0b", "web", ("ab", "web")),
    ],
)
def test_an_order_is_known_by_its_name_and_place(order: str, place: str, key: tuple[str, str]):
    assert order_key(order, place) == key


def test_the_same_name_in_two_stores_is_two_orders(doors: Doors):
    for store in ("s0001", "s0002"):
        told(doors, bought(), member("M1"), store=store)
    assert doors.profile("member", "M1").money["CNY"].orders == 2


@pytest.mark.parametrize("payment_first", [False, True])
def test_what_a_till_and_a_payment_tell_of_one_order_counts_once(doors: Doors, payment_first: bool):
    if payment_first:
        doors.stripe(payload("stripe-checkout-session-completed.json"))
        doors.fold()
    told(doors, bought(), member("M1"))
    if not payment_first:
        doors.stripe(payload("stripe-checkout-session-completed.json"))
        doors.fold()
    money = doors.profile("member", "M1").money["CNY"]
    assert (money.orders, money.paid_cents) == (1, 15_200)
    found = facts(doors)
    assert dict(found["store_hour"])["s0001"] == {"orders": 1, "paid_cents.CNY": 15_200}
    assert dict(found["store_hour"]).get("", {}) == {}
    assert [row[1:] for row in found["store_product"]] == [
        ("s0001", TEA, 1, 0),
        ("s0001", POT, 1, 0),
    ]


def test_a_refund_takes_the_purchase_back_from_whoever_made_it(doors: Doors):
    doors.shopify("orders/paid", payload("shopify-orders-paid.json"))
    doors.fold()
    profile = doors.profile("email", "li.na@example.com")
    assert stage_of(profile, NOW).stage == "purchase"
    doors.shopify("refunds/create", payload("shopify-refunds-create-part.json"))
    doors.fold()
    profile = doors.profile("email", "li.na@example.com")
    assert stage_of(profile, NOW).stage == "purchase"
    assert profile.money["CNY"] == MoneyFacts(orders=1, paid_cents=20_720, refunded_cents=6_400)
    assert profile.products[POT].kept == 1
    doors.shopify("refunds/create", payload("shopify-refunds-create-rest.json"))
    doors.fold()
    profile = doors.profile("email", "li.na@example.com")
    assert stage_of(profile, NOW).stage == "awareness"
    assert profile.money["CNY"] == MoneyFacts(orders=0, paid_cents=20_720, refunded_cents=20_720)
    assert (profile.products[TEA].kept, profile.products[POT].kept) == (0, 0)


def test_a_store_takes_back_what_the_web_shop_sold(doors: Doors):
    doors.shopify("orders/paid", payload("shopify-orders-paid.json"))
    doors.fold()
    lines = (line(TEA, cents=7_920), line(POT, 2, 12_800))
    told(doors, back("820982911946154508@shop", *lines, cents=20_720))
    profile = doors.profile("email", "li.na@example.com")
    assert (profile.money["CNY"].orders, stage_of(profile, NOW).stage) == (0, "awareness")
    # The goods lie in the store that took them back, and nowhere else.
    returned = {row[1:3]: row[4] for row in facts(doors)["store_product"]}
    assert returned == {("", TEA): 0, ("", POT): 0, ("s0001", TEA): 1, ("s0001", POT): 2}


def test_a_return_that_two_systems_tell_of_counts_once(doors: Doors):
    told(doors, bought(), member("M1"))
    told(doors, back(TILL, line(POT), cents=7_600))
    body = json.loads(payload("stripe-charge-refunded.json"))
    body["data"]["object"]["amount_refunded"] = 7_600
    body["data"]["previous_attributes"]["amount_refunded"] = 0
    body["created"] = (NOW - DAY) // 1_000_000 + 60
    doors.stripe(json.dumps(body).encode())
    doors.fold()
    money = doors.profile("member", "M1").money["CNY"]
    assert (money.orders, money.refunded_cents) == (1, 7_600)


def test_the_same_piece_returned_twice_at_one_till_is_two_returns(doors: Doors):
    told(doors, bought(lines=[line(POT, 3, 15_200)]), member("M1"))
    for _ in range(2):
        told(doors, back(TILL, line(POT), cents=5_000))
    assert doors.profile("member", "M1").money["CNY"].refunded_cents == 10_000


EVENTS = [
    ("s0001", (member("M1"),), bought(discounts=(Discount("c1", "o", 100),))),
    ("", (member("M2"),), Purchased(f"{TILL}@s0001", (), 15_200, "CNY")),
    ("s0001", (), back(TILL, line(POT), cents=7_600)),
    ("s0002", (), back(f"{TILL}@s0001", line(TEA), cents=7_600)),
    ("", (), Returned(f"{TILL}@s0001", (), 7_600, "CNY")),
    ("s0001", (member("M1"),), CouponRedeemed("c1", "o", "", TILL)),
]


@given(order=st.permutations(range(len(EVENTS))), cut=st.integers(0, len(EVENTS)))
@settings(max_examples=100, deadline=None)
def test_an_order_says_the_same_in_whatever_order_it_is_told(order: list[int], cut: int):
    events = [
        msgspec.structs.replace(
            happened(body, *who, store=store or None, at=NOW - DAY), position=place
        )
        for place, (store, who, body) in enumerate(EVENTS)
    ]
    wanted = effects(events[place] for place in sorted(order[:cut]))
    assert effects(events[place] for place in order[:cut]) == wanted


def test_all_sums_are_the_same_in_whatever_order_an_order_is_told(
    postgres_server: str, cloud_template: str
):
    from tests.conftest import fresh_database

    found = []
    for seed in range(4):
        with fresh_database(postgres_server, cloud_template) as dsn, doors_of(dsn) as doors:
            order = list(range(4))
            random.Random(seed).shuffle(order)
            for place in order:
                store, who, body = EVENTS[place]
                if store:
                    told(doors, body, *who, store=store)
                else:
                    doors.stripe(payload("stripe-checkout-session-completed.json"))
                    doors.fold()
            found.append(facts(doors))
    assert found[0]["atom_order"]
    assert found[0]["store_hour"]
    for name in found[0]:
        assert [each[name] for each in found] == [found[0][name]] * len(found), name


def coupon(doors: Doors, expires_at: int = NOW + DAY) -> Coupon:
    (_, owner) = doors.key_of("member", "M1")
    made = Coupon(
        tenant=TENANT,
        owner=owner,
        coupon="c1",
        offer="looked-online",
        serial=1,
        product=TEA,
        reason="viewed_online",
        because_at=NOW - 3 * DAY,
        channel="web",
        percent=10,
        issued_at=NOW - 3 * DAY,
        expires_at=expires_at,
    )
    with doors.database.shopper(TENANT) as connection:
        issue(connection, [made])
    return made


def shown(doors: Doors) -> list[Coupon]:
    key = doors.key_of("member", "M1")
    with doors.database.shopper(TENANT) as connection:
        held = coupons_of(connection, members_of(connection, [key]))[key]
    return open_coupons(held, doors.profile("member", "M1"), NOW)


def test_a_coupon_of_an_order_that_all_came_back_is_given_back(doors: Doors):
    told(doors, CouponRedeemed("c0", "o"), member("M1"))
    held = coupon(doors)
    told(doors, bought(discounts=(Discount("c1", "looked-online", 100),)), member("M1"))
    assert shown(doors) == []
    told(doors, back(TILL, line(TEA), cents=7_600))
    assert shown(doors) == []
    told(doors, back(TILL, line(POT), cents=7_600))
    (again,) = shown(doors)
    assert again.coupon != held.coupon
    assert (again.offer, again.product, again.percent) == (held.offer, held.product, held.percent)
    assert again.expires_at == held.expires_at


def test_a_coupon_that_has_expired_meanwhile_is_not_given_back(doors: Doors):
    told(doors, CouponRedeemed("c0", "o"), member("M1"))
    coupon(doors, expires_at=NOW - 2 * DAY)
    told(doors, bought(discounts=(Discount("c1", "looked-online", 100),)), member("M1"))
    told(doors, back(TILL, line(TEA), line(POT), cents=15_200))
    assert shown(doors) == []


def test_a_coupon_that_came_off_two_orders_is_not_given_back_for_one(doors: Doors):
    told(doors, CouponRedeemed("c0", "o"), member("M1"))
    coupon(doors)
    off = (Discount("c1", "looked-online", 100),)
    told(doors, bought("o-1", discounts=off), member("M1"))
    told(doors, bought("o-2", discounts=off), member("M1"), store="s0002")
    told(doors, back("o-1", line(TEA), line(POT), cents=15_200))
    assert shown(doors) == []


def test_a_return_that_comes_before_its_purchase_is_taken_off_it_later(doors: Doors):
    told(doors, back(TILL, line(TEA), line(POT), cents=15_200))
    told(doors, bought(), member("M1"))
    profile = doors.profile("member", "M1")
    assert profile.money["CNY"] == MoneyFacts(orders=0, paid_cents=15_200, refunded_cents=15_200)
    assert stage_of(profile, NOW).stage == "awareness"


def test_of_an_order_told_without_end_nothing_more_counts(doors: Doors):
    for _ in range(66):
        told(doors, back(TILL, line(POT, cents=10), cents=10), member("M1"))
    assert doors.profile("member", "M1").money["CNY"].refunded_cents == 640


def test_the_best_teller_names_the_goods_and_the_strongest_the_buyer():
    web = happened(Purchased(f"{TILL}@s0001", (), 15_200, "CNY"), member("M9"), store=None, at=NOW)
    till = happened(bought(), at=NOW)
    (found,) = effects([web, till])
    assert isinstance(found, Bought)
    assert (found.ledger, found.atom is not None) == (till, True)
