"""Streams bring the drawn page with the event, are bounded, and give their thread back."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from flask import Flask

from edge_agent.doorbell import Doorbell
from edge_agent.visits import calls
from edge_agent.web import WebServer
from kiosk_ui.streams import STREAMS_MAX, Pace, Streams, frame
from tests.browser.shop import Screens, a_shop_with_screens, served
from tests.edge_store import ANNA, KIOSK, SHOE, a_coupon, a_shopper

EVENTS = f"/kiosk/{KIOSK.device}/events"
WAIT_S = 20.0


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    with a_shop_with_screens(tmp_path) as screens:
        yield screens


@pytest.fixture
def address(screens: Screens) -> Iterator[str]:
    with served(screens) as address:
        yield address


class Frames:
    """What comes out of an open stream."""

    def __init__(self, response: requests.Response) -> None:
        self._lines = response.iter_lines(chunk_size=1, decode_unicode=True)

    def next(self, *events: str) -> str:
        """The text of the next frame of one of these events."""
        event, text = "", []
        for line in self._lines:
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: "):
                text.append(line.removeprefix("data: "))
            elif not line:
                if event in events:
                    return "\n".join(text)
                event, text = "", []
        raise AssertionError("the stream ended")


@contextmanager
def opened(address: str, mark: str = "") -> Iterator[Frames]:
    with requests.get(
        address + EVENTS, params={"mark": mark}, stream=True, timeout=WAIT_S
    ) as response:
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield Frames(response)


def test_the_coupon_arrives_with_the_event(screens: Screens, address: str):
    with opened(address) as frames:
        assert 'data-page="attract"' in frames.next("show")
        screens.shop.begin(ANNA)
        assert 'data-page="welcome"' in frames.next("show")
        screens.shop.knows(ANNA, a_shopper(coupons=(a_coupon("c77"),)))
        assert 'data-coupon="c77"' in frames.next("news")


def test_a_page_that_shows_everything_is_sent_nothing_but_the_line(screens: Screens, address: str):
    mark = requests.get(address + f"/kiosk/{KIOSK.device}", timeout=WAIT_S).text
    mark = mark.split('data-mark="')[1].split('"')[0]
    with opened(address, mark) as frames:
        assert "已连线" in frames.next("show", "content", "line")


def test_each_code_gets_a_clear_answer(screens: Screens, address: str):
    cases = [
        ("unknown_code", {}, "answer", "这个码我们不认识"),
        ("already_scanned", {}, "answer", "刚刚已经读过"),
        ("wrong_kind", {}, "answer", "付款码请到收银台出示"),
        ("product", {"product": SHOE}, "show", 'data-page="product"'),
        ("product", {"product": "000"}, "answer", ""),
        ("page", {"page": "privacy"}, "show", 'data-page="privacy"'),
        ("page", {"page": "../staff"}, "answer", ""),
    ]
    with opened(address) as frames:
        frames.next("show")
        for kind, about, event, said in cases:
            screens.shop.clock.advance(1)
            screens.answers(kind, **about)
            assert said in frames.next(event)


def test_staff_going_to_a_kiosk_is_seen_on_it(screens: Screens, address: str):
    store = screens.store
    call = calls.ask(store.recorder, store.clock, KIOSK, None, "reach")
    with opened(address) as frames:
        frames.next("show")
        calls.answer(store.recorder, store.clock, KIOSK, call.call)
        assert 'data-page="answered"' in frames.next("show")


def test_streams_are_bounded_and_come_back_when_pages_leave():
    streams = Streams(Doorbell(), streams_max=3, heartbeat_s=0.05)
    app = Flask("streams")
    app.add_url_rule("/", view_func=lambda: "page", endpoint="page")
    app.add_url_rule("/events", view_func=lambda: streams.open(lambda _beat: ()), endpoint="events")
    web = WebServer(app, "127.0.0.1", 0, 5)
    web.start()
    events = f"http://127.0.0.1:{web.port}/events"
    open_pages = [requests.get(events, stream=True, timeout=WAIT_S) for _ in range(3)]
    assert {page.status_code for page in open_pages} == {200}
    refused = requests.get(events, timeout=WAIT_S)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    # Pages are still answered while all streams are taken.
    assert requests.get(f"http://127.0.0.1:{web.port}/", timeout=WAIT_S).text == "page"
    for page in open_pages:
        page.close()
    deadline, status = time.monotonic() + WAIT_S, 503
    while status != 200 and time.monotonic() < deadline:
        with requests.get(events, stream=True, timeout=WAIT_S) as again:
            status = again.status_code
    web.close()
    assert status == 200


def test_a_closing_server_ends_its_open_streams_at_once(screens: Screens):
    with served(screens) as address:
        pages = [requests.get(address + EVENTS, stream=True, timeout=WAIT_S) for _ in range(4)]
        for page in pages:
            Frames(page).next("show")
        begun = time.monotonic()
    assert time.monotonic() - begun < 0.5
    for page in pages:
        page.close()


def test_a_server_has_threads_left_beside_all_streams():
    """The agent serves with 32 threads at least."""
    assert STREAMS_MAX * 2 <= 32


def test_no_text_can_end_a_frame_or_begin_another():
    sent = frame("show", "a\r\n\r\nevent: show\rdata: x\n\n", "m")
    assert sent.count("\n\n") == 1
    assert sent.endswith("\n\n")
    assert "\r" not in sent
    assert sent.count("\nevent: ") == 1


def test_many_rings_are_spread_over_the_second():
    pace, begun = Pace(50), time.monotonic()
    for _ in range(70):
        pace.keep()
    assert time.monotonic() - begun >= 0.3
