import threading
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from storebridge.broker import BrokerError, EmbeddedBroker
from tests.conftest import BrokerForTests
from wire.topics import down_topic, up_topic


class Client:
    """A bare MQTT client that collects what it hears."""

    def __init__(self, broker: BrokerForTests, name: str, *topics: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.changed = threading.Condition()
        self.granted: list[bool] = []
        self._topics = topics
        self.paho = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"test-{name}")
        self.paho.username_pw_set(name, broker.PASSWORD)
        self.paho.on_connect = lambda client, *_: [client.subscribe(t, 1) for t in topics]
        self.paho.on_subscribe = self._on_subscribe
        self.paho.on_message = self._on_message
        self.paho.connect(broker.host, broker.port)
        self.paho.loop_start()
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.granted) == len(topics), 10)

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()

    def _on_subscribe(self, client, userdata, mid, codes, properties) -> None:
        with self.changed:
            self.granted.append(not codes[0].is_failure)
            self.changed.notify_all()

    def _on_message(self, client, userdata, message) -> None:
        with self.changed:
            self.heard.append((message.topic, message.payload))
            self.changed.notify_all()


@pytest.fixture
def clients() -> Iterator[list[Client]]:
    started: list[Client] = []
    yield started
    for client in started:
        client.close()


def test_a_store_is_heard_on_its_own_topic_and_on_no_other(broker, clients):
    cloud = Client(broker, "cloud", "sb/+/up/+/+/+")
    honest, liar = Client(broker, "acme-s0001"), Client(broker, "acme-s0002")
    clients += [cloud, honest, liar]
    topic = up_topic("acme", "s0001", "live")
    liar.paho.publish(topic, b"forged", qos=1).wait_for_publish(10)
    honest.paho.publish(topic, b"true", qos=1).wait_for_publish(10)
    with cloud.changed:
        assert cloud.changed.wait_for(lambda: (topic, b"true") in cloud.heard, 10)
    assert cloud.heard == [(topic, b"true")]


def test_a_store_cannot_listen_to_what_is_meant_for_another(broker, clients):
    spy = Client(broker, "acme-s0002", down_topic("acme", "s0001"), down_topic("acme", "s0002"))
    clients.append(spy)
    assert sorted(spy.granted) == [False, True]


def test_a_server_left_behind_by_a_killed_parent_is_ended_before_the_next_start(tmp_path: Path):
    first = BrokerForTests(tmp_path)
    first.start()
    second = BrokerForTests(tmp_path)
    second.port = first.port
    second.start()
    try:
        assert first.pid is None
        assert second.pid is not None
    finally:
        second.stop()


def test_a_broker_that_cannot_start_says_why(tmp_path: Path):
    taken = BrokerForTests(tmp_path / "a")
    taken.start()
    late = EmbeddedBroker(tmp_path / "b", taken.users, host="192.0.2.1", port=1883)
    try:
        with pytest.raises(BrokerError, match=r"192\.0\.2\.1:1883"):
            late.start()
    finally:
        taken.stop()
