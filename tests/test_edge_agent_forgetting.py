"""The store forgets in time, but nothing that the cloud lacks or a screen could show again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.clock import EARLIEST_AT
from edge_agent.database import outbox
from edge_agent.delivery import retention
from edge_agent.delivery.recorder import Writing
from edge_agent.forgetting import DAY_US, forget
from edge_agent.till import orders
from edge_agent.visits import calls, marks, visits, wallet
from tests.edge_store import ANNA, KIOSK, NOON, SHOE, TILL, Shop, a_coupon, a_shop, a_shopper
from wire.events import Line, Purchased

KEPT_DAYS = 30
TABLES = ("visits", "claims", "redemptions", "marks", "calls", "orders", "order_returns")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def visit_with_everything(shop: Shop, *, expires_at: int = NOON + DAY_US // 2) -> None:
    """One visit that leaves a row in each of the tables, and is over."""
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(expires_at=expires_at),)))
    visit = shop.begin(ANNA)
    wallet.claim(shop.recorder, shop.clock, visit, "c1")
    wallet.redeem(shop.recorder, shop.clock, visit, "c1")
    marks.mark(shop.recorder, shop.clock, visit, marks.SAVED, SHOE)
    body = Purchased("o1", (Line(SHOE, 1, 100),), 100, "CNY")
    shop.recorder.write(lambda w: orders.keep_in(w, shop.clock.now(), TILL, visit, body))
    orders.take_back(shop.recorder, shop.clock, TILL, "o1", {SHOE: 1}, sellable=True)
    call = calls.ask(shop.recorder, shop.clock, KIOSK, visit)
    calls.answer(shop.recorder, shop.clock, KIOSK, call.call)
    visits.end(shop.recorder, shop.clock, KIOSK.device, "tap")


def receipt_all(shop: Shop) -> None:
    def change(writing: Writing) -> None:
        outbox.save_received(writing.connection, writing.tail.head, ())
        retention.mark_received(writing.connection, writing.tail.head, shop.clock.now())

    shop.recorder.write(change)


def left_after(shop: Shop, days: int) -> set[str]:
    """Let so many days pass and the chore be done; return the tables in which something is left."""
    shop.clock.advance(days * 86_400)
    forget(shop.recorder, shop.database, shop.clock.now(), KEPT_DAYS, KEPT_DAYS)
    counts = {
        table: shop.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in TABLES
    }
    return {table for table, count in counts.items() if count}


def test_what_is_old_and_receipted_is_forgotten(shop: Shop):
    visit_with_everything(shop)
    receipt_all(shop)
    shop.knows(ANNA, a_shopper(coupons=()))
    assert left_after(shop, KEPT_DAYS - 1) == set(TABLES)
    assert left_after(shop, 2) == set()


def test_nothing_goes_that_rests_on_events_which_the_cloud_lacks(shop: Shop):
    visit_with_everything(shop)
    shop.knows(ANNA, a_shopper(coupons=()))
    assert left_after(shop, 10 * KEPT_DAYS) == set(TABLES) - {"visits"}
    receipt_all(shop)
    assert left_after(shop, 0) == set()


def test_a_coupon_that_is_still_offered_here_is_not_offered_again(shop: Shop):
    visit_with_everything(shop)
    receipt_all(shop)
    assert left_after(shop, 2 * KEPT_DAYS) == {"claims", "redemptions"}
    shop.knows(ANNA, a_shopper(coupons=(a_coupon(state="redeemed"),)))
    assert left_after(shop, 0) == set()


def test_a_redemption_is_kept_until_its_coupon_has_expired(shop: Shop):
    visit_with_everything(shop, expires_at=NOON + 100 * DAY_US)
    receipt_all(shop)
    shop.knows(ANNA, a_shopper(coupons=()))
    assert left_after(shop, 2 * KEPT_DAYS) == {"redemptions"}
    assert left_after(shop, 100) == set()


def test_a_call_that_waits_is_not_forgotten(shop: Shop):
    calls.ask(shop.recorder, shop.clock, KIOSK, None)
    receipt_all(shop)
    assert left_after(shop, 10 * KEPT_DAYS) == {"calls"}


def test_nothing_is_forgotten_by_a_clock_that_cannot_be_trusted(shop: Shop):
    visit_with_everything(shop)
    receipt_all(shop)
    shop.knows(ANNA, a_shopper(coupons=()))
    shop.clock.set_wall(EARLIEST_AT - 1)
    assert left_after(shop, 0) == set(TABLES)
