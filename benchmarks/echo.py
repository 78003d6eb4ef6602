"""The bare client library: a ping at QoS 1 through the broker to an echo in another process.

`python -m benchmarks.echo HOST PORT PASSWORD STORE` is the echo, as the cloud.
"""

import socket
import sys
import threading
import time

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.town import TENANT
from wire.topics import down_topic, up_topic

TIMEOUT_S = 30.0


def connected(host: str, port: int, user: str, password: str, topic: str) -> paho.Client:
    """Return a client that is connected, whose network thread runs, subscribed to a topic."""
    ready = threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"bare-{user}")
    client.username_pw_set(user, password)
    client.on_socket_open = _without_delay
    client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
    client.on_subscribe = lambda *_: ready.set()
    client.connect(host, port)
    client.loop_start()
    if not ready.wait(TIMEOUT_S):
        raise TimeoutError(f"the broker does not answer within {TIMEOUT_S:g} s")
    return client


class Pinging:
    """Sends a payload and waits for its echo."""

    def __init__(self, host: str, port: int, password: str, store: str) -> None:
        self._topic = up_topic(TENANT, store, "live")
        self._came = threading.Semaphore(0)
        down = down_topic(TENANT, store)
        self._client = connected(host, port, f"{TENANT}-{store}", password, down)
        self._client.on_message = lambda *_: self._came.release()

    def ping_s(self, payload: bytes) -> float:
        """Return how long a payload takes there and back."""
        began_s = time.perf_counter()
        self._client.publish(self._topic, payload, qos=1)
        if not self._came.acquire(timeout=TIMEOUT_S):
            raise TimeoutError(f"no echo came within {TIMEOUT_S:g} s")
        return time.perf_counter() - began_s

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


def _without_delay(_client: object, _userdata: object, opened: object) -> None:
    if isinstance(opened, socket.socket):
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def main() -> None:
    """Send back what comes, until our standard input ends."""
    host, port, password, store = sys.argv[1:]
    topic, back = up_topic(TENANT, store, "live"), down_topic(TENANT, store)
    client = connected(host, int(port), "cloud", password, topic)

    def send_back(client: paho.Client, _userdata: object, came: paho.MQTTMessage) -> None:
        client.publish(back, came.payload, qos=1)

    client.on_message = send_back
    print("ready", flush=True)
    sys.stdin.read()
    client.disconnect()


if __name__ == "__main__":
    main()
