"""What the outbox throws away, when, and how it says so."""

from collections.abc import Sequence
from itertools import takewhile

from msgspec.structs import replace

from edge_agent.clock import Instant
from edge_agent.database import outbox
from edge_agent.database.outbox import Tail
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.errors import OutboxFull
from edge_agent.delivery.limits import Limits
from wire.messages import AbsentReason

# Rows thrown away in one commit, so that a recording waits a few milliseconds at most.
SLICE_ROWS_MAX = 1_000
MARK_S = 60

HEAR = (
    "UPDATE delivery SET heard_boot = ?1, heard_mono_ms = ?2, heard_ms = heard_ms + "
    "CASE heard_boot WHEN ?1 THEN max(0, ?2 - heard_mono_ms) ELSE 0 END RETURNING heard_ms"
)


def has_room(tail: Tail, rows: int, size: int, limits: Limits) -> bool:
    """Tell whether so many rows of `size` bytes together fit, whatever the policies are."""
    return (
        limits.age_policy != "refuse-new"
        and tail.kept_rows + rows <= limits.rows_max
        and tail.kept_bytes + size <= limits.bytes_max
    )


def make_room(
    connection: sqlite3.Connection, tail: Tail, size: int, limits: Limits, now: int
) -> Tail:
    """Free rows until one more of `size` bytes fits the limits.

    Raises OutboxFull where the policy of the limit is "refuse-new".
    """
    if limits.age_policy == "refuse-new":
        _refuse_when_old(connection, tail, limits, now)
    while tail.kept_rows > 0:
        too_many = tail.kept_rows >= limits.rows_max
        too_large = tail.kept_bytes + size > limits.bytes_max
        if not too_many and not too_large:
            break
        # One part in a hundred at once, so that a full outbox does not pay for every event.
        rows = max(1, min(SLICE_ROWS_MAX, tail.kept_rows // 100))
        freed = drop_received(connection, tail, tail.head, rows)
        if freed is tail:
            refused = (too_many and limits.rows_policy == "refuse-new") or (
                too_large and limits.bytes_policy == "refuse-new"
            )
            if refused:
                raise OutboxFull(
                    f"the outbox is full ({tail.kept_rows} rows, {tail.kept_bytes} B): the event "
                    "was refused; let the store go online, or raise rows_max or bytes_max"
                )
            freed = throw_away(connection, tail, rows, "evicted")
            if freed is tail:
                break
        tail = freed
    return tail


def drop_received(connection: sqlite3.Connection, tail: Tail, last: int, rows: int) -> Tail:
    """Delete up to `rows` of the oldest rows that the cloud holds, none above seq `last`."""
    last = min(_watermark(connection, tail), last)
    return _delete(connection, tail, tail.base + 1, tail.base + last, rows)


def throw_away(
    connection: sqlite3.Connection,
    tail: Tail,
    rows: int,
    reason: AbsentReason,
    *,
    recorded_before: int | None = None,
) -> Tail:
    """Delete up to `rows` of the oldest rows, and declare those above the watermark absent.

    Also those of which the cloud says that it holds them: they may be the rows of a clone.
    """
    oldest = connection.execute(
        "SELECT id, recorded_at FROM outbox ORDER BY id LIMIT ?", (rows,)
    ).fetchall()
    due = [
        key
        for key, _ in takewhile(
            lambda row: recorded_before is None or row[1] < recorded_before, oldest
        )
    ]
    former = [key for key in due if key <= tail.base]
    keys = former or due
    if not keys:
        return tail
    received_to = tail.base + _watermark(connection, tail)
    seqs = [key - tail.base for key in keys if key > received_to and not former]
    tail = _delete(connection, tail, keys[0], keys[-1], len(keys))
    if former:
        return outbox.skip(connection, tail, len(former), reason)
    for first, last in _ranges(seqs):
        outbox.declare_absent(connection, first, last, reason)
    return replace(tail, absent_rows=tail.absent_rows + len(seqs))


def erase(connection: sqlite3.Connection, tail: Tail, keys: Sequence[int]) -> Tail:
    """Delete rows by their ids, since their shopper was erased, and declare them absent.

    Those of former streams, which wait to be recorded again, take new seqs that are absent.
    """
    for key in sorted(keys):
        before = tail
        tail = _delete(connection, tail, key, key, 1)
        if tail is before:
            continue
        if key <= tail.base:
            tail = outbox.skip(connection, tail, 1, "erased")
        else:
            outbox.declare_absent(connection, key - tail.base, key - tail.base, "erased")
            tail = replace(tail, absent_rows=tail.absent_rows + 1)
    return tail


def hear(connection: sqlite3.Connection, now: Instant) -> int:
    """Note that the cloud was heard, and return for how long the store has heard it in all (ms).

    That is the running time from word to word: a clock that is set does not move it, and what
    passes between the last word before a restart and the first one after it does not count.
    """
    heard_ms: int = connection.execute(HEAR, (now.boot, now.mono_ms)).fetchone()[0]
    return heard_ms


def mark_received(connection: sqlite3.Connection, watermark: int, now: Instant) -> None:
    """Note up to which seq the cloud holds all by now, so that the age of receipts is known.

    One mark stands for all receipts of MARK_S.
    """
    heard_ms = hear(connection, now)
    # After a restore of the cloud the watermark is lower than it was.
    connection.execute("DELETE FROM received WHERE seq > ?", (watermark,))
    newest = connection.execute("SELECT max(received_ms) FROM received").fetchone()[0]
    if newest is None or heard_ms - newest >= MARK_S * 1_000:
        connection.execute("INSERT OR IGNORE INTO received VALUES (?, ?)", (watermark, heard_ms))


def prune(connection: sqlite3.Connection, tail: Tail, limits: Limits) -> Tail:
    """Delete one slice of the rows whose receipt is older than `kept_after_receipt_s`.

    Their age is counted to the last word of the cloud, as `hear` counts: while it is silent it may
    be on its way back from a backup that does not hold them.
    """
    last = connection.execute(
        "SELECT max(seq) FROM received WHERE received_ms <= (SELECT heard_ms FROM delivery) - ?",
        (limits.kept_after_receipt_s * 1_000,),
    ).fetchone()[0]
    if last is None:
        return tail
    connection.execute("DELETE FROM received WHERE seq < ?", (last,))
    return drop_received(connection, tail, last, SLICE_ROWS_MAX)


def expire(connection: sqlite3.Connection, tail: Tail, limits: Limits, now: int) -> Tail:
    """Throw one slice away of the rows that have waited longer than `age_s_max`."""
    if limits.age_policy == "refuse-new":
        return tail
    before = now - limits.age_s_max * 1_000_000
    return throw_away(connection, tail, SLICE_ROWS_MAX, "expired", recorded_before=before)


def _refuse_when_old(connection: sqlite3.Connection, tail: Tail, limits: Limits, now: int) -> None:
    oldest = oldest_unreceived_at(connection, tail)
    if oldest is not None and now - oldest > limits.age_s_max * 1_000_000:
        raise OutboxFull(
            f"the oldest event has waited for more than {limits.age_s_max} s: this one was "
            "refused; let the store go online, or raise age_s_max"
        )


def oldest_unreceived_at(connection: sqlite3.Connection, tail: Tail) -> int | None:
    """Return when the oldest row that the cloud does not hold was recorded (µs UTC)."""
    received_to = tail.base + _watermark(connection, tail)
    for first, last in ((0, tail.base), (received_to + 1, tail.base + tail.head)):
        found: tuple[int] | None = connection.execute(
            "SELECT recorded_at FROM outbox WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1",
            (first, last),
        ).fetchone()
        if found is not None:
            return found[0]
    return None


def _watermark(connection: sqlite3.Connection, tail: Tail) -> int:
    query = "SELECT watermark FROM stream WHERE number = ?"
    watermark: int = connection.execute(query, (tail.number,)).fetchone()[0]
    return watermark


def _delete(
    connection: sqlite3.Connection, tail: Tail, first_key: int, last_key: int, rows: int
) -> Tail:
    """Delete up to `rows` rows between two ids; returns the same tail when there are none."""
    last, count, size = connection.execute(
        "SELECT max(id), count(*), sum(length(row)) FROM "
        "(SELECT id, row FROM outbox WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?)",
        (first_key, last_key, rows),
    ).fetchone()
    if not count:
        return tail
    connection.execute("DELETE FROM outbox WHERE id BETWEEN ? AND ?", (first_key, last))
    return replace(tail, kept_rows=tail.kept_rows - count, kept_bytes=tail.kept_bytes - size)


def _ranges(seqs: list[int]) -> list[tuple[int, int]]:
    """Join consecutive seqs to ranges."""
    ranges: list[tuple[int, int]] = []
    for seq in seqs:
        if ranges and ranges[-1][1] == seq - 1:
            ranges[-1] = (ranges[-1][0], seq)
        else:
            ranges.append((seq, seq))
    return ranges
