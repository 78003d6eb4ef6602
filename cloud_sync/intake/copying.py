"""Rows of the ledger in PostgreSQL's binary COPY format, packed at once.

psycopg asks an adapter for each value of a row, which costs four times as much client time as the
rest of appending it; here all that is alike in the rows of a stream is packed once.
The format: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

import struct
from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

import psycopg

# The columns in the order in which rows are packed.
COLUMNS = (
    "day",
    "shard",
    "position",
    "accepted_at",
    "tenant",
    "store",
    "source",
    "stream",
    "seq",
    "live",
    "occurred_at",
    "kind",
    "row",
    "checksum",
    "origin_stream",
    "origin_seq",
    "origin_checksum",
)
SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"
# Rows are handed over so many at a time, so that the server works on them meanwhile.
ROWS_AT_ONCE = 500

DAY_ZERO = date(2000, 1, 1)
NULL = struct.pack(">i", -1)
NO_ORIGIN = 3 * NULL
_PLACE = struct.Struct(">hiiihiqiq")
_FACTS = struct.Struct(">i?iqihi")
_NUMBER = struct.Struct(">iq")
_LENGTH = struct.Struct(">i")


class LedgerRow(NamedTuple):
    """One row to append, in the order of its columns; shard, position and times come with it.

    A row of a store has its chain `checksum`, and the origin of a row recorded again.
    """

    tenant: str
    store: str | None
    source: str
    stream: bytes | None
    seq: int | None
    live: bool
    occurred_at: int
    kind: int
    row: bytes
    checksum: int | None = None
    origin_stream: bytes | None = None
    origin_seq: int | None = None
    origin_checksum: int | None = None


class Place(NamedTuple):
    """Where rows of a shard are appended: the first position, on which day, accepted when."""

    first: int
    day: date
    accepted_at: int


def packed(shard: int, place: Place, rows: Iterable[LedgerRow]) -> Iterator[bytes]:
    """Yield the rows of one shard as they follow the SIGNATURE, some at a time.

    Raises psycopg.DataError for a number that no column holds, as the database would.
    """
    day = (place.day - DAY_ZERO).days
    pieces: list[bytes] = []
    named: tuple[object, ...] = ()
    name = b""
    try:
        for position, row in enumerate(rows, place.first):
            tenant, store, source, stream, seq, live, at, kind, event, checksum, *origin = row
            if named != (tenant, store, source, stream):
                named = (tenant, store, source, stream)
                name = b"".join(map(_bytes, named))
            pieces.append(
                _PLACE.pack(len(COLUMNS), 4, day, 2, shard, 8, position, 8, place.accepted_at)
            )
            pieces.append(name)
            pieces.append(NULL if seq is None else _NUMBER.pack(8, seq))
            pieces.append(_FACTS.pack(1, live, 8, at, 2, kind, len(event)))
            pieces.append(event)
            pieces.append(NULL if checksum is None else _NUMBER.pack(8, checksum))
            pieces.append(NO_ORIGIN if origin[0] is None else _origin(row))
            if not position % ROWS_AT_ONCE:
                yield b"".join(pieces)
                pieces = []
    except struct.error as error:
        raise psycopg.DataError(f"a number is out of range: {error}") from error
    yield b"".join(pieces)


def _origin(row: LedgerRow) -> bytes:
    numbers = (row.origin_seq, row.origin_checksum)
    return _bytes(row.origin_stream) + b"".join(
        NULL if number is None else _NUMBER.pack(8, number) for number in numbers
    )


def _bytes(value: str | bytes | None) -> bytes:
    if value is None:
        return NULL
    plain = value.encode() if isinstance(value, str) else value
    return _LENGTH.pack(len(plain)) + plain
