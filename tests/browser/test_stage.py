"""The stage in a real Chromium: what a visitor clicks, and how it fits large and small screens."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from edge_agent.web import WebServer
from storebridge.stage.app import create_stage
from tests.cloud_parts import wait_until
from tests.theatre import TheatreForTests, a_town

CHROMIUM = shutil.which("chromium")
WAIT_MS = 20_000
LARGE, TABLET, PHONE = (1440, 900), (1024, 768), (390, 844)
TOUCH_PX_MIN = 44

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="needs Debian's chromium"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-quic", "--disable-background-networking"],
        )


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[TheatreForTests]:
    theatre = TheatreForTests(town=a_town(tmp_path), counted={"recorded": 7, "waiting": 0})
    web = WebServer(create_stage(theatre), theatre.town.host, theatre.town.stage_port, 16)
    web.start()
    yield theatre
    theatre.closed.set()
    web.close()


@pytest.fixture
def page(browser: Browser, theatre: TheatreForTests) -> Iterator[Page]:
    """The stage, opened by an English browser; it breaks no policy and no script of it fails."""
    context = browser.new_context(
        viewport={"width": LARGE[0], "height": LARGE[1]}, locale="en-GB", reduced_motion="reduce"
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    open_stage(page, theatre)
    yield page
    context.close()
    assert [each for each in complaints if "Content Security" in each or "Error:" in each] == []


def open_stage(page: Page, theatre: TheatreForTests) -> None:
    # The camera's stream never ends, so that the page never counts as loaded.
    page.goto(theatre.town.stage_url, wait_until="commit")
    expect(page.frame_locator("#shop").locator("h1")).to_be_visible(timeout=WAIT_MS)


def test_a_card_that_is_clicked_is_held_to_the_camera_and_is_who_shops(page: Page, theatre):
    member = theatre.town.members[2]
    page.click(f'[data-member="{member}"]')
    expect(page.locator('[data-step="2"]')).to_have_attribute("data-done", "", timeout=WAIT_MS)
    assert theatre.shown == [(theatre.town.stores[0].name, theatre.phone(member))]
    shop = page.frame_locator("#shop")
    expect(shop.locator("h1")).to_have_text("Hello, Egret", timeout=WAIT_MS)
    expect(page.locator("[data-member][aria-pressed=true]")).to_have_attribute(
        "data-member", member
    )


def test_goods_and_a_hostile_code_are_held_too(page: Page, theatre):
    page.click(".good >> nth=1")
    page.click('.trick[value="odd"]')
    expect(page.locator('.trick[value="odd"]')).to_have_attribute("data-held", "", timeout=WAIT_MS)
    wait_until(lambda: len(theatre.shown) == 2, "both to be held up")
    texts = [held.text for _, held in theatre.shown]
    assert texts[0] == theatre.products[1].product
    assert "onerror" in texts[-1]


def test_a_look_in_the_shop_is_the_first_step(page: Page):
    expect(page.locator("[data-now]")).to_have_attribute("data-step", "1")
    page.frame_locator("#shop").locator("a.card").first.click()
    expect(page.locator('[data-step="1"]')).to_have_attribute("data-done", "", timeout=WAIT_MS)
    expect(page.locator("[data-now]")).to_have_attribute("data-step", "2")


def test_the_switch_says_what_happens_while_the_line_is_cut_and_after(page: Page, theatre):
    line = page.locator(".line")
    page.click("#switch")
    expect(line).to_have_attribute("data-line", "cut", timeout=WAIT_MS)
    assert theatre.line_is_cut
    theatre.counted = {"recorded": 21, "waiting": 14}
    expect(page.locator("#line-text")).to_contain_text("Waiting in the stores: 14", timeout=WAIT_MS)
    expect(page.locator('[data-figure="waiting"] b')).to_have_text("14")
    expect(page.locator("#line-title")).to_contain_text("Cut for")
    expect(page.locator(".switch__mend")).to_be_visible()
    page.click("#switch")
    expect(line).to_have_attribute("data-line", "draining", timeout=WAIT_MS)
    theatre.counted = {"recorded": 21, "waiting": 0}
    expect(line).to_have_attribute("data-line", "whole", timeout=WAIT_MS)


def test_a_screen_is_made_large_and_escape_brings_it_back(page: Page):
    pane = page.locator("#pane-hq")
    small = pane.bounding_box()
    page.click("#pane-hq [data-large]")
    large = pane.bounding_box()
    assert small is not None
    assert large is not None
    assert large["width"] > 3 * small["width"]
    page.keyboard.press("Escape")
    assert pane.bounding_box() == small


@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
@pytest.mark.parametrize("size", [LARGE, TABLET, PHONE])
def test_nothing_is_cut_off(browser: Browser, theatre, size: tuple[int, int], language: str):
    width, height = size
    with browser.new_context(viewport={"width": width, "height": height}, locale=language) as own:
        page = own.new_page()
        open_stage(page, theatre)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        cut = page.evaluate(
            """() => [...document.querySelectorAll('.line *, .steps span, .member b, .pane__head')]
              .filter((each) => each.offsetParent && each.scrollWidth > each.clientWidth + 1
                && getComputedStyle(each).display !== 'inline')
              .map((each) => each.className + each.textContent)"""
        )
        assert cut == []


def test_a_phone_shows_one_screen_at_a_time_and_all_can_be_reached(browser: Browser, theatre):
    width, height = PHONE
    with browser.new_context(
        viewport={"width": width, "height": height}, has_touch=True, locale="zh-CN"
    ) as own:
        page = own.new_page()
        open_stage(page, theatre)
        for name in ("camera", "kiosk", "staff", "hq", "shop"):
            page.tap(f'.tabs [data-open="{name}"]')
            expect(page.locator(".pane:visible")).to_have_id(f"pane-{name}")
        page.tap('.tabs [data-open="camera"]')
        for tapped in page.locator("button:visible").all():
            box = tapped.bounding_box()
            assert box is not None
            assert box["height"] >= TOUCH_PX_MIN, tapped.text_content()
        page.locator("[data-member]").first.tap()
        expect(page.locator('.tabs [data-open="kiosk"]')).to_have_attribute("data-news", "")


def test_without_a_script_the_forms_still_work(browser: Browser, theatre):
    with browser.new_context(java_script_enabled=False, locale="en-GB") as own:
        page = own.new_page()
        open_stage(page, theatre)
        page.locator("[data-member]").first.click(no_wait_after=True)
        page.locator("#switch").click(no_wait_after=True)
        expect(page.locator(".line")).to_have_attribute("data-line", "cut", timeout=WAIT_MS)
        assert len(theatre.shown) == 1
