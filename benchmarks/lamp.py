"""From a scan to the light and the sound that answer it: both devices on real serial lines."""

import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.enqueue import bare_queue
from benchmarks.lane import OPEN_TIMEOUT_S, gtin_of_goods, sell
from benchmarks.played_scanners import PlayedSerial, a_line
from benchmarks.producers import an_event
from benchmarks.result import Goal, Result, percentile
from edge_agent.agent import Agent
from edge_agent.config import load
from wire.codec import encode_event
from wire.loopback import LoopbackBroker, LoopbackLink

# Two things within 50 ms are one to whoever sees and hears them: the quickest people take in what
# happens in steps of so much (Card, Moran, Newell: The Psychology of Human-Computer Interaction,
# 1983: 50 to 200 ms). It leaves lamp and scanner half of the 100 ms that pass for "at once".
AT_ONCE_MS = 50
BETWEEN_S = 0.05
ANSWER_TIMEOUT_S = 5.0
READ_BYTES_MAX = 4_096
# An answer that never came counts for this.
NEVER_MS = 10_000.0

CONFIG = """
tenant = "maru"
store = "s0001"
identifier_key = "00112233445566778899aabbccddeeff"
folder = "store"
[[zones]]
name = "door"
[[kiosks]]
name = "kiosk-1"
zone = "door"
[[devices]]
name = "scanner-1"
driver = "barcode-serial"
zone = "door"
kiosk = "kiosk-1"
options = {{ port = "{scanner}" }}
[[devices]]
name = "lamp-1"
driver = "actuator"
zone = "door"
kiosk = "kiosk-1"
options = {{ path = "{lamp}", commands = {{ light = "L;", sound = "S;" }} }}
"""


class _Answered(NamedTuple):
    """After how long the light and the sound for a scan were on the lamp's line."""

    light_ms: float
    sound_ms: float


def lamp(*, scans: int = 100) -> Iterator[Result]:
    """Scan so many goods, and wait for the lamp and the buzzer after each."""
    with TemporaryDirectory(prefix="storebridge-bench-") as folder:
        answered, bare_ms = _scan_all(Path(folder), scans)
    for what, took_ms in (
        ("light", [each.light_ms for each in answered]),
        ("sound", [each.sound_ms for each in answered]),
    ):
        yield Result(
            name=f"lane: from the end of a scan to its {what}, p99",
            value=percentile(took_ms, 0.99),
            unit="ms",
            goal=Goal(of="value", better="at most", number=AT_ONCE_MS),
            peer="the same bytes over both lines and one commit, bare",
            peer_value=percentile(bare_ms, 0.99),
            runs=scans,
        )


def _scan_all(folder: Path, scans: int) -> tuple[list[_Answered], list[float]]:
    scanner, (lamp_far, lamp_path) = PlayedSerial(folder), a_line()
    goods = [gtin_of_goods(number) for number in range(scans)]
    answered: list[_Answered] = []
    bare_ms: list[float] = []
    with bare_queue(folder / "bare.sqlite3") as insert:
        scanner.appear()
        with _a_store(folder, str(scanner.port), lamp_path, goods):
            for number, gtin in enumerate(goods):
                answered.append(_answered(partial(scanner.scan, gtin), lamp_far))
                bare_ms.append(_bare_ms(insert, gtin.encode(), number))
                time.sleep(BETWEEN_S)
        scanner.unplug()
    os.close(lamp_far)
    return answered, bare_ms


def _answered(scan: Callable[[], object], lamp_far: int) -> _Answered:
    """Scan, and read from the lamp's line until light and sound were asked for."""
    began_s = time.perf_counter()
    came_ms: dict[str, float] = {}
    scan()
    while len(came_ms) < 2:
        if not select.select([lamp_far], [], [], ANSWER_TIMEOUT_S)[0]:
            break
        said = os.read(lamp_far, READ_BYTES_MAX).decode()
        now_ms = (time.perf_counter() - began_s) * 1_000
        came_ms.update({act: now_ms for act in said.split(";") if act})
    return _Answered(came_ms.get("L", NEVER_MS), came_ms.get("S", NEVER_MS))


def _bare_ms(insert: Callable[[bytes], object], code: bytes, number: int) -> float:
    """Return what the same takes with nothing of ours: a line, a commit, another line."""
    event = encode_event(an_event(number))
    lines = [a_line(), a_line()]
    began_s = time.perf_counter()
    for far, path in lines:
        near = os.open(path, os.O_RDWR | os.O_NOCTTY)
        os.write(far, code)
        os.read(near, READ_BYTES_MAX)
        os.close(near)
    insert(event)
    took_ms = (time.perf_counter() - began_s) * 1_000
    for far, _ in lines:
        os.close(far)
    return took_ms


@contextmanager
def _a_store(folder: Path, scanner: str, lamp_path: str, goods: list[str]) -> Iterator[Agent]:
    """Run the agent of a store that sells `goods`, with a scanner and a lamp on these lines."""
    path = folder / "store.toml"
    path.touch(mode=0o600)
    path.write_text(CONFIG.format(scanner=scanner, lamp=lamp_path))
    agent = Agent(load(path, {}), LoopbackLink(LoopbackBroker(), "store"))
    agent.start()
    try:
        for gtin in goods:
            agent.recorder.write(partial(sell, gtin))
        until_s = time.monotonic() + OPEN_TIMEOUT_S
        while not all(each.is_open for each in agent.devices.values()):
            if time.monotonic() > until_s:
                raise TimeoutError("the scanner and the lamp were not opened")
            time.sleep(BETWEEN_S)
        yield agent
    finally:
        agent.close()
