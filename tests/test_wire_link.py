"""The promises of a Link, held by both links: in process, and over MQTT to a real broker."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from storebridge.ports import free_port, wait_until_open
from tests.conftest import BrokerForTests
from wire.link import Link, Will
from wire.loopback import LoopbackBroker, LoopbackLink
from wire.mqtt import MqttLink
from wire.topics import beat_topic, down_topic, shard_filters, shard_of, state_topic, up_topic

WAIT_S = 20.0
STORE = "s0001"
UP = up_topic("acme", STORE, "live")
STATE = state_topic("acme", STORE)
DOWN = down_topic("acme", STORE)


@dataclass
class Listener:
    """Notes what a link calls, and on which threads."""

    link: Link
    subscriptions: tuple[str, ...] = ()
    wills: list[Will] = field(default_factory=list)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    messages: list[tuple[str, bytes]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def open(self, on_message: Callable[[str, bytes], None] | None = None) -> "Listener":
        self.link.open(
            subscriptions=self.subscriptions,
            on_message=on_message or self.came,
            on_up=lambda: self.note("up"),
            on_down=lambda reason: self.note("down", reason),
            will=self.next_will,
        )
        return self

    def next_will(self) -> Will | None:
        return self.wills.pop(0) if self.wills else None

    def came(self, topic: str, payload: bytes) -> None:
        with self.changed:
            self.messages.append((topic, payload))
            self.note("message")

    def note(self, *call: str) -> None:
        with self.changed:
            self.calls.append(call)
            self.threads.add(threading.get_ident())
            self.changed.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, WAIT_S), (self.calls, self.messages)

    def until_up(self, times: int = 1) -> "Listener":
        self.until(lambda: self.calls.count(("up",)) >= times)
        return self

    def until_down(self) -> None:
        self.until(lambda: any(call[0] == "down" for call in self.calls))


class Mosquitto:
    """A real mosquitto on a free port of this machine, with TLS where a certificate is given."""

    PASSWORD = "any"

    def __init__(self, folder: Path, *, tls: tuple[Path, Path] | None = None) -> None:
        self.host = "127.0.0.1"
        self.port = free_port(self.host)
        lines = [
            "allow_anonymous true",
            "set_tcp_nodelay true",
            f"listener {self.port} {self.host}",
        ]
        if tls:
            lines += [f"certfile {tls[0]}", f"keyfile {tls[1]}"]
        if os.getuid() == 0:
            lines.append("user root")
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            assert not os.environ.get("CI"), "mosquitto is not installed, and CI tests everything"
            pytest.skip("needs Debian's mosquitto")
        self._process = subprocess.Popen(
            [program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert wait_until_open(self.host, self.port, timeout_s=WAIT_S)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


class Ground:
    """A broker, links to it, and the two ways in which the line can fail."""

    def __init__(self, broker: LoopbackBroker | BrokerForTests | Mosquitto) -> None:
        self.broker = broker
        self.opened: list[Link] = []

    def link(self, client_id: str) -> Link:
        link: Link
        if isinstance(self.broker, LoopbackBroker):
            link = LoopbackLink(self.broker, client_id)
        else:
            link = MqttLink(
                self.broker.host,
                self.broker.port,
                client_id,
                username=client_id,
                password=self.broker.PASSWORD,
                reconnect_delay_s_max=0.2,
            )
        self.opened.append(link)
        return link

    def store(self, *, wills: list[Will] | None = None) -> Listener:
        return Listener(self.link(f"acme-{STORE}"), (DOWN,), wills or []).open().until_up()

    def cloud(self, subscriptions: tuple[str, ...] | None = None) -> Listener:
        wanted = shard_filters(shard_of("acme", STORE)) if subscriptions is None else subscriptions
        return Listener(self.link("cloud"), wanted).open().until_up()

    def cut(self, link: Link) -> None:
        if isinstance(link, MqttLink):
            assert link._connection is not None
            assert link._connection._socket is not None
            link._connection._socket.shutdown(2)
        else:
            assert isinstance(link, LoopbackLink)
            assert isinstance(self.broker, LoopbackBroker)
            self.broker.drop(link.client_id)

    def stop_broker(self) -> None:
        if isinstance(self.broker, LoopbackBroker):
            self.broker.stop()
        else:
            self.broker.kill()

    def start_broker(self) -> None:
        self.broker.start()


@pytest.fixture(params=["loopback", "broker", "mosquitto"])
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    broker: LoopbackBroker | BrokerForTests | Mosquitto
    broker = (
        LoopbackBroker() if request.param == "loopback" else request.getfixturevalue(request.param)
    )
    ground = Ground(broker)
    yield ground
    for link in ground.opened:
        link.close()


def test_messages_arrive_in_order_on_one_thread(ground: Ground):
    cloud, store = ground.cloud(), ground.store()
    for number in range(200):
        assert store.link.publish(UP, b"%d" % number, qos=1)
    cloud.until(lambda: len(cloud.messages) == 200)
    assert cloud.messages == [(UP, b"%d" % number) for number in range(200)]
    assert len(cloud.threads) == 1
    assert threading.get_ident() not in cloud.threads


def test_what_comes_down_reaches_its_store(ground: Ground):
    cloud, store = ground.cloud(), ground.store()
    assert cloud.link.publish(DOWN, b"receipt")
    store.until(lambda: store.messages == [(DOWN, b"receipt")])


def test_a_retained_message_meets_a_later_subscriber(ground: Ground):
    store = ground.store()
    probe = ground.cloud()
    assert store.link.publish(STATE, b"birth", qos=1, retain=True)
    probe.until(lambda: len(probe.messages) == 1)
    probe.link.close()
    later = ground.cloud()
    later.until(lambda: later.messages == [(STATE, b"birth")])


def test_the_will_is_published_when_the_line_is_cut_and_asked_for_anew(ground: Ground):
    cloud = ground.cloud()
    store = ground.store(wills=[Will(topic=STATE, payload=b"1"), Will(topic=STATE, payload=b"2")])
    ground.cut(store.link)
    cloud.until(lambda: cloud.messages == [(STATE, b"1")])
    store.until_up(times=2)
    ground.cut(store.link)
    cloud.until(lambda: cloud.messages == [(STATE, b"1"), (STATE, b"2")])


def test_a_goodbye_leaves_no_will(ground: Ground):
    cloud = ground.cloud()
    store = ground.store(wills=[Will(topic=STATE, payload=b"will")])
    assert store.link.publish(STATE, b"goodbye", qos=1, retain=True)
    cloud.until(lambda: len(cloud.messages) == 1)
    store.link.close()
    store.link.close()
    marker = ground.store()
    assert marker.link.publish(UP, b"later", qos=1)
    cloud.until(lambda: len(cloud.messages) == 2)
    assert cloud.messages == [(STATE, b"goodbye"), (UP, b"later")]
    assert ("down",) not in [call[:1] for call in store.calls]


def test_nothing_is_kept_for_later(ground: Ground):
    cloud, store = ground.cloud(), ground.store()
    ground.stop_broker()
    store.until_down()
    cloud.until_down()
    assert not store.link.up
    assert not store.link.publish(UP, b"while down", qos=1)
    ground.start_broker()
    store.until_up(times=2)
    cloud.until_up(times=2)
    assert store.link.up
    assert store.link.publish(UP, b"after", qos=1)
    cloud.until(lambda: bool(cloud.messages))
    assert cloud.messages == [(UP, b"after")]


def test_up_and_down_are_told_once_each(ground: Ground):
    store = ground.store()
    ground.stop_broker()
    store.until_down()
    time.sleep(0.3)  # gives it the time to tell twice, if it would
    ground.start_broker()
    store.until_up(times=2)
    assert [call[0] for call in store.calls] == ["up", "down", "up"]


def test_subscriptions_can_be_replaced_and_survive_a_new_connection(ground: Ground):
    cloud, store = ground.cloud((beat_topic("acme", STORE),)), ground.store()
    assert store.link.publish(UP, b"unheard", qos=1)
    assert store.link.publish(beat_topic("acme", STORE), b"after it")
    cloud.until(lambda: len(cloud.messages) == 1)
    assert cloud.messages[0][1] == b"after it"
    cloud.link.subscribe((UP,))
    deadline = time.monotonic() + WAIT_S
    # A busy broker may take in the first one only now, and is then right to deliver it.
    while all(payload != b"heard" for _, payload in cloud.messages):
        assert time.monotonic() < deadline
        store.link.publish(UP, b"heard", qos=1)
        time.sleep(0.02)
    ground.cut(cloud.link)
    cloud.until_up(times=2)
    cloud.messages.clear()
    assert store.link.publish(beat_topic("acme", STORE), b"beat")
    assert store.link.publish(UP, b"again", qos=1)
    cloud.until(lambda: (UP, b"again") in cloud.messages)
    assert b"beat" not in [payload for _, payload in cloud.messages]


def test_a_handler_may_block_and_publish(ground: Ground):
    release = threading.Event()
    answered = Listener(ground.link("cloud"), shard_filters(shard_of("acme", STORE)))

    def answer(topic: str, payload: bytes) -> None:
        assert release.wait(WAIT_S)
        answered.link.publish(DOWN, b"re " + payload)
        answered.came(topic, payload)

    answered.open(answer).until_up()
    store = ground.store()
    for number in range(3):
        assert store.link.publish(UP, b"%d" % number, qos=1)
    assert answered.link.up
    release.set()
    store.until(lambda: len(store.messages) == 3)
    assert store.messages == [(DOWN, b"re %d" % number) for number in range(3)]
