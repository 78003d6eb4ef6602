import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloud_sync.catalogue import products_of
from cloud_sync.cloud import Cloud
from cloud_sync.database import Database
from cloud_sync.decisions.decide import decide
from cloud_sync.intake import ledger
from cloud_sync.intake.api_keys import create_key
from cloud_sync.shoppers.fold import fold
from cloud_sync.web.app import create_app
from edge_agent.web import WebServer
from looks.words import LANGUAGES
from storebridge.webshop.cloud_api import CloudApi, Coupon
from storebridge.webshop.orders import OrderLine, best_coupon, lines_of, total_cents
from storebridge.webshop.shop import LOCALES, create_shop, matches
from storebridge.webshop.visitor import PIECES_MAX, Visitor, new_visitor
from tests.shopper_builders import KEY, TENANT, sell_sample
from wire.events import AnyBody, BasketChanged, CouponRedeemed, Event, Purchased, Saved, Viewed
from wire.topics import shard_of
from wire.views import ProductView

TEA, POT = "6901234000016", "6901234000115"
M1, M2 = "M1", "M2"
SHARD = shard_of(TENANT, "web-shop")
WEB_PACKAGE = Path(__file__).parent.parent / "storebridge" / "webshop"


@dataclass
class Shop:
    """The shop in one browser, the real API behind it, and the cloud's database behind that."""

    database: Database
    api: WebServer
    key: str
    app: Flask
    browser: FlaskClient
    folded: int = 0

    def get(self, path: str) -> str:
        answer = self.browser.get(f"/shop{path}", follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, path: str, **form: str) -> TestResponse:
        return self.browser.post(f"/shop{path}", data=form, follow_redirects=True)

    def events(self) -> list[Event]:
        with self.database.ledger(SHARD) as connection:
            return [each.event for each in ledger.read(connection, SHARD, 0)]

    def bodies(self, kind: type[AnyBody]) -> list[AnyBody]:
        return [event.body for event in self.events() if isinstance(event.body, kind)]

    def work(self) -> None:
        """Let the cloud fold what it has, and decide."""
        with self.database.ledger(SHARD) as connection:
            new = ledger.read(connection, SHARD, self.folded)
            self.folded = new[-1].position if new else self.folded
            touched = fold(connection, SHARD, 1, new).live
            at = max((each.accepted_at for each in new), default=0)
            decide(connection, TENANT, {shopper for _, shopper in touched}, at)

    def with_coupon(self, member: str = M1, product: str = TEA) -> str:
        """Let a member sign in and look at something, and return the coupon that this brings."""
        self.post("/sign-in", member=member)
        self.get(f"/product/{product}")
        self.work()
        found = re.search(r'data-coupon="(\w+)"', self.get("/coupons"))
        assert found is not None
        return found[1]


@pytest.fixture
def shop(cloud_dsn: str) -> Iterator[Shop]:
    database = Database(cloud_dsn)
    with database.shopper(TENANT) as connection:
        sell_sample(connection)
        products = products_of(connection, TENANT)
        key = create_key(connection, TENANT, "shop")
    cloud = Cloud(database=database, identifier_keys={TENANT: KEY})
    api = WebServer(create_app(cloud), "127.0.0.1", 0, 4)
    api.start()
    app = Flask(__name__)
    app.secret_key = "for tests"
    app.register_blueprint(create_shop(products, f"http://127.0.0.1:{api.port}", key, [M1, M2]))
    yield Shop(database=database, api=api, key=key, app=app, browser=app.test_client())
    api.close()
    database.close()


def order_of(page: str) -> str:
    found = re.search(r'name="order" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def test_a_look_at_a_product_is_told_with_the_cookie_alone_until_somebody_signs_in(shop: Shop):
    shop.get(f"/product/{TEA}")
    (viewed,) = shop.events()
    assert viewed.body == Viewed(product=TEA, price_cents=26_800, currency="CNY")
    assert viewed.brand == "yunwu"
    assert [each.kind for each in viewed.identifiers] == ["web"]
    shop.post("/sign-in", member=M1)
    shop.get(f"/product/{POT}")
    after = shop.events()[-1]
    assert [each.kind for each in after.identifiers] == ["web", "member"]
    assert after.identifiers[0] == viewed.identifiers[0]


def test_what_was_looked_at_before_signing_in_becomes_a_coupon_of_the_member(shop: Shop):
    shop.get(f"/product/{TEA}")
    shop.post("/sign-in", member=M1)
    shop.work()
    page = shop.get("/coupons?language=en")
    assert "Because you looked at Longjing Green Tea" in page
    assert "10% off" in page


def test_two_members_in_one_browser_do_not_become_one_shopper(shop: Shop):
    for member in (M1, M2):
        shop.post("/sign-in", member=member)
        shop.get(f"/product/{TEA}")
    cookies = {event.identifiers[0] for event in shop.events()}
    members = {event.identifiers[1] for event in shop.events()}
    assert (len(cookies), len(members)) == (2, 2)
    shop.post("/sign-out")
    shop.get(f"/product/{TEA}")
    assert shop.events()[-1].identifiers[0] not in cookies


def test_a_page_that_changes_nothing_does_not_bring_back_who_was_signed_in_before(shop: Shop):
    shop.post("/sign-in", member=M1)
    for path in ("/", "/coupons", "/basket", f"/product/{TEA}", "/pictures/tea/1.svg"):
        assert "Set-Cookie" not in shop.browser.get(f"/shop{path}").headers


def test_a_coupon_is_used_for_an_order_and_the_price_falls(shop: Shop):
    coupon = shop.with_coupon()
    page = shop.get("/coupons")
    assert "¥241.20" in page
    answer = shop.post(f"/coupons/{coupon}/order", order=order_of(page))
    assert 'data-story="redeemed"' in answer.text
    (redeemed,) = shop.bodies(CouponRedeemed)
    (purchased,) = shop.bodies(Purchased)
    assert redeemed.coupon == coupon
    assert (redeemed.order, purchased.amount_cents) == (purchased.order, 24120)
    assert 'class="seal"' in shop.get("/coupons")


def test_an_order_sent_twice_is_one_order(shop: Shop):
    coupon = shop.with_coupon()
    order = order_of(shop.get("/coupons"))
    for _ in range(2):
        assert shop.post(f"/coupons/{coupon}/order", order=order).status_code == 200
    assert len(shop.bodies(CouponRedeemed)) == len(shop.bodies(Purchased)) == 1


def test_a_used_coupon_is_refused_for_another_order_and_nothing_is_bought(shop: Shop):
    coupon = shop.with_coupon()
    shop.post(f"/coupons/{coupon}/order", order=new_visitor().order)
    answer = shop.post(f"/coupons/{coupon}/order", order=new_visitor().order)
    assert answer.status_code == 409
    assert len(shop.bodies(Purchased)) == 1
    shop.post("/sign-in", member=M2)
    assert shop.post(f"/coupons/{coupon}/order", order=new_visitor().order).status_code == 409


def test_a_basket_is_told_and_ordered_with_the_coupon_that_fits(shop: Shop):
    coupon = shop.with_coupon()
    shop.post(f"/product/{TEA}/pieces", pieces="more")
    shop.post(f"/product/{POT}/pieces", pieces="2")
    page = shop.post(f"/product/{POT}/pieces", pieces="1").text
    assert [body.quantity for body in shop.bodies(BasketChanged)] == [1, 2, -1]
    assert "¥729.20" in page
    answer = shop.post("/basket/order", order=order_of(page), coupon=coupon)
    assert answer.status_code == 200
    (purchased,) = shop.bodies(Purchased)
    assert [(line.product, line.amount_cents) for line in purchased.lines] == [
        (TEA, 24120),
        (POT, 48800),
    ]
    assert 'name="order"' not in shop.get("/basket")


def test_saving_and_searching_are_told(shop: Shop):
    shop.post(f"/product/{TEA}/save", saved="1")
    shop.post(f"/product/{TEA}/save", saved="0")
    assert [body.saved for body in shop.bodies(Saved)] == [True, False]
    shop.get("/?q=green tea")
    assert shop.events()[-1].body.results == 2


def test_without_the_cloud_the_shop_goes_on_and_says_so_and_tells_it_later_once(shop: Shop):
    shop.get(f"/product/{TEA}")
    port = shop.api.port
    shop.api.close()
    for _ in range(2):
        page = shop.get(f"/product/{POT}?language=en")
    assert "did not answer" in page
    assert "Steps waiting here: 2" in page
    cloud = Cloud(database=shop.database, identifier_keys={TENANT: KEY})
    shop.api = WebServer(create_app(cloud), "127.0.0.1", port, 4)
    shop.api.start()
    end = time.monotonic() + 30
    while "waiting here" in shop.get("/?q=tea"):
        assert time.monotonic() < end, "what waited was not sent"
        time.sleep(0.1)
    assert [body.product for body in shop.bodies(Viewed)] == [TEA, POT, POT]


def test_an_event_that_is_sent_again_is_not_told_twice(shop: Shop):
    client = CloudApi(f"http://127.0.0.1:{shop.api.port}", shop.key)
    event = Visitor(web="c").event("viewed", {"product": TEA})
    assert client.record(event)
    assert client.record(event)
    assert len(shop.events()) == 1


def test_a_cloud_that_is_away_is_waited_for_a_moment_only():
    away = CloudApi("http://127.0.0.1:9", "sbk.x")
    visitor = Visitor(web="c")
    for _ in range(3):
        assert not away.record(visitor.event("viewed", {"product": TEA}))
    assert away.waiting == 3
    assert away.shopper(visitor.identifiers) is None
    assert away.redeem("c", visitor.identifiers, "w-1") == "away"


def test_a_form_that_is_wrong_is_refused(shop: Shop):
    shop.post(f"/product/{TEA}/pieces", pieces="1")
    for path, form in (
        ("/sign-in", {"member": "M404"}),
        (f"/product/{TEA}/pieces", {"pieces": "-1"}),
        (f"/product/{TEA}/pieces", {"pieces": "٣"}),
        ("/basket/order", {"order": "w-1"}),
    ):
        assert shop.post(path, **form).status_code == 400


def test_a_form_of_another_site_is_refused(shop: Shop):
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = shop.browser.post("/shop/sign-in", data={"member": M1}, headers=headers)
        assert answer.status_code == 403
    own = {"Origin": "http://localhost"}
    assert shop.browser.post("/shop/sign-in", data={"member": M1}, headers=own).status_code == 303


def test_what_is_searched_for_is_escaped(shop: Shop):
    page = shop.get("/?q=<script>alert(1)</script>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_pages_of_nothing_are_not_found(shop: Shop):
    for path in ("/product/0", "/pictures/none/1.svg"):
        assert shop.browser.get(f"/shop{path}").status_code == 404


def test_whoever_goes_astray_is_told_in_their_language_and_led_back(shop: Shop):
    lost = shop.browser.get("/shop/product/nope?language=zh")
    assert (lost.status_code, "商品已下架" in lost.text) == (404, True)
    assert 'href="/shop/"' in lost.text
    assert "We have no such page" in shop.browser.get("/shop/no/such?language=en").text


def test_another_language_keeps_what_was_searched_for(shop: Shop):
    assert 'href="?q=tea+pot&amp;language=zh"' in shop.get("/?q=tea+pot&language=en")


def test_every_text_is_there_in_both_languages():
    assert LOCALES["zh"].keys() == LOCALES["en"].keys()
    assert set(LOCALES) == set(LANGUAGES)
    pages = "".join(each.read_text() for each in sorted(WEB_PACKAGE.rglob("*.html")))
    for key in re.findall(r'words\("([^"]+)"', pages):
        assert key in LOCALES["en"], key


def a_product(number: str, cents: int) -> ProductView:
    return ProductView(number, {"en": f"Thing {number}"}, "acme", "things", cents, "CNY")


def a_coupon(product: str, percent: int, **about: str) -> Coupon:
    return Coupon(
        coupon=f"c-{product}-{percent}",
        title={},
        because={"reason": "saved"},
        product=product,
        percent=percent,
        expires_at=0,
        **{"state": "offered", **about},
    )


SOLD = {"a": a_product("a", 1000), "b": a_product("b", 999)}


def test_an_order_gets_the_one_coupon_that_takes_most_off():
    basket = {"a": 1, "b": 3, "gone": 2}
    small, large = a_coupon("a", 20), a_coupon("b", 10)
    assert best_coupon(basket, SOLD, [small, large]) == large
    lines = lines_of(basket, SOLD, large)
    assert [line.amount_cents for line in lines] == [1000, 2697]
    assert total_cents(lines) == 3697
    used, held = a_coupon("b", 50, state="redeemed"), a_coupon("b", 50, held_by="s1")
    assert best_coupon(basket, SOLD, [used, held, small]) == small
    assert best_coupon({}, SOLD, [small]) is None


def test_a_fraction_of_a_cent_is_the_shoppers():
    line = OrderLine(product=SOLD["b"], pieces=1, coupon=a_coupon("b", 10))
    assert (line.full_cents, line.amount_cents) == (999, 899)


def test_a_basket_holds_a_few_pieces_and_no_less_than_none():
    visitor = Visitor(web="c").with_pieces("a", 99).with_pieces("b", 0)
    assert visitor.basket == {"a": PIECES_MAX}


def test_a_search_finds_all_words_in_any_language():
    assert matches(SOLD["a"], "THING a")
    assert not matches(SOLD["a"], "thing b")
