"""A screen's page with a scanner that types into it, and the store behind it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Page
from werkzeug.security import generate_password_hash

from edge_agent.agent import Agent
from edge_agent.config import from_table
from storebridge.assembly import build_agent
from tests.browser.shop import PIN
from tests.edge_store import KEY
from wire.codec import decode_event
from wire.events import Scan
from wire.loopback import LoopbackBroker, LoopbackLink

CODE, OTHER = "sb:c:spring-1", "sb:c:spring-2"
HAND_MS = 140
WAIT_S = 20
STROKE_S = 0.01
ENTER = {"key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13}
ALT, CONTROL = 1, 2  # the modifiers of Chromium's protocol


@dataclass(frozen=True)
class ScannedPage:
    """A kiosk's page with a scanner at it, and the store behind it."""

    agent: Agent
    page: Page
    devtools: CDPSession
    at_s: list[float]

    def codes(self) -> list[str]:
        rows = self.agent.database.reader().execute("SELECT row FROM outbox ORDER BY id")
        bodies = [decode_event(row).body for (row,) in rows]
        return [f"sb:c:{body.coupon}" for body in bodies if isinstance(body, Scan)]

    def scan(self, code: str, *, after_s: float = 3.0) -> None:
        """Type as a scanner does: 10 ms a stroke, and Enter, so long after the strokes before."""
        self.type(code, after_s=after_s)
        self.stroke(**ENTER)

    def type(self, letters: str, *, after_s: float = STROKE_S) -> None:
        """Press keys, at times that do not depend on how busy this computer is."""
        self.pause(after_s - STROKE_S)
        for letter in letters:
            self.stroke(letter, text=letter)

    def stroke(self, key: str, **more: object) -> None:
        """Press one key and let it go."""
        self.pause(STROKE_S)
        self.send("keyDown", key, **more)
        self.send("keyUp", key, **{name: value for name, value in more.items() if name != "text"})

    def send(self, kind: str, key: str, **more: object) -> None:
        event = {"type": kind, "key": key, "timestamp": self.at_s[0], **more}
        self.devtools.send("Input.dispatchKeyEvent", event)

    def pause(self, for_s: float) -> None:
        self.at_s[0] += for_s

    def has_scanned(self, *codes: str) -> None:
        self.wait_until(lambda: len(self.codes()) >= len(codes), "the scan")
        assert self.codes() == list(codes)

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait as `wait_until` does, and let the browser's events reach their listeners."""
        for _ in range(WAIT_S * 50):
            if condition():
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"waited for {what}")


@contextmanager
def a_scanned_page(
    browser: Browser, folder: Path, path: str, *, role: str = "kiosk"
) -> Iterator[ScannedPage]:
    """Run a store with one screen and a scanner that types into its page; open an address of it."""
    scanner = {"name": "scanner-1", "driver": "barcode-page", "zone": "door", "kiosk": "kiosk-1"}
    table: dict[str, object] = {
        "tenant": "acme",
        "store": "s0001",
        "identifier_key": KEY.hex(),
        "folder": str(folder),
        # One round of hashing: the tests are of scanners, not of the hash.
        "web": {"port": 0, "staff_pin_hash": generate_password_hash(PIN, method="pbkdf2:sha256:1")},
        "zones": [{"name": "door"}],
        "kiosks": [{"name": "kiosk-1", "zone": "door", "role": role}],
        "devices": [scanner],
    }
    agent = build_agent(from_table(table, {}), LoopbackLink(LoopbackBroker(), "acme-s0001"))
    agent.start()
    context = browser.new_context(reduced_motion="reduce")
    try:
        page = context.new_page()
        assert agent.web is not None
        page.goto(f"http://{agent.web.host}:{agent.web.port}{path}")
        page.wait_for_load_state("load")
        yield ScannedPage(agent, page, context.new_cdp_session(page), [time.time()])
    finally:
        context.close()
        agent.close()
