"""Every page of kiosk, till and staff passes axe-core, its strict rules switched on by name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from edge_agent.till import stock, till
from edge_agent.visits import calls, traffic, wallet
from tests.browser.shop import PIN, Screens, a_shop_with_screens, served
from tests.edge_store import ANNA, KIOSK, SHOE, SOCK, TILL, a_coupon, a_shopper

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
BASE, AT_TILL = f"/kiosk/{KIOSK.device}", f"/till/{TILL.device}"
PORTRAIT, PHONE, LANDSCAPE = (1080, 1920), (390, 844), (1280, 800)
# Off by default in axe-core, and the two that matter most on a screen that all sorts of hands use.
STRICT = ("target-size", "color-contrast-enhanced")

pytestmark = pytest.mark.skipif(
    not AXE.exists(), reason="needs axe-core from npm: tools/setup.sh test installs it"
)


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    with a_shop_with_screens(tmp_path) as screens:
        shop = screens.shop
        coupons = (a_coupon(product=SHOE), a_coupon("c2", lease=""))
        shop.knows(ANNA, a_shopper(coupons=coupons))
        stock.count(shop.recorder, shop.clock, TILL, SHOE, 2)
        yield screens


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(reduced_motion="reduce")
    yield context.new_page()
    context.close()


def faults(page: Page, at: str, path: str, size: tuple[int, int]) -> list[str]:
    """What axe-core says against a page, each fault with the elements that have it."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(at + path, wait_until="domcontentloaded")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    run = "rules => axe.run(document, { rules, resultTypes: ['violations'] })"
    report: dict[str, Any] = page.evaluate(run, {rule: {"enabled": True} for rule in STRICT})
    assert {"target-size", "color-contrast-enhanced"} <= {
        each["id"]
        for kind in ("violations", "passes", "incomplete", "inapplicable")
        for each in report[kind]
    }
    return [
        f"{path}: {each['id']}: {', '.join(str(node['target']) for node in each['nodes'][:4])}"
        for each in report["violations"]
    ]


def test_pages_without_a_visit(screens: Screens, page: Page):
    paths = ["", "/goods", "/search?q=P", "/search?q=zzz", f"/product/{SHOE}", "/help", "/privacy"]
    paths.append("/brand?q=acme")
    with served(screens) as at:
        found = [faults(page, at, BASE + path, PORTRAIT) for path in [*paths, "/ordinary", "/no"]]
    assert [fault for each in found for fault in each] == []


def test_pages_of_a_visit(screens: Screens, page: Page):
    visit = screens.shop.begin(ANNA)
    paths = ["", f"/product/{SHOE}", "/coupon/c1", "/coupon/c2"]
    with served(screens) as at:
        found = [faults(page, at, BASE + path, PORTRAIT) for path in paths]
        wallet.redeem(screens.store.recorder, screens.store.clock, visit, "c1")
        calls.ask(screens.store.recorder, screens.store.clock, KIOSK, visit, "reach")
        screens.answers("unknown_code")
        screens.line.set(False)
        found += [faults(page, at, BASE + path, LANDSCAPE) for path in ["", "/coupon/c1", "/help"]]
    assert [fault for each in found for fault in each] == []


def test_pages_of_an_unnamed_visit(screens: Screens, page: Page):
    screens.shop.begin()
    with served(screens) as at:
        found = [faults(page, at, BASE + path, PORTRAIT) for path in ("", f"/product/{SHOE}")]
    assert [fault for each in found for fault in each] == []


def test_the_till(screens: Screens, page: Page):
    shop = screens.shop

    def scan(product: str) -> None:
        shop.recorder.write(lambda w: till.add(w, shop.clock.now(), TILL, None, product))

    with served(screens) as at:
        found = [faults(page, at, AT_TILL, LANDSCAPE)]
        for product in (SHOE, SOCK, SHOE):
            scan(product)
        found.append(faults(page, at, AT_TILL, LANDSCAPE))
        found.append(faults(page, at, AT_TILL, PORTRAIT))
    assert [fault for each in found for fault in each] == []


def test_the_staff_pages(screens: Screens, page: Page):
    shop = screens.shop
    now = shop.clock.now().at
    shop.recorder.write(lambda w: traffic.see(w, "shoes", 3, now))
    shop.recorder.write(lambda w: traffic.add_stay(w, "shoes", now, 9_000, 1))
    calls.ask(shop.recorder, shop.clock, KIOSK, None, "reach")
    shop.recorder.write(
        lambda w: w.execute(
            "INSERT INTO device_states (device, driver, state, reason, since)"
            " VALUES ('cam', 'barcode-camera', 'failed', 'stalled', 1)"
        )
    )
    for product in (SHOE, SHOE, SOCK):
        shop.recorder.write(lambda w, p=product: till.add(w, shop.clock.now(), TILL, None, p))
    order = shop.recorder.write(lambda w: till.pay(w, shop.clock.now(), TILL, None)).order
    returns = ["/staff/returns", f"/staff/returns/{order}"]
    returns.append(f"{returns[1]}?pieces-{SHOE}=1")
    paths = ["/staff", "/staff/stock", f"/staff/stock?saved={SHOE}", f"/staff/stock/{SHOE}"]
    paths += returns
    with served(screens) as at:
        found = [faults(page, at, "/staff/enter", PHONE)]
        page.fill("#pin", PIN)
        page.get_by_role("button", name="进入").click()
        page.wait_for_selector(".board")
        found += [faults(page, at, path, PHONE) for path in paths]
        found.append(faults(page, at, "/staff", LANDSCAPE))
    assert [fault for each in found for fault in each] == []
