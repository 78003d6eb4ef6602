"""The kiosk's pages and acts: once, in one's own name, escaped, by this browser's forms only."""

import gzip
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from edge_agent.till import till
from kiosk_ui.app import create_app
from kiosk_ui.shopper.views import ACTS
from kiosk_ui.texts import LOCALES
from tests.browser.shop import Screens, a_shop_with_screens
from tests.edge_store import (
    ANNA,
    BO,
    KIOSK,
    NOON,
    SHOE,
    SOCK,
    TILL,
    a_coupon,
    a_product,
    a_shopper,
)
from wire.views import Because, Recommendation

BASE = f"/kiosk/{KIOSK.device}"
HTML_BYTES_MAX = 100 * 1024


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    with a_shop_with_screens(tmp_path) as screens:
        yield screens


@pytest.fixture
def app(screens: Screens) -> Flask:
    return create_app(screens.store)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def form_of(client: FlaskClient, path: str = BASE) -> dict[str, str]:
    """Open a page and return the token and visit that its forms carry."""
    html = client.get(path).text
    found = re.search(r'data-visit="(\w*)".*?data-token="(\w+)"', html)
    assert found, html
    return {"visit": found[1], "token": found[2]}


def welcome(screens: Screens, **changed: object) -> None:
    fields = {"coupons": (a_coupon(),), **changed}
    screens.shop.knows(ANNA, a_shopper(consented=True, **fields))
    screens.shop.begin(ANNA)


def test_a_kiosk_without_a_visit_invites(client: FlaskClient):
    html = client.get(BASE).text
    assert 'data-page="attract"' in html
    assert "请出示会员码" in html


def test_the_welcome_shows_level_and_points_in_both_languages(
    screens: Screens, client: FlaskClient
):
    def page(language: str) -> str:
        return client.get(f"{BASE}?language={language}", follow_redirects=True).text

    welcome(screens, level={"zh": "金卡", "en": "Gold"}, points=1_234)
    assert "金卡 · 1,234 积分" in page("zh")
    assert "Gold · 1,234 points" in page("en")
    welcome(screens)
    assert "积分" not in page("zh")


def test_the_welcome_says_why_for_the_coupon_and_for_each_proposal(
    screens: Screens, client: FlaskClient
):
    why = Because(reason="viewed_online", product=SHOE)
    welcome(
        screens,
        coupons=(a_coupon(because=why),),
        recommended=(Recommendation(SHOE, Because(reason="popular")),),
    )
    html = client.get(BASE).text
    assert f"因为你在网店看过「Product {SHOE}」" in html
    assert "本店近期受欢迎" in html


def test_two_tabs_redeem_a_coupon_once(screens: Screens, app: Flask):
    welcome(screens)
    tabs = [app.test_client() for _ in range(8)]
    forms = [form_of(tab) for tab in tabs]

    def confirm(index: int) -> int:
        form = {**forms[index], "coupon": "c1"}
        return tabs[index].post(f"{BASE}/redeem", data=form).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = sorted(threads.map(confirm, range(8)))
    assert statuses == [303, *[409] * 7]
    assert len(screens.shop.events("coupon_redeemed")) == 1


def test_a_second_tap_says_that_the_coupon_was_used(screens: Screens, client: FlaskClient):
    welcome(screens)
    form = {**form_of(client), "coupon": "c1"}
    used = client.post(f"{BASE}/redeem", data=form, follow_redirects=True)
    assert 'data-page="redeemed"' in used.text
    again = client.post(f"{BASE}/redeem", data=form)
    assert (again.status_code, "不会再用第二次" in again.text) == (409, True)


def test_a_coupon_without_a_lease_waits_for_the_line(screens: Screens, client: FlaskClient):
    welcome(screens, coupons=(a_coupon(lease=""),))
    screens.line.set(False)
    assert f"{BASE}/coupon/c1" not in client.get(BASE).text
    refused = client.post(f"{BASE}/redeem", data={**form_of(client), "coupon": "c1"})
    assert (refused.status_code, "连线恢复之前" in refused.text) == (409, True)
    assert screens.shop.events("coupon_redeemed") == []


def test_nobody_acts_in_the_name_of_the_shopper_before(screens: Screens, client: FlaskClient):
    welcome(screens)
    form = {**form_of(client), "coupon": "c1", "product": SHOE, "saved": "1"}
    screens.shop.knows(BO, a_shopper("other", coupons=(a_coupon(),)))
    screens.shop.begin(BO)
    for act in ("redeem", "claim", "save"):
        refused = client.post(f"{BASE}/{act}", data=form)
        assert (refused.status_code, "这次到访已经结束" in refused.text) == (409, True)
    assert screens.shop.events("coupon_redeemed", "coupon_claimed", "saved") == []


@pytest.mark.parametrize("act", ACTS)
def test_no_form_is_taken_without_the_token_of_this_browser(act: str, screens: Screens, app: Flask):
    welcome(screens)
    stolen = form_of(app.test_client())
    before = screens.shop.kinds()
    for form in ({}, stolen, {"token": "é"}):
        assert app.test_client().post(f"{BASE}/{act}", data=form).status_code == 403
    assert screens.shop.kinds() == before
    assert screens.shop.current() is not None


def test_the_ordinary_page_ends_the_visit_and_shows_nothing_personal(
    screens: Screens, client: FlaskClient
):
    welcome(screens)
    page = client.post(f"{BASE}/ordinary", data=form_of(client), follow_redirects=True).text
    assert 'data-page="ordinary"' in page
    assert "data-coupon" not in page
    assert 'data-visit=""' in page
    assert screens.shop.current() is None
    (ended,) = screens.shop.events("visit_ended")
    assert ended.body.by == "ordinary"


def test_who_withdraws_on_the_privacy_page_sees_the_ordinary_page_and_may_come_back(
    screens: Screens, client: FlaskClient
):
    welcome(screens)
    page = f"{BASE}/privacy"
    assert "不要个性化优惠" in client.get(page).text
    client.post(f"{BASE}/consent", data={**form_of(client, page), "given": "0"})
    shown = client.get(BASE).text
    assert "data-offer" not in shown
    assert "好的，给我个性化优惠" in client.get(page).text
    client.post(f"{BASE}/consent", data={**form_of(client, page), "given": "1"})
    assert "data-offer" in client.get(BASE).text
    said = [event.body for event in screens.shop.events("consent")]
    assert [(each.purpose, each.given) for each in said] == [("offers", False), ("offers", True)]


def test_nobody_without_a_name_is_asked_for_consent(screens: Screens, client: FlaskClient):
    screens.shop.begin()
    page = f"{BASE}/privacy"
    assert "个性化优惠，谢谢" not in client.get(page).text
    answer = client.post(f"{BASE}/consent", data={**form_of(client, page), "given": "0"})
    assert answer.status_code == 400
    assert screens.shop.events("consent") == []


def test_the_privacy_notice_says_how_long_and_promises_no_proof(screens: Screens):
    notice = create_app(
        replace(screens.store, visits_kept_days=17, personal_days_max=71)
    ).test_client()
    text = notice.get(f"{BASE}/privacy").text
    assert "保存 17 天" in text
    assert "最迟 71 天" in text
    for language, texts in LOCALES.items():
        said = " ".join(text for key, text in texts.items() if key.startswith("privacy."))
        assert not re.search("erased everywhere|proof|各处删除|凭证", said), language


def test_privacy_help_and_the_ordinary_page_are_on_every_page(
    screens: Screens, client: FlaskClient
):
    welcome(screens)
    for name in ("", "/goods", f"/product/{SHOE}", "/coupon/c1", "/help", "/privacy", "/nowhere"):
        html = client.get(BASE + name).text
        for target in ("ordinary", "privacy", "help", "end", "language"):
            assert f'{BASE}/{target}"' in html, (name, target)


def test_a_save_and_a_call_are_recorded_once_each(screens: Screens, client: FlaskClient):
    welcome(screens)
    form = form_of(client)
    for _ in range(2):
        client.post(f"{BASE}/save", data={**form, "product": SHOE, "saved": "1"})
        client.post(f"{BASE}/help", data={**form, "topic": "reach"})
    assert len(screens.shop.events("saved")) == 1
    assert len(screens.shop.events("help_asked")) == 1


def test_texts_from_elsewhere_are_never_markup(screens: Screens, client: FlaskClient):
    evil = "<script>alert(1)</script>\"'&"
    hostile = a_product(SHOE, brand=evil)
    screens.shop.tell("product", SHOE, hostile)
    welcome(screens, coupons=(a_coupon(title={"zh": evil}, because=Because(reason=evil)),))
    for name in ("", f"/product/{SHOE}", f"/product/{evil}", f"/goods/{evil}", f"/{evil}"):
        assert "<script>alert" not in client.get(BASE + name).text


def test_the_language_changes_and_never_leads_to_another_site(client: FlaskClient):
    form = {**form_of(client), "language": "en"}
    for back, inside in ((f"{BASE}/goods", f"{BASE}/goods"), ("//evil.example", BASE)):
        answer = client.post(f"{BASE}/language", data={**form, "back": back})
        assert answer.headers["Location"] == inside
    assert "Show your member code" in client.get(BASE).text


def test_the_next_shopper_begins_in_the_language_of_the_store(
    screens: Screens, client: FlaskClient
):
    welcome(screens)
    form = form_of(client)
    client.post(f"{BASE}/language", data={**form, "language": "en", "back": BASE})
    goodbye = client.post(f"{BASE}/end", data=form, follow_redirects=True).text
    assert "Nothing about you is left" in goodbye
    assert "请出示会员码" in client.get(f"{BASE}?fresh").text
    assert "请出示会员码" in client.get(BASE).text


def test_a_screen_that_begins_in_english_does_so_for_every_shopper(
    screens: Screens, client: FlaskClient
):
    answer = client.get(f"{BASE}?language=en")
    assert (answer.status_code, answer.headers["Location"]) == (303, BASE)
    welcome(screens)
    form = form_of(client)
    client.post(f"{BASE}/language", data={**form, "language": "zh", "back": BASE})
    assert "你好" in client.get(BASE).text
    client.post(f"{BASE}/end", data=form)
    assert "Show your member code" in client.get(f"{BASE}?fresh").text
    assert "Show your member code" in client.get(BASE).text


def test_the_language_in_the_address_counts_for_whoever_is_here(client: FlaskClient):
    form = {**form_of(client), "language": "en", "back": BASE}
    client.post(f"{BASE}/language", data=form)
    client.get(f"{BASE}?language=zh")
    assert "请出示会员码" in client.get(BASE).text
    assert client.get(f"{BASE}?language=fr").status_code == 200


def test_a_cut_line_is_said_with_the_age_of_what_is_known(screens: Screens, client: FlaskClient):
    welcome(screens)
    client.get(BASE)
    screens.line.set(False)
    screens.shop.clock.advance(180)
    html = client.get(BASE).text
    assert "以下为 3 分钟前所知" in html
    assert 'data-coupon="c1"' in html


def test_an_expired_coupon_is_not_shown(screens: Screens, client: FlaskClient):
    welcome(screens, coupons=(a_coupon(expires_at=NOON - 1),))
    assert "data-coupon" not in client.get(BASE).text


def test_a_page_with_a_full_store_weighs_less_than_100_kb(screens: Screens, client: FlaskClient):
    for number in range(200):
        screens.shop.sells(f"69{number:011}")
    html = client.get(f"{BASE}/goods").data
    assets = re.findall(rb'(?:href|src)="(/(?:static|looks)/[^"]+)"', html)
    whole = html + b"".join(client.get(path.decode()).data for path in assets)
    assert len(assets) >= 4
    assert len(gzip.compress(whole)) < HTML_BYTES_MAX


def test_no_page_may_load_or_be_framed_by_others(client: FlaskClient):
    for path in (BASE, "/staff/enter", "/nowhere", "/pictures/tea/1.svg"):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert policy.endswith("frame-ancestors 'self'")
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_personal_page_is_kept_by_no_browser(screens: Screens, client: FlaskClient):
    welcome(screens)
    answer = client.get(BASE)
    assert answer.headers["Cache-Control"] == "no-store"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert f"Path={BASE}" in cookie


def test_what_is_too_large_or_unknown_is_refused_in_words(client: FlaskClient):
    large = client.post(f"{BASE}/save", data={"token": "x" * 40_000})
    assert (large.status_code, "太大" in large.text) == (413, True)
    unknown = client.get("/kiosk/nowhere")
    assert (unknown.status_code, unknown.mimetype) == (404, "text/plain")


def test_healthz_and_metrics_are_served(screens: Screens, client: FlaskClient):
    assert client.get("/healthz").status_code == 200
    assert "storebridge_edge_up 1.0" in client.get("/metrics").text
    screens.shop.recorder.close()
    assert client.get("/healthz").status_code == 503


def test_a_store_that_cannot_record_says_so(screens: Screens, client: FlaskClient):
    welcome(screens)
    form = {**form_of(client), "coupon": "c1"}
    screens.shop.recorder.close()
    answer = client.post(f"{BASE}/redeem", data=form)
    assert (answer.status_code, "什么都没有改变" in answer.text) == (503, True)


def test_whoever_shows_no_code_has_a_list_for_the_visit(screens: Screens, client: FlaskClient):
    goods = client.post(f"{BASE}/browse", data=form_of(client), follow_redirects=True)
    assert 'data-page="goods"' in goods.text
    client.post(f"{BASE}/save", data={**form_of(client), "product": SHOE, "saved": "1"})
    page = client.get(BASE).text
    assert 'data-page="browsing"' in page
    assert f"Product {SHOE}" in page
    (arrival,) = screens.shop.events("arrival")
    assert (arrival.body.by, arrival.identifiers) == ("tap", ())
    ended = client.post(f"{BASE}/end", data=form_of(client), follow_redirects=True).text
    assert f"Product {SHOE}" not in ended
    client.post(f"{BASE}/browse", data=form_of(client))
    assert f"/product/{SHOE}" not in client.get(BASE).text.split("就在这里")[0]


def test_saving_without_a_code_begins_a_visit_that_nobody_names(
    screens: Screens, client: FlaskClient
):
    form = {**form_of(client, f"{BASE}/product/{SHOE}"), "product": SHOE}
    page = client.post(f"{BASE}/browse", data=form, follow_redirects=True).text
    assert 'aria-pressed="true"' in page
    (saved,) = screens.shop.events("saved")
    assert (saved.body.product, saved.identifiers) == (SHOE, ())


def test_the_list_goes_on_when_its_shopper_shows_a_code(screens: Screens, client: FlaskClient):
    form = {**form_of(client, f"{BASE}/product/{SHOE}"), "product": SHOE}
    client.post(f"{BASE}/browse", data=form)
    welcome(screens)
    page = client.get(BASE).text
    assert 'data-page="welcome"' in page
    assert "我的收藏" in page
    client.post(f"{BASE}/save", data={**form_of(client), "product": SHOE, "saved": "0"})
    assert "我的收藏" not in client.get(BASE).text


def test_a_coupon_used_here_says_what_comes_next_until_it_has_come_off(
    screens: Screens, client: FlaskClient
):
    welcome(screens)
    client.post(f"{BASE}/redeem", data={**form_of(client), "coupon": "c1"})
    for path in (BASE, f"{BASE}/coupon/c1"):
        assert "出示同一个会员码" in client.get(path).text
    shop = screens.shop
    at_till = shop.begin(ANNA, place=TILL)
    shop.recorder.write(lambda w: till.add(w, shop.clock.now(), TILL, at_till, SHOE))
    shop.recorder.write(lambda w: till.pay(w, shop.clock.now(), TILL, at_till))
    for path in (BASE, f"{BASE}/coupon/c1"):
        assert "出示同一个会员码" not in client.get(path).text
    assert "不用再做什么" in client.get(f"{BASE}/coupon/c1").text


def test_a_store_without_a_till_sends_nobody_to_one(screens: Screens):
    welcome(screens)
    client = create_app(replace(screens.store, tills={})).test_client()
    assert "收银台" not in client.get(f"{BASE}/coupon/c1").text
    form = {**form_of(client), "coupon": "c1"}
    used = client.post(f"{BASE}/redeem", data=form, follow_redirects=True).text
    assert "请让店员看这一屏" in used
    assert "收银台" not in used


def test_a_brand_is_followed_with_a_button_that_shows_its_state(
    screens: Screens, client: FlaskClient
):
    welcome(screens)
    product = f"{BASE}/product/{SHOE}"
    form = {**form_of(client), "subject": "acme", "back": product}
    assert 'aria-pressed="false"' in client.get(product).text.split('data-tap="follow"')[1]
    for _ in range(2):
        answer = client.post(f"{BASE}/follow", data={**form, "followed": "1"})
        assert answer.headers["Location"] == product
    for path in (product, f"{BASE}/brand?q=acme"):
        assert 'aria-pressed="true"' in client.get(path).text.split('data-tap="follow"')[1]
    assert 'data-tap="brand">acme</a>' in client.get(BASE).text
    client.post(f"{BASE}/follow", data={**form, "followed": "0"})
    assert 'aria-pressed="false"' in client.get(product).text.split('data-tap="follow"')[1]
    assert "我的关注" not in client.get(BASE).text
    said = [(each.body.subject, each.body.followed) for each in screens.shop.events("followed")]
    assert said == [("acme", True), ("acme", False)]


def test_what_the_cloud_says_is_followed_is_shown_and_its_brand_is_a_page(
    screens: Screens, client: FlaskClient
):
    welcome(screens, followed=("acme", "elsewhere"))
    html = client.get(BASE).text
    assert ">acme</a>" in html
    assert "elsewhere" not in html
    page = client.get(f"{BASE}/brand?q=acme").text
    assert page.count('data-tap="product:') == 2
    assert client.get(f"{BASE}/brand?q=elsewhere").status_code == 404
    assert client.get(f"{BASE}/brand").status_code == 404


def test_only_brands_that_the_store_sells_can_be_followed(screens: Screens, client: FlaskClient):
    welcome(screens, followed=("gone",))
    form = form_of(client)
    sent = {**form, "subject": "<script>", "followed": "1"}
    assert client.post(f"{BASE}/follow", data=sent).status_code == 404
    client.post(f"{BASE}/follow", data={**form, "subject": "gone", "followed": "0"})
    assert [each.body.subject for each in screens.shop.events("followed")] == ["gone"]


def test_following_without_a_code_begins_a_visit_that_nobody_names(
    screens: Screens, client: FlaskClient
):
    sent = {**form_of(client), "subject": "acme", "back": "//evil.example"}
    answer = client.post(f"{BASE}/browse", data=sent)
    assert answer.headers["Location"] == BASE
    assert ">acme</a>" in client.get(BASE).text
    (event,) = screens.shop.events("followed")
    assert event.identifiers == ()


def test_a_brand_with_any_name_has_its_page_and_harms_nothing(
    screens: Screens, client: FlaskClient
):
    evil = 'A/C & "<script>alert(1)</script>'
    screens.shop.sells(SHOE, brand=evil)
    welcome(screens)
    form = {**form_of(client), "subject": evil, "followed": "1", "back": f"{BASE}/product/{SHOE}"}
    answer = client.post(f"{BASE}/follow", data=form, follow_redirects=True)
    assert 'aria-pressed="true"' in answer.text.split('data-tap="follow"')[1]
    assert "<script>alert" not in answer.text


def test_what_was_tried_is_noted_once_where_it_can_be_tried(screens: Screens, client: FlaskClient):
    welcome(screens)
    assert 'data-tap="tried"' in client.get(f"{BASE}/product/{SHOE}").text
    form = {**form_of(client), "product": SHOE}
    for _ in range(2):
        page = client.post(f"{BASE}/tried", data=form, follow_redirects=True).text
    assert "已记下：你试穿过" in page
    assert 'data-tap="tried"' not in page
    assert len(screens.shop.events("tried")) == 1
    assert client.post(f"{BASE}/tried", data={**form, "product": "0"}).status_code == 404
    vase = msgspec.structs.replace(a_product(SOCK), category="home")
    screens.shop.tell("product", SOCK, vase)
    assert 'data-tap="tried"' not in client.get(f"{BASE}/product/{SOCK}").text


def test_nobody_is_asked_whether_they_tried_it_before_they_are_here(client: FlaskClient):
    assert 'data-tap="tried"' not in client.get(f"{BASE}/product/{SHOE}").text
