"""Hostile codes on the whole way in the store: drawn, read, recorded, answered, and never run."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import segno
from playwright.sync_api import Browser, Page, expect

from edge_agent.agent import Agent
from edge_agent.codes.seal import load_or_create, unseal
from edge_agent.config import from_table
from hardware.cameras.frames import FrameSlot, Pixels
from storebridge.assembly import build_agent
from tests.shopper_builders import KEY, TENANT
from wire.codec import decode_event
from wire.events import Scan
from wire.loopback import LoopbackBroker, LoopbackLink

WAIT_S = 60.0
NOTHING = np.full((64, 64, 3), 255, np.uint8)
MODULE_PIXELS = 5
# The most bytes that a QR code can hold (ISO/IEC 18004, version 40-L).
QR_BYTES_MAX = 2_953
MARKUP = b'"><img src=x onerror="document.title=1"><script>document.title=1</script>'

HOSTILE = {
    "markup": (MARKUP, "unknown_code"),
    "a page of markup": (b"sb:p:" + MARKUP, "unknown_code"),
    "a coupon of markup": (b"sb:c:" + MARKUP, "unknown_code"),
    "sql": (b"'; DROP TABLE outbox; DELETE FROM visits; --", "unknown_code"),
    "control characters": (
        b"\x1b[2J\x07\x00\x08\r\nevent: show\r\ndata: x\r\n\r\n",
        "unknown_code",
    ),
    "as long as can be": (b"A" * QR_BYTES_MAX, "too_long"),
}
SAID = {"unknown_code": "这个码我们不认识", "too_long": "这个码太长了"}


@dataclass(frozen=True)
class StoreWithCamera:
    """A whole store whose camera sees what is put before it."""

    agent: Agent
    camera: FrameSlot

    @property
    def address(self) -> str:
        assert self.agent.web is not None
        return f"http://{self.agent.web.host}:{self.agent.web.port}"

    def scans(self) -> list[Scan]:
        """What the store recorded of the codes it read."""
        rows = self.agent.database.reader().execute("SELECT row FROM outbox ORDER BY id")
        bodies = [decode_event(row).body for (row,) in rows]
        return [body for body in bodies if isinstance(body, Scan)]

    def hold(self, code: bytes) -> Scan:
        """Hold a code before the camera until the store has recorded what it read.

        One frame at a time, and nothing after it: a busy machine may take a second frame so late
        that the code counts as shown again. The camera's second look at an empty counter says that
        all before it has been dealt with.
        """
        before = len(self.scans())
        for _ in range(100):
            for frame in (drawn(code), NOTHING, NOTHING):
                self.camera.put(frame, wait_s=WAIT_S)
            if len(scans := self.scans()) > before:
                return scans[-1]
        raise AssertionError("the reader did not read a code drawn a hundred times")


def drawn(code: bytes) -> Pixels:
    """A frame with nothing but this code, large and straight."""
    matrix = np.array(segno.make_qr(code, error="l", mode="byte").matrix, bool)
    modules = np.pad(np.where(matrix, 0, 255).astype(np.uint8), 6, constant_values=255)
    pixels = np.kron(modules, np.ones((MODULE_PIXELS, MODULE_PIXELS), np.uint8))
    return np.repeat(pixels[:, :, None], 3, axis=2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StoreWithCamera]:
    camera = FrameSlot()
    place = {"zone": "door", "kiosk": "kiosk-1"}
    table: dict[str, object] = {
        "tenant": TENANT,
        "store": "s0001",
        "identifier_key": KEY.hex(),
        "folder": str(tmp_path),
        "web": {"port": 0},
        "zones": [{"name": "door"}],
        "kiosks": [{"name": "kiosk-1", "zone": "door"}],
        "devices": [
            {"name": "cam", "driver": "barcode-camera", "options": {"source": camera}, **place}
        ],
    }
    agent = build_agent(from_table(table, {}), LoopbackLink(LoopbackBroker(), f"{TENANT}-s0001"))
    agent.start()
    yield StoreWithCamera(agent, camera)
    agent.close()


@pytest.fixture
def page(browser: Browser, store: StoreWithCamera) -> Iterator[Page]:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{store.address}/kiosk/kiosk-1")
    yield page
    context.close()


def test_a_hostile_code_is_answered_kept_and_never_run(store: StoreWithCamera, page: Page):
    title = page.title()
    key = load_or_create(store.agent.config.sealed_key_file)
    for name, (code, kind) in HOSTILE.items():
        scan = store.hold(code)
        answer = page.get_by_role("alert")
        expect(answer).to_contain_text(SAID[kind], timeout=WAIT_S * 1_000)
        assert scan.code_kind == "unknown", name
        assert unseal(key, scan.sealed) == code, name
        assert page.title() == title, name
        assert page.locator("img[src=x], script:not([src])").count() == 0, name
        page.locator("[data-close]").click()
        expect(answer).to_have_count(0, timeout=WAIT_S * 1_000)
    assert len(store.scans()) == len(HOSTILE)
    files = [each for each in store.agent.database.path.parent.iterdir() if each.is_file()]
    assert not any(b"onerror=" in each.read_bytes() for each in files)
