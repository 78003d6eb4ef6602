"""Publishing over MQTT 3.1.1 now and then, until the broker has acknowledged all of it."""

import ssl
import time
from collections.abc import Sequence
from pathlib import Path

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from wire.mqtt import CONNECT_TIMEOUT_S, WINDOW_MESSAGES_MAX

ACKNOWLEDGED_S_MAX = 30.0


class Publisher:
    """Publishes now and then, by a connection of its own each time, and knows what arrived.

    A link says only that a message was handed over; here a return means that the broker has all.
    """

    def __init__(
        self,
        host: str,
        port: int,
        username: str = "",
        password: str = "",
        tls_ca: str | Path | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._username = username
        self._password = password
        self._tls_ca = tls_ca

    def publish(self, topic: str, payloads: Sequence[bytes]) -> None:
        """Publish with QoS 1, and return when the broker has acknowledged each.

        Raises OSError, with the reason, where it has not within ACKNOWLEDGED_S_MAX.
        """
        client = paho.Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(WINDOW_MESSAGES_MAX)
        if self._username:
            client.username_pw_set(self._username, self._password)
        if self._tls_ca is not None:
            client.tls_set_context(ssl.create_default_context(cafile=str(self._tls_ca)))
        try:
            client.connect(self._host, self._port)
        except ValueError as error:
            raise OSError(str(error)) from error
        client.loop_start()
        try:
            until = time.monotonic() + ACKNOWLEDGED_S_MAX
            sent = [client.publish(topic, each, qos=1) for each in payloads]
            for each in sent:
                each.wait_for_publish(max(0.0, until - time.monotonic()))
                if not each.is_published():
                    raise OSError(f"the broker did not acknowledge within {ACKNOWLEDGED_S_MAX} s")
        except (RuntimeError, ValueError) as error:
            raise OSError(f"the broker does not take it: {error}") from error
        finally:
            client.disconnect()
            client.loop_stop()
