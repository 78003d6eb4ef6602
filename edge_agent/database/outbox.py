"""The outbox: events on disk that the cloud has not received yet, in the order of their recording.

Reading does not delete, and neither does sending: a row goes only after the cloud's receipt (see
`retention.py`). Each row carries the checksum of the row before it and its own, chained, so that a
flipped byte is found before anything is sent.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from edge_agent.database.sqlite import sqlite3
from wire.codec import chain
from wire.messages import Absent, AbsentReason
from wire.ranges import Ranges, add, count, holds, missing

INSERT = (
    "INSERT INTO outbox (id, recorded_at, before, checksum, bytes_to, row) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)
SAVE_TAIL = (
    "UPDATE stream SET head = ?, checksum = ?, bytes_to = ?, kept_rows = ?, kept_bytes = ?, "
    "absent_rows = ? WHERE number = ?"
)
TAIL = (
    "SELECT number, stream, base, head, checksum, bytes_to, kept_rows, kept_bytes, absent_rows "
    "FROM stream ORDER BY number DESC LIMIT 1"
)
SPAN_BEGIN = (
    "SELECT bytes_to - length(row), recorded_at FROM outbox "
    "WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1"
)
SPAN_END = "SELECT bytes_to FROM outbox WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1"
SINCE_ROWS_MAX = 1_000
READ = (
    "SELECT id, recorded_at, before, checksum, row FROM outbox WHERE id BETWEEN ? AND ? ORDER BY id"
)


# Tail and Row are made for every event: as structs they cost a fifth of what dataclasses would.


class Tail(msgspec.Struct, frozen=True, gc=False):
    """Where the present stream ends: everything needed to append its next row.

    `head` is the highest seq ever given, `checksum` the chain value there, `bytes_to` the bytes of
    all rows ever recorded; `kept_rows` and `kept_bytes` count what the file holds now, of all
    streams, and `absent_rows` what was evicted, expired or damaged since the first day.
    """

    number: int
    stream: bytes
    base: int
    head: int
    checksum: int
    bytes_to: int
    kept_rows: int
    kept_bytes: int
    absent_rows: int


class Row(msgspec.Struct, frozen=True, gc=False):
    """One recorded event, found whole; `before` is the chain checksum of the row before it."""

    seq: int
    recorded_at: int
    before: int
    checksum: int
    row: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """What the outbox holds of a range of seqs: the sound rows, and which were found damaged."""

    rows: tuple[Row, ...]
    damaged: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Queue:
    """How much waits for the cloud; `oldest_at` is when the first of it was recorded (µs UTC)."""

    rows: int
    size_bytes: int
    oldest_at: int | None


def tail_of(connection: sqlite3.Connection) -> Tail:
    """Read where the present stream ends; costs the same however much is queued."""
    return Tail(*connection.execute(TAIL).fetchone())


def save_tail(connection: sqlite3.Connection, tail: Tail) -> None:
    """Write where the present stream ends, once for each commit."""
    connection.execute(
        SAVE_TAIL,
        (
            tail.head,
            tail.checksum,
            tail.bytes_to,
            tail.kept_rows,
            tail.kept_bytes,
            tail.absent_rows,
            tail.number,
        ),
    )


def append(connection: sqlite3.Connection, tail: Tail, row: bytes, recorded_at: int) -> Tail:
    """Append an encoded event, and return the new tail; its head is the event's seq."""
    head, checksum = tail.head + 1, chain(tail.checksum, row)
    bytes_to = tail.bytes_to + len(row)
    connection.execute(
        INSERT, (tail.base + head, recorded_at, tail.checksum, checksum, bytes_to, row)
    )
    return Tail(
        tail.number,
        tail.stream,
        tail.base,
        head,
        checksum,
        bytes_to,
        tail.kept_rows + 1,
        tail.kept_bytes + len(row),
        tail.absent_rows,
    )


def append_all(
    connection: sqlite3.Connection, tail: Tail, rows: Sequence[bytes], recorded_at: int
) -> Tail:
    """Append encoded events in their order, and return the new tail: the last has its head."""
    key, checksum, bytes_to = tail.base + tail.head, tail.checksum, tail.bytes_to
    columns = []
    for row in rows:
        before, checksum = checksum, chain(checksum, row)
        bytes_to += len(row)
        key += 1
        columns.append((key, recorded_at, before, checksum, bytes_to, row))
    connection.executemany(INSERT, columns)
    return Tail(
        tail.number,
        tail.stream,
        tail.base,
        tail.head + len(rows),
        checksum,
        bytes_to,
        tail.kept_rows + len(rows),
        tail.kept_bytes + bytes_to - tail.bytes_to,
        tail.absent_rows,
    )


def read(connection: sqlite3.Connection, base: int, first: int, last: int) -> Read:
    """Read the rows `first` to `last` of the stream that begins above id `base`, each checked.

    A seq without a row counts as damaged: whoever asks knows which ones were thrown away.
    """
    rows = {
        key - base: Row(key - base, recorded_at, before, checksum, row)
        for key, recorded_at, before, checksum, row in connection.execute(
            READ, (base + max(first - 1, 1), base + last + 1)
        )
    }
    sound, damaged = [], []
    for seq in range(first, last + 1):
        row = _whole(seq, rows)
        if row is None:
            damaged.append(seq)
        else:
            sound.append(row)
    return Read(tuple(sound), tuple(damaged))


def _whole(seq: int, rows: Mapping[int, Row]) -> Row | None:
    """Return the row when its bytes are those recorded.

    A flipped bit in one of its two checksums is no loss: its neighbours hold the same values.
    """
    row = rows.get(seq)
    if row is None or chain(row.before, row.row) == row.checksum:
        return row
    previous, following = rows.get(seq - 1), rows.get(seq + 1)
    befores = {row.before} | ({previous.checksum} if previous else set())
    checksums = {row.checksum} | ({following.before} if following else set())
    for before in befores:
        checksum = chain(before, row.row)
        if checksum in checksums:
            return replace(row, before=before, checksum=checksum)
    return None


def received(connection: sqlite3.Connection, number: int) -> Ranges:
    """Return the seqs that the cloud has receipted for a stream."""
    watermark, above = receipted(connection, number)
    return add(above, 1, watermark)


def receipted(connection: sqlite3.Connection, number: int) -> tuple[int, Ranges]:
    """Return a stream's watermark, and the ranges above it that the cloud holds."""
    watermark, text = connection.execute(
        "SELECT watermark, ranges FROM stream WHERE number = ?", (number,)
    ).fetchone()
    return watermark, tuple((first, last) for first, last in json.loads(text))


def queue(connection: sqlite3.Connection, tail: Tail) -> Queue:
    """Measure what the cloud has not receipted; costs the same however much that is.

    Rows of former streams count as a whole, since they are all sent again.
    """
    held = received(connection, tail.number)
    for gone in absent_ranges(connection):
        held = add(held, gone.first, gone.last)
    spans = [(tail.base + first, tail.base + last) for first, last in missing(held, 1, tail.head)]
    lowest = connection.execute("SELECT id FROM outbox ORDER BY id LIMIT 1").fetchone()
    if lowest and lowest[0] <= tail.base:
        spans.insert(0, (lowest[0], tail.base))
    size, oldest_at = 0, None
    for first, last in spans:
        begin = connection.execute(SPAN_BEGIN, (first, last)).fetchone()
        if begin is not None:
            end = connection.execute(SPAN_END, (first, last)).fetchone()
            size += end[0] - begin[0]
            oldest_at = begin[1] if oldest_at is None else oldest_at
    return Queue(count(spans), size, oldest_at)


def save_received(
    connection: sqlite3.Connection, watermark: int, ranges: Iterable[tuple[int, int]]
) -> None:
    """Keep what the cloud has receipted of the present stream: all to `watermark`, and `ranges`."""
    connection.execute(
        "UPDATE stream SET watermark = ?, ranges = ? "
        "WHERE number = (SELECT max(number) FROM stream)",
        (watermark, json.dumps([list(pair) for pair in ranges])),
    )
    # The cloud has taken note of what is absent below its watermark. Rows that were erased stand
    # among kept ones: a cloud that comes back from a backup asks for them, and is told.
    connection.execute(
        "DELETE FROM absent WHERE last <= ? AND (reason <> 'erased' OR last <"
        " coalesce((SELECT min(id) FROM outbox), 0)"
        "  - (SELECT base FROM stream ORDER BY number DESC LIMIT 1))",
        (watermark,),
    )


def chain_at(connection: sqlite3.Connection, tail: Tail, seq: int) -> int | None:
    """Return the chain checksum at a seq of the present stream, as far as kept rows tell it.

    That of the row, or the one that the row after it names as the one before, or, at the head,
    that of the last row ever recorded; None when all are gone.
    """
    if seq == tail.head:
        return tail.checksum
    around = read(connection, tail.base, seq, seq + 1).rows
    if not around:
        return None
    return around[0].checksum if around[0].seq == seq else around[0].before


def first_kept(connection: sqlite3.Connection, tail: Tail) -> int:
    """Return the lowest seq of the present stream that is on disk, `head + 1` when none is."""
    found: tuple[int] | None = connection.execute(
        "SELECT id - ?1 FROM outbox WHERE id > ?1 ORDER BY id LIMIT 1", (tail.base,)
    ).fetchone()
    return found[0] if found else tail.head + 1


def first_since(connection: sqlite3.Connection, tail: Tail, at: int) -> int:
    """Return the first seq of the newest rows recorded at or after a time (µs UTC).

    Looks at SINCE_ROWS_MAX rows at most.
    """
    found: tuple[int | None] = connection.execute(
        "SELECT min(id) FROM (SELECT id, recorded_at FROM outbox WHERE id > ? "
        "ORDER BY id DESC LIMIT ?) WHERE recorded_at >= ?",
        (tail.base, SINCE_ROWS_MAX, at),
    ).fetchone()
    return tail.head + 1 if found[0] is None else found[0] - tail.base


def absent_ranges(connection: sqlite3.Connection) -> tuple[Absent, ...]:
    """Return the rows that will never be sent and that the cloud may not know of yet."""
    query = "SELECT first, last, reason FROM absent ORDER BY first"
    return tuple(Absent(*columns) for columns in connection.execute(query))


def accounted_for(connection: sqlite3.Connection, tail: Tail) -> Ranges:
    """Return the seqs of the present stream of whose rows nothing more need be said if they go.

    Those up to the watermark, and those declared absent. What the cloud says to hold above it may
    be the rows of a clone, under whose numbers ours would go missing unreported.
    """
    known = add((), 1, receipted(connection, tail.number)[0])
    for gone in absent_ranges(connection):
        known = add(known, gone.first, gone.last)
    return known


def declare_absent(
    connection: sqlite3.Connection, first: int, last: int, reason: AbsentReason
) -> None:
    """Note that rows of the present stream will never be sent; joins neighbours to one range."""
    following = connection.execute(
        "DELETE FROM absent WHERE first = ? AND reason = ? RETURNING last", (last + 1, reason)
    ).fetchone()
    if following is not None:
        last = following[0]
    before = connection.execute(
        "SELECT first FROM absent WHERE last = ? AND reason = ?", (first - 1, reason)
    ).fetchone()
    if before is None:
        connection.execute("INSERT INTO absent VALUES (?, ?, ?)", (first, last, reason))
    else:
        connection.execute("UPDATE absent SET last = ? WHERE first = ?", (last, before[0]))


def skip(connection: sqlite3.Connection, tail: Tail, lost: int, reason: AbsentReason) -> Tail:
    """Give `lost` seqs to events that are lost already, so that the cloud hears of them."""
    if lost < 1:
        return tail
    declare_absent(connection, tail.head + 1, tail.head + lost, reason)
    return replace(tail, head=tail.head + lost, absent_rows=tail.absent_rows + lost)


def set_aside(
    connection: sqlite3.Connection, tail: Tail, seqs: Iterable[int], found_at: int
) -> Tail:
    """Move damaged rows of the present stream to the table `damaged`, and declare them absent."""
    known = accounted_for(connection, tail)
    for seq in seqs:
        if holds(known, seq):
            continue
        tail = move_to_damaged(connection, tail, tail.base + seq, tail.stream, seq, found_at)
        declare_absent(connection, seq, seq, "damaged")
        tail = replace(tail, absent_rows=tail.absent_rows + 1)
    return tail


def move_to_damaged(
    connection: sqlite3.Connection, tail: Tail, key: int, stream: bytes, seq: int, found_at: int
) -> Tail:
    """Move one row of the outbox, if it is there, to the table `damaged` with its bytes."""
    found = connection.execute("SELECT row FROM outbox WHERE id = ?", (key,)).fetchone()
    if found is None:
        return tail
    connection.execute(
        "INSERT INTO damaged (stream, seq, found_at, reason, row) VALUES (?, ?, ?, 'checksum', ?)",
        (stream, seq, found_at, found[0]),
    )
    connection.execute("DELETE FROM outbox WHERE id = ?", (key,))
    return replace(tail, kept_rows=tail.kept_rows - 1, kept_bytes=tail.kept_bytes - len(found[0]))
