"""What one writer may do in a commit of the recorder."""

from collections.abc import Sequence

from edge_agent.database import outbox
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery import retention
from edge_agent.delivery.limits import Limits
from edge_agent.operators import Operators
from wire.codec import encode_event
from wire.events import Event


class Writing:
    """One writer's part of a commit: all of it is recorded, or nothing.

    It ends when the change returns, which must be soon: all other writers wait.
    """

    __slots__ = ("_limits", "_now", "_operators", "connection", "tail")

    def __init__(
        self,
        connection: sqlite3.Connection,
        tail: outbox.Tail,
        limits: Limits,
        now: int,
        operators: Operators,
    ) -> None:
        self._operators = operators
        self.connection = connection
        self.tail = tail
        self._limits = limits
        self._now = now

    def append(self, event: Event) -> int:
        """Append an event to the outbox, with its operator, and return its seq.

        Raises OutboxFull when a limit with the policy "refuse-new" is reached, EncodeError when
        the event is too large.
        """
        return self.append_row(encode_event(self._operators.sign(event)))

    def append_row(self, row: bytes) -> int:
        """Append an event that is already encoded, and return its seq."""
        tail = retention.make_room(self.connection, self.tail, len(row), self._limits, self._now)
        self.tail = outbox.append(self.connection, tail, row, self._now)
        return self.tail.head

    def append_rows(self, rows: Sequence[bytes]) -> range | None:
        """Append encoded events and return their seqs; None, with nothing done, without room."""
        first = self.tail.head + 1
        if not retention.has_room(self.tail, len(rows), sum(map(len, rows)), self._limits):
            return None
        self.tail = outbox.append_all(self.connection, self.tail, rows, self._now)
        return range(first, self.tail.head + 1)

    def execute(self, sql: str, args: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run one statement of the same transaction."""
        return self.connection.execute(sql, args)
