"""The link over MQTT 3.1.1: connects, comes back by itself with a jittered delay, keeps nothing.

Each connection has a paho client of its own, so that paho's queues, which live in memory, end with
it: what was not acknowledged is the outbox's to send again. Two threads serve a link: one moves
bytes, the other calls the handlers, so that a handler may block without the broker missing its
pings.
"""

import contextlib
import logging
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from wire.inbox import Came, Inbox, Up
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
        thread = threading.Thread(
            target=self._run,
            args=(on_message, on_up, on_down, will),
            name=f"link {self.client_id}",
            daemon=True,
        )
        thread.start()
        self._thread = thread

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> bool:
        """Send now; False when the link is down or its window is full."""
        connection = self._connection
        return connection is not None and connection.publish(topic, payload, qos, retain)

    def subscribe(self, subscriptions: tuple[str, ...]) -> None:
        """Replace the subscriptions, now and after every later connection."""
        with self._lock:
            self._subscriptions = subscriptions
            if self._connection is not None:
                self._connection.resubscribe(subscriptions)

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
                if self._serve(connection, on_message, on_up):
                    reported = ""
                    if not self._closing.is_set():
                        on_down(connection.reason)
                if time.monotonic() - began >= STABLE_AFTER_S:
                    attempt = 0
            if connection.reason != reported and not self._closing.is_set():
                logger.warning("no link to %s:%d: %s", self.host, self.port, connection.reason)
                reported = connection.reason
            chance = self._random.random()
            self._closing.wait(
                reconnect_delay_s(attempt, delay_s_max=self._reconnect_delay_s_max, chance=chance)
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
        if self._closing.is_set():
            connection.close()
        try:
            while True:
                match connection.inbox.take():
                    case Up():
                        connected = True
                        logger.info("link to %s:%d stands", self.host, self.port)
                        on_up()
                    case Came() as came:
                        if not self._closing.is_set():
                            on_message(came.topic, came.payload)
                            connection.acknowledge(came)
                    case None:
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
        self.inbox = Inbox(INBOX_MESSAGES_MAX)
        self.up = threading.Event()
        self.reason = "the broker closed the connection"
        self._wanted = subscriptions
        self._asked: tuple[str, ...] | None = None  # before the broker accepted the login
        self._socket: socket.socket | None = None
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
        thread = threading.Thread(target=self._move_bytes, name="mqtt", daemon=True)
        thread.start()
        self._thread = thread  # only now, since `close` in another thread joins what it sees
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

    def acknowledge(self, came: Came) -> None:
        """Tell the broker that a message was handled."""
        if came.qos:
            self._client.ack(came.mid, came.qos)

    def resubscribe(self, wanted: tuple[str, ...]) -> None:
        """Change the subscriptions of a connection that stands, or of one that is being made."""
        with self._lock:
            asked, self._wanted = self._asked, wanted
            if asked is None:
                return
            self._asked = wanted
        gone = [topic_filter for topic_filter in asked if topic_filter not in wanted]
        new = [topic_filter for topic_filter in wanted if topic_filter not in asked]
        if gone:
            self._client.unsubscribe(gone)
        if new:
            self._ask_for(new)

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
        self.inbox.end()
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it was closed already
                self._socket.shutdown(socket.SHUT_RDWR)
        if self._thread is not None:
            self._thread.join()

    def _move_bytes(self) -> None:
        try:
            while self._client.loop(timeout=1.0) == MQTTErrorCode.MQTT_ERR_SUCCESS:
                continue
        finally:
            self.up.clear()
            self.inbox.end()

    def _ended_one(self) -> None:
        with self._lock:
            self._under_way -= 1

    def _ask_for(self, topic_filters: Sequence[str]) -> None:
        self._client.subscribe([(wanted, subscription_qos(wanted)) for wanted in topic_filters])

    def _stand(self) -> None:
        self.up.set()
        self.inbox.put(Up())

    # What paho calls, in the network thread.

    def _on_socket_open(self, _client: object, _userdata: object, opened: object) -> None:
        if isinstance(opened, socket.socket):
            self._socket = opened
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _on_connect(
        self, _client: object, _userdata: object, _flags: object, code: ReasonCode, _more: object
    ) -> None:
        if code.is_failure:
            self.reason = f"the broker refused the login: {code}"
            return
        with self._lock:
            wanted = self._asked = self._wanted
        if wanted:
            self._ask_for(wanted)
        else:
            self._stand()

    def _on_subscribe(
        self,
        client: paho.Client,
        _userdata: object,
        _mid: int,
        codes: Sequence[ReasonCode],
        _more: object,
    ) -> None:
        if any(code.is_failure for code in codes):
            self.reason = "the broker refused a subscription: check the rights of this login"
            client.disconnect()
        elif not self.up.is_set():
            self._stand()

    def _on_message(self, _client: object, _userdata: object, came: paho.MQTTMessage) -> None:
        self.inbox.put(Came(came.topic, bytes(came.payload), came.mid, came.qos))

    def _on_publish(
        self, _client: object, _userdata: object, _mid: int, _code: object, _more: object
    ) -> None:
        self._ended_one()

    def _on_disconnect(
        self, _client: object, _userdata: object, _flags: object, code: ReasonCode, _more: object
    ) -> None:
        if self.up.is_set():
            self.reason = f"the connection was lost: {code}"
