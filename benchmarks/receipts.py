"""A cloud that only receipts: it accepts Batches by the product's own rules and stores nothing."""

import secrets
import threading
import time

from cloud_sync.intake.accept import StreamState, accept, receipt_of
from cloud_sync.workers.shards import OWNER_BYTES
from wire.codec import decode, encode
from wire.link import Link
from wire.messages import Batch, Birth
from wire.topics import down_topic

CREDIT = 8


class ReceiptingCloud:
    """Answers Births and Batches of one store, and notes how many rows had come when.

    It takes as many rows as `take` allows, and is deaf to the Batches after them: a store that is
    told to stop a little late would else send all that the next turn shall measure.
    """

    def __init__(self, link: Link, *, tenant: str, store: str, take: int = 0) -> None:
        self.rows = 0
        self._wanted = take
        self.came: list[tuple[float, int]] = []
        self._link = link
        self._down = down_topic(tenant, store)
        self._owner = secrets.token_bytes(OWNER_BYTES)
        self._states: dict[bytes, StreamState] = {}
        self._more = threading.Condition()
        link.open(
            subscriptions=(f"sb/{tenant}/up/+/{store}/+", f"sb/{tenant}/state/+/{store}"),
            on_message=lambda _, payload: self._hear(payload),
            on_up=lambda: None,
            on_down=lambda _: None,
            will=lambda: None,
        )

    def take(self, rows: int) -> int:
        """Take so many rows more, and return how many that will be in all."""
        with self._more:
            self._wanted = self.rows + rows
            return self._wanted

    def wait(self, *, timeout_s: float) -> bool:
        """Wait until all were accepted that shall be; False when they do not come in time."""
        with self._more:
            return self._more.wait_for(lambda: self.rows >= self._wanted, timeout_s)

    def _hear(self, payload: bytes) -> None:
        match decode(payload):
            case Batch() as batch if self.rows < self._wanted:
                accepted = accept(self._states.get(batch.stream, StreamState()), batch)
                self._states[batch.stream] = accepted.state
                self._answer(batch.stream, b"")
                with self._more:
                    self.rows += len(accepted.rows)
                    self.came.append((time.perf_counter(), self.rows))
                    self._more.notify_all()
            case Birth(stream=stream, nonce=nonce):
                self._answer(stream, nonce)
            case _:
                pass

    def _answer(self, stream: bytes, nonce: bytes) -> None:
        state = self._states.setdefault(stream, StreamState())
        receipt = receipt_of(state, stream=stream, owner=self._owner, credit=CREDIT, nonce=nonce)
        self._link.publish(self._down, encode(receipt))
