"""A new stream for an outbox whose old one the cloud cannot go on with: a restored or cloned store.

All rows of the old stream that are still kept are recorded again in the new one, each event with
its origin, so that the cloud skips those it does hold. That goes slice by slice beside the live
events: the old rows stay in their places until the same commit that records them again.
"""

import secrets

from msgspec.structs import replace

from edge_agent.database import outbox
from edge_agent.database.outbox import Tail
from edge_agent.database.sqlite import sqlite3
from wire.codec import chain, decode_event, encode_event
from wire.errors import DecodeError, EncodeError
from wire.events import Origin
from wire.messages import STREAM_BYTES, STREAM_RANDOM_BYTES
from wire.ranges import add, count, missing

# Former rows recorded again in one commit, so that a recording waits a few milliseconds at most.
SLICE_ROWS_MAX = 500

INSERT = "INSERT INTO stream VALUES (?, ?, ?, 0, 0, ?, ?, ?, ?, 0, '[]')"


def new_stream() -> bytes:
    """Return the id of a new stream: STREAM_RANDOM_BYTES of chance, then zeros."""
    return secrets.token_bytes(STREAM_RANDOM_BYTES).ljust(STREAM_BYTES, b"\0")


def begin_first(connection: sqlite3.Connection) -> None:
    """Give a new file its stream; does nothing to a file that has one."""
    if connection.execute("SELECT 1 FROM stream").fetchone() is None:
        connection.execute(INSERT, (1, new_stream(), 0, 0, 0, 0, 0))
    if connection.execute("SELECT 1 FROM delivery").fetchone() is None:
        connection.execute(
            "INSERT INTO delivery (one, boot, session, owner, applied, applied_owner, heard_ms) "
            "VALUES (1, 0, 0, x'', 0, x'', 0)"
        )


def begin_next(connection: sqlite3.Connection) -> Tail:
    """Begin a new stream after the present one, and return its tail.

    What was declared absent of the old one and not yet receipted is declared again.
    """
    was = outbox.tail_of(connection)
    connection.execute(
        INSERT,
        (
            was.number + 1,
            new_stream(),
            was.base + was.head,
            was.bytes_to,
            was.kept_rows,
            was.kept_bytes,
            was.absent_rows,
        ),
    )
    gone = outbox.absent_ranges(connection)
    # Ranges above the watermark are believed only once the watermark has come to them.
    held = add((), 1, outbox.receipted(connection, was.number)[0])
    connection.execute("DELETE FROM absent")
    connection.execute("DELETE FROM received")
    tail = outbox.tail_of(connection)
    for absent in gone:
        lost = count(missing(held, absent.first, absent.last))
        again = outbox.skip(connection, tail, lost, absent.reason)
        tail = replace(again, absent_rows=was.absent_rows)  # counted when they were lost
    outbox.save_tail(connection, tail)
    return tail


def former_rows(connection: sqlite3.Connection, tail: Tail) -> int:
    """Return at most how many rows of former streams still wait to be recorded again."""
    lowest = connection.execute("SELECT id FROM outbox ORDER BY id LIMIT 1").fetchone()
    return max(0, tail.base - lowest[0] + 1) if lowest else 0


def record_again(connection: sqlite3.Connection, tail: Tail, now: int) -> Tail:
    """Move the oldest slice of former rows into the present stream, and return its new tail."""
    slice_ = connection.execute(
        "SELECT id, recorded_at, before, checksum, row FROM outbox WHERE id <= ? "
        "ORDER BY id LIMIT ?",
        (tail.base, SLICE_ROWS_MAX),
    ).fetchall()
    former = connection.execute(
        "SELECT stream, base FROM stream WHERE number < ? ORDER BY number DESC", (tail.number,)
    ).fetchall()
    for key, recorded_at, before, checksum, row in slice_:
        stream, base = next(entry for entry in former if entry[1] < key)
        origin = Origin(stream=stream, seq=key - base, checksum=checksum)
        again = _with_origin(row, origin) if chain(before, row) == checksum else None
        if again is None:
            tail = outbox.move_to_damaged(connection, tail, key, stream, origin.seq, now)
            tail = outbox.skip(connection, tail, 1, "damaged")
            continue
        tail = outbox.append(connection, tail, again, recorded_at)
        connection.execute("DELETE FROM outbox WHERE id = ?", (key,))
        tail = replace(tail, kept_rows=tail.kept_rows - 1, kept_bytes=tail.kept_bytes - len(row))
    return tail


def missing_rows(connection: sqlite3.Connection, tail: Tail) -> int:
    """Count the rows of the present stream that are neither in the outbox nor accounted for.

    Reads the whole outbox: for a salvage only.
    """
    known = outbox.accounted_for(connection, tail)
    kept = connection.execute("SELECT id - ?1 FROM outbox WHERE id > ?1 ORDER BY id", (tail.base,))
    for (seq,) in kept:
        known = add(known, seq, seq)
    return count(missing(known, 1, tail.head))


def _with_origin(row: bytes, origin: Origin) -> bytes | None:
    """Return the row with its origin; one that it has already stays: it is the first.

    None for a row that is no event, or too large with an origin.
    """
    try:
        event = decode_event(row)
        if event.origin is not None:
            return row
        return encode_event(replace(event, origin=origin))
    except (DecodeError, EncodeError):
        return None
