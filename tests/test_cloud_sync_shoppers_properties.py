"""Any order of arrival, in any batches, gives the same shoppers, profiles and stages."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.atoms.interests import count_some
from cloud_sync.shoppers.graph.identity import members_of
from cloud_sync.shoppers.graph.second_look import look_again
from cloud_sync.shoppers.profiles.profile import whole_profiles_of
from cloud_sync.shoppers.profiles.stage import stage_of
from tests.shopper_builders import (
    DAY,
    NOW,
    app,
    fold_all,
    happened,
    member,
    order,
    rolled_back,
    web,
)
from wire.events import (
    AnyBody,
    Arrival,
    CouponClaimed,
    Dwell,
    Followed,
    Returned,
    Saved,
    Scan,
    Viewed,
)
from wire.identifiers import Identifier

PRODUCTS = st.sampled_from(["p1", "p2", "p3", "p4"])
IDENTIFIERS = st.sampled_from(
    [member("M1"), member("M2"), app("a1"), app("a2"), web("c1"), web("c2"), web("c3")]
)
KIOSK = Identifier(kind="kiosk", value=b"k" * 16)


@st.composite
def events(draw: st.DrawFn) -> LedgerEvent:
    body: AnyBody = draw(
        st.one_of(
            st.builds(Viewed, product=PRODUCTS),
            st.builds(
                Scan, code_kind=st.just("product"), symbology=st.just("ean"), product=PRODUCTS
            ),
            st.builds(Saved, product=PRODUCTS, saved=st.booleans()),
            st.builds(Followed, subject=st.just("yunwu"), followed=st.booleans()),
            st.builds(
                Dwell,
                entered_at=st.just(NOW),
                dwell_ms=st.integers(0, 60_000),
                confidence_pct=st.sampled_from([0, 90]),
                plan=st.sampled_from([0, 1]),
            ),
            st.lists(PRODUCTS, min_size=1, max_size=3).map(lambda some: order(*some)),
            st.builds(
                Returned,
                order=st.just("o1"),
                lines=st.just(()),
                amount_cents=st.integers(0, 999),
                currency=st.just("CNY"),
            ),
            st.just(Arrival()),
            st.builds(CouponClaimed, coupon=PRODUCTS),
        )
    )
    named = draw(st.lists(IDENTIFIERS, max_size=2, unique=True))
    kiosk = [KIOSK] if draw(st.booleans()) else []
    return happened(
        body,
        *named,
        *kiosk,
        store=draw(st.sampled_from([None, "s0001", "s0002"])),
        at=NOW - draw(st.sampled_from([0, 1, DAY, 40 * DAY])),
        accepted_at=NOW,
    )


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[list[LedgerEvent], list[list[LedgerEvent]]]:
    """Draw events, and the same events in another order, cut into batches."""
    some = draw(st.lists(events(), min_size=1, max_size=14))
    order_of_arrival = draw(st.permutations(some))
    cuts = sorted(draw(st.sets(st.integers(1, len(some)), max_size=4)))
    edges = zip([0, *cuts], [*cuts, len(some)], strict=True)
    return some, [order_of_arrival[first:last] for first, last in edges]


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    with rolled_back(postgres_server) as one:
        yield one


def state_of(connection: Connection) -> dict[str, Any]:
    """Return everything that the fold has made, in a form to compare."""
    while look_again(connection, rows_max=100):
        pass
    rows = connection.execute("SELECT DISTINCT tenant, shopper FROM identifier").fetchall()
    keys = [(tenant, shopper.hex) for tenant, shopper in rows]
    members = members_of(connection, keys)
    profiles = whole_profiles_of(connection, members)
    tables = {
        table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4, 5").fetchall()
        for table in ("link", "store_product", "coupon_act", "atom_act")
    }
    while count_some(connection, shard=3):
        pass
    # In which shard's delta a pair was counted is chance; what counts is the sum.
    tables["product_pair"] = connection.execute(
        "SELECT product, other, sum(viewed_together), sum(bought_together) FROM product_pair"
        " GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    return {
        "members": members,
        "profiles": profiles,
        "stages": {key: stage_of(profiles[key], NOW) for key in keys},
        **tables,
    }


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=shuffled())
def test_any_order_of_arrival_in_any_batches_gives_the_same_shoppers(
    connection: Connection, drawn: tuple[list[LedgerEvent], list[list[LedgerEvent]]]
):
    in_order, batches = drawn
    with connection.transaction(force_rollback=True):
        fold_all(connection, in_order)
        expected = state_of(connection)
    with connection.transaction(force_rollback=True):
        for batch in batches:
            fold_all(connection, batch)
        assert state_of(connection) == expected
