"""The agent runs whatever is well, beside whatever is not, and ends within five seconds."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
import requests

from edge_agent import config
from edge_agent.agent import CLOSE_S_MAX, Agent
from edge_agent.config import AgentConfig
from edge_agent.database.sqlite import sqlite3
from edge_agent.visits import answers, visits
from edge_agent.web import Site, WebError
from hardware.driver import Act, ActResult, Driver
from hardware.drivers import DRIVERS
from hardware.readings import Reading
from hardware.simulated import Feed
from tests.edge_store import ANNA, KEY, a_shopper
from wire.codec import decode, decode_event, encode
from wire.events import Acted
from wire.loopback import LoopbackBroker, LoopbackLink
from wire.messages import Birth, Change, Death, Message, Receipt, Update
from wire.mqtt import MqttLink
from wire.topics import down_topic, state_topic
from wire.views import encode_view


def a_config(
    folder: Path,
    *devices: dict[str, object],
    port: int = 0,
    operators: Mapping[str, str] = MappingProxyType({}),
) -> AgentConfig:
    others = [{"name": zone, "operator": operator} for zone, operator in operators.items()]
    return config.from_table(
        {
            "tenant": "acme",
            "store": "store-1",
            "identifier_key": KEY.hex(),
            "folder": str(folder),
            "web": {"port": port},
            "operator": "east",
            "zones": [{"name": "shoes"}, *others],
            "kiosks": [{"name": "kiosk-1", "zone": "shoes"}],
            "devices": list(devices),
        },
        {},
    )


def a_reader(feed: Feed, name: str = "reader-1") -> dict[str, object]:
    return {
        "name": name,
        "driver": "simulated",
        "zone": "shoes",
        "kiosk": "kiosk-1",
        "options": {"feed": feed},
    }


def a_link() -> LoopbackLink:
    return LoopbackLink(LoopbackBroker(), "acme-store-1")


def eventually(condition: Callable[[], object], timeout_s: float = 20) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.01)


class WedgedDriver:
    """A driver that hangs in its vendor's library and never comes back."""

    def __init__(self) -> None:
        self.wedged = threading.Event()
        self.freed = threading.Event()

    def open(self) -> None:
        self.wedged.set()
        self.freed.wait(60)

    def read(self, timeout_s: float) -> Sequence[Reading]:
        return ()

    def act(self, act: Act) -> ActResult:
        return ActResult(succeeded=False)

    def close(self) -> None:
        pass


def test_a_code_becomes_a_visit_and_an_answer(tmp_path: Path):
    feed = Feed()
    agent = Agent(a_config(tmp_path, a_reader(feed)), a_link())
    agent.start()
    try:
        feed.show_code("sb:m:ANNA-1")
        reader = agent.database.reader()
        eventually(lambda: visits.current(reader, "kiosk-1"))
        visit, answer = visits.current(reader, "kiosk-1"), answers.last(reader, "kiosk-1")
        assert visit is not None
        assert answer is not None
        assert (visit.identifiers, answer.kind) == ((ANNA,), "welcome")
    finally:
        agent.close()


def test_the_agent_works_beside_a_wedged_device_and_ends_in_time(
    tmp_path: Path,
):
    feed, wedged = Feed(), WedgedDriver()
    stuck = a_reader(Feed(), "stuck")

    def make(options: Mapping[str, object]) -> Driver:
        return wedged if options == stuck["options"] else DRIVERS["simulated"](options)

    settings = a_config(tmp_path, a_reader(feed), stuck)
    agent = Agent(settings, a_link(), drivers={"simulated": make})
    began = time.monotonic()
    agent.start()
    assert time.monotonic() - began < 2
    assert wedged.wedged.wait(10)
    feed.show_code("sb:m:ANNA-1")
    eventually(lambda: visits.current(agent.database.reader(), "kiosk-1"))
    agent.devices["stuck"].watch(time.monotonic() + 60)
    reasons = agent.health().reasons
    assert any("stuck is failed: stalled" in reason for reason in reasons)
    began = time.monotonic()
    agent.close()
    assert time.monotonic() - began < CLOSE_S_MAX
    wedged.freed.set()


def test_a_device_that_is_lost_comes_back_alone(tmp_path: Path):
    feed, other = Feed(), Feed()
    losing = a_reader(feed, "flaky")
    losing["options"] = {"feed": feed, "script": [{"after_ms": 1, "lose": "unplugged"}]}
    agent = Agent(a_config(tmp_path, losing, a_reader(other)), a_link())
    agent.start()
    try:
        feed.show_code("sb:m:ANNA-1")
        eventually(lambda: states_of(agent, "flaky") == ["ok", "failed", "ok"])
        eventually(lambda: count(agent, "scan") == 1)
        assert states_of(agent, "reader-1") == ["ok"]
    finally:
        agent.close()


def states_of(agent: Agent, device: str) -> list[str]:
    rows = agent.database.reader().execute("SELECT row FROM outbox ORDER BY id").fetchall()
    found = [decode_event(row) for (row,) in rows]
    return [
        event.body.state  # type: ignore[union-attr]
        for event in found
        if event.kind == "device_health" and event.device == device
    ]


def count(agent: Agent, kind: str) -> int:
    rows = agent.database.reader().execute("SELECT row FROM outbox").fetchall()
    return sum(decode_event(row).kind == kind for (row,) in rows)


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer at once, or for ever, as a page's push does."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] != "/push":
        return [b"hello"]

    def push() -> Iterable[bytes]:
        while True:
            yield b":\n\n"
            time.sleep(0.2)

    return push()


def test_screens_are_served_and_hung_up_in_time(tmp_path: Path):
    agent = Agent(a_config(tmp_path), a_link(), screens=lambda _: Site(hello))
    agent.start()
    assert agent.web is not None
    address = f"http://127.0.0.1:{agent.web.port}"
    assert requests.get(address, timeout=10).text == "hello"
    pushes = [requests.get(f"{address}/push", stream=True, timeout=10) for _ in range(5)]
    assert all(next(push.iter_content(3)) == b":\n\n" for push in pushes)
    began = time.monotonic()
    agent.close()
    assert time.monotonic() - began < CLOSE_S_MAX
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=10)


def test_an_address_in_use_stops_the_start_and_leaves_the_store_free(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(WebError, match=r"web\.port"):
            Agent(a_config(tmp_path, port=port), a_link(), screens=lambda _: Site(hello))
    Agent(a_config(tmp_path), a_link()).close()


def test_each_start_is_a_boot_of_its_own(tmp_path: Path):
    boots = []
    for _ in range(2):
        agent = Agent(a_config(tmp_path), a_link())
        boots.append(agent.clock.now().boot)
        agent.close()
        agent.close()
    assert boots == [1, 2]


def test_a_visit_survives_a_restart_of_the_agent(tmp_path: Path):
    feed = Feed()
    first = Agent(a_config(tmp_path, a_reader(feed)), a_link())
    first.start()
    feed.show_code("sb:m:ANNA-1")
    eventually(lambda: visits.current(first.database.reader(), "kiosk-1"))
    first.close()
    again = Agent(a_config(tmp_path, a_reader(Feed())), a_link())
    try:
        assert visits.current(again.database.reader(), "kiosk-1") is not None
    finally:
        again.close()


def test_without_a_broker_everything_in_the_store_works(tmp_path: Path):
    feed = Feed()
    agent = Agent(a_config(tmp_path, a_reader(feed)), MqttLink("127.0.0.1", 1, "acme-store-1"))
    agent.start()
    feed.show_code("sb:m:ANNA-1")
    eventually(lambda: visits.current(agent.database.reader(), "kiosk-1"))
    state = agent.health()
    assert not state.link_up
    assert state.state != "failed"
    assert state.queue_rows >= 3
    began = time.monotonic()
    agent.close()
    assert time.monotonic() - began < CLOSE_S_MAX


def test_what_the_cloud_sends_reaches_the_visit_at_the_kiosk(tmp_path: Path):
    feed, broker = Feed(), LoopbackBroker()
    agent = Agent(a_config(tmp_path, a_reader(feed)), LoopbackLink(broker, "acme-store-1"))
    cloud = LoopbackLink(broker, "cloud")
    heard: list[Message] = []
    cloud.open(
        subscriptions=(state_topic("acme", "store-1"),),
        on_message=lambda _, payload: heard.append(decode(payload)),
        on_up=lambda: None,
        on_down=lambda _: None,
        will=lambda: None,
    )
    agent.start()
    try:
        feed.show_code("sb:m:ANNA-1")
        eventually(lambda: heard and isinstance(heard[0], Birth))
        birth = heard[0]
        assert isinstance(birth, Birth)
        down = down_topic("acme", "store-1")
        receipt = Receipt(owner=b"o" * 8, stream=birth.stream, watermark=0, nonce=birth.nonce)
        # One that was decided long ago is forgotten by the next chore.
        view = a_shopper("shopper-7", consented=True, decided_at=time.time_ns() // 1000)
        change = Change(table="shopper", key=ANNA.key, value=encode_view(view))
        update = Update(owner=b"o" * 8, start=0, end=1, changes=(change,), snapshot=True)
        cloud.publish(down, encode(receipt))
        cloud.publish(down, encode(update))
        reader = agent.database.reader()

        def known() -> bool:
            visit = visits.current(reader, "kiosk-1")
            return visit is not None and visit.shopper == "shopper-7"

        eventually(known)
    finally:
        agent.close()
        cloud.close()
    assert isinstance(heard[-1], Death)
    assert heard[-1].clean


def test_a_thread_that_fails_or_is_gone_is_told_by_the_health(tmp_path: Path):
    link = Mistaken(LoopbackBroker(), "acme-store-1")
    agent = Agent(a_config(tmp_path), link)
    assert any("thread uplink does not run" in each for each in agent.health().reasons)
    agent.start()
    try:
        eventually(lambda: any("ValueError" in each for each in agent.health().reasons))
        state = agent.health()
        assert (state.state, state.link_up) == ("degraded", False)
        link.mistaken = False
        eventually(lambda: agent.health().link_up)
    finally:
        agent.close()
    assert any("thread chores does not run" in each for each in agent.health().reasons)


class Mistaken(LoopbackLink):
    """A link whose publishing has a mistake in it."""

    mistaken = True

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> bool:
        if self.mistaken:
            raise ValueError("a mistake in the program")
        return super().publish(topic, payload, qos=qos, retain=retain)


def test_every_event_names_the_operator_of_its_zone_else_of_the_store(tmp_path: Path):
    readers = (a_reader(Feed()), {**a_reader(Feed(), "reader-2"), "zone": "cafe"})
    agent = Agent(a_config(tmp_path, *readers, operators={"cafe": "bean-co"}), a_link())
    agent.start()
    try:
        eventually(lambda: count(agent, "device_health") == 2)
    finally:
        agent.close()
    connection = sqlite3.connect(tmp_path / "store.sqlite3")
    events = [decode_event(row) for (row,) in connection.execute("SELECT row FROM outbox")]
    connection.close()
    assert {event.zone: event.operator for event in events} == {"shoes": "east", "cafe": "bean-co"}


def a_lamp(name: str, path: Path) -> dict[str, object]:
    options = {"path": str(path), "commands": {"light": "L {value};"}}
    return {
        "name": name,
        "driver": "actuator",
        "zone": "shoes",
        "kiosk": "kiosk-1",
        "options": options,
    }


def test_a_scan_lights_the_lamp_and_a_broken_one_beside_it_delays_nothing(tmp_path: Path):
    feed, line = Feed(), tmp_path / "line"
    line.touch()
    lamps = a_lamp("lamp-1", line), a_lamp("lamp-2", tmp_path / "unplugged")
    agent = Agent(a_config(tmp_path / "store", a_reader(feed), *lamps), a_link())
    agent.start()
    try:
        eventually(lambda: states_of(agent, "lamp-1") == ["ok"])
        eventually(lambda: states_of(agent, "lamp-2") == ["failed"])
        feed.show_code("sb:m:ANNA-1")
        eventually(lambda: count(agent, "acted") == 2)
        rows = agent.database.reader().execute("SELECT row FROM outbox").fetchall()
        events = [decode_event(row) for (row,) in rows]
        acted = {event.device: event.body for event in events if event.kind == "acted"}
        assert acted == {
            "lamp-1": Acted("light", succeeded=True),
            "lamp-2": Acted("light", succeeded=False, reason="the device is not open"),
        }
        assert line.read_text() == "L green;"
    finally:
        agent.close()
