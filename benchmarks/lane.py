"""From a code held before a camera to its scan on disk, through the lane of a real agent."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import zxingcpp
from msgspec.structs import replace

from benchmarks.enqueue import bare_queue
from benchmarks.producers import an_event
from benchmarks.result import Goal, Result, percentile
from edge_agent import local_view
from edge_agent.agent import Agent
from edge_agent.config import load
from edge_agent.delivery.recorder import Writing
from hardware.cameras.frames import FrameSlot, Pixels
from hardware.cameras.images import to_grey
from hardware.codes.barcode_camera import BarcodeCameraOptions
from hardware.codes.decoder import SYMBOLOGIES_DEFAULT, Decoder
from hardware.codes.decoders import DECODERS
from hardware.codes.gtin import check_digit
from hardware.codes.zbar import ZbarDecoder
from storebridge.simulated.cards import draw_card, draw_empty, draw_product
from wire.codec import decode_event, encode_event
from wire.events import Scan
from wire.loopback import LoopbackBroker, LoopbackLink
from wire.messages import Change
from wire.views import ProductView, encode_view

SIZE = (640, 480)
EVERY_S = 0.1
FRAMES_A_SHOWING = 10
EMPTY_FRAMES = 2
# What a code counts for that was held up in vain.
NEVER_MS = 10_000.0
OPEN_TIMEOUT_S = 20.0

CONFIG = """
tenant = "maru"
store = "s0001"
identifier_key = "00112233445566778899aabbccddeeff"
folder = "store"
[codes]
member_patterns = ["LANE-[0-9]{6}"]
[[zones]]
name = "door"
[[kiosks]]
name = "kiosk-1"
zone = "door"
[[devices]]
name = "camera-1"
driver = "barcode-camera"
zone = "door"
kiosk = "kiosk-1"
options = { source = 0 }
"""


@dataclass(slots=True)
class _Showings:
    """What became of the codes shown, a frame every `every_s`.

    `frames` until each was recorded; `after_ms` since the first frame that a library alone can
    read, `bare_ms` for reading that frame and one commit.
    """

    every_s: float
    frames: list[float] = field(default_factory=list)
    after_ms: list[float] = field(default_factory=list)
    bare_ms: list[float] = field(default_factory=list)
    wrong: int = 0


def lane(*, shown: int = 120, every_s: float = EVERY_S) -> Iterator[Result]:
    """Show so many codes, a frame every so often, half of them cards, half of them goods."""
    with TemporaryDirectory(prefix="storebridge-bench-") as folder:
        told = _show_all(Path(folder), shown, every_s)
    yield Result(
        name=f"lane: a code at {1 / every_s:g} frames/s, frames until it is recorded, p95",
        value=percentile(told.frames, 0.95),
        unit="frames",
        goal=Goal(of="value", better="at most", number=3),
        runs=shown,
    )
    yield Result(
        name="lane: recorded after the first readable frame, p99",
        value=percentile(told.after_ms, 0.99),
        unit="ms",
        goal=Goal(of="value", better="at most", number=150),
        peer="that frame read once and one commit, both bare",
        peer_value=percentile(told.bare_ms, 0.99),
        runs=len(told.after_ms),
    )
    yield Result(
        name="lane: recorded after the first readable frame, p50",
        value=percentile(told.after_ms, 0.5),
        unit="ms",
        peer="that frame read once and one commit, both bare",
        peer_value=percentile(told.bare_ms, 0.5),
        runs=len(told.after_ms),
    )
    yield Result(
        name="lane: codes recorded as what they are not",
        value=told.wrong,
        unit="codes",
        goal=Goal(of="value", better="at most", number=0),
        runs=shown,
    )


def _show_all(folder: Path, shown: int, every_s: float) -> _Showings:
    told = _Showings(every_s)
    goods = [gtin_of_goods(number) for number in range(1, shown, 2)]
    with _a_lane(folder, goods) as (agent, slot), bare_queue(folder / "bare.sqlite3") as insert:
        readers = [ZbarDecoder(SYMBOLOGIES_DEFAULT), _Zxing()]
        ours = in_process()
        for number in range(shown):
            gtin = gtin_of_goods(number) if number % 2 else ""
            text = gtin or f"LANE-{number:06}"
            draw = draw_product if gtin else draw_card
            frames = [draw(SIZE, text, number, moment) for moment in range(FRAMES_A_SHOWING)]
            readable = _first_readable(readers, frames, text.encode())
            _show(agent, slot, frames, readable, gtin, told)
            if readable is not None:
                began_s = time.perf_counter()
                ours.decode(to_grey(frames[readable]))
                insert(encode_event(an_event(number)))
                told.bare_ms.append((time.perf_counter() - began_s) * 1_000)
    return told


def gtin_of_goods(number: int) -> str:
    """Return the number of an article on sale everywhere, not one that a store gives itself."""
    body = f"690{number:09}"
    return f"{body}{check_digit(body)}"


def _show(
    agent: Agent,
    slot: FrameSlot,
    frames: Sequence[Pixels],
    readable: int | None,
    gtin: str,
    told: _Showings,
) -> None:
    """Show the frames of a code until its scan is on disk, then empty ones; note what happened."""
    head = _head(agent)
    shown_s: list[float] = []
    took_s: float | None = None
    for frame in frames:
        shown_s.append(time.perf_counter())
        slot.put(frame)
        took_s = _wait_for_scan(agent, head, until_s=shown_s[-1] + told.every_s)
        if took_s is not None:
            break
    told.frames.append(len(shown_s) + (took_s is None))
    if readable is not None and readable < len(shown_s):
        after_ms = NEVER_MS if took_s is None else (took_s - shown_s[readable]) * 1_000
        told.after_ms.append(after_ms)
    told.wrong += sum(scan.product != gtin for scan in _scans(agent, head))
    for moment in range(EMPTY_FRAMES):
        slot.put(draw_empty(SIZE, 1, moment))
        time.sleep(EVERY_S)


def _wait_for_scan(agent: Agent, head: int, *, until_s: float) -> float | None:
    """Return when a scan was on disk, None when there is none by then."""
    rung = agent.doorbell.count
    while not _scans(agent, head):
        now_s = time.perf_counter()
        if now_s >= until_s:
            return None
        rung = agent.doorbell.wait(rung, until_s - now_s)
    return time.perf_counter()


def _head(agent: Agent) -> int:
    found = agent.database.reader().execute("SELECT ifnull(max(id), 0) FROM outbox").fetchone()
    return int(found[0])


def _scans(agent: Agent, head: int) -> list[Scan]:
    rows = agent.database.reader().execute("SELECT row FROM outbox WHERE id > ?", (head,))
    bodies = [decode_event(row).body for (row,) in rows.fetchall()]
    return [body for body in bodies if isinstance(body, Scan)]


@contextmanager
def _a_lane(folder: Path, goods: Sequence[str]) -> Iterator[tuple[Agent, FrameSlot]]:
    """Run the agent of a store that sells `goods`, whose camera shows what is put into the slot."""
    path = folder / "store.toml"
    path.touch(mode=0o600)
    path.write_text(CONFIG)
    config = load(path, {})
    slot = FrameSlot()
    devices = tuple(replace(each, options={"source": slot}) for each in config.devices)
    agent = Agent(replace(config, devices=devices), LoopbackLink(LoopbackBroker(), "store"))
    agent.start()
    try:
        for gtin in goods:
            agent.recorder.write(partial(sell, gtin))
        until_s = time.monotonic() + OPEN_TIMEOUT_S
        while not agent.devices["camera-1"].is_open and time.monotonic() < until_s:
            time.sleep(EVERY_S)
        yield agent, slot
    finally:
        agent.close()


def sell(gtin: str, writing: Writing) -> None:
    """Have the store sell an article."""
    view = ProductView(gtin, {"en": f"Article {gtin}"}, "maru", "things", 100, "CNY")
    change = Change(table="product", key=gtin, value=encode_view(view))
    local_view.apply(writing.connection, change)


class _Zxing:
    """zxing-cpp as it comes, to know which frames can be read at all."""

    def decode(self, grey: Pixels) -> list[zxingcpp.Barcode]:
        return zxingcpp.read_barcodes(grey)


def _first_readable(
    readers: "Sequence[ZbarDecoder | _Zxing]", frames: Sequence[Pixels], data: bytes
) -> int | None:
    """Return the first frame in which one of the libraries alone reads the code."""
    for number, frame in enumerate(frames):
        grey = to_grey(frame)
        for reader in readers:
            if any(_bytes_of(code) == data for code in reader.decode(grey)):
                return number
    return None


def _bytes_of(code: object) -> bytes:
    return bytes(getattr(code, "data", b"") or getattr(code, "bytes", b""))


def in_process() -> Decoder:
    """Return the lane's decoder without a process of its own."""
    return DECODERS[BarcodeCameraOptions(source=0).decoder](SYMBOLOGIES_DEFAULT)
