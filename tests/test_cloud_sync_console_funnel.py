"""The page of shoppers' stages: two days, how they moved, in both languages."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from cloud_sync.cloud import Cloud
from cloud_sync.console import people
from cloud_sync.console.funnel import EPOCH, HEIGHT, picture_of, read_asked
from cloud_sync.database import Database
from cloud_sync.reports.funnel import Flow
from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.web.app import create_app
from tests.shopper_builders import DAY, NOW, TENANT, fold_all, happened, member, order
from wire.events import Arrival

PASSWORD = "correct horse battery"
SINCE = f"from={EPOCH + timedelta(days=NOW // DAY_US - 3)}"


@pytest.fixture
def client(cloud_dsn: str):
    database = Database(cloud_dsn)
    with database.shopper(TENANT) as connection:
        people.add_person(connection, TENANT, "li", PASSWORD)
        people.add_person(connection, TENANT, "north", PASSWORD, operator="north")
        fold_all(
            connection,
            [
                happened(Arrival(), member("M1"), at=NOW - 9 * DAY),
                happened(order("p1"), member("M1")),
                happened(Arrival(), member("M2"), store="s0002"),
            ],
        )
    cloud = Cloud(database=database, identifier_keys={}, secure=False, now=lambda: NOW)
    yield create_app(cloud).test_client()
    database.close()


def sign_in(client: FlaskClient, name: str = "li") -> None:
    form = {"tenant": TENANT, "name": name, "password": PASSWORD}
    assert client.post("/hq/sign-in", data=form).status_code == 303


def test_the_page_shows_who_moved_where_in_both_languages(client):
    sign_in(client)
    page = client.get(f"/hq/funnel?language=en&{SINCE}").text
    assert "Awareness → Purchase: 1" in page
    assert "Not known yet → Awareness: 1" in page
    assert "知晓 → 已购买: 1" in client.get(f"/hq/funnel?language=zh&{SINCE}").text


def test_a_store_of_its_own_is_one_click_away(client):
    sign_in(client)
    page = client.get("/hq/funnel?language=en&by=store").text
    assert "by=store&amp;key=s0002" in page
    one = client.get("/hq/funnel?language=en&by=store&key=s0002").text
    assert "Not known yet → Awareness: 1" in one
    assert "Purchase: 1" not in one


def test_days_are_written_in_the_readers_language_which_can_be_changed_on_the_way(client):
    sign_in(client)
    last = EPOCH + timedelta(days=NOW // DAY_US)
    first = last - timedelta(days=3)
    days = f"from={first}&to={last}"
    page = client.get(f"/hq/funnel?language=en&{days}").text
    assert f"{first.day} {first:%b %Y} – {last.day} {last:%b %Y}" in page
    assert f'href="?language=zh&amp;from={first}&amp;to={last}"' in page
    shown = client.get(f"/hq/funnel?language=zh&{days}").text
    said = [f"{day.year}年{day.month}月{day.day}日" for day in (first, last)]
    assert " – ".join(said) in shown


def test_a_page_that_is_not_there_says_so_in_words_and_leads_back(client):
    answer = client.get("/hq/no/such/page?language=zh")
    assert (answer.status_code, "没有这个页面" in answer.text) == (404, True)
    assert 'href="/hq/"' in answer.text


def test_an_operators_person_sees_no_stages(client):
    assert client.get("/hq/funnel").location == "/hq/sign-in"
    sign_in(client, "north")
    assert client.get("/hq/funnel").status_code == 404


def test_an_address_that_asks_nonsense_asks_for_the_last_days():
    now = 20_000 * DAY_US
    wrong = {"from": "soon", "to": "2026-99-01", "by": "moon", "key": "x"}
    assert read_asked(wrong, now) == read_asked({}, now)
    turned = read_asked({"from": "2024-01-02", "to": "2024-01-01"}, now)
    assert turned.first == turned.last - 1


def test_ribbons_fill_their_bars_and_stay_in_the_picture():
    flows = [
        Flow(before=before, after=after, shoppers=shoppers)
        for before, after, shoppers in (
            ("", "awareness", 900),
            ("awareness", "awareness", 50),
            ("awareness", "loyalty", 1),
        )
    ]
    drawn = picture_of(flows)
    assert len(drawn.ribbons) == len(flows)
    for side in {bar.x for bar in drawn.bars}:
        bars = [bar for bar in drawn.bars if bar.x == side]
        assert max(bar.y + bar.height for bar in bars) == pytest.approx(HEIGHT)
        assert sum(bar.shoppers for bar in bars) == 951
    assert picture_of([]).bars == ()
