"""The whole road in a real browser: a card held to the camera, a coupon on the kiosk, a cut line.

Everything is real but the shopper's hand: the picture is drawn, the reader reads it, the broker
carries, PostgreSQL stores, and Chromium shows what the store pushes.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from storebridge.demo.demo import Demo, DemoOptions
from storebridge.demo.webshop_visitor import WebshopVisitor
from storebridge.simulated.cards import Held

CHROMIUM = shutil.which("chromium")
WAIT_MS = 30_000

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="needs chromium"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def town() -> Iterator[Demo]:
    with tempfile.TemporaryDirectory(prefix="storebridge-road-") as folder:
        demo = Demo(DemoOptions(stores=1, shoppers=False, folder=Path(folder) / "town"))
        try:
            demo.start()
            yield demo
        finally:
            demo.close()


@pytest.fixture
def kiosk(town: Demo) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-quic", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1080, "height": 1920}, locale="en-GB")
        page.goto(town.town.kiosk_url(town.town.stores[0]))
        yield page
        browser.close()


def hold(town: Demo, held: Held) -> None:
    """Hold it to the kiosk's camera: drawn into its picture and read by the real reader."""
    town.show(town.town.stores[0].name, held)


def page_is(page: Page, name: str) -> None:
    expect(page.locator(f"#screen[data-page={name}]")).to_be_visible(timeout=WAIT_MS)


def end_visit(page: Page) -> None:
    page.locator("[data-tap=end] button").click()
    page_is(page, "ended")


def redemptions(town: Demo) -> int:
    with psycopg.connect(town.dsn) as connection:
        row = connection.execute(
            "SELECT coalesce(sum(amount), 0) FROM store_hour WHERE figure = 'redemptions'"
        ).fetchone()
    return int(row[0]) if row else 0


def test_a_card_becomes_a_coupon_and_the_kiosk_goes_on_while_the_line_is_cut(
    town: Demo, kiosk: Page
):
    ann, bob = town.town.members[:2]
    looked_at = town.products[3]
    WebshopVisitor(f"{town.town.stage_url}shop").browse(ann, looked_at.product)

    page_is(kiosk, "attract")
    phone = town.phone(ann)
    assert phone.thing == "phone"
    hold(town, phone)
    page_is(kiosk, "welcome")
    coupon = kiosk.locator("[data-coupon]").first
    expect(coupon).to_be_visible(timeout=WAIT_MS)
    why = coupon.locator(".why")
    expect(why).to_contain_text("网店" if "网店" in why.inner_text() else "web shop")
    name = looked_at.name
    assert any(text in why.inner_text() for text in name.values())

    town.cut_line()
    expect(kiosk.locator("#line.line--away")).to_be_visible(timeout=WAIT_MS)
    kiosk.locator("[data-tap=goods]").first.click()
    page_is(kiosk, "goods")
    kiosk.locator("[data-tap=home]").first.click()
    coupon.locator("[data-tap=use]").click()
    page_is(kiosk, "redeem")
    kiosk.locator("[data-tap=redeem] button").click()
    page_is(kiosk, "redeemed")
    end_visit(kiosk)

    hold(town, Held(phone.text, "card"))  # a photo of Ann's phone, in somebody else's hand
    expect(kiosk.get_by_role("alert")).to_contain_text("这个码已经用过一次", timeout=WAIT_MS)
    expect(kiosk.locator("#screen[data-page=welcome]")).to_have_count(0)
    hold(town, town.phone(bob))
    page_is(kiosk, "welcome")
    end_visit(kiosk)
    assert redemptions(town) == 0

    town.restore_line()
    expect(kiosk.locator("#line.line--up")).to_be_visible(timeout=WAIT_MS)
    hold(town, town.phone(ann))
    page_is(kiosk, "welcome")
    expect(kiosk.locator("[data-coupon]")).to_have_count(0, timeout=WAIT_MS)
    for _ in range(300):
        if redemptions(town):
            break
        kiosk.wait_for_timeout(100)
    assert redemptions(town) == 1
    town.drain()
    assert town.drained_seconds
    audit = town.audit()
    assert (audit.lost, audit.doubled, audit.recorded) == (0, 0, audit.accepted)
