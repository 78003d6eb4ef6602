"""Stock follows counts and movements, each recorded with its event, and says what runs low."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_agent.places import Place
from edge_agent.till import stock
from edge_agent.till.stock import StockError
from tests.edge_store import SHOE, SOCK, Shop, a_shop
from wire.events import StockCounted, StockMoved

STAFF = Place(device="staff", zone="office")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def test_a_count_then_sales_leave_what_is_there(shop: Shop):
    stock.count(shop.recorder, shop.clock, STAFF, SHOE, 100)

    def sell(_: int) -> None:
        stock.move(shop.recorder, shop.clock, STAFF, SHOE, -1, "sold")

    with ThreadPoolExecutor(8) as tills:
        list(tills.map(sell, range(40)))
    left = stock.level(shop.connection, SHOE)
    assert left is not None
    assert left.quantity == 60
    assert len(shop.events("stock_moved")) == 40
    assert shop.events()[0].body == StockCounted(SHOE, 100)


def test_what_runs_low_comes_first(shop: Shop):
    shop.sells(SHOE)
    shop.sells(SOCK)
    stock.count(shop.recorder, shop.clock, STAFF, SOCK, 4)
    stock.count(shop.recorder, shop.clock, STAFF, SHOE, 3)
    assert [(each.product, each.low) for each in stock.levels(shop.connection)] == [
        (SHOE, True),
        (SOCK, False),
    ]


def test_goods_sold_before_they_were_counted_show_below_zero(shop: Shop):
    moved = stock.move(shop.recorder, shop.clock, STAFF, SHOE, -2, "sold")
    assert (moved.quantity, moved.counted_at, moved.low) == (-2, None, True)
    assert shop.events()[0].body == StockMoved(SHOE, -2, "sold")


@pytest.mark.parametrize(
    ("product", "quantity", "reason"),
    [("<b>", 1, "sold"), (SHOE, 10**9, "sold"), (SHOE, 1, "stolen"), ("", 1, "sold")],
)
def test_an_absurd_movement_changes_nothing(shop: Shop, product: str, quantity: int, reason: str):
    with pytest.raises(StockError):
        stock.move(shop.recorder, shop.clock, STAFF, product, quantity, reason)
    with pytest.raises(StockError):
        stock.count(shop.recorder, shop.clock, STAFF, SHOE, -1)
    assert stock.levels(shop.connection) == []
    assert shop.events() == []
