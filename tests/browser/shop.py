"""A store whose screens are served for real, for tests of pages and of streams."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from werkzeug.security import generate_password_hash

from edge_agent import health
from edge_agent.clock import FixedClock
from edge_agent.database.database import Database
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.recorder import Recorder
from edge_agent.doorbell import Doorbell
from edge_agent.visits import answers
from edge_agent.visits.answers import Answer
from edge_agent.web import WebServer
from kiosk_ui.app import Store, create_app
from kiosk_ui.streams import Streams
from tests.edge_store import KIOSK, NOON, SHOE, SOCK, TILL, Shop, a_plan

PIN = "2468"
THREADS = 32
LIMITS = Limits(disk_free_bytes_min=1)
# One round of hashing: the test is of the gate, not of the hash.
PIN_HASH = generate_password_hash(PIN, method="pbkdf2:sha256:1")


@dataclass(frozen=True, slots=True)
class Line:
    """The line to headquarters, which a test may cut."""

    is_up: list[bool] = field(default_factory=lambda: [True])

    def set(self, up: bool) -> None:
        self.is_up[0] = up


@dataclass(frozen=True, slots=True)
class Screens:
    """A shop, the store as its screens see it, and the line that can be cut."""

    shop: Shop
    store: Store
    line: Line

    def answers(self, kind: str, **about: str) -> None:
        answer = Answer(kind=kind, at=self.shop.clock.now().at, **about)
        self.shop.recorder.write(lambda w: answers.put(w, KIOSK.device, answer))


@contextmanager
def a_shop_with_screens(folder: Path, *, media: Path | None = None) -> Iterator[Screens]:
    doorbell = Doorbell()
    database = Database(folder / "store.sqlite3")
    recorder = Recorder(database, doorbell, LIMITS)
    recorder.start()
    clock, line = FixedClock(NOON, mono_ms=1_000_000), Line()
    store = Store(
        recorder=recorder,
        database=database,
        clock=clock,
        doorbell=doorbell,
        health=lambda: health.snapshot(
            database, recorder, LIMITS, clock.now(), link_up=line.is_up[0]
        ),
        link_up=lambda: line.is_up[0],
        tenant="acme",
        store="s0001",
        name={"zh": "栖木", "en": "Qimu"},
        kiosks={KIOSK.device: KIOSK},
        tills={TILL.device: TILL},
        zones={"shoes": {"zh": "鞋履", "en": "Shoes"}},
        staff_pin_hash=PIN_HASH,
        media=media,
    )
    shop = Shop(recorder, database, clock)
    try:
        shop.sells(SHOE)
        shop.sells(SOCK)
        shop.tell("plan", "shoes@0", a_plan("shoes", 1, 0, SHOE))
        yield Screens(shop, store, line)
    finally:
        recorder.close()
        database.close()


@contextmanager
def served(screens: Screens, *, port: int = 0) -> Iterator[str]:
    """The address of the screens, served as the agent serves them."""
    streams = Streams(screens.store.doorbell)
    app = create_app(screens.store, streams)
    web = WebServer(app, "127.0.0.1", port, THREADS, end_streams=streams.close)
    web.start()
    try:
        yield f"http://127.0.0.1:{web.port}"
    finally:
        web.close()
