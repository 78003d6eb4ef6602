"""A scanner that types into the kiosk's page: its scans are taken, what a person types is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.scanned_page import (
    ALT,
    CODE,
    CONTROL,
    ENTER,
    HAND_MS,
    OTHER,
    STROKE_S,
    ScannedPage,
    a_scanned_page,
)


@pytest.fixture
def scanned(browser: Browser, tmp_path: Path) -> Iterator[ScannedPage]:
    with a_scanned_page(browser, tmp_path, "/kiosk/kiosk-1") as scanned:
        yield scanned


def test_scans_are_recorded_once_each_and_answered_on_the_page(scanned: ScannedPage):
    scanned.scan(CODE)
    scanned.has_scanned(CODE)
    expect(scanned.page.get_by_role("alert")).to_be_visible()
    scanned.scan(OTHER)
    scanned.has_scanned(CODE, OTHER)


def test_gs_reaches_the_store_however_it_is_typed(scanned: ScannedPage):
    posted: list[str] = []
    scanned.page.on("request", lambda request: posted.append(request.post_data or ""))

    def alt_029() -> None:
        scanned.send("keyDown", "Alt", code="AltLeft", modifiers=ALT)
        for digit in "029":
            scanned.stroke("Insert", code=f"Numpad{digit}", modifiers=ALT)
        scanned.send("keyUp", "Alt", code="AltLeft")

    ways = (
        lambda: scanned.stroke("]", modifiers=CONTROL),
        lambda: scanned.stroke("F8", code="F8"),
        alt_029,
    )
    for gs in ways:
        posted.clear()
        scanned.type("0104006381333931", after_s=3)
        gs()
        scanned.scan("21A", after_s=STROKE_S)
        scanned.wait_until(
            lambda: any("code=0104006381333931%1D21A&" in each for each in posted), "a post"
        )


def test_what_a_person_types_is_searched_and_not_scanned(scanned: ScannedPage):
    scanned.page.goto(scanned.page.url + "/search")
    field = scanned.page.get_by_role("searchbox")
    field.press_sequentially("shoes", delay=HAND_MS)
    field.press("Enter")
    expect(scanned.page.get_by_role("searchbox")).to_have_value("shoes")
    scanned.type("abcd", after_s=3)
    scanned.pause(0.3)
    scanned.stroke(**ENTER)
    scanned.page.wait_for_timeout(300)
    assert scanned.codes() == []


def test_a_scan_while_somebody_searches_leaves_the_search_as_it_was(scanned: ScannedPage):
    scanned.page.goto(scanned.page.url + "/search")
    field = scanned.page.get_by_role("searchbox")
    field.press_sequentially("sho", delay=HAND_MS)
    scanned.pause(1.0)  # and one of 3 s before the scan
    scanned.scan(CODE)
    scanned.has_scanned(CODE)
    expect(field).to_have_value("sho")


def test_a_scan_does_not_press_the_button_that_was_tapped_last(scanned: ScannedPage):
    scanned.page.get_by_role("navigation").get_by_role("link").nth(1).focus()
    before = scanned.page.url
    scanned.scan(CODE)
    scanned.has_scanned(CODE)
    scanned.page.wait_for_timeout(500)
    assert scanned.page.url == before
    scanned.stroke(**ENTER)
    scanned.page.wait_for_url("**/goods")


def test_the_tail_of_a_scan_that_stalled_is_no_code(scanned: ScannedPage):
    scanned.type("690123", after_s=3)
    scanned.scan(CODE[1:], after_s=0.9)  # it would be a code of its own
    scanned.type("40", after_s=3)
    scanned.scan(CODE[2:], after_s=0.2)
    scanned.scan(CODE)
    scanned.has_scanned(CODE)


def test_a_scan_that_falters_once_is_whole(scanned: ScannedPage):
    scanned.type(CODE[:6], after_s=3)
    scanned.scan(CODE[6:], after_s=0.3)
    scanned.has_scanned(CODE)


def test_a_key_that_is_held_is_no_scan(scanned: ScannedPage):
    for again in range(10):
        scanned.pause(STROKE_S)
        scanned.send("keyDown", "4", text="4", autoRepeat=again > 0)
    scanned.stroke(**ENTER)
    scanned.page.wait_for_timeout(300)
    assert scanned.codes() == []


def test_a_scan_that_the_store_did_not_answer_is_posted_again_and_counts_once(
    scanned: ScannedPage,
):
    dropped: list[int] = []

    def lose_the_answer(route: Route) -> None:
        if dropped:
            route.continue_()
            return
        dropped.append(1)
        route.fetch()
        route.abort()

    scanned.page.route("**/scan", lose_the_answer)
    scanned.scan(CODE)
    scanned.has_scanned(CODE)
    scanned.scan(OTHER)
    scanned.has_scanned(CODE, OTHER)
    assert dropped
