"""A store's end of the wire and nothing behind it: sends Batches, applies Updates, notes times."""

import secrets
import threading
from collections.abc import Callable, Sequence

from benchmarks.town import TENANT
from wire.codec import chain, decode, encode
from wire.link import Link
from wire.messages import NONCE_BYTES, STREAM_BYTES, Applied, Batch, Birth, Receipt, Update
from wire.topics import applied_topic, down_topic, state_topic, up_topic

TIMEOUT_S = 30.0


class RawStore:
    """One store on its link; `hear` is called with each Receipt and Update by the link's thread."""

    def __init__(
        self, link: Link, name: str, hear: Callable[[Receipt | Update], None] = lambda _: None
    ) -> None:
        self.name = name
        self._link = link
        self._hear = hear
        self._stream = secrets.token_bytes(STREAM_BYTES)
        self._head = self._checksum = self._applied = 0
        self._born = threading.Event()
        self._topic = up_topic(TENANT, name, "live")

    def open(self) -> None:
        """Connect, say who it is, and wait until the cloud has answered.

        Raises TimeoutError.
        """
        self._link.open(
            subscriptions=(down_topic(TENANT, self.name),),
            on_message=lambda _, payload: self._on_message(payload),
            on_up=self._say_birth,
            on_down=lambda _: None,
            will=lambda: None,
        )
        if not self._born.wait(TIMEOUT_S):
            raise TimeoutError(f"the cloud does not answer {self.name} within {TIMEOUT_S:g} s")

    def close(self) -> None:
        """Leave."""
        self._link.close()

    def batch(self, rows: Sequence[bytes]) -> bytes:
        """Return the next rows as the Batch that brings them, encoded; its head moves on."""
        batch = Batch(self._stream, self._head + 1, "live", self._checksum, tuple(rows))
        self._head += len(rows)
        for row in rows:
            self._checksum = chain(self._checksum, row)
        return encode(batch)

    def send(self, payload: bytes) -> bool:
        """Send a Batch that `batch` made; False when there is no room for it now."""
        return self._link.publish(self._topic, payload, qos=1)

    @property
    def head(self) -> int:
        """Return the number of its last row."""
        return self._head

    def _say_birth(self) -> None:
        nonce = secrets.token_bytes(NONCE_BYTES)
        birth = Birth(self._stream, 1, nonce, head=0, watermark=0, applied=0)
        self._link.publish(state_topic(TENANT, self.name), encode(birth), qos=1, retain=True)

    def _on_message(self, payload: bytes) -> None:
        message = decode(payload)
        if isinstance(message, Update):
            if message.snapshot or message.start <= self._applied:
                self._applied = max(self._applied, message.end)
            applied = encode(Applied(message.owner, self._applied))
            self._link.publish(applied_topic(TENANT, self.name), applied)
        elif isinstance(message, Receipt):
            self._born.set()
        if isinstance(message, (Receipt, Update)):
            self._hear(message)
