"""Visits begin by a scan and end by a tap, silence, absence or another member."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.visits import traffic, visits
from tests.edge_store import ANNA, BO, KIOSK, MINUTE_US, NOON, Shop, a_shop, a_shopper
from wire.identifiers import identifier_id
from wire.views import SHARED_THING, Because, ShopperView


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def test_a_visit_begins_without_the_cloud_under_the_same_fallback_id_each_time(shop: Shop):
    first = shop.begin(ANNA)
    visits.end(shop.recorder, shop.clock, KIOSK.device, "tap")
    second = shop.begin(ANNA)
    assert first.shopper == second.shopper
    assert first.shopper is not None
    assert first.shopper == identifier_id(ANNA)
    assert first.visit != second.visit
    assert not first.consented


def test_the_visit_takes_the_unified_id_as_soon_as_the_cloud_says_it(shop: Shop):
    shop.begin(ANNA)
    shop.knows(ANNA, a_shopper("shopper-7", consented=True))
    visit = shop.current()
    assert visit is not None
    assert (visit.shopper, visit.consented) == ("shopper-7", True)


def test_each_visit_with_a_code_that_many_use_has_an_id_of_its_own(shop: Shop):
    shared = ShopperView(shopper="s-1", stage="awareness", because=Because(reason=SHARED_THING))
    shop.knows(ANNA, shared)
    first = shop.begin(ANNA)
    visits.end(shop.recorder, shop.clock, KIOSK.device, "tap")
    second = shop.begin(ANNA)
    assert len({first.shopper, second.shopper, "s-1", identifier_id(ANNA)}) == 4
    assert first.shopper == visits.anonymous_shopper(first.visit)


def test_another_member_ends_the_visit_before(shop: Shop):
    before = shop.begin(ANNA)
    after = shop.begin(BO)
    ended, arrived = shop.events()[-2:]
    assert (ended.kind, ended.visit, ended.identifiers) == ("visit_ended", before.visit, (ANNA,))
    assert ended.body == visits.VisitEnded(by="other_member")
    assert (arrived.kind, arrived.visit, arrived.identifiers) == ("arrival", after.visit, (BO,))


def test_the_same_member_goes_on_with_their_visit(shop: Shop):
    first = shop.begin(ANNA)
    shop.clock.advance(10)
    assert shop.begin(ANNA).visit == first.visit
    assert shop.kinds() == ["arrival"]
    going_on = shop.current()
    assert going_on is not None
    assert going_on.touched_at == NOON + 10_000_000


def test_an_unnamed_visit_becomes_that_of_the_member_who_scans(shop: Shop):
    unnamed = shop.begin()
    assert unnamed.shopper is None
    shop.clock.advance(5)
    named = shop.begin(ANNA)
    assert (named.visit, named.named_at) == (unnamed.visit, NOON + 5_000_000)


def due(shop: Shop, idle_s: float = 90, left_s: float = 20) -> list[tuple[str, str]]:
    at = shop.clock.now().at
    return visits.due(
        shop.connection,
        idle_before=at - int(idle_s * 1_000_000),
        left_before=at - int(left_s * 1_000_000),
    )


def test_an_idle_visit_is_due_to_end_and_a_touched_one_is_not(shop: Shop):
    visit = shop.begin(ANNA)
    shop.clock.advance(60)
    shop.recorder.write(lambda w: visits.touch(w, shop.clock.now(), visit))
    shop.clock.advance(60)
    assert due(shop) == []
    shop.clock.advance(60)
    assert due(shop) == [("kiosk-1", "time_out")]


def test_a_visit_whose_zone_was_left_is_due_to_end(shop: Shop):
    shop.begin(ANNA)
    shop.clock.advance(10)
    shop.recorder.write(lambda w: traffic.see(w, "shoes", 0, shop.clock.now().at))
    shop.clock.advance(15)
    assert due(shop) == []
    shop.clock.advance(15)
    assert due(shop) == [("kiosk-1", "walk_away")]


def test_a_visit_touched_since_its_zone_seemed_empty_goes_on(shop: Shop):
    shop.recorder.write(lambda w: traffic.see(w, "shoes", 0, shop.clock.now().at))
    shop.clock.advance(10)
    shop.begin(ANNA)
    shop.clock.advance(60)
    assert due(shop) == []


def test_ending_what_has_ended_records_nothing(shop: Shop):
    shop.begin(ANNA)
    assert visits.end(shop.recorder, shop.clock, KIOSK.device, "tap")
    assert not visits.end(shop.recorder, shop.clock, KIOSK.device, "tap")
    assert shop.kinds() == ["arrival", "visit_ended"]


def test_a_failed_write_leaves_neither_visit_nor_event(shop: Shop):
    def begin_and_fail(writing: visits.Writing) -> None:
        visits.begin(writing, shop.clock.now(), KIOSK, [ANNA])
        raise RuntimeError("the power of this writer")

    with pytest.raises(RuntimeError):
        shop.recorder.write(begin_and_fail)
    assert shop.current() is None
    assert shop.events() == []


def test_old_visits_are_forgotten_in_slices_and_open_ones_kept(shop: Shop):
    for _ in range(3):
        shop.begin(ANNA)
        visits.end(shop.recorder, shop.clock, KIOSK.device, "tap")
    shop.begin(ANNA)
    before = NOON + MINUTE_US
    assert shop.recorder.write(lambda w: visits.forget_old(w, before, 2)) == 2
    assert shop.recorder.write(lambda w: visits.forget_old(w, before, 2)) == 1
    assert shop.current() is not None
