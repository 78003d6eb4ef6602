"""Scanners that are pulled out every few seconds: what is lost, doubled, and how soon each is back.

Real device threads, drivers, supervisor and recorder, over real files and sockets; the scanners
themselves are played.
"""

import random
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.played_scanners import (
    PlayedCalled,
    PlayedCaller,
    PlayedKeyboard,
    PlayedScanner,
    PlayedSerial,
)
from benchmarks.result import Goal, Result
from edge_agent.clock import StoreClock
from edge_agent.codes.seal import SealKey
from edge_agent.codes.translate import Keys
from edge_agent.database.database import Database
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.recorder import Recorder
from edge_agent.devices.devices import CodeRules, Device, Equipment
from edge_agent.devices.scans import Spot
from edge_agent.doorbell import Doorbell
from edge_agent.places import Place
from edge_agent.supervisor import Supervised
from hardware.driver import Driver
from hardware.scanners.barcode_keyboard import BarcodeKeyboardOptions, barcode_keyboard
from hardware.scanners.barcode_serial import BarcodeSerialOptions, barcode_serial
from hardware.scanners.barcode_tcp import BarcodeTcp, BarcodeTcpOptions
from storebridge.ports import free_port
from wire.codec import decode_event
from wire.events import DeviceHealth, Event, Scan

SCANS_PER_S = 20
BACK_S_MAX = 1.0
AWAY_CPU_PERCENT_MAX = 1.0
STOP_S_MAX = 5.0


def scanners(*, turns: int = 12, plugged_s: float = 3.0, away_s: float = 10.0) -> Iterator[Result]:
    """Plug four scanners in and out, `turns` times each; then measure while all are away."""
    with TemporaryDirectory(prefix="storebridge-bench-") as folder:
        played, drivers = four_scanners(Path(folder))
        with a_store(Path(folder), drivers) as store:
            stories = _play(played, turns, plugged_s)
            cpu_percent = _cpu_while_away(away_s)
            recorded = store.events()
    yield from _compared(stories, recorded, turns)
    yield Result(
        name="scanners: processor time of the store while all four are away",
        value=cpu_percent,
        unit="% of a core",
        goal=Goal(of="value", better="at most", number=AWAY_CPU_PERCENT_MAX),
    )


def code_of(scanner: int, number: int) -> str:
    """Return the coupon's code that a scanner scans as its so manieth."""
    return f"sb:c:{scanner}-{number:06}"


def four_scanners(folder: Path) -> tuple[dict[str, PlayedScanner], dict[str, Driver]]:
    """Return a scanner of each kind with the driver that reads it."""
    keyboard, serial, called = PlayedKeyboard(folder), PlayedSerial(folder), PlayedCalled()
    here = ("127.0.0.1", free_port())
    drivers: dict[str, Driver] = {
        "keyboard": barcode_keyboard(
            BarcodeKeyboardOptions(path=str(keyboard.path)), grab=lambda _: None
        ),
        "serial": barcode_serial(BarcodeSerialOptions(port=str(serial.port))),
        "called": BarcodeTcp(BarcodeTcpOptions(connect=called.address)),
        "calling": BarcodeTcp(
            BarcodeTcpOptions(listen=f"{here[0]}:{here[1]}", allow=("127.0.0.1",))
        ),
    }
    played: dict[str, PlayedScanner] = {
        "keyboard": keyboard,
        "serial": serial,
        "called": called,
        "calling": PlayedCaller(here),
    }
    return played, drivers


@dataclass(frozen=True, slots=True)
class ScannerStore:
    """The part of a store that reads scanners, on disk."""

    database: Database
    devices: Mapping[str, Device]

    def events(self) -> list[Event]:
        """Return everything that was recorded, in order."""
        rows = self.database.reader().execute("SELECT row FROM outbox ORDER BY id")
        return [decode_event(row) for (row,) in rows]

    def codes(self, device: str) -> list[str]:
        """Return the coupons' codes that were recorded of a device, "" for any other, in order."""
        bodies = [event.body for event in self.events() if event.device == device]
        return [_code(body) for body in bodies if isinstance(body, Scan)]

    def states(self, device: str) -> list[str]:
        """Return the states that were recorded of a device, in order."""
        bodies = [(event.device, event.body) for event in self.events()]
        found = [body for name, body in bodies if name == device and isinstance(body, DeviceHealth)]
        return [f"{body.state} {body.reason}".strip() for body in found]


@contextmanager
def a_store(folder: Path, drivers: Mapping[str, Driver]) -> Iterator[ScannerStore]:
    """Run devices with these drivers, each in its supervised thread."""
    database = Database(folder / "store.sqlite3")
    recorder = Recorder(database, Doorbell(), Limits())
    recorder.start()
    keys = Keys(identifier_key=bytes(16), seal=SealKey(name="k", key=bytes(32)))
    devices = {
        name: Device(
            Equipment(
                driver_name="played",
                driver=driver,
                spot=Spot(place=Place(device=name, zone="door"), store="s0001"),
                recorder=recorder,
                clock=StoreClock(1),
                rules=CodeRules(keys=keys),
            )
        )
        for name, driver in drivers.items()
    }
    threads = [
        Supervised(f"device {name}", device.run, on_failed=device.failed)
        for name, device in devices.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield ScannerStore(database, devices)
    finally:
        for thread in threads:
            thread.stop()
        for thread in threads:
            thread.join(STOP_S_MAX)
        recorder.close()
        database.close()


@dataclass(slots=True)
class _Story:
    """What became of one scanner: its scans, and when it was plugged in before which of them."""

    scanned: list[str] = field(default_factory=list)
    plugged: list[tuple[float, str]] = field(default_factory=list)


def _play(played: Mapping[str, PlayedScanner], turns: int, plugged_s: float) -> list[_Story]:
    """Let each scanner be used, by a hand of its own, and pulled out again."""

    def hand(number: int, scanner: PlayedScanner) -> _Story:
        chance, story = random.Random(number), _Story()
        for _ in range(turns):
            _use(scanner, number, story, plugged_s * chance.uniform(0.7, 1.3))
            time.sleep(chance.uniform(0.5, 1.5))
        return story

    with ThreadPoolExecutor(len(played)) as hands:
        return list(hands.map(hand, range(len(played)), played.values()))


def _use(scanner: PlayedScanner, number: int, story: _Story, for_s: float) -> None:
    """Plug a scanner in, scan with it, and pull it out in the middle of a scan."""
    story.plugged.append((time.monotonic(), code_of(number, len(story.scanned))))
    scanner.plug()
    until_s = due_s = time.monotonic()
    until_s += for_s
    while due_s < until_s:
        code = code_of(number, len(story.scanned))
        scanner.scan(code)
        story.scanned.append(code)
        due_s += 1 / SCANS_PER_S
        time.sleep(max(0.0, due_s - time.monotonic()))
    scanner.scan_part(code_of(9, len(story.plugged))[:-1])
    scanner.settle()
    scanner.unplug()


def _cpu_while_away(away_s: float) -> float:
    """Return the processor time that this process uses now, in percent of a core."""
    time.sleep(1.0)  # until the last of them is noticed
    before_s = time.process_time()
    time.sleep(away_s)
    return (time.process_time() - before_s) / away_s * 100


def _compared(stories: list[_Story], recorded: list[Event], turns: int) -> Iterator[Result]:
    scanned = [code for story in stories for code in story.scanned]
    read_ms = [
        (_code(event.body), event.mono_ms) for event in recorded if isinstance(event.body, Scan)
    ]
    codes = [code for code, _ in read_ms]
    lost = len(set(scanned) - set(codes))
    too_much = len(codes) - len(set(scanned) & set(codes))
    first_ms = dict(reversed(read_ms))
    back_s = [
        first_ms[code] / 1_000 - plugged_s
        for story in stories
        for plugged_s, code in story.plugged
        if code in first_ms
    ]
    of = f"of {len(scanned):,} scans, unplugged {len(stories) * turns} times"
    none = Goal(of="value", better="at most", number=0)
    yield Result(name=f"scanners: lost {of}", value=lost, unit="scans", goal=none)
    yield Result(
        name="scanners: recorded twice, or glued from two", value=too_much, unit="scans", goal=none
    )
    yield Result(
        name="scanners: from plugging in to the first scan read, the longest",
        value=max(back_s),
        unit="s",
        goal=Goal(of="value", better="at most", number=BACK_S_MAX),
        runs=len(back_s),
    )


def _code(scan: Scan) -> str:
    return f"sb:c:{scan.coupon}" if scan.coupon else ""
