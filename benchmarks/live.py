"""From a live event to stage, audience and kiosk, beside many shoppers and many other events."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from benchmarks import profiles
from benchmarks.echo import Pinging
from benchmarks.live_load import GOODS
from benchmarks.processes import ROOT, cpu_s
from benchmarks.producers import an_event
from benchmarks.profiles import AUDIENCES, INTERESTED
from benchmarks.raw_store import RawStore
from benchmarks.result import Goal, Result, percentile
from benchmarks.town import TENANT, Town, a_town, running
from cloud_sync.database import Database
from cloud_sync.flow.audiences import set_audiences
from cloud_sync.shoppers.consent.consents import set_terms
from storebridge.demo.children import Child, own_environ
from wire.codec import encode_event
from wire.events import Event, Saved
from wire.identifiers import Identifier, identifier_id
from wire.messages import Receipt, Update
from wire.views import ShopperView, decode_view

CONNECTOR, ADDRESS = "crm", "crm"
STAGE = "interest"
# The measured events come this often, among the others.
PROBE_EVERY_S = 0.1
BARE_EVERY_S = 0.25
# Of all shoppers so many are in the stores meanwhile; the measured ones are others.
IN_STORES_SHARE = 0.1
ANSWER_TIMEOUT_S = 60.0
END_TIMEOUT_S = 60.0
BARE_COMMITS = 2
BARE = "bare ping-pong at QoS 1 and two cloud commits, meanwhile"
CONNECTED = f"""
[connectors.{CONNECTOR}]
tenant = "{TENANT}"
kind = "mqtt"
address = "{ADDRESS}"
"""


@dataclass(slots=True)
class _Seconds:
    """When each measured event was sent, and how long after it what followed was there."""

    sent: dict[str, float] = field(default_factory=dict)
    stored: dict[str, float] = field(default_factory=dict)
    kiosk: dict[str, float] = field(default_factory=dict)
    audience: dict[str, float] = field(default_factory=dict)
    bare: list[float] = field(default_factory=list)
    cpu_us: dict[str, float] = field(default_factory=dict)
    load: dict[str, float] = field(default_factory=dict)

    def note(self, what: dict[str, float], shopper: str) -> None:
        """Note that something was there, the first time."""
        if shopper in self.sent and shopper not in what:
            what[shopper] = time.perf_counter() - self.sent[shopper]

    @property
    def all_told(self) -> bool:
        """Tell whether every measured event is answered by kiosk and audience."""
        return len(self.kiosk) == len(self.audience) == len(self.sent)


def live(
    *,
    shoppers: int = 1_000_000,
    per_s: int = 2_000,
    seconds: int = 30,
    stores: int = 20,
    warm_up_s: float = 5.0,
) -> Iterator[Result]:
    """Measure so many events a second, among so many shoppers, for so long."""
    took = _Seconds()
    with a_town(stores=stores + 2) as town:
        _fill(town, shoppers)
        at_home = int(shoppers * IN_STORES_SHARE)
        known = iter(
            profiles.member(number)
            for number in range(at_home, shoppers)
            if not profiles.is_buyer(number)
        )
        with (
            running(_worker(town)) as worker,
            _load(town, stores, per_s, seconds, at_home) as load,
            _bare_parts(town, town.stores[-1].name, took),
        ):
            _measure(town, took, known, seconds, warm_up_s, {"worker": worker, "load": load})
    yield from _results(took, shoppers, per_s)


def _results(took: _Seconds, shoppers: int, per_s: int) -> Iterator[Result]:
    among = f"at {per_s:,} events/s among {shoppers:,} shoppers"
    steps = {
        "stored": took.stored,
        "stage at the kiosk": took.kiosk,
        "audience told": took.audience,
    }
    for step, seconds in steps.items():
        for share, name in ((0.5, "p50"), (0.99, "p99")):
            told = step != "stored" and name == "p99"
            yield Result(
                name=f"live: {step} {among}, {name}",
                value=percentile(list(seconds.values()), share) * 1_000,
                unit="ms",
                goal=Goal(of="value", better="at most", number=250) if told else None,
                peer=BARE,
                peer_value=percentile(took.bare, share) * 1_000,
                runs=len(seconds),
            )
    for part, used in took.cpu_us.items():
        yield Result(
            name=f"live: processor time of an event, {part}",
            value=used,
            unit="µs",
            runs=int(took.load["events"]),
        )
    yield Result(
        name="live: what the stores sent too late, p99",
        value=took.load["late_p99_ms"],
        unit="ms",
    )


def _fill(town: Town, shoppers: int) -> None:
    now = time.time_ns() // 1_000
    database = Database(town.dsn)
    with database.shopper(TENANT) as connection:
        set_terms(connection, TENANT, ("offers", "profiling", "sharing"))
        set_audiences(connection, TENANT, AUDIENCES, now)
    database.close()
    profiles.fill(
        town.dsn,
        TENANT,
        shoppers,
        now=now,
        stores=[each.name for each in town.stores],
        goods=[f"69012345{number:05}" for number in range(GOODS)],
        connectors=(CONNECTOR,),
    )


def _worker(town: Town) -> Child:
    config = town.folder / "cloud-live.toml"
    config.touch(mode=0o600)
    config.write_text(town.worker_config().read_text() + CONNECTED)
    arguments = ("cloud", "run", str(config), "--no-web")
    return Child("cloud", arguments, log=town.folder / "cloud.log", environ=own_environ())


@contextmanager
def _load(
    town: Town, stores: int, per_s: int, seconds: int, members: int
) -> Iterator[subprocess.Popen[str]]:
    """Start the other stores, which begin when they are told to."""
    at = (town.broker.host, town.broker.port, town.password)
    load = subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks.live_load"),
            *map(str, (*at, 1, stores, per_s, seconds, max(1, members))),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert load.stdout is not None
        if load.stdout.readline() != "ready\n":
            raise TimeoutError("the stores of the load did not come up")
        yield load
    finally:
        load.kill()
        load.wait()


def _measure(
    town: Town,
    took: _Seconds,
    known: Iterator[Identifier],
    seconds: int,
    warm_up_s: float,
    processes: Mapping[str, Child | subprocess.Popen[str]],
) -> None:
    load = processes["load"]
    assert isinstance(load, subprocess.Popen)
    assert load.stdin is not None
    assert load.stdout is not None
    pids = {name: each.pid or 0 for name, each in processes.items()}
    pids |= {"broker": town.broker.pid or 0, "database": town.database_pid}
    with _listening(town, took), _probe(town, took) as send:
        print(file=load.stdin, flush=True)
        used = {name: cpu_s(pid) for name, pid in pids.items()}
        began_s = time.monotonic()
        for number in range(int((seconds - 0.5) / PROBE_EVERY_S)):
            due_s = began_s + number * PROBE_EVERY_S
            time.sleep(max(0.0, due_s - time.monotonic()))
            send(next(known), due_s - began_s >= warm_up_s)
        said = json.loads(load.stdout.readline())
        until_s = time.monotonic() + ANSWER_TIMEOUT_S
        while not took.all_told:
            if time.monotonic() > until_s:
                told = f"{len(took.kiosk)} and {len(took.audience)} of {len(took.sent)}"
                raise TimeoutError(f"kiosk and audience know of {told} events")
            time.sleep(0.01)
        events = said["events"] + number + 1
        took.cpu_us = {n: (cpu_s(pid) - used[n]) / events * 1e6 for n, pid in pids.items()}
        took.cpu_us["cloud together"] = took.cpu_us["worker"] + took.cpu_us["database"]
        took.load = said


@contextmanager
def _probe(town: Town, took: _Seconds) -> Iterator[Callable[[Identifier, bool], None]]:
    """Give what sends a measured event: a known shopper saves something in a store."""
    name = town.stores[-2].name
    rows: dict[int, str] = {}
    keys: dict[str, str] = {}

    def hear(message: Receipt | Update) -> None:
        if isinstance(message, Receipt):
            for seq in [seq for seq in list(rows) if seq <= message.watermark]:
                took.note(took.stored, rows.pop(seq))
            return
        for change in message.changes:
            shopper = keys.get(change.key)
            if shopper is not None and change.value:
                view = decode_view(change.value)
                if isinstance(view, ShopperView) and view.stage == STAGE:
                    took.note(took.kiosk, shopper)

    store = RawStore(town.link(f"{TENANT}-{name}"), name, hear)
    store.open()

    def send(who: Identifier, counts: bool) -> None:
        at = time.time_ns() // 1_000
        event = Event(
            occurred_at=at,
            mono_ms=at // 1_000,
            boot=1,
            clock=2,
            device="kiosk-1",
            zone="shelf-a",
            identifiers=(who,),
            body=Saved(product=f"69012345{0:05}"),
            brand="maru",
        )
        shopper = identifier_id(who)
        payload = store.batch([encode_event(event)])
        if counts:
            rows[store.head], keys[who.key] = shopper, shopper
            took.sent[shopper] = time.perf_counter()
        store.send(payload)

    yield send
    store.close()


@contextmanager
def _listening(town: Town, took: _Seconds) -> Iterator[None]:
    """Note which shoppers another system is told to be in the audience now, and in no other."""
    link = town.link("cloud", client_id="crm")
    up = threading.Event()

    def hear(_topic: str, payload: bytes) -> None:
        said = json.loads(payload)
        if said["stage"] == STAGE and said["audiences"] == [INTERESTED]:
            took.note(took.audience, said["shopper"])

    link.open(
        subscriptions=(f"sb/{TENANT}/flow/{ADDRESS}",),
        on_message=hear,
        on_up=up.set,
        on_down=lambda _: None,
        will=lambda: None,
    )
    up.wait(ANSWER_TIMEOUT_S)
    yield
    link.close()


@contextmanager
def _bare_parts(town: Town, name: str, took: _Seconds) -> Iterator[None]:
    """Measure the bare parts now and then, beside all else."""
    at = (town.broker.host, town.broker.port, town.password, name)
    row = encode_event(an_event(1))
    ended = threading.Event()
    echo = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.echo", *map(str, at)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert echo.stdout is not None
    echo.stdout.readline()
    pinging = Pinging(*at)

    def measure() -> None:
        with psycopg.connect(town.dsn) as connection:
            connection.execute("CREATE TABLE bare (id bigserial PRIMARY KEY, row bytea)")
            while not ended.wait(BARE_EVERY_S):
                seconds = pinging.ping_s(row)
                began_s = time.perf_counter()
                for _ in range(BARE_COMMITS):
                    connection.execute("INSERT INTO bare (row) VALUES (%s)", (row,))
                    connection.commit()
                took.bare.append(seconds + time.perf_counter() - began_s)

    thread = threading.Thread(target=measure, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(END_TIMEOUT_S)
        pinging.close()
        echo.communicate(timeout=END_TIMEOUT_S)
