"""The simulated cloud: the shell of its decisions, over a ledger and a line that are handed in."""

from collections.abc import Callable, Mapping
from random import Random

from cloud_sync.intake.accept import StreamState, receipt_of
from storebridge.simulation.rules import Rules
from storebridge.simulation.seams import Ledger, Uplinked
from wire.messages import Batch, Message


class SimulatedCloud:
    """One worker that owns the store's shard."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        rules: Rules,
        rng: Random,
        send: Callable[[Message], None],
    ) -> None:
        self.ledger = ledger
        self.running = True
        self.life = 0
        self.refused = 0
        self._rules = rules
        self._rng = rng
        self._send = send
        self._waiting: list[Uplinked] = []

    def crash(self, now_ms: int) -> None:
        """Stop at once, in the middle of a commit: what is not committed is gone."""
        self.running = False
        self.life += 1
        self.ledger.crash(self._waiting, now_ms)
        self._waiting = []

    def start(self) -> None:
        """Start from the database alone."""
        self.running = True

    def receive(self, message: Uplinked, now_ms: int) -> bool:
        """Take a message; True when it is the first that waits for the next commit."""
        self._waiting.append(message)
        if self._rules.receipt_before_commit and isinstance(message, Batch):
            foreseen = self.ledger.copied().store([message], now_ms)
            self._publish(foreseen.states, {})
        return len(self._waiting) == 1

    def commit(self, now_ms: int) -> None:
        """Commit all that waits in one transaction, and only then answer."""
        messages, self._waiting = self._waiting, []
        stored = self.ledger.store(messages, now_ms)
        self.refused += stored.refused
        self._publish(stored.states, stored.nonces)
        self.publish_updates(now_ms)

    def publish_updates(self, now_ms: int) -> None:
        """Send what is due of the downlink."""
        for update in self.ledger.updates(now_ms):
            self._send(update)

    def _publish(self, states: Mapping[bytes, StreamState], nonces: Mapping[bytes, bytes]) -> None:
        for stream, state in states.items():
            self._send(
                receipt_of(
                    state,
                    stream=stream,
                    owner=self.ledger.owner(),
                    credit=self._rng.randint(0, 4),
                    nonce=nonces.get(stream, b""),
                )
            )
