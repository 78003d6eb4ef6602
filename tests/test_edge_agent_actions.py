"""Every act of a shopper becomes its event, in the right visit or in none."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.visits import actions, visits
from edge_agent.visits.actions import Kiosk
from edge_agent.visits.visits import Visit
from tests.edge_store import ANNA, BO, KIOSK, NOON, SHOE, Shop, a_coupon, a_shop, a_shopper
from wire.events import OfferShown
from wire.views import CouponView

ACTS: dict[str, Callable[[Kiosk, Visit], int]] = {
    "page_shown": lambda kiosk, visit: actions.page_shown(kiosk, visit, "welcome", "viewed"),
    "tapped": lambda kiosk, visit: actions.tapped(kiosk, visit, "goods", "more"),
    "viewed": lambda kiosk, visit: actions.viewed(kiosk, visit, SHOE),
    "searched": lambda kiosk, visit: actions.searched(kiosk, visit, "red shoes", 3),
    "watched": lambda kiosk, visit: actions.watched(kiosk, visit, "film", 500, 1_000),
    "offer_shown": lambda kiosk, visit: actions.offer_shown(kiosk, visit, "spring", product=SHOE),
}
PAINTED = {"page_shown", "offer_shown"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def kiosk_of(shop: Shop) -> Kiosk:
    return Kiosk(recorder=shop.recorder, clock=shop.clock, place=KIOSK)


@pytest.mark.parametrize("kind", ACTS)
def test_an_act_is_an_event_of_the_visit_at_the_kiosk(shop: Shop, kind: str):
    shop.sells(SHOE, brand="acme")
    visit = shop.begin(ANNA)
    shop.clock.advance(10)
    seq = ACTS[kind](kiosk_of(shop), visit)
    event = shop.events()[-1]
    assert (event.kind, len(shop.events())) == (kind, seq)
    assert (event.visit, event.identifiers, event.device) == (visit.visit, (ANNA,), "kiosk-1")
    assert event.brand == ("acme" if kind in {"viewed", "offer_shown"} else "")
    touched = shop.current()
    assert touched is not None
    assert touched.touched_at == (NOON if kind in PAINTED else NOON + 10_000_000)


@pytest.mark.parametrize("kind", ACTS)
def test_an_act_of_a_visit_that_is_over_names_nobody(shop: Shop, kind: str):
    before = shop.begin(ANNA)
    shop.begin(BO)
    ACTS[kind](kiosk_of(shop), before)
    event = shop.events()[-1]
    assert (event.kind, event.visit, event.identifiers) == (kind, b"", ())


def test_a_shopper_may_stay_unnamed(shop: Shop):
    kiosk = kiosk_of(shop)
    visit = actions.begin_unnamed(kiosk)
    assert (visit.shopper, visit.identifiers) == (None, ())
    assert actions.begin_unnamed(kiosk).visit == visit.visit
    assert actions.end_visit(kiosk)
    assert shop.events()[-1].body == visits.VisitEnded(by="tap")
    assert not actions.end_visit(kiosk)


def test_a_page_painted_for_nobody_is_recorded_too(shop: Shop):
    actions.page_shown(kiosk_of(shop), None, "attract")
    (event,) = shop.events()
    assert (event.kind, event.visit, event.zone) == ("page_shown", b"", "shoes")


def test_a_long_query_is_cut(shop: Shop):
    actions.searched(kiosk_of(shop), None, "x" * 10_000, 0)
    assert len(shop.events()[0].body.query) == actions.QUERY_CHARACTERS_MAX  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("coupon", "price_cents", "brand"),
    [
        (a_coupon("c1", percent=15, product=SHOE), 850, "acme"),
        (a_coupon("c1", percent=0, amount_cents=300, currency="CNY", product=SHOE), 699, "acme"),
        (a_coupon("c1", percent=0, amount_cents=300, currency="EUR", product=SHOE), 999, "acme"),
        (a_coupon("c1", percent=15, brand="other"), 0, "other"),
    ],
)
def test_an_offer_carries_the_price_that_was_shown(
    shop: Shop, coupon: CouponView, price_cents: int, brand: str
):
    shop.sells(SHOE, price_cents=999, brand="acme")
    shop.knows(ANNA, a_shopper(coupons=(coupon, a_coupon("c2", product=SHOE))))
    visit = shop.begin(ANNA)
    actions.offer_shown(kiosk_of(shop), visit, "spring", coupon="c1", product=coupon.product)
    event = shop.events()[-1]
    currency = "CNY" if price_cents else ""
    shown = OfferShown("spring", coupon="c1", price_cents=price_cents, currency=currency)
    assert (event.body, event.brand) == (shown, brand)
