"""A picture that cannot be read has an answer on the shopper's screen, and is recorded."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
import requests

from edge_agent.agent import Agent
from edge_agent.config import from_table
from kiosk_ui.texts import LOCALES
from storebridge.assembly import build_agent
from storebridge.simulated.cards import draw_card
from tests.cloud_parts import wait_until
from tests.shopper_builders import KEY, TENANT
from wire.codec import decode_event
from wire.events import DeviceHealth, Scan
from wire.loopback import LoopbackBroker, LoopbackLink

TOKEN = "a-token-of-twenty-characters"
BROKEN = b"\x89PNG\r\n\x1a\n" + b"\xff" * 200

Opened = Callable[[object], Agent]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Opened]:
    """Start a store whose kiosk's camera is a file or folder, and to which codes are posted."""
    agents: list[Agent] = []

    def start(source: object) -> Agent:
        place = {"zone": "door", "kiosk": "kiosk-1"}
        camera = {"source": source, "image_every_ms": 50}
        table: dict[str, object] = {
            "tenant": TENANT,
            "store": "s0001",
            "identifier_key": KEY.hex(),
            "folder": str(tmp_path / "store"),
            "web": {"port": 0},
            "zones": [{"name": "door"}],
            "kiosks": [{"name": "kiosk-1", "zone": "door"}],
            "devices": [
                {"name": "cam", "driver": "barcode-camera", "options": camera, **place},
                {"name": "hand", "driver": "barcode-http", "options": {"token": TOKEN}, **place},
            ],
        }
        link = LoopbackLink(LoopbackBroker(), f"{TENANT}-s0001")
        agents.append(build_agent(from_table(table, {}), link))
        agents[-1].start()
        return agents[-1]

    yield start
    for agent in agents:
        agent.close()


def bodies(agent: Agent) -> list[object]:
    rows = agent.database.reader().execute("SELECT row FROM outbox ORDER BY id")
    return [decode_event(row).body for (row,) in rows]


def faults(agent: Agent) -> list[str]:
    return [body.fault for body in bodies(agent) if isinstance(body, Scan)]


def address(agent: Agent) -> str:
    assert agent.web is not None
    return f"http://{agent.web.host}:{agent.web.port}"


def says_so(agent: Agent) -> None:
    """The shopper's screen says it in the language that it speaks."""
    for language, texts in LOCALES.items():
        with requests.Session() as http:
            page = http.get(f"{address(agent)}/kiosk/kiosk-1?language={language}", timeout=60).text
        assert texts["answer.unreadable_image"] in page
        assert texts["answer.unreadable_image.lead"] in page


@pytest.mark.parametrize("content", [BROKEN, b"", b"a text, no picture"])
def test_a_file_that_is_no_picture_is_answered_and_recorded(
    store: Opened, tmp_path: Path, content: bytes
):
    picture = tmp_path / "card.png"
    picture.write_bytes(content)
    agent = store(str(picture))
    wait_until(lambda: faults(agent) == ["unreadable_image"], "the broken picture")
    (scan,) = (body for body in bodies(agent) if isinstance(body, Scan))
    assert (scan.code_kind, scan.sealed) == ("unknown", b"")
    says_so(agent)
    assert "unreadable-image" in [
        body.reason for body in bodies(agent) if isinstance(body, DeviceHealth)
    ]


def test_each_broken_picture_of_a_folder_is_answered_and_the_others_are_read(
    store: Opened, tmp_path: Path
):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a.png", "b.jpg", "d.webp"):
        (folder / name).write_bytes(BROKEN)
    cv2.imwrite(str(folder / "c.png"), draw_card((640, 480), "sb:p:goods", 1))
    agent = store(str(folder))
    unreadable = "unreadable_image"
    wait_until(
        lambda: faults(agent) == [unreadable, unreadable, "", unreadable], "all four pictures"
    )


def test_the_picture_of_a_code_that_is_posted_is_answered_as_one(store: Opened, tmp_path: Path):
    (tmp_path / "empty.png").write_bytes(BROKEN)
    agent = store(str(tmp_path / "empty.png"))
    wait_until(lambda: faults(agent) == ["unreadable_image"], "the camera's own")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    picture = cv2.imencode(".png", draw_card((640, 480), "sb:p:goods", 1))[1].tobytes()
    for posted, status, fault in (
        (b"A" * 5_000, 413, "too_long"),
        (picture, 415, "unreadable_image"),
    ):
        url = f"{address(agent)}/scanners/hand"
        answer = requests.post(url, data=posted, headers=headers, timeout=60)
        assert (answer.status_code, faults(agent)[-1]) == (status, fault)
    says_so(agent)
