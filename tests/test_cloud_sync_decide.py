"""Deciding: which store is told what under which identifier, and when it is taken back."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest
from msgspec import structs
from psycopg import Connection

from cloud_sync.catalogue import import_catalogue
from cloud_sync.catalogue_file import SAMPLE, read_catalogue
from cloud_sync.database.database import Database, retried
from cloud_sync.database.schema import MIGRATIONS
from cloud_sync.decisions import visits
from cloud_sync.decisions.changes import StoreChange
from cloud_sync.decisions.coupons import LEASE_S, conflicts, coupons_of
from cloud_sync.decisions.decide import SEEN_DAYS, decide
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.fold import fold
from cloud_sync.shoppers.graph import said
from cloud_sync.shoppers.graph.identity import Key, members_of
from tests.shopper_builders import (
    DAY,
    NOW,
    TENANT,
    app,
    fold_all,
    happened,
    member,
    order,
    rolled_back,
    sell_sample,
    shopper_of,
    web,
)
from wire.events import (
    Arrival,
    CouponClaimed,
    CouponRedeemed,
    Discount,
    Followed,
    Saved,
    Viewed,
    VisitEnded,
)
from wire.identifiers import identifier_id
from wire.views import Because, Recommendation, ShopperView, decode_view

TEA, CAKE, BAG = (read_catalogue(SAMPLE).products[place].product for place in (0, 3, 18))
MINUTE = 60_000_000


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    with rolled_back(postgres_server) as one:
        sell_sample(one)
        yield one


def told(connection: Connection, *events: LedgerEvent, now: int = NOW) -> list[StoreChange]:
    """Fold events, decide about whom they touched, return what stores are told."""
    folded = fold_all(connection, events)
    visits.note(connection, events)
    return decide(connection, TENANT, {shopper for _, shopper in folded.touched}, now)


def views_of(changes: list[StoreChange]) -> dict[tuple[str, str], ShopperView | None]:
    """Return the views told, by store and key; None for what is taken back."""
    found: dict[tuple[str, str], ShopperView | None] = {}
    for each in changes:
        view = None if each.change.value is None else decode_view(each.change.value)
        assert each.change.table == "shopper"
        assert view is None or isinstance(view, ShopperView)
        found[each.store, each.change.key] = view
    return found


def view_in(changes: list[StoreChange], store: str = "s0001") -> ShopperView:
    view = views_of(changes)[store, member("M1").key]
    assert view is not None
    return view


def browsed(at: int = NOW - MINUTE, product: str = TEA) -> LedgerEvent:
    return happened(Viewed(product=product), web("c"), member("M1"), store=None, at=at)


def arrived(store: str = "s0001", at: int = NOW) -> LedgerEvent:
    return happened(Arrival(), member("M1"), store=store, at=at)


def test_who_browsed_online_and_arrives_is_offered_it_with_the_reason(connection: Connection):
    assert told(connection, browsed()) == []
    view = view_in(told(connection, arrived()))
    (coupon,) = view.coupons
    assert (coupon.product, coupon.because.reason, coupon.because.channel) == (
        TEA,
        "viewed_online",
        "web",
    )
    assert coupon.because.at == NOW - MINUTE
    assert coupon.because.category == "green tea"
    assert coupon.brand == read_catalogue(SAMPLE).products[0].brand != ""
    assert coupon.lease
    assert coupon.lease_until == NOW + LEASE_S * 1_000_000
    assert view.consented
    assert view.decided_at == NOW


def test_a_view_is_told_under_each_identifier_but_the_web_cookie(connection: Connection):
    changes = told(connection, browsed(), arrived(), happened(Arrival(), app("a"), member("M1")))
    assert set(views_of(changes)) == {("s0001", member("M1").key), ("s0001", app("a").key)}
    assert len({each.change.value for each in changes}) == 1


def test_who_follows_a_series_anywhere_sees_its_goods_first_in_the_store(connection: Connection):
    catalogue = read_catalogue(SAMPLE)
    goods = [
        structs.replace(each, series="camp" if each.product == BAG else "")
        for each in catalogue.products
    ]
    import_catalogue(connection, TENANT, structs.replace(catalogue, products=tuple(goods)))
    follows = happened(Followed(subject="camp"), web("c"), member("M1"), store=None)
    told(connection, browsed(), follows)
    view = view_in(told(connection, arrived()))
    assert view.followed == ("camp",)
    assert view.recommended[0] == Recommendation(
        product=BAG, because=Because(reason="followed_topic", category="camp")
    )


def test_a_brand_followed_in_one_store_is_known_to_be_in_every_other(connection: Connection):
    told(connection, arrived("s0002"))
    followed = happened(Followed(subject="yunwu"), member("M1"))
    views = views_of(told(connection, followed))
    assert {store: view.followed for (store, _), view in views.items() if view} == {
        "s0001": ("yunwu",),
        "s0002": ("yunwu",),
    }
    left = happened(Followed(subject="yunwu", followed=False), member("M1"), at=NOW + 1)
    assert view_in(told(connection, left)).followed == ()


def test_what_has_not_changed_is_not_told_again(connection: Connection):
    told(connection, browsed(), arrived())
    assert told(connection, arrived(at=NOW + MINUTE), now=NOW + MINUTE) == []
    saved = happened(Saved(product=CAKE), member("M1"), at=NOW + MINUTE)
    assert view_in(told(connection, saved, now=NOW + MINUTE)).saved == (CAKE,)


def test_who_has_not_consented_is_told_about_without_anything_personal(connection: Connection):
    events = [
        happened(Viewed(product=TEA), app("a"), store=None),
        happened(Saved(product=TEA), app("a")),
    ]
    (view,) = views_of(told(connection, *events)).values()
    assert view is not None
    assert (view.stage, view.because.reason, view.consented) == ("awareness", "no_consent", False)
    assert (view.coupons, view.recommended, view.saved) == ((), (), ())
    assert connection.execute("SELECT count(*) FROM coupon").fetchone() == (0,)


def test_a_join_tells_all_identifiers_the_joined_shopper(connection: Connection):
    told(connection, happened(Saved(product=TEA), app("a"), store="s0002"), arrived())
    changes = views_of(told(connection, happened(Arrival(), app("a"), member("M1"))))
    _, shopper = shopper_of(connection, member("M1"))
    keys = {member("M1").key, app("a").key}
    assert set(changes) == {(store, key) for store in ("s0001", "s0002") for key in keys}
    assert all(view is not None and view.shopper == shopper for view in changes.values())
    assert all(view is not None and view.saved == (TEA,) for view in changes.values())


def test_an_older_shopper_id_is_decided_about_as_the_one_it_became(connection: Connection):
    fold_all(connection, [happened(Arrival(), app("a"))])
    _, old = shopper_of(connection, app("a"))
    fold_all(connection, [happened(Arrival(), app("a"), member("M1"))])
    changes = views_of(decide(connection, TENANT, [old, "05" * 16], NOW))
    assert set(changes) == {("s0001", member("M1").key), ("s0001", app("a").key)}


def test_a_store_that_has_not_seen_a_shopper_for_long_forgets_them(connection: Connection):
    told(connection, arrived("s0001"))
    later = NOW + SEEN_DAYS * DAY
    changes = views_of(told(connection, arrived("s0002", at=later), now=later))
    assert changes["s0001", member("M1").key] is None
    assert changes["s0002", member("M1").key] is not None
    assert told(connection, arrived("s0002", at=later), now=later) == []


def test_redeeming_online_takes_the_coupon_from_every_kiosk(connection: Connection):
    changes = told(connection, browsed(), arrived("s0001"), arrived("s0002"))
    (coupon,) = view_in(changes).coupons
    redeemed = CouponRedeemed(coupon=coupon.coupon, order="web-1")
    after = told(connection, happened(redeemed, web("c"), store=None), now=NOW + MINUTE)
    for store in ("s0001", "s0002"):
        assert view_in(after, store).coupons == ()
    assert conflicts(connection, TENANT) == []


def test_a_claimed_coupon_is_shown_as_claimed_also_when_the_claim_comes_late(
    connection: Connection,
):
    (coupon,) = view_in(told(connection, browsed(), arrived())).coupons
    claim = happened(CouponClaimed(coupon=coupon.coupon), member("M1"), at=NOW - 5)
    assert view_in(told(connection, claim)).coupons[0].state == "claimed"


def test_a_second_redemption_elsewhere_is_kept_as_a_conflict_and_never_dropped(
    connection: Connection,
):
    (coupon,) = view_in(told(connection, browsed(), arrived())).coupons
    in_store = happened(
        CouponRedeemed(coupon=coupon.coupon, order="t9"), member("M1"), at=NOW - 5, store="s0002"
    )
    online = happened(CouponRedeemed(coupon=coupon.coupon, order="w1"), store=None, at=NOW)
    again = happened(CouponRedeemed(coupon=coupon.coupon, order="w1"), store=None, at=NOW)
    told(connection, online, again)
    assert conflicts(connection, TENANT) == []
    told(connection, in_store)
    (conflict,) = conflicts(connection, TENANT)
    assert conflict.coupon == coupon.coupon
    assert [(each.source, each.order) for each in conflict.redemptions] == [
        ("s0002", "t9"),
        ("shop", "w1"),
    ]


def test_two_redemptions_without_an_order_are_a_conflict_too(connection: Connection):
    (coupon,) = view_in(told(connection, browsed(), arrived())).coupons
    used = CouponRedeemed(coupon=coupon.coupon)
    told(connection, happened(used, member("M1")), happened(used, member("M1")))
    assert len(conflicts(connection, TENANT)[0].redemptions) == 2


def spent(coupon: str, number: str, at: int = NOW) -> LedgerEvent:
    """An order from which a till took a coupon off."""
    paid = order(TEA, number=number)
    body = structs.replace(paid, discounts=(Discount(coupon, "spring", 100),))
    return happened(body, member("M1"), at=at)


def test_a_coupon_redeemed_at_a_kiosk_is_tied_to_the_order_that_it_came_off(
    connection: Connection,
):
    (coupon,) = view_in(told(connection, browsed(), arrived())).coupons
    at_kiosk = happened(CouponRedeemed(coupon=coupon.coupon), member("M1"), at=NOW)
    told(connection, at_kiosk, spent(coupon.coupon, "t9", at=NOW + 5))
    assert conflicts(connection, TENANT) == []
    online = happened(CouponRedeemed(coupon=coupon.coupon, order="w1"), store=None, at=NOW + 9)
    told(connection, online)
    (conflict,) = conflicts(connection, TENANT)
    assert [(each.source, each.order) for each in conflict.redemptions] == [
        ("s0001", "t9"),
        ("shop", "w1"),
    ]


def test_an_order_tells_of_its_coupon_before_the_redemption_is_here(connection: Connection):
    (coupon,) = view_in(told(connection, browsed(), arrived())).coupons
    first = happened(CouponRedeemed(coupon=coupon.coupon, order="t9"), member("M1"))
    assert view_in(told(connection, spent(coupon.coupon, "t9"))).coupons == ()
    told(connection, first)
    assert conflicts(connection, TENANT) == []


def test_a_coupon_that_came_off_two_orders_is_a_conflict(connection: Connection):
    (coupon,) = view_in(told(connection, browsed(), arrived())).coupons
    at_kiosk = happened(CouponRedeemed(coupon=coupon.coupon), member("M1"))
    told(connection, at_kiosk, spent(coupon.coupon, "t9"), spent(coupon.coupon, "t9"))
    assert conflicts(connection, TENANT) == []
    told(connection, spent(coupon.coupon, "t10", at=NOW + 7))
    (conflict,) = conflicts(connection, TENANT)
    assert [each.order for each in conflict.redemptions] == ["t9", "t10"]


def test_the_store_where_the_shopper_was_last_seen_holds_the_lease(connection: Connection):
    told(connection, browsed())
    told(connection, arrived("s0001"))
    soon = NOW + MINUTE
    changes = told(connection, arrived("s0002", at=soon), now=soon)
    assert view_in(changes, "s0002").coupons[0].lease == ""
    after = NOW + LEASE_S * 1_000_000
    moved = told(connection, arrived("s0002", at=after), now=after)
    assert view_in(moved, "s0002").coupons[0].lease
    assert view_in(moved, "s0001").coupons[0].lease == ""


def visit(body: Arrival | VisitEnded, number: int, at: int, store: str = "s0001") -> LedgerEvent:
    """A visit of M1 begins or ends, at a kiosk or till of its own."""
    named = happened(body, member("M1"), store=store, at=at)
    return structs.replace(named, event=structs.replace(named.event, visit=bytes([number] * 8)))


def test_a_visit_that_ends_gives_the_lease_back_for_the_next_store(connection: Connection):
    told(connection, browsed())
    (coupon,) = view_in(told(connection, visit(Arrival(), 1, NOW))).coupons
    assert coupon.lease
    soon = NOW + MINUTE
    (kept,) = view_in(told(connection, visit(VisitEnded(by="tap"), 1, soon), now=soon)).coupons
    assert (kept.lease, kept.lease_until) == ("", 0)
    changes = told(connection, arrived("s0002", at=soon + MINUTE), now=soon + MINUTE)
    assert view_in(changes, "s0002").coupons[0].lease


def test_who_comes_again_has_the_lease_again(connection: Connection):
    told(connection, browsed(), visit(Arrival(), 1, NOW))
    told(connection, visit(VisitEnded(by="walk_away"), 1, NOW + MINUTE), now=NOW + MINUTE)
    back = NOW + 2 * MINUTE
    assert view_in(told(connection, visit(Arrival(), 2, back), now=back)).coupons[0].lease


def test_the_lease_stays_while_another_visit_goes_on_or_nobody_is_known_to_have_left(
    connection: Connection,
):
    told(connection, browsed(), visit(Arrival(), 1, NOW))
    till = visit(Arrival(), 2, NOW + MINUTE)
    gone = visit(VisitEnded(by="walk_away"), 1, NOW + 2 * MINUTE)
    idle = visit(VisitEnded(by="time_out"), 2, NOW + 3 * MINUTE)
    for event in (till, gone, idle):
        assert told(connection, event, now=event.event.occurred_at) == []
    assert told(connection, visit(VisitEnded(by="tap"), 2, NOW + 4 * MINUTE), now=NOW + 4 * MINUTE)


def test_two_coupons_that_a_join_brings_together_show_as_one(connection: Connection):
    told(connection, browsed(product=TEA), arrived())
    other = [
        happened(Viewed(product=BAG), member("M2"), store=None, at=NOW - 9),
        happened(Arrival(), member("M2")),
    ]
    told(connection, *other)
    # Two member codes are never joined by what is seen, but somebody may know better.
    ids = [identifier_id(member(code)) for code in ("M1", "M2")]
    said.join(connection, TENANT, *ids, because="a lost card", source="anna")
    view = view_in(decide(connection, TENANT, ids, NOW))
    assert len(view.coupons) == 1
    key = shopper_of(connection, member("M1"))
    assert len(coupons_of(connection, members_of(connection, [key]))[key]) == 2
    used = happened(CouponRedeemed(coupon=view.coupons[0].coupon), member("M1"))
    assert view_in(told(connection, used)).coupons == ()


def test_a_purchase_lifts_the_stage_and_closes_the_offer_of_what_was_bought(
    connection: Connection,
):
    assert view_in(told(connection, browsed(), arrived())).stage == "awareness"
    later = NOW + MINUTE
    bought = happened(order(TEA), member("M1"), at=later)
    view = view_in(told(connection, bought, now=later))
    assert (view.stage, view.because.reason, view.coupons) == ("purchase", "bought", ())
    assert TEA not in {each.product for each in view.recommended}


def test_recommendations_come_with_their_reason(connection: Connection):
    crowd = [happened(order(TEA, CAKE), member(f"X{number}")) for number in range(3)]
    fold_all(connection, [*crowd, *(happened(order(BAG), store="s0001") for _ in range(5))])
    view = view_in(told(connection, browsed(), arrived()))
    reasons = {each.product: each.because.reason for each in view.recommended}
    assert reasons == {CAKE: "bought_together", BAG: "popular", TEA: "popular"}
    assert view.recommended[0].because.product == TEA


def blocked_or_done(dsn: str, work: Future[list[StoreChange]]) -> None:
    """Wait until a worker waits for another's lock, or has ended."""
    with psycopg.connect(dsn, autocommit=True) as watcher:
        for _ in range(1000):
            waiting = watcher.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            ).fetchone()
            if work.done() or waiting != (0,):
                return
            time.sleep(0.01)
    raise AssertionError("the worker neither waits nor ends")


def test_of_two_workers_that_decide_at_once_the_last_sees_what_the_first_wrote(postgres_dsn: str):
    database = Database(postgres_dsn)
    database.migrate(MIGRATIONS)
    with database.shopper(TENANT) as connection:
        sell_sample(connection)
        told(connection, happened(Viewed(), web("c"), member("M1"), store=None), arrived())

    def work(*events: LedgerEvent) -> list[StoreChange]:
        with database.shopper(TENANT) as connection:
            return told(connection, *events)

    # Two atoms of one shopper: the folds do not wait for each other, the decisions do.
    in_store = happened(Saved(product=CAKE), member("M1"))
    online = happened(Viewed(product=TEA), web("c"), store=None, at=NOW - 1)
    with ThreadPoolExecutor(1) as pool:
        with database.shopper(TENANT) as first:
            assert view_in(told(first, in_store)).saved == (CAKE,)
            second = pool.submit(work, online)
            blocked_or_done(postgres_dsn, second)
        view = view_in(second.result())
    database.close()
    assert view.saved == (CAKE,)
    assert {coupon.offer for coupon in view.coupons} == {"saved-before", "looked-online"}


def test_two_workers_that_decide_at_once_issue_one_coupon_and_the_last_sees_all(
    postgres_dsn: str,
):
    database = Database(postgres_dsn)
    database.migrate(MIGRATIONS)
    with database.shopper(TENANT) as connection:
        sell_sample(connection)
    latest: list[dict[tuple[str, str], ShopperView | None]] = []

    def work(event: LedgerEvent) -> None:
        def step(connection: Connection) -> list[StoreChange]:
            touched: set[Key] = fold(connection, event.shard, 1, [event]).touched
            return decide(connection, TENANT, {shopper for _, shopper in touched}, NOW)

        latest.append(views_of(retried(lambda: database.ledger(event.shard), step)))

    products = [each.product for each in read_catalogue(SAMPLE).products]
    work(arrived())
    events = [
        *(browsed(at=NOW - number, product=product) for number, product in enumerate(products)),
        *(happened(Saved(product=product), member("M1")) for product in products),
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, events))
    with database.shopper(TENANT) as connection:
        offers = connection.execute("SELECT offer, count(*) FROM coupon GROUP BY 1").fetchall()
        _, shopper = shopper_of(connection, member("M1"))
        connection.execute("DELETE FROM shopper_view")
        last = view_in(decide(connection, TENANT, [shopper], NOW))
    database.close()
    assert dict(offers) == {"looked-online": 1, "saved-before": 1}
    assert last.saved == tuple(sorted(products))
    told_views = [one["s0001", member("M1").key] for one in latest if one]
    assert any(view is not None and view.saved == last.saved for view in told_views)
