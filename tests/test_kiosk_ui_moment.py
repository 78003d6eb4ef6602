"""Two moments tell whether a screen must change, and the weightiest reason why."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.visits import calls, marks, visits, wallet
from kiosk_ui.shopper.moment import ANSWER_SHOWN_S_MAX, difference, look
from tests.browser.shop import Screens, a_shop_with_screens
from tests.edge_store import ANNA, BO, KIOSK, SHOE, a_coupon, a_shopper
from wire.views import Because, Recommendation


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    with a_shop_with_screens(tmp_path) as screens:
        yield screens


def mark(screens: Screens) -> str:
    return look(screens.store, KIOSK.device).mark


def test_nothing_new_changes_nothing(screens: Screens):
    screens.shop.knows(ANNA, a_shopper(coupons=(a_coupon(),)))
    visit = screens.shop.begin(ANNA)
    before = mark(screens)
    screens.shop.clock.advance(20)
    screens.shop.recorder.write(lambda w: visits.touch(w, screens.shop.clock.now(), visit))
    assert difference(before, mark(screens)) == "nothing"


def test_another_shopper_weighs_more_than_an_answer(screens: Screens):
    screens.shop.begin(ANNA)
    before = mark(screens)
    screens.shop.begin(BO)
    screens.answers("welcome")
    assert difference(before, mark(screens)) == "visit"


def test_an_unnamed_visit_that_gets_a_name_takes_the_screen_over(screens: Screens):
    screens.shop.begin()
    before = mark(screens)
    screens.shop.begin(ANNA)
    assert difference(before, mark(screens)) == "visit"


def test_a_coupon_or_proposal_that_arrives_is_news(screens: Screens):
    screens.shop.begin(ANNA)
    before = mark(screens)
    screens.shop.knows(ANNA, a_shopper(coupons=(a_coupon(),)))
    with_coupon = mark(screens)
    assert difference(before, with_coupon) == "news"
    proposed = (Recommendation(SHOE, Because(reason="popular")),)
    screens.shop.knows(ANNA, a_shopper(coupons=(a_coupon(),), recommended=proposed))
    assert difference(with_coupon, mark(screens)) == "news"


def test_what_a_shopper_marked_or_the_cloud_decided_about_it_is_content_and_no_news(
    screens: Screens,
):
    visit = screens.shop.begin(ANNA)
    for kind, thing in ((marks.SAVED, SHOE), (marks.FOLLOWED, "acme")):
        before = mark(screens)
        marks.mark(screens.store.recorder, screens.store.clock, visit, kind, thing)
        assert difference(before, mark(screens)) == "content"
    before = mark(screens)
    screens.shop.knows(ANNA, a_shopper(followed=("acme",), saved=(SHOE,)))
    assert difference(before, mark(screens)) == "content"


def test_a_coupon_redeemed_here_stays_in_sight_until_the_till_has_taken_it_off(screens: Screens):
    store = screens.store
    screens.shop.knows(ANNA, a_shopper(coupons=(a_coupon(),)))
    visit = screens.shop.begin(ANNA)
    wallet.redeem(store.recorder, store.clock, visit, "c1")
    screens.shop.knows(ANNA, a_shopper())
    now = look(store, KIOSK.device)
    assert [(each.coupon, each.state) for each in now.coupons] == [("c1", "redeemed")]
    store.recorder.write(lambda w: wallet.spend_in(w, store.clock.now(), "c1", "o1", 100))
    assert look(store, KIOSK.device).coupons == ()


def test_an_answer_goes_with_the_visit_in_which_it_was_given(screens: Screens):
    store = screens.store
    screens.shop.begin(ANNA)
    screens.answers("unknown_code")
    assert look(store, KIOSK.device).answer is not None
    screens.shop.clock.advance(1)
    visits.end(store.recorder, store.clock, KIOSK.device, "tap")
    assert look(store, KIOSK.device).answer is None


def test_a_consent_that_is_withdrawn_takes_everything_personal_off_the_screen(screens: Screens):
    screens.shop.knows(ANNA, a_shopper(coupons=(a_coupon(),)))
    screens.shop.begin(ANNA)
    before = look(screens.store, KIOSK.device)
    assert len(before.coupons) == 1
    screens.shop.knows(ANNA, a_shopper(coupons=(a_coupon(),), consented=False))
    after = look(screens.store, KIOSK.device)
    assert difference(before.mark, after.mark) == "news"
    assert after.coupons == ()
    assert after.view is not None
    assert after.view.coupons == ()


def test_the_same_answer_again_is_a_new_answer(screens: Screens):
    screens.answers("unknown_code")
    before = mark(screens)
    screens.shop.clock.advance(2)
    screens.answers("unknown_code")
    assert difference(before, mark(screens)) == "answer"


def test_an_old_answer_goes_quietly_and_hides_no_other_change(screens: Screens):
    screens.shop.begin(ANNA)
    screens.answers("unknown_code")
    before = mark(screens)
    screens.shop.clock.advance(ANSWER_SHOWN_S_MAX + 1)
    assert difference(before, mark(screens)) == "nothing"
    screens.shop.knows(ANNA, a_shopper(coupons=(a_coupon(),)))
    assert difference(before, mark(screens)) == "news"


def test_a_call_that_is_answered_is_noticed(screens: Screens):
    store = screens.store
    call = calls.ask(store.recorder, store.clock, KIOSK, None, "reach")
    before = mark(screens)
    calls.answer(store.recorder, store.clock, KIOSK, call.call)
    assert difference(before, mark(screens)) == "call"


@pytest.mark.parametrize("shown", ["", "x", "a.b", "......"])
def test_a_mark_from_elsewhere_draws_the_page_anew(shown: str, screens: Screens):
    assert difference(shown, mark(screens)) == "visit"
