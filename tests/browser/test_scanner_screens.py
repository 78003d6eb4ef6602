"""A scanner that types into a till's page, into those of staff, and where an input method is on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from edge_agent.clock import FixedClock
from tests.browser.scanned_page import (
    CODE,
    ENTER,
    HAND_MS,
    OTHER,
    STROKE_S,
    ScannedPage,
    a_scanned_page,
)
from tests.browser.shop import PIN
from tests.edge_store import NOON, SHOE, SOCK, Shop

SHIFT = 8  # the modifier of Chromium's protocol


@pytest.fixture
def till(browser: Browser, tmp_path: Path) -> Iterator[ScannedPage]:
    with a_scanned_page(browser, tmp_path, "/till/kiosk-1", role="till") as scanned:
        yield scanned


@pytest.fixture
def staff(browser: Browser, tmp_path: Path) -> Iterator[ScannedPage]:
    """A page of staff, who have entered."""
    with a_scanned_page(browser, tmp_path, "/staff/enter") as scanned:
        agent = scanned.agent
        shop = Shop(agent.recorder, agent.database, FixedClock(NOON, mono_ms=1_000_000))
        shop.sells(SHOE)
        shop.sells(SOCK)
        scanned.page.locator("#pin").fill(PIN)
        scanned.page.locator("#pin").press("Enter")
        scanned.page.wait_for_url("**/staff")
        yield scanned


def test_a_till_takes_what_a_scanner_types_into_its_page(till: ScannedPage):
    till.scan(CODE)
    till.has_scanned(CODE)
    expect(till.page.locator(".till-answer h2")).to_be_visible()
    till.scan(OTHER)  # after the stream has drawn the screen anew
    till.has_scanned(CODE, OTHER)


def test_a_person_who_types_at_a_till_scans_nothing(till: ScannedPage):
    till.page.keyboard.type(CODE, delay=HAND_MS)
    till.page.keyboard.press("Enter")
    till.page.wait_for_timeout(300)
    assert till.codes() == []


def test_goods_that_staff_scan_are_opened_whatever_field_has_the_focus(staff: ScannedPage):
    page = staff.page
    page.goto(f"{page.url}/stock")
    staff.scan(SHOE)
    page.wait_for_url(f"**/stock/{SHOE}")
    page.locator("#counted").focus()
    staff.scan(SOCK)
    page.wait_for_url(f"**/stock/{SOCK}")


def test_a_number_that_staff_typed_is_not_lost_to_a_scan(staff: ScannedPage):
    page = staff.page
    page.goto(f"{page.url}/stock/{SHOE}")
    page.locator("#counted").fill("12")
    staff.scan(SOCK)
    page.wait_for_timeout(300)
    assert page.url.endswith(SHOE)
    expect(page.locator("#counted")).to_have_value("12")


def test_a_page_that_takes_no_scans_leaves_a_pin_on_a_badge_to_its_field(
    browser: Browser, tmp_path: Path
):
    with a_scanned_page(browser, tmp_path, "/staff/enter") as scanned:
        scanned.scan(PIN)
        scanned.page.wait_for_url("**/staff")


def test_a_scan_through_a_chinese_input_method_is_read_by_its_keys(
    browser: Browser, tmp_path: Path
):
    with a_scanned_page(browser, tmp_path, "/kiosk/kiosk-1/search") as scanned:
        field = scanned.page.get_by_role("searchbox")
        field.press_sequentially("鞋", delay=HAND_MS)
        scanned.pause(3)
        for number, letter in enumerate(CODE):
            _compose(scanned, letter, CODE[: number + 1])
        scanned.stroke(**(ENTER | {"key": "Process", "text": "", "windowsVirtualKeyCode": 229}))
        scanned.devtools.send("Input.insertText", {"text": CODE})  # as the method gives it up
        scanned.has_scanned(CODE)
        expect(field).to_have_value("鞋")


def _compose(scanned: ScannedPage, letter: str, so_far: str) -> None:
    """Press a key that an input method takes, and shows as what is being composed."""
    codes = {":": "Semicolon", "-": "Minus"}
    code = codes.get(letter) or (f"Digit{letter}" if letter.isdigit() else f"Key{letter.upper()}")
    scanned.pause(STROKE_S)
    taken = {"code": code, "windowsVirtualKeyCode": 229, "modifiers": SHIFT if letter == ":" else 0}
    scanned.send("rawKeyDown", "Process", **taken)
    at = len(so_far)
    composed = {"text": so_far, "selectionStart": at, "selectionEnd": at}
    scanned.devtools.send("Input.imeSetComposition", composed)
    scanned.send("keyUp", letter, code=code)
