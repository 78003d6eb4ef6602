"""A call for help waits until staff answer it, and is one call however often it is tapped."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_agent.places import Place
from edge_agent.visits import calls
from tests.edge_store import ANNA, KIOSK, Shop, a_shop

STAFF = Place(device="staff", zone="office")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as shop:
        yield shop


def test_ten_taps_are_one_call(shop: Shop):
    visit = shop.begin(ANNA)

    def ask(_: int) -> str:
        return calls.ask(shop.recorder, shop.clock, KIOSK, visit, "size").call

    with ThreadPoolExecutor(5) as taps:
        assert len(set(taps.map(ask, range(10)))) == 1
    (event,) = shop.events("help_asked")
    assert (event.visit, event.zone) == (visit.visit, "shoes")


def test_an_answered_call_waits_no_more_and_is_answered_once(shop: Shop):
    call = calls.ask(shop.recorder, shop.clock, KIOSK, None, "size")
    assert calls.waiting(shop.connection) == [call]
    assert calls.answer(shop.recorder, shop.clock, STAFF, call.call)
    assert not calls.answer(shop.recorder, shop.clock, STAFF, call.call)
    assert calls.waiting(shop.connection) == []
    assert shop.kinds() == ["help_asked", "help_answered"]


def test_a_call_nobody_asked_is_not_answered(shop: Shop):
    assert not calls.answer(shop.recorder, shop.clock, STAFF, "nothing")
    assert shop.events() == []


def test_a_long_topic_is_cut(shop: Shop):
    call = calls.ask(shop.recorder, shop.clock, KIOSK, None, "x" * 5_000)
    assert len(call.topic) == calls.TOPIC_CHARACTERS_MAX
