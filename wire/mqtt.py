"""The link over MQTT 3.1.1: connects, comes back by itself with a jittered delay, keeps nothing.

Each connection has a paho client of its own, so that paho's queues, which live in memory, end with
it: what was not acknowledged is the outbox's to send again. Two threads serve a link: one moves
bytes, the other calls the handlers, so that a handler may block without the broker missing its
pings.
"""

import logging
import queue
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from wire.link import LinkError, OnDown, OnMessage, OnUp, Will
from wire.topics import subscription_qos

# Messages that wait for the handler; then the socket is no longer read, and the broker holds back.
INBOX_MESSAGES_MAX = 1000
# Messages handed to the socket and not acknowledged (QoS 1) or written (QoS 0); then publish
# returns False.
WINDOW_MESSAGES_MAX = 500
CONNECT_TIMEOUT_S = 5.0
GOODBYE_TIMEOUT_S = 2.0
RECONNECT_DELAY_S_MIN = 0.5
RECONNECT_DELAY_S_MAX = 30.0
# A connection that held this long was a good one: the next delay begins small again.
STABLE_AFTER_S = 10.0

logger = logging.getLogger(__name__)


def reconnect_delay_s(attempt: int, *, delay_s_max: float, chance: float) -> float:
    """Return how long to wait before an attempt (0 the first): full jitter, doubling, capped.

    `chance` is uniform in [0, 1). The ceiling doubles with each attempt, and the delay is anywhere
    below it, so that many stores do not come back in the same second.
    """
    ceiling = RECONNECT_DELAY_S_MIN * 2.0 ** min(attempt, 30)
    return chance * min(delay_s_max, ceiling)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Came:
    topic: str
    payload: bytes
    mid: int
    qos: int


@dataclass(frozen=True, slots=True)
class _Up:
    pass


@dataclass(frozen=True, slots=True)
class _Down:
    reason: str


class MqttLink:
    """A Link to an MQTT broker, with the guarantees of `wire.link.Link`.

    A QoS 1 message is acknowledged after its handler returned; one that was not comes again only
    if the broker still has it, since sessions are clean. The server's certificate is checked
    against `tls_ca` (a PEM file); without it the connection is not encrypted.
    """

    def __init__(
        self,
        host: str,
        port: int,
        client_id: str,
        username: str = "",
        password: str = "",
        tls_ca: str | Path | None = None,
        keepalive_s: int = 15,
        *,
        reconnect_delay_s_max: float = RECONNECT_DELAY_S_MAX,
    ) -> None:
        self.host = host
        self.port = port
        self.client_id = client_id
        self._username = username
        self._password = password
        self._tls_ca = tls_ca
        self._keepalive_s = keepalive_s
        self._reconnect_delay_s_max = reconnect_delay_s_max
        self._subscriptions: tuple[str, ...] = ()
        self._tls: ssl.SSLContext | None = None
        self._connection: _Connection | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._random = random.SystemRandom()

    @property
    def up(self) -> bool:
        """Tell whether the link is connected and subscribed."""
        connection = self._connection
        return connection is not None and connection.up.is_set()

    def open(
        self,
        *,
        subscriptions: tuple[str, ...],
        on_message: OnMessage,
        on_up: OnUp,
        on_down: OnDown,
        will: Callable[[], Will | None],
    ) -> None:
        """Begin to connect, and return at once; `will` is asked anew before each connection.

        Raises LinkError when the certificate file cannot be read.
        """
        if self._tls_ca is not None:
            try:
                self._tls = ssl.create_default_context(cafile=str(self._tls_ca))
            except OSError as error:
                raise LinkError(f"the certificate {self._tls_ca} is not usable: {error}") from error
        self._subscriptions = subscriptions
        self._thread = threading.Thread(
            target=self._run,
            args=(on_message, on_up, on_down, will),
            name=f"link {self.client_id}",
            daemon=True,
        )
        self._thread.start()

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> bool:
        """Send now; False when the link is down or its window is full."""
        connection = self._connection
        return connection is not None and connection.publish(topic, payload, qos, retain)

    def subscribe(self, subscriptions: tuple[str, ...]) -> None:
        """Replace the subscriptions, now and after every later connection."""
        with self._lock:
            before, self._subscriptions = self._subscriptions, subscriptions
            if self._connection is not None:
                self._connection.resubscribe(before, subscriptions)

    def close(self) -> None:
        """Say goodbye cleanly (no will) and stop; safe to call twice."""
        self._closing.set()
        connection = self._connection
        if connection is not None:
            connection.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(
        self,
        on_message: OnMessage,
        on_up: OnUp,
        on_down: OnDown,
        will: Callable[[], Will | None],
    ) -> None:
        attempt = 0
        reported = ""
        while not self._closing.is_set():
            connection = self._connect(will())
            if connection.open(self.host, self.port, self._keepalive_s):
                began = time.monotonic()
                connected = self._serve(connection, on_message, on_up)
                if time.monotonic() - began >= STABLE_AFTER_S:
                    attempt = 0
                if connected:
                    reported = ""
                    if not self._closing.is_set():
                        on_down(connection.reason)
            connection.close()
            if not self._closing.is_set():
                if connection.reason != reported:
                    logger.warning("no link to %s:%d: %s", self.host, self.port, connection.reason)
                reported = connection.reason
                self._closing.wait(
                    reconnect_delay_s(
                        attempt,
                        delay_s_max=self._reconnect_delay_s_max,
                        chance=self._random.random(),
                    )
                )
                attempt += 1

    def _connect(self, will: Will | None) -> "_Connection":
        with self._lock:
            connection = _Connection(
                client_id=self.client_id,
                username=self._username,
                password=self._password,
                tls=self._tls,
                will=will,
                subscriptions=self._subscriptions,
            )
            self._connection = connection
        return connection

    def _serve(self, connection: "_Connection", on_message: OnMessage, on_up: OnUp) -> bool:
        """Call the handlers until the connection ends; tell whether it ever stood."""
        connected = False
        try:
            while True:
                match connection.inbox.get():
                    case _Up():
                        connected = True
                        logger.info("link to %s:%d stands", self.host, self.port)
                        on_up()
                    case _Came() as came:
                        if not self._closing.is_set():
                            on_message(came.topic, came.payload)
                            connection.acknowledge(came)
                    case _Down():
                        return connected
        finally:
            # Also when a handler raised: a link without its handlers must not look alive.
            connection.abandon()


class _Connection:
    """One connection to the broker, from CONNECT to its end; then it is thrown away."""

    def __init__(
        self,
        *,
        client_id: str,
        username: str,
        password: str,
        tls: ssl.SSLContext | None,
        will: Will | None,
        subscriptions: tuple[str, ...],
    ) -> None:
        self.inbox: queue.Queue[_Up | _Came | _Down] = queue.Queue(INBOX_MESSAGES_MAX)
        self.up = threading.Event()
        self.reason = "the broker closed the connection"
        self._subscriptions = subscriptions
        self._abandoned = threading.Event()
        self._under_way = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=True,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(WINDOW_MESSAGES_MAX)
        if username:
            client.username_pw_set(username, password)
        if tls is not None:
            client.tls_set_context(tls)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        client.on_socket_open = self._on_socket_open
        # With this set, other threads queue and wake the network thread instead of writing to the
        # socket beside it.
        client.on_socket_register_write = lambda *_: None
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        self._client = client

    def open(self, host: str, port: int, keepalive_s: int) -> bool:
        """Connect and start the network thread; False, with `reason` set, when nobody answers."""
        try:
            self._client.connect(host, port, keepalive_s)
        except (OSError, ValueError) as error:
            self.reason = f"cannot connect: {error}"
            return False
        self._thread = threading.Thread(target=self._move_bytes, name="mqtt", daemon=True)
        self._thread.start()
        return True

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> bool:
        """Hand a message to the socket, if the window has room."""
        with self._lock:
            if not self.up.is_set() or self._under_way >= WINDOW_MESSAGES_MAX:
                return False
            self._under_way += 1
        sent = (
            self._client.publish(topic, payload, qos, retain).rc == MQTTErrorCode.MQTT_ERR_SUCCESS
        )
        if not sent:
            self._ended_one()
        return sent

    def acknowledge(self, came: _Came) -> None:
        """Tell the broker that a message was handled."""
        if came.qos:
            self._client.ack(came.mid, came.qos)

    def resubscribe(self, before: tuple[str, ...], after: tuple[str, ...]) -> None:
        """Change the subscriptions of a connection that stands, or of one that is being made."""
        self._subscriptions = after
        if self.up.is_set():
            gone = [wanted for wanted in before if wanted not in after]
            new = [wanted for wanted in after if wanted not in before]
            if gone:
                self._client.unsubscribe(gone)
            if new:
                self._client.subscribe([(wanted, subscription_qos(wanted)) for wanted in new])

    def close(self) -> None:
        """Say goodbye; cut the connection if the broker does not answer in time."""
        if self._thread is None:
            return
        self._client.disconnect()
        self._thread.join(GOODBYE_TIMEOUT_S)
        self.abandon()

    def abandon(self) -> None:
        """Cut the connection without a goodbye and wait for the network thread."""
        self.up.clear()
        self._abandoned.set()
        connected = self._client.socket()
        if connected is not None:
            try:
                connected.shutdown(socket.SHUT_RDWR)
            except OSError:
                logger.debug("the socket was closed already")
        if self._thread is not None:
            self._thread.join()

    def _move_bytes(self) -> None:
        while self._client.loop(timeout=1.0) == MQTTErrorCode.MQTT_ERR_SUCCESS:
            continue
        self.up.clear()
        self._offer(_Down(self.reason))

    def _offer(self, item: "_Up | _Came | _Down") -> None:
        """Put an item before the handlers, waiting for room until nobody will take it any more."""
        while not self._abandoned.is_set():
            try:
                self.inbox.put(item, timeout=0.2)
            except queue.Full:
                continue
            return

    def _ended_one(self) -> None:
        with self._lock:
            self._under_way -= 1

    # What paho calls, in the network thread.

    def _on_socket_open(self, _client: paho.Client, _userdata: object, opened: Any) -> None:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _on_connect(
        self, client: paho.Client, _userdata: object, _flags: object, code: Any, _properties: object
    ) -> None:
        if code.is_failure:
            self.reason = f"the broker refused the login: {code}"
        elif self._subscriptions:
            client.subscribe([(wanted, subscription_qos(wanted)) for wanted in self._subscriptions])
        else:
            self._stand()

    def _on_subscribe(
        self, client: paho.Client, _userdata: object, _mid: int, codes: Any, _properties: object
    ) -> None:
        if any(code.is_failure for code in codes):
            self.reason = "the broker refused a subscription: check this login's rights"
            client.disconnect()
        elif not self.up.is_set():
            self._stand()

    def _on_message(self, _client: paho.Client, _userdata: object, came: paho.MQTTMessage) -> None:
        self._offer(_Came(topic=came.topic, payload=came.payload, mid=came.mid, qos=came.qos))

    def _on_publish(
        self, _client: paho.Client, _userdata: object, _mid: int, _code: object, _properties: object
    ) -> None:
        self._ended_one()

    def _on_disconnect(
        self,
        _client: paho.Client,
        _userdata: object,
        _flags: object,
        code: Any,
        _properties: object,
    ) -> None:
        if self.up.is_set():
            self.reason = f"the connection was lost: {code}"

    def _stand(self) -> None:
        self.up.set()
        self._offer(_Up())
