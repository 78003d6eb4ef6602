"""The screens in a real Chromium: what a shopper sees, touches and cannot break."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from edge_agent.till import till
from edge_agent.visits import calls, visits
from tests.browser.shop import PIN, Screens, a_shop_with_screens, served
from tests.edge_store import ANNA, KIOSK, SHOE, TILL, a_coupon, a_shopper

BASE = f"/kiosk/{KIOSK.device}"
PORTRAIT, LANDSCAPE, FRAME = (1080, 1920), (1280, 800), (420, 680)
WAIT_S = 20.0
TOUCH_PX_MIN = 48


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    with a_shop_with_screens(tmp_path) as screens:
        screens.shop.knows(ANNA, a_shopper(coupons=(a_coupon(product=SHOE),)))
        yield screens


@pytest.fixture
def address(screens: Screens) -> Iterator[str]:
    with served(screens) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """An open kiosk that complains of nothing and asks nobody else for anything."""
    context = browser.new_context(
        viewport={"width": PORTRAIT[0], "height": PORTRAIT[1]}, reduced_motion="reduce"
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: complaints.extend(_elsewhere(asked, address)))
    page.goto(address + BASE)
    yield page
    context.close()
    assert [each for each in complaints if "Failed to load resource" not in each] == []


def _elsewhere(asked: Request, address: str) -> list[str]:
    return [] if asked.url.startswith(address) else [asked.url]


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.02)


def shows(page: Page, name: str) -> None:
    expect(page.locator(f"#screen[data-page={name}]")).to_be_visible(timeout=WAIT_S * 1_000)


def test_a_scan_brings_the_coupon_and_only_what_was_painted_counts(screens: Screens, page: Page):
    shows(page, "attract")
    screens.shop.begin(ANNA)
    shows(page, "welcome")
    expect(page.locator(".ticket")).to_contain_text("9 折")
    eventually(lambda: len(screens.shop.events("offer_shown")) == 1)
    page.locator("[data-tap=goods]").click()
    shows(page, "goods")
    page.locator("[data-tap=home]").click()
    shows(page, "welcome")
    eventually(lambda: len(screens.shop.events("page_shown")) >= 4)
    assert len(screens.shop.events("offer_shown")) == 1
    assert [event.body.target for event in screens.shop.events("tapped")] == ["goods", "home"]


def test_a_double_tap_redeems_once(screens: Screens, page: Page):
    screens.shop.begin(ANNA)
    page.locator("[data-tap=use]").click()
    shows(page, "redeem")
    page.locator("form[action$='/redeem'] button").dblclick()
    shows(page, "redeemed")
    assert len(screens.shop.events("coupon_redeemed")) == 1


def test_the_end_of_a_visit_leaves_nothing_personal_on_the_screen(screens: Screens, page: Page):
    screens.shop.begin(ANNA)
    shows(page, "welcome")
    page.locator("[data-tap=end]").locator("button").click()
    shows(page, "ended")
    assert page.locator("[data-coupon]").count() == 0
    page.reload()
    shows(page, "ended")
    assert page.locator("[data-coupon]").count() == 0


def test_a_shopper_who_walks_away_leaves_neither_page_nor_language(screens: Screens, page: Page):
    page.get_by_role("button", name="English").click()
    screens.shop.begin(ANNA)
    shows(page, "welcome")
    store = screens.store
    visits.end(store.recorder, store.clock, KIOSK.device, "walk_away")
    shows(page, "attract")
    expect(page.get_by_role("heading", level=1)).to_have_text("请出示会员码")
    screens.shop.begin(ANNA)
    expect(page.get_by_role("heading", level=1)).to_contain_text("你好")


def test_a_code_full_of_markup_gets_an_answer_and_runs_nothing(screens: Screens, page: Page):
    shows(page, "attract")
    evil = '"><img src=x onerror="document.title=1"><script>document.title=1</script>'
    screens.answers("unknown_code", product=evil, page=evil)
    expect(page.get_by_role("alert")).to_contain_text("这个码我们不认识", timeout=WAIT_S * 1_000)
    page.goto(page.url.replace(BASE, f"{BASE}/product/{evil}"))
    assert page.title() == "栖木"


def test_the_page_answers_without_the_line_and_says_so(screens: Screens, page: Page):
    shows(page, "attract")
    screens.line.set(False)
    screens.shop.clock.advance(120)
    screens.shop.begin(ANNA)
    shows(page, "welcome")
    expect(page.locator("#line")).to_contain_text("2 分钟前")
    page.locator("[data-tap=use]").click()
    page.locator("form[action$='/redeem'] button").click()
    shows(page, "redeemed")
    page.goto(page.url.split(BASE)[0] + f"{BASE}/product/{SHOE}")
    follow = page.locator("[data-tap=follow] button")
    follow.click()
    expect(follow).to_have_attribute("aria-pressed", "true", timeout=WAIT_S * 1_000)
    page.locator("[data-tap=home]").click()
    page.locator("[data-tap=brand]").click()
    shows(page, "brand")
    expect(follow).to_have_attribute("aria-pressed", "true")
    follow.click()
    expect(follow).to_have_attribute("aria-pressed", "false", timeout=WAIT_S * 1_000)
    eventually(lambda: len(screens.shop.events("viewed")) == 1)
    assert [each.body.followed for each in screens.shop.events("followed")] == [True, False]


@pytest.mark.parametrize(
    "size", [PORTRAIT, LANDSCAPE, FRAME], ids=["portrait", "landscape", "frame"]
)
def test_every_control_is_large_enough_and_within_reach(
    size: tuple[int, int], screens: Screens, page: Page
):
    screens.shop.begin(ANNA)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    pages = (
        "",
        "/goods",
        "/search?q=P",
        "/brand?q=acme",
        f"/product/{SHOE}",
        "/coupon/c1",
        "/help",
        "/privacy",
    )
    for name in pages:
        page.goto(page.url.split(BASE)[0] + BASE + name)
        for control in page.locator("a:not(.skip), button").all():
            box = control.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= TOUCH_PX_MIN, (name, control.inner_text())
            if size == PORTRAIT:
                assert box["y"] >= size[1] / 3 - 60, (name, control.inner_text())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    screens.shop.recorder.write(lambda w: w.execute("UPDATE visits SET ended_at = 1"))


def test_the_keyboard_reaches_the_coupon_with_a_visible_focus(screens: Screens, page: Page):
    screens.shop.begin(ANNA)
    shows(page, "welcome")
    page.locator("#reach").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.tap") == "use"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "4px"


def test_goods_are_found_by_touching_letters(screens: Screens, page: Page):
    page.locator("[data-tap=browse] button").click()
    shows(page, "goods")
    page.locator("[data-tap=search]").click()
    shows(page, "search")
    page.get_by_role("link", name="P", exact=True).click()
    expect(page.locator(".found")).to_have_text("找到 2 种")
    assert page.locator(".key--rest").count() > 20
    page.locator(f"[data-tap='product:{SHOE}']").click()
    shows(page, "product")
    eventually(lambda: len(screens.shop.events("searched")) == 1)
    (searched,) = screens.shop.events("searched")
    assert (searched.body.query, searched.body.results) == ("p", 2)


def test_a_search_that_rests_is_recorded_once(screens: Screens, page: Page):
    page.goto(page.url.split(BASE)[0] + f"{BASE}/search")
    page.locator("[name=q]").fill("product")
    page.locator("[name=q]").press("Enter")
    expect(page.locator(".found")).to_have_text("找到 2 种")
    eventually(lambda: len(screens.shop.events("searched")) == 1)
    page.locator("[data-tap=home]").click()
    shows(page, "attract")
    assert len(screens.shop.events("searched")) == 1


def test_the_till_shows_each_scan_at_once(screens: Screens, page: Page, address: str):
    shop = screens.shop
    page.goto(f"{address}/till/{TILL.device}")
    expect(page.locator(".till--idle")).to_be_visible()
    for total in ("¥10", "¥20"):
        shop.recorder.write(lambda w: till.add(w, shop.clock.now(), TILL, None, SHOE))
        expect(page.locator(".till-sum")).to_have_text(total, timeout=WAIT_S * 1_000)


def test_staff_count_with_their_thumbs(screens: Screens, page: Page, address: str):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(address + "/staff")
    page.fill("#pin", PIN)
    page.get_by_role("button", name="进入").click()
    page.get_by_role("link", name="盘点与进出货").click()
    page.fill("#find", SHOE[-4:])
    expect(page.locator("[data-sought]:visible")).to_have_count(1)
    page.locator("[data-sought]:visible a").click()
    for _ in range(3):
        page.get_by_role("button", name="多一件").first.click()
    page.get_by_role("button", name="少一件").first.click()
    for control in page.locator("a, button, input:not([type=hidden])").all():
        box = control.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= TOUCH_PX_MIN, control.inner_text()
    page.get_by_role("button", name="保存盘点").dblclick()
    expect(page.get_by_role("status")).to_contain_text("2 件")
    (counted,) = screens.shop.events("stock_counted")
    assert (counted.body.product, counted.body.quantity) == (SHOE, 2)


def test_english_is_one_touch_away(page: Page):
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Show your member code")
    assert page.locator("html").get_attribute("lang") == "en"


def test_staff_see_a_call_at_once_and_the_kiosk_sees_their_answer(
    screens: Screens, page: Page, address: str
):
    staff = page.context.new_page()
    staff.goto(address + "/staff")
    staff.fill("#pin", PIN)
    staff.get_by_role("button", name="进入").click()
    expect(staff.get_by_text("没有人在等。")).to_be_visible()
    page.locator("[data-tap=help]").click()
    page.get_by_role("button", name="够不到").click()
    expect(staff.get_by_role("button", name="我去")).to_be_visible(timeout=WAIT_S * 1_000)
    staff.get_by_role("button", name="我去").click()
    shows(page, "answered")
    assert calls.waiting(screens.shop.connection) == []


def test_a_page_whose_store_restarts_comes_back_by_itself(screens: Screens, browser: Browser):
    with served(screens) as first:
        page = browser.new_page()
        page.goto(first + BASE)
        shows(page, "attract")
    with served(screens, port=int(first.rsplit(":", 1)[1])):
        screens.shop.begin(ANNA)
        shows(page, "welcome")
        page.close()
