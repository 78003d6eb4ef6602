"""The recommendation rule: company of what was looked at, own habit, bestsellers; each says why."""

from collections.abc import Iterator

import pytest
from psycopg import Connection

from cloud_sync.catalogue import import_catalogue
from cloud_sync.catalogue_file import Catalogue, Product
from cloud_sync.decisions.recommend import (
    FOLLOWED_FIRST_MAX,
    JUST_BOUGHT_DAYS,
    RECOMMENDED_MAX,
    Neighbour,
    anchors,
    ask_bestsellers,
    ask_neighbours,
    ask_topic_goods,
    recommend,
)
from cloud_sync.shoppers.atoms.interests import count_some
from cloud_sync.shoppers.profiles.profile import ProductFacts, Profile
from tests.shopper_builders import DAY, NOW, TENANT, fold_all, happened, member, order, rolled_back
from wire.events import Returned, Viewed
from wire.views import Because

SOLD = {f"p{number}" for number in range(30)}


@pytest.fixture
def connection(postgres_server: str) -> Iterator[Connection]:
    with rolled_back(postgres_server) as one:
        yield one


def viewer(**viewed_at: int) -> Profile:
    products = {product: ProductFacts(viewed_at=at) for product, at in viewed_at.items()}
    return Profile(consented=True, products=products)


def test_what_goes_with_the_last_product_comes_first_and_names_it():
    near = {"p1": [Neighbour("p2", 1, 0), Neighbour("p3", 1, 2)]}
    found = recommend(viewer(p1=NOW), near, [("p4", 9)], SOLD, NOW)
    assert [(each.product, each.because) for each in found] == [
        ("p3", Because(reason="bought_together", product="p1", count=2)),
        ("p2", Because(reason="viewed_together", product="p1", count=1)),
        ("p4", Because(reason="popular", count=9)),
    ]


def test_company_of_several_products_adds_up_and_the_strongest_is_named():
    near = {
        "p1": [Neighbour("p3", 2, 0), Neighbour("p4", 3, 0)],
        "p2": [Neighbour("p3", 2, 0), Neighbour("p1", 9, 9)],
    }
    found = recommend(viewer(p1=NOW, p2=NOW - 1), near, [], SOLD, NOW)
    assert [each.product for each in found] == ["p3", "p4"]
    assert found[0].because.product == "p1"


def test_what_somebody_buys_again_and_again_is_kept_apart_from_discoveries():
    habit = ProductFacts(bought=4, bought_at=NOW - JUST_BOUGHT_DAYS * DAY)
    once = ProductFacts(bought=1, bought_at=NOW - JUST_BOUGHT_DAYS * DAY)
    profile = Profile(consented=True, products={"p1": habit, "p2": once})
    (found,) = recommend(profile, {}, [], SOLD, NOW)
    assert (found.product, found.because.reason, found.because.count) == ("p1", "bought", 4)


def test_what_came_back_is_not_bought_again_and_again():
    long_ago = NOW - JUST_BOUGHT_DAYS * DAY
    fitted = ProductFacts(bought=4, returned=1, bought_at=long_ago)
    sent_back = ProductFacts(bought=3, returned=2, bought_at=long_ago)
    profile = Profile(consented=True, products={"p1": fitted, "p2": sent_back})
    (found,) = recommend(profile, {}, [], SOLD, NOW)
    assert (found.product, found.because.count) == ("p1", 3)


def test_the_product_just_bought_is_never_recommended():
    bought = ProductFacts(bought=5, bought_at=NOW - 1, viewed_at=NOW - 2)
    profile = Profile(consented=True, products={"p1": bought, "p2": ProductFacts(viewed_at=NOW)})
    near = {"p2": [Neighbour("p1", 9, 9)]}
    assert recommend(profile, near, [("p1", 99)], SOLD, NOW) == ()


def test_what_is_not_sold_is_not_recommended():
    assert recommend(viewer(), {}, [("gone", 9), ("p1", 1)], SOLD, NOW)[0].product == "p1"


def test_bestsellers_of_a_followed_brand_come_first_and_say_so():
    profile = Profile(consented=True, followed=("yunwu",))
    best = [("p1", 9), ("p2", 8), ("p3", 7)]
    found = recommend(profile, {}, best, SOLD, NOW, {"p1": "other", "p3": "yunwu"})
    assert [(each.product, each.because) for each in found] == [
        ("p3", Because(reason="followed", count=7)),
        ("p1", Because(reason="popular", count=9)),
        ("p2", Because(reason="popular", count=8)),
    ]


def test_a_limited_number_is_recommended_and_nothing_without_consent():
    many = [(f"p{number}", 9) for number in range(30)]
    assert len(recommend(viewer(), {}, many, SOLD, NOW)) == RECOMMENDED_MAX
    assert recommend(Profile(consented=False), {}, many, SOLD, NOW) == ()


def test_the_latest_interest_of_any_kind_is_the_first_anchor():
    profile = Profile(
        products={
            "p1": ProductFacts(viewed_at=NOW - 5),
            "p2": ProductFacts(saved_mark=2 * (NOW - 1) + 1),
            "p3": ProductFacts(saved_mark=2 * NOW, viewed_at=NOW - 9),
            "p4": ProductFacts(tried_at=NOW - 3),
        }
    )
    assert anchors(profile) == ["p2", "p4", "p1", "p3"]


def test_neighbours_are_counted_over_all_shards_the_strongest_first(connection: Connection):
    fold_all(
        connection,
        [
            happened(order("p1", "p2"), store="s0001"),
            happened(order("p1", "p2"), store="s0002"),
            *(
                happened(Viewed(product=product), member(code), store=None)
                for code in ("M1", "M2", "M3")
                for product in ("p1", "p3")
            ),
        ],
    )
    count_some(connection, shard=3)
    assert ask_neighbours(connection, TENANT, ["p1"])()["p1"] == [
        Neighbour("p2", 0, 2),
        Neighbour("p3", 3, 0),
    ]


def test_bestsellers_are_those_of_the_store_less_what_came_back_or_else_those_of_all(
    connection: Connection,
):
    back = Returned(order="o1", lines=order("p1").lines, amount_cents=1, currency="CNY")
    fold_all(
        connection,
        [
            *(happened(order("p1"), store="s0001") for _ in range(3)),
            *(happened(order("p2"), store="s0001") for _ in range(2)),
            happened(back, store="s0001"),
            happened(back, store="s0001"),
            *(happened(order("p3"), store="s0002") for _ in range(5)),
            happened(order("p9"), store="s0002", tenant="other"),
        ],
    )
    found = ask_bestsellers(connection, TENANT, ["s0001", "s0003", ""])()
    everywhere = [("p3", 5), ("p2", 2), ("p1", 1)]
    assert found == {"s0001": [("p2", 2), ("p1", 1)], "s0003": everywhere, "": everywhere}


def test_goods_of_a_followed_series_come_first_and_name_it():
    profile = Profile(
        consented=True, products={"p1": ProductFacts(viewed_at=NOW)}, followed=("spring", "a brand")
    )
    goods = {"spring": ["p5", "p6", "p7", "p8", "p99"]}
    found = recommend(
        profile, {"p1": [Neighbour("p2", 1, 0)]}, [("p8", 9), ("p9", 3)], SOLD, NOW, {}, goods
    )
    spring = Because(reason="followed_topic", category="spring")
    assert [(each.product, each.because) for each in found][:FOLLOWED_FIRST_MAX] == [
        ("p8", spring),
        ("p5", spring),
        ("p6", spring),
    ]
    assert found[FOLLOWED_FIRST_MAX].product == "p2"


def test_the_goods_of_a_topic_are_those_sold_of_the_series_or_tagged_with_it(connection):
    def tea(product: str, **tags) -> Product:
        names = {"zh": product, "en": product}
        fixed = {"brand": "b", "category": "c", "price_cents": 1, "currency": "CNY"}
        return Product(product=product, name=names, **fixed, **tags)

    goods = (tea("p1", series="spring"), tea("p2", topics=("spring", "gift")), tea("p3"))
    import_catalogue(connection, TENANT, Catalogue(products=(*goods, tea("p4", series="spring"))))
    import_catalogue(connection, TENANT, Catalogue(products=goods))
    found = ask_topic_goods(connection, TENANT, {"spring", "gift", "nothing", ""})()
    assert found == {"spring": ["p1", "p2"], "gift": ["p2"]}
