"""The simulated cloud: the shell of its decisions, over a ledger and a line that are handed in."""

from collections.abc import Callable
from random import Random

from cloud_sync.intake.accept import (
    AcceptedRow,
    StreamState,
    Unacceptable,
    frozen,
    receipt_of,
)
from cloud_sync.intake.revisions import due, on_applied, on_birth, on_sent
from storebridge.simulation.numbered import origin_of
from storebridge.simulation.rules import Rules
from storebridge.simulation.seams import Ledger
from wire.events import Origin
from wire.messages import Absent, Applied, Batch, Birth, Message, Update

# Updates are cut after so many revisions, so that the cutting is simulated too.
REVISIONS_PER_UPDATE_MAX = 6


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
        self._waiting: list[Batch | Birth | Applied] = []

    def crash(self) -> None:
        """Stop at once: what is not committed is gone."""
        self.running = False
        self.life += 1
        self._waiting = []

    def start(self) -> None:
        """Start from the database alone."""
        self.running = True

    def receive(self, message: Batch | Birth | Applied) -> bool:
        """Take a message; True when it is the first that waits for the next commit."""
        self._waiting.append(message)
        if self._rules.receipt_before_commit and isinstance(message, Batch):
            states, _, _ = self._decide([message])
            self._publish(states, {})
        return len(self._waiting) == 1

    def commit(self, now_ms: int) -> None:
        """Commit all that waits in one transaction, and only then answer."""
        batches = [message for message in self._waiting if isinstance(message, Batch)]
        births = [message for message in self._waiting if isinstance(message, Birth)]
        applied = [message for message in self._waiting if isinstance(message, Applied)]
        self._waiting = []
        states, rows, absent = self._decide(batches)
        self.ledger.commit(states, rows, absent)
        nonces = {}
        for birth in births:
            self.ledger.save_down(on_birth(self.ledger.down(), birth))
            states.setdefault(birth.stream, self.ledger.state(birth.stream))
            nonces[birth.stream] = birth.nonce
        for message in applied:
            self.ledger.save_down(on_applied(self.ledger.down(), message, now_ms))
        self._publish(states, nonces)
        self.publish_updates(now_ms)

    def publish_updates(self, now_ms: int) -> None:
        """Send what is due of the downlink."""
        while (span := due(self.ledger.down(), now_ms)) is not None:
            end = min(span.end, span.start + REVISIONS_PER_UPDATE_MAX)
            changes = self.ledger.changes(span.start, end)
            self.ledger.save_down(on_sent(self.ledger.down(), end, now_ms))
            self._send(
                Update(self.ledger.owner(), span.start, end, changes, snapshot=span.snapshot)
            )

    def _decide(
        self, batches: list[Batch]
    ) -> tuple[
        dict[bytes, StreamState], list[tuple[bytes, AcceptedRow]], list[tuple[bytes, Absent]]
    ]:
        states: dict[bytes, StreamState] = {}
        rows: list[tuple[bytes, AcceptedRow]] = []
        absent: list[tuple[bytes, Absent]] = []
        fresh: set[Origin] = set()
        for batch in batches:
            stream = batch.stream
            origins = {}
            for seq, row in enumerate(batch.rows, batch.first):
                if (origin := origin_of(row)) is not None:
                    origins[seq] = origin
            named = list(origins.values())
            held = self.ledger.held(named) | fresh.intersection(named)
            state = states.get(stream) or self.ledger.state(stream)
            try:
                accepted = self._rules.accept(state, batch, origins, held)
            except Unacceptable:
                self.refused += 1
                continue
            states[stream] = accepted.state
            for new in accepted.rows:
                rows.append((stream, new))
                fresh.add(Origin(stream, new.seq, new.checksum))
                if new.origin:
                    fresh.add(new.origin)
            absent.extend((stream, gone) for gone in accepted.absent)
            if self._rules.freezes:
                for other in accepted.freeze:
                    states[other] = frozen(states.get(other) or self.ledger.state(other))
        return states, rows, absent

    def _publish(self, states: dict[bytes, StreamState], nonces: dict[bytes, bytes]) -> None:
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
