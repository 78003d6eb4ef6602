"""From the till to the shelf: what is sold falls in stock, and staff see what runs low.

The agent, its files and its pages are the real ones; the line is down all the while.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from edge_agent import local_view
from edge_agent.agent import Agent
from edge_agent.config import from_table
from edge_agent.till import stock
from edge_agent.visits import answers
from hardware.simulated import Feed
from storebridge.assembly import build_agent
from storebridge.ports import free_port
from tests.browser.shop import PIN, PIN_HASH
from tests.cloud_parts import WAIT_S, wait_until
from tests.edge_store import SHOE, SOCK, a_product
from wire.messages import Change
from wire.views import encode_view


@dataclass(frozen=True)
class Store:
    """A running store with one till, as somebody at the till and somebody of the staff use it."""

    agent: Agent
    till: Feed
    staff: requests.Session
    address: str

    def read(self, code: str, kind: str) -> None:
        """Hold a code to the till's reader, and wait until it is answered."""
        reader = self.agent.database.reader()
        before = answers.last(reader, "till-1")
        self.till.show_code(code, "EAN-13" if code.isdigit() else "QR")
        wait_until(lambda: answers.last(reader, "till-1") != before, f"the answer to {code}")
        said = answers.last(reader, "till-1")
        assert said is not None
        assert said.kind == kind

    def page(self, path: str = "/staff") -> str:
        """A page of the staff, as a browser gets it."""
        answer = self.staff.get(self.address + path, timeout=WAIT_S)
        assert answer.status_code == 200
        return answer.text

    def send(self, path: str, form: str, **fields: str) -> None:
        """Send the form of a page, with what stands hidden in it."""
        for name in ("token", "once"):
            if found := re.search(rf'name="{name}" value="([^"]+)"', self.page(form)):
                fields[name] = found[1]
        answer = self.staff.post(self.address + path, data=fields, timeout=WAIT_S)
        assert answer.status_code == 200, answer.text


@contextmanager
def a_store(folder: Path) -> Iterator[Store]:
    feed = Feed()
    table = {
        "tenant": "acme",
        "store": "s0001",
        "languages": ["en", "zh"],
        "identifier_key": "0f" * 16,
        "folder": str(folder),
        "broker": {"host": "127.0.0.1", "port": free_port()},
        "web": {"port": 0, "staff_pin_hash": PIN_HASH},
        "codes": {"debounce_s": 0, "held_s": 0},
        "zones": [{"name": "checkout"}],
        "kiosks": [{"name": "till-1", "zone": "checkout", "role": "till"}],
        "devices": [
            {
                "name": "reader-1",
                "driver": "simulated",
                "zone": "checkout",
                "kiosk": "till-1",
                "options": {"feed": feed},
            }
        ],
    }
    agent = build_agent(from_table(table, {}))
    agent.start()
    try:
        for product in (SHOE, SOCK):
            change = Change(table="product", key=product, value=encode_view(a_product(product)))
            agent.recorder.write(lambda w, told=change: local_view.apply(w.connection, told))
        assert agent.web is not None
        address = f"http://{agent.web.host}:{agent.web.port}"
        store = Store(agent, feed, requests.Session(), address)
        store.send("/staff/enter", "/staff/enter", pin=PIN)
        yield store
    finally:
        agent.close()


def test_goods_read_at_the_till_fall_in_stock_until_the_staff_page_says_that_they_run_low(
    tmp_path: Path,
):
    with a_store(tmp_path) as store:
        for product, pieces in ((SHOE, "5"), (SOCK, "40")):
            page = f"/staff/stock/{product}"
            store.send(f"{page}/count", page, quantity=pieces)
        assert "nothing runs low" in store.page()

        for _ in range(2):
            store.read(SHOE, "added_to_basket")
        store.read(SOCK, "added_to_basket")
        # A basket is no sale yet.
        assert "nothing runs low" in store.page()
        store.read("sb:t:card", "paid")

        board = store.page()
        assert "1 running low" in board
        assert f"Product {SHOE}" in board
        assert f"Product {SOCK}" not in board
        left = {each.product: each.quantity for each in stock.levels(store.agent.database.reader())}
        assert left == {SHOE: 3, SOCK: 39}
