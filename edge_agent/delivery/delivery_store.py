"""What is on disk of the delivery's state: read at the start, written as it moves."""

from edge_agent.clock import Instant
from edge_agent.database import outbox, streams
from edge_agent.database.database import Database
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery import retention
from edge_agent.delivery.delivery_state import DeliveryState
from edge_agent.delivery.recorder import Recorder, Writing
from wire.messages import Absent


def load(connection: sqlite3.Connection, now: Instant) -> DeliveryState:
    """Read what is on disk of the delivery's state.

    Sessions go on from the wall time in seconds at least, so that those of a store whose file was
    restored from a backup are above the ones that the cloud has seen.
    """
    tail = outbox.tail_of(connection)
    watermark, ranges = outbox.receipted(connection, tail.number)
    session, owner, applied, applied_owner = connection.execute(
        "SELECT session, owner, applied, applied_owner FROM delivery"
    ).fetchone()
    return DeliveryState(
        stream=tail.stream,
        head=tail.head,
        first_kept=outbox.first_kept(connection, tail),
        absent=outbox.absent_ranges(connection),
        watermark=watermark,
        ranges=ranges,
        owner=owner,
        applied=applied,
        applied_owner=applied_owner,
        session=max(session, now.at // 1_000_000),
    )


def next_boot(database: Database) -> int:
    """Count a start of the agent and return its number; nothing else writes yet."""
    with database.transaction() as connection:
        row = connection.execute("UPDATE delivery SET boot = boot + 1 RETURNING boot").fetchone()
    return int(row[0])


def save_session(recorder: Recorder, session: int) -> None:
    """Keep the number of a session before anything is said in it."""
    recorder.write(lambda writing: writing.execute("UPDATE delivery SET session = ?", (session,)))


def save_received(recorder: Recorder, state: DeliveryState, now: Instant) -> None:
    """Keep what the cloud has receipted; a power cut costs another Receipt, no more."""

    def change(writing: Writing) -> None:
        outbox.save_received(writing.connection, state.watermark, state.ranges)
        retention.mark_received(writing.connection, state.watermark, now)
        writing.execute("UPDATE delivery SET owner = ?", (state.owner,))

    recorder.write(change, durable=False, news=False)


def set_aside(
    recorder: Recorder, state: DeliveryState, seqs: tuple[int, ...], now: Instant
) -> None:
    """Move damaged rows out of the outbox, with their bytes, and declare them absent.

    What the cloud holds is kept first: a watermark on disk that is above the state's, since the
    disk failed when the cloud came back from a backup, would hide that these rows are wanted.
    """

    def change(writing: Writing) -> None:
        outbox.save_received(writing.connection, state.watermark, state.ranges)
        writing.tail = outbox.set_aside(writing.connection, writing.tail, seqs, now.at)

    recorder.write(change)


def begin_stream(recorder: Recorder) -> tuple[outbox.Tail, tuple[Absent, ...]]:
    """Begin a new stream; returns where it stands and the losses that it begins with."""

    def change(writing: Writing) -> tuple[outbox.Tail, tuple[Absent, ...]]:
        writing.tail = streams.begin_next(writing.connection)
        return writing.tail, outbox.absent_ranges(writing.connection)

    return recorder.write(change)


def record_again(recorder: Recorder, now: Instant) -> None:
    """Move one slice of the rows of former streams into the present one."""

    def change(writing: Writing) -> None:
        writing.tail = streams.record_again(writing.connection, writing.tail, now.at)

    recorder.write(change)
