"""A join that is undone leaves everything about both shoppers as it would have been."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from cloud_sync.catalogue_file import SAMPLE, read_catalogue
from cloud_sync.decisions.coupons import coupons_of
from cloud_sync.decisions.decide import decide
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.graph import said
from cloud_sync.shoppers.graph.identity import members_of
from cloud_sync.shoppers.profiles.profile import profiles_of
from cloud_sync.shoppers.profiles.stage import stage_of
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
    web,
)
from wire.events import AnyBody, Arrival, CouponClaimed, Saved, Viewed
from wire.identifiers import Identifier, identifier_id
from wire.views import decode_view

PRODUCTS = [each.product for each in read_catalogue(SAMPLE).products[:6]]
ANNA, PHONE, COOKIE, BO = member("Anna"), app("Anna's"), web("somebody's"), member("Bo")
Step = Callable[[Connection, int], None]


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    with rolled_back(postgres_server) as one:
        sell_sample(one)
        yield one


ANYBODY = ([ANNA], [ANNA, PHONE], [PHONE], [COOKIE], [BO])
# Nothing of Anna's own happens, so that nothing would have been offered to her meanwhile.
OTHERS = ([COOKIE], [BO])


@st.composite
def doings(draw: st.DrawFn, whose: Sequence[Sequence[Identifier]] = ANYBODY) -> LedgerEvent:
    product = draw(st.sampled_from(PRODUCTS))
    body: AnyBody = draw(
        st.sampled_from(
            [Viewed(product=product), Saved(product=product), Arrival(), order(product)]
        )
    )
    store = draw(st.sampled_from([None, "s0001", "s0002"]))
    at = NOW - draw(st.integers(0, 20)) * DAY
    shown = draw(st.sampled_from(whose))
    return happened(body, *shown, store=store, at=at, accepted_at=at)


def everything(connection: Connection, now: int) -> dict[str, Any]:
    """Return all that is known, decided and told of everybody."""
    rows = connection.execute("SELECT DISTINCT tenant, shopper FROM identifier").fetchall()
    members = members_of(connection, [(tenant, shopper.hex) for tenant, shopper in rows])
    profiles = profiles_of(connection, members)
    return {
        "members": members,
        "profiles": profiles,
        "stages": {key: stage_of(profile, now) for key, profile in profiles.items()},
        "coupons": coupons_of(connection, members),
        "told": sorted(connection.execute("SELECT identifier, store, checksum FROM shopper_view")),
        "prepared": sorted(connection.execute("SELECT shopper, view, coupons FROM prepared")),
    }


def lived(connection: Connection, steps: Sequence[LedgerEvent | Step]) -> dict[str, Any]:
    """Let steps happen, a minute each, with what is decided after each; return everything."""
    now = NOW
    for step in steps:
        now += 60_000_000
        if isinstance(step, LedgerEvent):
            folded = fold_all(connection, [step])
            decide(connection, TENANT, {shopper for _, shopper in folded.touched}, now)
        else:
            step(connection, now)
    everybody = [
        row[0].hex for row in connection.execute("SELECT DISTINCT shopper FROM identifier")
    ]
    decide(connection, TENANT, everybody, now)
    return everything(connection, now)


def said_join(connection: Connection) -> None:
    said.join(
        connection, TENANT, identifier_id(ANNA), identifier_id(COOKIE), because="", source="bo"
    )


def said_split(connection: Connection) -> None:
    said.split(connection, TENANT, {identifier_id(COOKIE)}, because="", source="bo")


def joined(connection: Connection, now: int) -> None:
    said_join(connection)
    decide_due(connection, now)


def split(connection: Connection, now: int) -> None:
    said_split(connection)
    decide_due(connection, now)


def nothing(connection: Connection, now: int) -> None:
    """Let a minute pass."""


def decide_due(connection: Connection, now: int) -> None:
    due = connection.execute("DELETE FROM shopper_due RETURNING shopper").fetchall()
    decide(connection, TENANT, [shopper for (shopper,) in due], now)


LIMITS = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
KNOWN = (happened(Arrival(), ANNA, at=NOW - 30 * DAY), happened(Viewed(), COOKIE, store=None))


def with_and_without(
    connection: Connection, *parts: list[LedgerEvent]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return everything after a join that is undone, and as it is where neither was said."""
    before, meanwhile, after = parts
    with connection.transaction(force_rollback=True):
        found = lived(connection, [*KNOWN, *before, joined, *meanwhile, split, *after])
    with connection.transaction(force_rollback=True):
        expected = lived(connection, [*KNOWN, *before, nothing, *meanwhile, nothing, *after])
    return found, expected


@LIMITS
@given(
    st.lists(doings(), max_size=5),
    st.lists(doings(OTHERS), max_size=4),
    st.lists(doings(), max_size=2),
)
def test_a_join_that_is_undone_leaves_everything_as_it_would_have_been(
    connection: Connection,
    before: list[LedgerEvent],
    meanwhile: list[LedgerEvent],
    after: list[LedgerEvent],
):
    found, expected = with_and_without(connection, before, meanwhile, after)
    assert found == expected


@LIMITS
@given(
    st.lists(doings(), max_size=4), st.lists(doings(), max_size=4), st.lists(doings(), max_size=4)
)
def test_after_a_join_that_was_undone_nobody_has_an_offer_for_what_another_did(
    connection: Connection,
    before: list[LedgerEvent],
    meanwhile: list[LedgerEvent],
    after: list[LedgerEvent],
):
    found, expected = with_and_without(connection, before, meanwhile, after)
    for part in ("members", "profiles", "stages"):
        assert found[part] == expected[part]
    for key, coupons in found["coupons"].items():
        done = found["profiles"][key].products
        assert all(each.product in done and not each.doubtful for each in coupons)


def test_a_coupon_that_was_claimed_before_the_join_was_undone_stays_with_who_claimed_it(
    connection: Connection,
):
    tea = PRODUCTS[0]
    looked = happened(Viewed(product=tea), COOKIE, store=None)
    lived(connection, [*KNOWN, looked, joined])
    anna = (TENANT, identifier_id(ANNA))
    coupons = coupons_of(connection, members_of(connection, [anna]))
    assert [each.product for each in coupons[anna]] == [tea]
    claimed = happened(CouponClaimed(coupon=coupons[anna][0].coupon), ANNA)
    found = lived(connection, [claimed, split])
    assert [each.state for each in found["coupons"][anna]] == ["claimed"]


def test_an_offer_that_was_withdrawn_is_kept_where_it_can_be_looked_at(connection: Connection):
    looked = happened(Viewed(product=PRODUCTS[0]), COOKIE, store=None)
    found = lived(connection, [*KNOWN, looked, joined, split])
    assert found["coupons"] == {key: [] for key in found["members"]}
    rows = connection.execute("SELECT owner, product, reason FROM coupon_withdrawn").fetchall()
    assert [(owner.hex, *rest) for owner, *rest in rows] == [
        (identifier_id(ANNA), PRODUCTS[0], "viewed_online")
    ]


def test_the_store_is_told_of_a_join_and_of_its_undoing(connection: Connection):
    saved = happened(Saved(product=PRODUCTS[1]), COOKIE, store=None)
    lived(connection, [happened(Arrival(), ANNA), saved])
    shown = []
    for word in (said_join, said_split):
        word(connection)
        due = connection.execute("DELETE FROM shopper_due RETURNING shopper").fetchall()
        changes = decide(connection, TENANT, [shopper for (shopper,) in due], NOW)
        views = [decode_view(each.change.value) for each in changes if each.change.value]
        shown.append([(each.saved, bool(each.coupons)) for each in views])
    assert shown == [[((PRODUCTS[1],), True)], [((), False)]]
