"""The catalogue: files are checked whole, stores are told what differs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from psycopg import Connection

from cloud_sync.catalogue import (
    goods_of,
    import_catalogue,
    publish_catalogue,
    sold_of,
)
from cloud_sync.catalogue_file import (
    SAMPLE,
    CatalogueError,
    ShelfPlan,
    Video,
    check,
    check_digit,
    read_catalogue,
)
from cloud_sync.decisions.changes import StoreChange
from hardware.codes import gtin
from tests.shopper_builders import DAY, NOW, TENANT, rolled_back, sell_sample
from wire.views import PlanView, ProductView, decode_view


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    with rolled_back(postgres_server) as one:
        yield one


def keys_of(changes: list[StoreChange]) -> set[tuple[str, str, str]]:
    return {(each.store, each.change.table, each.change.key) for each in changes}


def test_the_sample_is_a_catalogue_of_two_brands_in_two_languages():
    sample = read_catalogue(SAMPLE)
    assert len(sample.products) == 24
    assert len({each.brand for each in sample.products}) == 2
    assert all(set(each.name) == set(each.about) == {"zh", "en"} for each in sample.products)
    assert {each.zone for each in sample.plans} == {"window", "shelf-a", "shelf-b", "till"}
    planned = {product for plan in sample.plans for product in plan.products}
    assert planned == {each.product for each in sample.products}


@pytest.mark.parametrize("gtin", ["4006381333931", "9780201379624", "036000291452", "96385074"])
def test_the_check_digit_is_that_of_well_known_numbers(gtin: str):
    assert check_digit(gtin[:-1]) == int(gtin[-1])


def test_every_wrong_place_is_named_at_once():
    sample = read_catalogue(SAMPLE)
    first, second, third, *rest = sample.products
    wrong = structs.replace(
        sample,
        products=(
            structs.replace(first, product="6901234000017"),
            structs.replace(second, name={"en": "only English"}, price_cents=-1),
            third,
            third,
            *rest,
        ),
        plans=(ShelfPlan(zone="window", plan=0, products=("unknown",)),),
    )
    with pytest.raises(CatalogueError) as caught:
        check(wrong)
    message = str(caught.value)
    for part in ("check digit: 6", "name in zh and en", "price in cents", "twice", "unknown"):
        assert part in message, part
    assert message.startswith("6 wrong")


def test_a_video_reaches_the_stores_and_counts_as_content_about_its_product(connection):
    sample = read_catalogue(SAMPLE)
    (tea,) = (each for each in sample.products if each.video)
    import_catalogue(connection, TENANT, sample)
    views = [
        decode_view(each.change.value) for each in publish_catalogue(connection, TENANT, ["a"])
    ]
    (view,) = (each for each in views if isinstance(each, ProductView) and each.video)
    assert (view.product, view.series) == (tea.product, tea.series)
    assert (view.video.file, view.video.captions) == (tea.video.file, tea.video.captions)
    content = connection.execute(
        "SELECT form, brand, series FROM content WHERE content = %s", (tea.video.content,)
    ).fetchone()
    assert content == ("video", tea.brand, tea.series)


def test_a_video_names_files_of_a_folder_and_nothing_else():
    sample = read_catalogue(SAMPLE)
    film = Video(
        content="a b", file="../x.webm", poster="p.svg", captions={"en": "https://x.example/a.vtt"}
    )
    product = structs.replace(sample.products[0], video=film)
    with pytest.raises(CatalogueError, match="4 wrong") as caught:
        check(structs.replace(sample, products=(product, *sample.products[1:])))
    for part in ("'../x.webm'", "'p.svg'", "a.vtt", "video content"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"products": 1}', '{"products": [], "plan": []}', '{"products": [{}]}']
)
def test_a_file_that_is_no_catalogue_is_refused_with_its_name(tmp_path: Path, text: str):
    path = tmp_path / "goods.json"
    path.write_text(text)
    with pytest.raises(CatalogueError, match=r"goods\.json"):
        read_catalogue(path)


def test_a_csv_file_gives_the_same_products(tmp_path: Path):
    path = tmp_path / "goods.csv"
    path.write_text(
        "product,name_zh,name_en,brand,category,price_cents,currency,about_en\n"
        "4006381333931,荧光笔,Highlighter,stabilo,pens,990,CNY,Bright.\n",
        encoding="utf-8-sig",
    )
    (product,) = read_catalogue(path).products
    assert (product.name["zh"], product.price_cents, product.low_stock) == ("荧光笔", 990, 3)
    assert product.about == {"en": "Bright."}


HEADER = "product,name_zh,name_en,brand,category,price_cents,currency"
WRONG_CSV = {
    "": "is empty: its first line must name the columns",
    "product,name\n1,a": "does not name the columns name_zh, name_en, brand",
    f"{HEADER}\n": "names no product",
    f"{HEADER}\n1,a": "line 2 has 2 values, not 7",
    f"{HEADER}\n1,a,,c,d,,CNY": "product 1 needs a name in zh and en; product 1 needs a price",
    f"{HEADER}\n1,a,b,c,d,9.90,CNY": "product 1 needs a price in cents",
    f"{HEADER}\n1,a,b,c,d,{'9' * 25},CNY": "product 1 needs a price in cents",
    f"{HEADER}\n1,a,b,c,d,9,CNY\n1,a,b,c,d,9,CNY": "product 1 stands there twice",
    f"{HEADER}\n1,a\0,b,c,d,9,CNY": "(U+0000)",
    f"{HEADER}\n\x1b[2J,a,b,c,d,9,CNY": r"product number '\x1b[2J' is not",
    f"{HEADER},low_stock\n1,a,b,c,d,9,CNY,-1": "product 1 needs a low_stock from 0",
}


@pytest.mark.parametrize("text", WRONG_CSV)
def test_a_csv_file_that_is_no_catalogue_is_told_where(tmp_path: Path, text: str):
    path = tmp_path / "goods.csv"
    path.write_text(text)
    with pytest.raises(CatalogueError) as caught:
        read_catalogue(path)
    assert str(path) in str(caught.value)
    assert WRONG_CSV[text] in str(caught.value)


def test_what_no_table_can_hold_is_refused_before_it_is_stored():
    sample = read_catalogue(SAMPLE)
    plan = structs.replace(sample.plans[0], zone="a\0", valid_from=10**20)
    product = structs.replace(sample.products[0], about={"en": "\0"}, price_cents=10**20)
    with pytest.raises(CatalogueError, match="4 wrong"):
        check(structs.replace(sample, products=(product, *sample.products[1:]), plans=(plan,)))


def test_stores_are_told_everything_once_and_then_what_differs(connection: Connection):
    sample = sell_sample(connection)
    changes = publish_catalogue(connection, TENANT, ["s0001", "s0002"])
    assert len(changes) == 2 * (len(sample.products) + len(sample.plans))
    assert publish_catalogue(connection, TENANT, ["s0001", "s0002"]) == []
    assert len(publish_catalogue(connection, TENANT, ["s0003"])) == len(changes) // 2
    cheaper = structs.replace(sample.products[0], price_cents=100)
    imported = import_catalogue(
        connection,
        TENANT,
        structs.replace(
            sample,
            products=(cheaper, *sample.products[1:-1]),
            plans=(ShelfPlan(zone="till", plan=5, products=(cheaper.product,)),),
        ),
    )
    assert imported.withdrawn == 1
    changes = publish_catalogue(connection, TENANT, ["s0001"])
    gone = sample.products[-1].product
    assert keys_of(changes) == {
        ("s0001", "product", cheaper.product),
        ("s0001", "product", gone),
        ("s0001", "plan", "till@0"),
    }
    values = {each.change.key: each.change.value for each in changes}
    view = decode_view(values[cheaper.product] or b"")
    assert isinstance(view, ProductView)
    assert (view.price_cents, view.currency, view.name["zh"]) == (100, "CNY", "明前龙井 100克")
    assert values[gone] is None


def test_a_stores_own_plan_replaces_the_plan_for_all_in_that_zone(connection: Connection):
    sample = sell_sample(connection)
    own = ShelfPlan(
        store="s0002",
        zone="window",
        plan=9,
        valid_from=NOW - DAY,
        products=(sample.products[5].product,),
    )
    import_catalogue(connection, TENANT, structs.replace(sample, plans=(own,)))
    told = {
        (each.store, each.change.key): decode_view(each.change.value or b"")
        for each in publish_catalogue(connection, TENANT, ["s0001", "s0002"])
        if each.change.table == "plan" and each.change.key.startswith("window")
    }
    assert set(told) == {("s0001", "window@0"), ("s0002", f"window@{NOW - DAY}")}
    view = told["s0002", f"window@{NOW - DAY}"]
    assert isinstance(view, PlanView)
    assert view.products == own.products


def test_a_stored_plan_never_changes_and_the_message_says_what_to_do(connection: Connection):
    sample = sell_sample(connection)
    import_catalogue(connection, TENANT, sample)  # the same again is no change
    moved = structs.replace(sample.plans[0], products=sample.plans[1].products)
    later = structs.replace(sample.plans[1], valid_from=NOW)
    with pytest.raises(CatalogueError) as refused:
        import_catalogue(connection, TENANT, structs.replace(sample, plans=(moved, later)))
    assert (
        f"plan {moved.plan} of zone {moved.zone} in every store;"
        f" plan {later.plan} of zone {later.zone} in every store; give what stands there now a"
        " new number and the time from which it holds"
    ) in str(refused.value)
    new = structs.replace(moved, plan=99, valid_from=NOW)
    import_catalogue(connection, TENANT, structs.replace(sample, plans=(new,)))


@given(st.text(alphabet="0123456789", min_size=1, max_size=20))
def test_catalogue_and_devices_compute_the_same_check_digit(digits: str):
    assert check_digit(digits) == gtin.check_digit(digits)


def test_only_what_is_sold_has_a_category_and_all_goods_have_their_brand(connection: Connection):
    sample = sell_sample(connection)
    known = sample.products[0].product
    assert sold_of(goods_of(connection, TENANT, [known, "unknown"])) == {known: "green tea"}
    assert goods_of(connection, "other", [known]) == {}
    import_catalogue(
        connection, TENANT, structs.replace(sample, products=sample.products[:1], plans=())
    )
    goods = goods_of(connection, TENANT, [each.product for each in sample.products])
    assert set(sold_of(goods)) == {known}
    assert {name: each.brand for name, each in goods.items()} == {
        each.product: each.brand for each in sample.products
    }


def test_the_sample_file_is_json_that_people_can_read():
    text = SAMPLE.read_text(encoding="utf-8")
    assert "龙井" in text
    assert json.loads(text)["members_consent"] is True
