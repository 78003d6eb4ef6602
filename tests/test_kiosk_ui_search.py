"""Search on the kiosk: by letters, pinyin, name, number; what is recorded names nobody."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from kiosk_ui.app import create_app
from kiosk_ui.shopper.search import (
    QUERY_CHARACTERS_MAX,
    Entry,
    entry,
    find,
    initials_of,
    next_letters,
    recordable,
)
from tests.browser.shop import Screens, a_shop_with_screens
from tests.edge_store import ANNA, KIOSK
from wire.views import ProductView

BASE = f"/kiosk/{KIOSK.device}"
NAMES = {
    "6901234000016": ("明前龙井 50g", "Longjing Green Tea 50g", "tea"),
    "6901234000023": ("茉莉花茶", "Jasmine tea", "tea"),
    "6901234000030": ("轻量防水背包 22L", "Rain backpack 22L", "backpacks"),
}


def goods() -> list[ProductView]:
    return [
        ProductView(gtin, {"zh": zh, "en": en}, "Shanlan", category, 100, "CNY")
        for gtin, (zh, en, category) in NAMES.items()
    ]


CATEGORIES = {"tea": "茶", "backpacks": "背包"}
ENTRIES: list[Entry] = [entry(each, [CATEGORIES[each.category]]) for each in goods()]


def found(query: str) -> list[str]:
    return [each.name["en"].split()[0] for each in find(ENTRIES, query)]


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    with a_shop_with_screens(tmp_path) as screens:
        for each in goods():
            screens.shop.tell("product", each.product, each)
        yield screens


@pytest.fixture
def client(screens: Screens) -> FlaskClient:
    return create_app(screens.store).test_client()


def rest(client: FlaskClient, query: str) -> int:
    """Say that a search came to rest, as the screen does."""
    shown = re.search(r'data-visit="(\w*)".*?data-token="(\w+)"', client.get(BASE).text)
    assert shown
    form = {"visit": shown[1], "token": shown[2], "page": "search", "kind": "search"}
    return client.post(f"{BASE}/seen", data={**form, "query": query}).status_code


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("LJ", ["Longjing"]),
        ("lj", ["Longjing"]),
        ("mq", ["Longjing"]),
        ("GT", ["Longjing"]),
        ("LHC", ["Jasmine"]),
        ("XLHC", ["Jasmine"]),
        ("龙井", ["Longjing"]),
        ("tea", ["Longjing", "Jasmine"]),
        ("茶", ["Longjing", "Jasmine"]),
        ("6901234000030", ["Rain"]),
        ("shanlan back", ["Rain"]),
        ("zzz", []),
        ("", []),
        ("   ", []),
    ],
)
def test_goods_are_found(query: str, names: list[str]):
    assert found(query) == names


def test_a_single_letter_is_the_first_of_a_word_and_not_any():
    assert "Longjing" not in found("o")
    assert found("ongj") == ["Longjing"]


def test_what_begins_with_the_letters_stands_first():
    assert found("J")[0] == "Jasmine"
    assert found("L")[0] == "Longjing"


def test_each_character_gives_the_first_letter_of_its_reading():
    assert initials_of("武夷大红袍 100g") == "WYDHPG"
    assert initials_of("啊做") == "AZ"
    assert initials_of("茉𠮷") == "?"


@pytest.mark.parametrize("query", ["", "L", "LJ", "RB", "long", "green t", "green ", "22", "龙"])
def test_only_letters_that_lead_on_can_be_touched(query: str):
    leading = next_letters(ENTRIES, query)
    assert bool(leading) == (query != "龙")
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        assert bool(found(query + letter)) == (letter in leading), letter


@given(st.text(max_size=80))
def test_no_query_breaks_the_search(query: str):
    assert len(recordable(query, len(find(ENTRIES, query)))) <= QUERY_CHARACTERS_MAX * 3


def test_what_found_nothing_is_recorded_without_its_text(screens: Screens, client: FlaskClient):
    assert rest(client, "Anna Li, 13800138000") == 204
    (event,) = screens.shop.events("searched")
    assert (event.body.query, event.body.results) == ("", 0)


def test_long_numbers_are_searched_for_and_never_recorded(screens: Screens, client: FlaskClient):
    rest(client, "6901234000030")
    rest(client, "22l 40000")
    rest(client, "50G")
    said = [(event.body.query, event.body.results) for event in screens.shop.events("searched")]
    assert said == [("", 1), ("22l", 1), ("50g", 1)]


def test_a_search_is_recorded_in_the_visit_of_its_shopper(screens: Screens, client: FlaskClient):
    visit = screens.shop.begin(ANNA)
    rest(client, "龙井")
    (event,) = screens.shop.events("searched")
    assert (event.visit, event.body.query) == (visit.visit, "龙井")


def test_the_page_works_by_links_alone(client: FlaskClient):
    html = client.get(f"{BASE}/search?q=L").text
    assert f'href="{BASE}/search?q=LJ"' in html
    assert f'href="{BASE}/search?q=LX"' not in html
    assert f'href="{BASE}/search?q="' in html
    assert f"{BASE}/product/6901234000016" in html
    assert f'data-path="{BASE}/search?q=L"' in html


def test_a_query_is_never_markup(client: FlaskClient):
    evil = '"><script>alert(1)</script>'
    assert "<script>alert" not in client.get(f"{BASE}/search", query_string={"q": evil}).text
