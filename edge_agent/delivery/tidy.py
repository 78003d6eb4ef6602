"""The regular tidying of the outbox: rows go when the time of their kind has come."""

from edge_agent.clock import Instant
from edge_agent.delivery import retention
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.recorder import Recorder, Writing
from wire.events import Clock

# How often the agent shall tidy.
TIDY_S = 60


def tidy(recorder: Recorder, limits: Limits, now: Instant) -> int:
    """Delete what its time has come for, a slice to a commit; returns how many rows went.

    No event expires while the clock cannot be trusted, since one that was set forward would make
    everything old at once. The age of receipts does not depend on it.
    """

    def tidy_slice(writing: Writing) -> int:
        before = writing.tail
        writing.tail = retention.prune(writing.connection, before, limits)
        if now.quality is not Clock.UNKNOWN:
            writing.tail = retention.expire(writing.connection, writing.tail, limits, now.at)
        return before.kept_rows - writing.tail.kept_rows

    gone = 0
    while rows := recorder.write(tidy_slice):
        gone += rows
    return gone
