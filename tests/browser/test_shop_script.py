"""The shop's script in a real browser: nothing before consent, then everything, and once."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from flask import Flask, send_from_directory
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from cloud_sync.catalogue import products_of
from cloud_sync.channels.sites import Site
from cloud_sync.cloud import Cloud
from cloud_sync.database import Database
from cloud_sync.intake import ledger
from cloud_sync.intake.api_keys import create_key
from cloud_sync.web.app import create_app
from edge_agent.web import WebServer
from looks.assets import LOOKS
from storebridge.ports import free_port
from storebridge.webshop.shop import create_shop
from tests.cloud_parts import wait_until
from tests.shopper_builders import KEY, TENANT, sell_sample
from wire.events import PageShown, Viewed
from wire.topics import shard_of

SHARD = shard_of(TENANT, "web-shop")
TEA = "6901234000016"


@dataclass
class Shop:
    """The sample shop, the cloud that it tells, and one visitor's browser."""

    url: str
    cloud_url: str
    database: Database
    context: BrowserContext
    page: Page
    asked: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def note(self, asked: Request) -> None:
        self.asked.append(asked)

    def told(self, kind: type = PageShown) -> list[ledger.LedgerEvent]:
        with self.database.ledger(SHARD) as connection:
            found = ledger.read(connection, SHARD, 0)
        return [each for each in found if isinstance(each.event.body, kind)]

    def pages(self) -> list[str]:
        return [each.event.body.page for each in self.told()]

    def cookies(self) -> dict[str, str]:
        return {each["name"]: each["value"] for each in self.context.cookies(self.url)}

    def until(self, true: Callable[[], object], what: str) -> None:
        def looked() -> object:
            self.page.wait_for_timeout(20)
            return true()

        wait_until(looked, what)


@pytest.fixture
def shop(cloud_dsn: str, browser: Browser) -> Iterator[Shop]:
    database, port = Database(cloud_dsn), free_port()
    url = f"http://127.0.0.1:{port}"
    with database.shopper(TENANT) as connection:
        sell_sample(connection)
        products = products_of(connection, TENANT)
        key = create_key(connection, TENANT, "shop")
    site = Site(name="shop", tenant=TENANT, source="shop", origins=frozenset({url}))
    cloud = Cloud(database=database, identifier_keys={TENANT: KEY}, sites={"shop": site})
    api = WebServer(create_app(cloud), "127.0.0.1", 0, 4)
    cloud_url = f"http://127.0.0.1:{api.port}"
    app = Flask(__name__)
    app.secret_key = secrets.token_bytes(16)
    app.register_blueprint(create_shop(products, cloud_url, key, ["M1"], site="shop"))
    app.get("/looks/<name>")(lambda name: send_from_directory(LOOKS, name))
    app.after_request(lambda response: guarded(response, cloud_url))
    web = WebServer(app, "127.0.0.1", port, 8)
    api.start()
    web.start()
    context = browser.new_context(locale="en")
    made = Shop(url, cloud_url, database, context, context.new_page())
    context.on("request", made.note)
    made.page.on("console", lambda said: made.complaints.append(said.text))
    yield made
    context.close()
    web.close()
    api.close()
    database.close()


def guarded(response, cloud_url: str):
    """The policy of a careful shop: nothing from elsewhere but what goes to the cloud."""
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        f" form-action 'self'; connect-src 'self' {cloud_url}"
    )
    return response


def test_nothing_is_sent_or_kept_before_consent_and_all_after_it(shop: Shop):
    shop.page.goto(f"{shop.url}/shop/product/{TEA}?gclid=Click_1")
    shop.page.evaluate("storebridge.tell('viewed', {product: 'early'})")
    shop.page.wait_for_timeout(1_800)
    assert [each.url for each in shop.asked if each.url.startswith(shop.cloud_url)] == []
    assert {name for name in shop.cookies() if name.startswith("sb_")} == set()
    assert shop.page.evaluate("localStorage.length") == 0
    shop.page.click("[data-agree-to=yes]")
    shop.until(shop.pages, "the page that was open")
    assert shop.pages() == [f"/shop/product/{TEA}"]
    # The same browser as the shop itself names to the cloud, and the click that brought it.
    (server,), (page,) = shop.told(Viewed), shop.told()
    assert set(server.event.identifiers) < set(page.event.identifiers)
    assert len(page.event.identifiers) == 2
    assert shop.complaints == []


def test_what_was_told_without_a_line_arrives_later_and_once(shop: Shop):
    shop.page.goto(f"{shop.url}/shop/")
    shop.page.click("[data-agree-to=yes]")
    shop.until(shop.pages, "the first page")
    shop.context.set_offline(True)
    shop.page.evaluate("storebridge.tell('viewed', {product: 'p-1'})")
    shop.page.wait_for_timeout(1_800)
    assert shop.told(Viewed) == []
    shop.context.set_offline(False)
    shop.until(lambda: shop.told(Viewed), "what was told without a line")
    shop.page.goto(f"{shop.url}/shop/coupons")
    shop.until(lambda: len(shop.pages()) == 2, "the second page")
    assert len(shop.told(Viewed)) == 1


def test_whoever_leaves_at_once_has_told_it_all_the_same(shop: Shop):
    shop.page.goto(f"{shop.url}/shop/")
    shop.page.click("[data-agree-to=yes]")
    shop.until(shop.pages, "the first page")
    shop.page.evaluate("storebridge.tell('viewed', {product: 'last'})")
    shop.page.goto("about:blank")
    shop.until(lambda: shop.told(Viewed), "the last thing that was looked at")
    # It is still in the queue, since nobody heard the answer: sent again, it counts once.
    shop.page.goto(f"{shop.url}/shop/coupons")
    shop.until(lambda: len(shop.pages()) == 2, "the second page")
    shop.until(lambda: shop.page.evaluate("localStorage.sb_queue") == "[]", "an empty queue")
    assert len(shop.told(Viewed)) == 1


def test_an_element_tells_itself(shop: Shop):
    shop.page.goto(f"{shop.url}/shop/")
    shop.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', `<i data-sb-kind=viewed data-sb-product=p-2"
        " data-sb-price-cents=990 data-sb-currency=CNY data-sb-brand=Maru></i>`)"
    )
    shop.page.evaluate("storebridge.consent(true)")
    shop.until(lambda: shop.told(Viewed), "the element")
    (viewed,) = shop.told(Viewed)
    assert viewed.event.body == Viewed("p-2", price_cents=990, currency="CNY")
    assert viewed.event.brand == "Maru"


def test_the_question_is_in_sight_at_once_and_its_answer_can_be_changed(shop: Shop):
    shop.page.set_viewport_size({"width": 390, "height": 844})
    shop.page.goto(f"{shop.url}/shop/")
    expect(shop.page.locator("[data-agree-to=no]")).to_be_in_viewport(ratio=1)
    shop.page.click("[data-agree-to=yes]")
    assert shop.cookies()["sb_agreed"] == "1"
    expect(shop.page.locator("[data-agree]")).to_be_hidden()
    shop.page.click("[data-agree-again]")
    shop.page.click("[data-agree-to=no]")
    assert "sb_agreed" not in shop.cookies()


def test_consent_taken_back_leaves_nothing(shop: Shop):
    shop.page.goto(f"{shop.url}/shop/")
    shop.page.click("[data-agree-to=yes]")
    shop.until(shop.pages, "the first page")
    shop.page.evaluate("storebridge.tell('viewed', {product: 'p-3'}); storebridge.consent(false)")
    shop.page.goto(f"{shop.url}/shop/coupons")
    shop.page.wait_for_timeout(1_800)
    assert (shop.told(Viewed), shop.pages()) == ([], ["/shop/"])
    assert {name for name in shop.cookies() if name.startswith("sb_")} == set()
    assert shop.page.evaluate("localStorage.getItem('sb_queue')") is None
