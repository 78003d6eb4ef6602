"""What a visitor lives through on the stage in a minute, with all parts real, in Chromium."""

import os
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from cloud_sync.codes.signing_key import public_text
from cloud_sync.config import from_table
from cloud_sync.database import Database
from cloud_sync.intake.api_keys import create_key
from edge_agent.agent import Agent
from edge_agent.config import load
from edge_agent.web import WebServer
from storebridge.assembly import build_agent, build_cloud_web, build_worker
from storebridge.broker import EmbeddedBroker
from storebridge.demo.cameras import StoreCameras
from storebridge.demo.reads import count_of_reads
from storebridge.demo.wallets import Wallets, new_wallets
from storebridge.line import Line
from storebridge.simulated.cards import Held
from storebridge.stage.app import create_stage
from storebridge.town import TENANT, agent_toml, cloud_toml
from tests.shopper_builders import sell_sample
from tests.theatre import TheatreForTests, a_town

CHROMIUM = shutil.which("chromium")
WAIT_MS = 60_000

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="needs Debian's chromium"
)


@dataclass
class RealTheatre(TheatreForTests):
    """One store, its drawn cameras, and the line to the broker."""

    cameras: StoreCameras | None = None
    wallets: Wallets | None = None
    line: Line | None = None
    agent: Agent | None = None

    def jpeg_frames(self, store, camera):
        return self.cameras.frames(camera)

    def phone(self, member: str) -> Held:
        return self.wallets.phone(member)

    def show(self, store: str, held: Held) -> None:
        self.cameras.kiosk.show(held)

    def cut_line(self) -> None:
        super().cut_line()
        self.line.cut()

    def restore_line(self) -> None:
        super().restore_line()
        self.line.restore()

    def figures(self) -> Mapping[str, object]:
        return {"waiting": self.agent.health().queue_rows if self.agent else 0}


@pytest.fixture
def theatre(cloud_dsn: str, tmp_path: Path) -> Iterator[RealTheatre]:
    town = a_town(tmp_path, stores=1)
    (store,) = town.stores
    with ExitStack() as ending:
        broker = EmbeddedBroker(tmp_path / "broker", town.broker_users)
        broker.start()
        ending.callback(broker.stop)
        line = Line(broker.host, broker.port)
        line.open()
        ending.callback(line.close)
        database = Database(cloud_dsn)
        ending.callback(database.close)
        with database.shopper(TENANT) as connection:
            sell_sample(connection, TENANT)
            key = create_key(connection, TENANT, "web")
            wallets = new_wallets(connection, town)
        table = tomllib.loads(cloud_toml(town, dsn=cloud_dsn, broker_port=broker.port))
        config = from_table(table, {})
        worker, cloud = build_worker(config, database), build_cloud_web(config, database)
        for part in (worker, cloud):
            part.start()
            ending.callback(part.close)
        cameras = StoreCameras(1, partial(count_of_reads, town.metrics_url(store)))
        theatre = RealTheatre(town, api_key=key, cameras=cameras, wallets=wallets, line=line)
        theatre.cameras.start()
        ending.callback(theatre.cameras.close)
        stage = WebServer(create_stage(theatre), town.host, town.stage_port, 24)
        stage.start()
        ending.callback(stage.close)
        path = tmp_path / "store.toml"
        public_key = public_text(wallets.signing_key)
        path.write_text(agent_toml(town, store, line_port=line.port, public_key=public_key))
        theatre.agent = build_agent(load(path, {}))
        theatre.agent.start()
        ending.callback(theatre.agent.close)
        yield theatre


@pytest.fixture
def page(theatre: RealTheatre) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-quic", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-GB")
        page.set_default_timeout(WAIT_MS)
        page.goto(theatre.town.stage_url, wait_until="commit")
        yield page
        browser.close()


def test_looked_at_online_offered_in_the_store_used_online_gone_in_the_store(
    page: Page, theatre: RealTheatre
):
    shop, kiosk = page.frame_locator("#shop"), page.frame_locator("#pane-kiosk iframe")

    # Look at something in the shop, as the first card.
    expect(shop.locator("h1")).to_have_text("Hello, Pine", timeout=WAIT_MS)
    shop.locator("a.card").first.click()
    expect(page.locator('[data-step="1"]')).to_have_attribute("data-done", "", timeout=WAIT_MS)

    # Hold the card to the camera: the kiosk offers a coupon because of that look.
    page.click(f'[data-member="{theatre.town.members[0]}"]')
    expect(kiosk.locator(".ticket .why")).to_have_text(
        "Because you looked at Longjing Green Tea, First Picking 100 g in the web shop",
        timeout=WAIT_MS,
    )
    expect(page.locator('[data-step="3"]')).to_have_attribute("data-done", "", timeout=WAIT_MS)

    # Use it in the shop: it leaves the kiosk by itself.
    shop.locator('a[href="/shop/coupons"]').click()
    shop.locator(".ticket button").click()
    expect(shop.locator("body")).to_have_attribute("data-story", "redeemed", timeout=WAIT_MS)
    expect(kiosk.locator(".ticket")).to_have_count(0, timeout=WAIT_MS)
    expect(page.locator('[data-step="4"]')).to_have_attribute("data-done", "")

    # Cut the line: the kiosk goes on answering, events wait; mended, none waits any more.
    page.click("#switch")
    expect(page.locator(".line")).to_have_attribute("data-line", "cut", timeout=WAIT_MS)
    page.click(f'.good[value="{theatre.products[1].product}"]')
    name = "Biluochun Green Tea 100 g"
    expect(kiosk.locator(".detail h1")).to_have_text(name, timeout=WAIT_MS)
    expect(page.locator('[data-figure="waiting"] b')).not_to_have_text("0", timeout=WAIT_MS)
    page.click("#switch")
    expect(page.locator(".line")).to_have_attribute("data-line", "whole", timeout=WAIT_MS)

    # Whoever changes the language of the stage changes that of each screen in it.
    page.click(".language")
    expect(kiosk.locator(".dock")).to_contain_text("商品", timeout=WAIT_MS)
    for pane, said in (("staff", "店员登录"), ("hq", "总部")):
        screen = page.frame_locator(f"#pane-{pane} iframe")
        expect(screen.locator("h1")).to_contain_text(said, timeout=WAIT_MS)
