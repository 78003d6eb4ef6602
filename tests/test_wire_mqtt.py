"""What only the MQTT link can break: acknowledgements, windows, refusals, brokers that hang."""

import datetime
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import BrokerForTests
from tests.test_wire_link import DOWN, UP, WAIT_S, Listener, Mosquitto
from wire.link import LinkError, Will
from wire.mqtt import (
    GOODBYE_TIMEOUT_S,
    RECONNECT_DELAY_S_MIN,
    WINDOW_MESSAGES_MAX,
    MqttLink,
    reconnect_delay_s,
)

LinkTo = Callable[[int], MqttLink]

CONNACK, SUBACK_QOS_1, SUBACK_REFUSED = b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01", b"\x80"
CONNECT, PUBLISH, PUBACK, SUBSCRIBE, DISCONNECT = 0x10, 0x30, 0x40, 0x80, 0xE0


class ScriptedBroker:
    """A broker of one connection at a time that says what the test tells it to, and no more."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(WAIT_S)
        self.port = self.listener.getsockname()[1]
        self.line: socket.socket | None = None

    def accept(self) -> None:
        self.line, _ = self.listener.accept()
        self.line.settimeout(WAIT_S)

    def packet(self) -> tuple[int, bytes]:
        """Read one packet: its type (high bits) and its bytes after the length."""
        kind = self.exactly(1)[0] & 0xF0
        length = shift = 0
        while True:
            byte = self.exactly(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return kind, self.exactly(length)

    def until(self, kind: int) -> bytes:
        while True:
            came, rest = self.packet()
            if came == kind:
                return rest

    def exactly(self, size: int) -> bytes:
        assert self.line is not None
        read = b""
        while len(read) < size:
            piece = self.line.recv(size - len(read))
            assert piece, "the link hung up"
            read += piece
        return read

    def say(self, packet: bytes) -> None:
        assert self.line is not None
        self.line.sendall(packet)

    def welcome(self, *, subscribed: bool = True) -> None:
        self.accept()
        self.until(CONNECT)
        self.say(CONNACK)
        if subscribed:
            self.until(SUBSCRIBE)
            self.say(SUBACK_QOS_1)

    def close(self) -> None:
        self.listener.close()
        if self.line is not None:
            self.line.close()


def publish_packet(topic: str, payload: bytes, mid: int) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic.encode() + mid.to_bytes(2, "big") + payload
    return bytes((0x32, len(body))) + body


@pytest.fixture
def scripted() -> Iterator[ScriptedBroker]:
    broker = ScriptedBroker()
    yield broker
    broker.close()


@pytest.fixture
def link_to() -> Iterator[LinkTo]:
    """Makes links to a port of this machine and closes them in the end."""
    links = []

    def make(port: int) -> MqttLink:
        links.append(MqttLink("127.0.0.1", port, "acme-s0001", reconnect_delay_s_max=0.1))
        return links[-1]

    yield make
    for link in links:
        link.close()


def test_only_the_return_of_the_handler_acknowledges(scripted: ScriptedBroker, link_to: LinkTo):
    release = threading.Event()
    listener = Listener(link_to(scripted.port), (UP,))

    def slow(topic: str, payload: bytes) -> None:
        listener.came(topic, payload)
        assert release.wait(WAIT_S)

    listener.open(slow)
    scripted.welcome()
    scripted.say(publish_packet(UP, b"batch", 7))
    listener.until(lambda: bool(listener.messages))
    # The link still writes while its handler blocks; whatever it wrote first was no PUBACK.
    assert listener.link.publish(DOWN, b"beside")
    assert scripted.packet()[0] == PUBLISH
    release.set()
    assert scripted.packet() == (PUBACK, b"\x00\x07")


def test_the_session_is_clean_and_nagle_is_off(scripted: ScriptedBroker, link_to: LinkTo):
    link = link_to(scripted.port)
    Listener(link, (UP,)).open()
    scripted.accept()
    connect = scripted.until(CONNECT)
    assert connect[:7] == b"\x00\x04MQTT\x04", "MQTT 3.1.1"
    assert connect[7] & 0x02, "clean session"
    assert link._connection is not None
    assert link._connection._socket is not None
    assert link._connection._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_the_window_is_bounded(scripted: ScriptedBroker, link_to: LinkTo):
    listener = Listener(link_to(scripted.port), (UP,)).open()
    scripted.welcome()
    listener.until_up()
    taken = [listener.link.publish(UP, b"x", qos=1) for _ in range(WINDOW_MESSAGES_MAX + 1)]
    assert taken == [True] * WINDOW_MESSAGES_MAX + [False]
    mid = scripted.until(PUBLISH)[2 + len(UP) : 4 + len(UP)]
    scripted.say(b"\x40\x02" + mid)
    deadline = time.monotonic() + WAIT_S
    while not listener.link.publish(UP, b"x", qos=1):
        assert time.monotonic() < deadline, "an acknowledgement must make room"
        time.sleep(0.01)


def test_a_refused_subscription_is_no_link(scripted: ScriptedBroker, link_to: LinkTo, caplog):
    listener = Listener(link_to(scripted.port), (UP,)).open()
    with caplog.at_level(logging.WARNING, "wire.mqtt"):
        for _ in range(2):
            scripted.welcome(subscribed=False)
            mid = scripted.until(SUBSCRIBE)[:2]
            scripted.say(b"\x90\x03" + mid + SUBACK_REFUSED)
            scripted.until(DISCONNECT)
        scripted.accept()  # it tries again, so it has told about the first two
        listener.link.close()
    assert ("up",) not in listener.calls
    told = [record for record in caplog.records if "refused a subscription" in record.message]
    assert len(told) == 1, "a lasting fault is logged once"


def test_a_broker_that_hangs_does_not_hold_up_the_goodbye(
    scripted: ScriptedBroker, link_to: LinkTo
):
    link = link_to(scripted.port)
    Listener(link, (UP,)).open()
    scripted.accept()
    scripted.until(CONNECT)
    began = time.monotonic()
    link.close()
    assert time.monotonic() - began < GOODBYE_TIMEOUT_S + 3


def test_a_wrong_password_is_told_and_tried_again(broker: BrokerForTests, caplog):
    link = MqttLink(
        broker.host, broker.port, "acme-s0001", "acme-s0001", "wrong", reconnect_delay_s_max=0.05
    )
    with caplog.at_level(logging.WARNING, "wire.mqtt"):
        listener = Listener(link, (DOWN,)).open()
        deadline = time.monotonic() + WAIT_S
        while "refused the login" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.02)
        link.close()
    assert "refused the login" in caplog.text
    assert "wrong" not in caplog.text
    assert not link.up
    assert not listener.calls


def test_a_link_opened_before_its_broker_finds_it(broker: BrokerForTests):
    broker.kill()
    link = MqttLink(
        broker.host,
        broker.port,
        "acme-s0001",
        "acme-s0001",
        broker.PASSWORD,
        reconnect_delay_s_max=0.2,
    )
    listener = Listener(link, (DOWN,), [Will(topic=UP, payload=b"")]).open()
    assert not link.publish(UP, b"early", qos=1)
    broker.start()
    listener.until_up()
    link.close()


def test_an_unusable_certificate_is_told_at_once(tmp_path: Path):
    absent = MqttLink("127.0.0.1", 1, "x", tls_ca=tmp_path / "absent.pem")
    garbled = tmp_path / "garbled.pem"
    garbled.write_text("no certificate")
    for link in (absent, MqttLink("127.0.0.1", 1, "x", tls_ca=garbled)):
        with pytest.raises(LinkError, match="not usable"):
            Listener(link).open()
        link.close()


def certificate_for(host: str, folder: Path) -> tuple[Path, Path]:
    """Write a certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def test_a_link_speaks_tls_with_the_broker_it_trusts_and_no_other(tmp_path: Path, caplog):
    (tmp_path / "other").mkdir()
    other, _ = certificate_for("127.0.0.1", tmp_path / "other")
    mine = certificate_for("127.0.0.1", tmp_path)
    broker = Mosquitto(tmp_path, tls=mine)
    trusting = MqttLink(broker.host, broker.port, "one", tls_ca=mine[0], reconnect_delay_s_max=0.1)
    wary = MqttLink(broker.host, broker.port, "two", tls_ca=other, reconnect_delay_s_max=0.1)
    try:
        broker.start()
        listener = Listener(trusting, (UP,)).open().until_up()
        assert trusting.publish(UP, b"x" * 100_000, qos=1)
        listener.until(lambda: listener.messages == [(UP, b"x" * 100_000)])
        stranger = Listener(wary, (UP,)).open()
        deadline = time.monotonic() + WAIT_S
        while "certificate" not in caplog.text.lower() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert "certificate verify failed" in caplog.text
        assert not stranger.calls
    finally:
        trusting.close()
        wary.close()
        broker.kill()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_link_whose_handler_failed_does_not_look_alive(scripted: ScriptedBroker, link_to: LinkTo):
    listener = Listener(link_to(scripted.port), (UP,))

    def fail(topic: str, payload: bytes) -> None:
        raise RuntimeError("our mistake")

    listener.open(fail)
    scripted.welcome()
    listener.until_up()
    scripted.say(publish_packet(UP, b"batch", 7))
    assert scripted.line is not None
    assert scripted.line.recv(10) == b"", "it hangs up without acknowledging"
    assert not listener.link.up


@given(attempt=st.integers(0, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_delays_are_jittered_fully_double_and_are_capped(attempt: int, chance: float):
    delay = reconnect_delay_s(attempt, delay_s_max=30.0, chance=chance)
    assert 0 <= delay <= min(30.0, RECONNECT_DELAY_S_MIN * 2 ** min(attempt, 100))
    assert reconnect_delay_s(attempt, delay_s_max=30.0, chance=0.0) == 0
