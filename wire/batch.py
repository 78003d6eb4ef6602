"""The frames of a Batch, built by hand: a plain header before the packed rows.

    frame byte   0x10, plus flags: 1 back lane, 2 Zstandard, 4 absent ranges, 8 one row
    checksum     4 B, CRC-32 of everything that follows and of the frame byte
    stream       16 B
    before       4 B, chain checksum of the row before the first
    first        varint
    count        varint, left out with flag 8
    absent       with flag 4: varint number of ranges, then for each: varint first,
                 varint last - first, 1 B reason
    rows         the rows' own bytes, one after the other, compressed: as raw deflate, with flag 2
                 as a Zstandard frame

    frame byte   0x30, plus flags: 1 back lane, 2 short stream: a lone row
    checksum     4 B, as above
    stream       16 B, with flag 2 its first 8 B (the others are zero)
    before       4 B
    first        varint
    row          as `wire/dense.py` packs it

The header can be read without the rows, so that a Batch whose rows are poison is still receipted.
"""

import struct
import zlib

import msgspec

from wire import dense
from wire.compression import compress, decompress, deflate, inflate
from wire.errors import MALFORMED, DecodeError, EncodeError
from wire.messages import STREAM_BYTES, STREAM_RANDOM_BYTES, Absent, AbsentReason, Batch, Lane

ROWS_PER_BATCH_MAX = 100
ROW_BYTES_MAX = 8 * 1024
ABSENT_RANGES_MAX = 64
SEQ_MAX = 2**63 - 1
# A NATS server takes 1 MiB at its defaults; 100 of the largest rows stay below.
BATCH_BYTES_MAX = 900_000

# Below this the bytes count, above it the processor time; see `wire/compression.py`.
DEFLATE_BELOW_BYTES = 1024

FRAME = 0x10
BACK, ZSTANDARD, ABSENT, LONE = 1, 2, 4, 8
DENSE_FRAME = 0x30
SHORT = 2  # besides BACK
FRAMES = frozenset({FRAME, DENSE_FRAME})

REASONS: tuple[AbsentReason, ...] = ("evicted", "expired", "damaged", "erased")

_fixed = struct.Struct(f">BI{STREAM_BYTES}sI")
_fixed_short = struct.Struct(f">BI{STREAM_RANDOM_BYTES}sI")
_no_more_of_stream = bytes(STREAM_BYTES - STREAM_RANDOM_BYTES)
_rows_decoder = msgspec.msgpack.Decoder(list[msgspec.Raw])


class BatchHeader(msgspec.Struct, frozen=True):
    """What a Batch says before its rows: enough to receipt it when they are poison."""

    stream: bytes
    first: int
    count: int
    lane: Lane
    before: int
    absent: tuple[Absent, ...] = ()

    @property
    def last(self) -> int:
        """Return the seq of the last row, `first - 1` when there is none."""
        return self.first + self.count - 1


def encode_batch(batch: Batch) -> bytes:
    """Encode a Batch; its rows are joined as they are.

    Raises EncodeError when a limit is exceeded.
    """
    _check(batch)
    if len(batch.rows) == 1 and not batch.absent:
        packed_row = dense.pack(batch.rows[0])
        if packed_row is not None:
            return _encode_dense(batch, packed_row)
    flags = BACK if batch.lane == "back" else 0
    plain = b"".join(batch.rows)
    if len(plain) < DEFLATE_BELOW_BYTES:
        packed = deflate(plain)
    else:
        flags |= ZSTANDARD
        packed = compress(plain)
    if batch.absent:
        flags |= ABSENT
    if len(batch.rows) == 1:
        flags |= LONE
    parts = [_varint(batch.first)]
    if not flags & LONE:
        parts.append(_varint(len(batch.rows)))
    if batch.absent:
        parts.append(_varint(len(batch.absent)))
        for absent in batch.absent:
            parts += (_varint(absent.first), _varint(absent.last - absent.first))
            parts.append(bytes((REASONS.index(absent.reason),)))
    tail = b"".join((*parts, packed))
    payload = _fixed.pack(FRAME | flags, 0, batch.stream, batch.before) + tail
    if len(payload) > BATCH_BYTES_MAX:
        raise EncodeError(f"the Batch has {len(payload)} B, above the limit of {BATCH_BYTES_MAX}")
    return _sealed(payload)


def decode_header(payload: bytes) -> BatchHeader:
    """Decode a Batch's header alone.

    Raises DecodeError when the bytes are no Batch, or are damaged anywhere, rows included.
    """
    return _read_header(payload)[0]


def decode_batch(payload: bytes) -> Batch:
    """Decode a Batch; its rows come back byte for byte.

    Raises DecodeError when header or rows are damaged or beyond a limit.
    """
    header, body = _unpacked(payload)
    if payload[0] & 0xF0 == DENSE_FRAME:
        return _batch(header, (body,))
    return _batch(header, _split(body, header.count))


def unpacked_rows(payload: bytes) -> bytes:
    """Return the bytes of a Batch's rows, one after the other, also where none can be told apart.

    Raises DecodeError when they cannot even be unpacked.
    """
    return _unpacked(payload)[1]


def _unpacked(payload: bytes) -> tuple[BatchHeader, bytes]:
    header, start = _read_header(payload)
    if payload[0] & 0xF0 == DENSE_FRAME:
        return header, dense.unpack(payload[start:])
    unpack = decompress if payload[0] & ZSTANDARD else inflate
    return header, unpack(payload[start:], plain_bytes_max=max(1, header.count) * ROW_BYTES_MAX)


def _batch(header: BatchHeader, rows: tuple[bytes, ...]) -> Batch:
    return Batch(
        stream=header.stream,
        first=header.first,
        lane=header.lane,
        before=header.before,
        rows=rows,
        absent=header.absent,
    )


def _encode_dense(batch: Batch, packed_row: bytes) -> bytes:
    frame, fixed, stream = DENSE_FRAME, _fixed, batch.stream
    if stream.endswith(_no_more_of_stream):
        frame, fixed, stream = frame | SHORT, _fixed_short, stream[:STREAM_RANDOM_BYTES]
    if batch.lane == "back":
        frame |= BACK
    return _sealed(fixed.pack(frame, 0, stream, batch.before) + _varint(batch.first) + packed_row)


def _check(batch: Batch) -> None:
    count = len(batch.rows)
    if count > ROWS_PER_BATCH_MAX:
        raise EncodeError(f"the Batch has {count} rows, above the limit of {ROWS_PER_BATCH_MAX}")
    if len(batch.absent) > ABSENT_RANGES_MAX:
        raise EncodeError(
            f"the Batch has {len(batch.absent)} absent ranges, above {ABSENT_RANGES_MAX}"
        )
    for row in batch.rows:
        if len(row) > ROW_BYTES_MAX:
            raise EncodeError(f"a row has {len(row)} B, above the limit of {ROW_BYTES_MAX}")
    if len(batch.stream) != STREAM_BYTES or not 0 <= batch.before < 2**32:
        raise EncodeError("the Batch's stream is not of 16 B, or its checksum not of 32 bits")
    if not 1 <= batch.first <= batch.last + 1 <= SEQ_MAX:
        raise EncodeError(f"the Batch's first seq {batch.first} is out of range")
    for absent in batch.absent:
        if not 1 <= absent.first <= absent.last <= SEQ_MAX:
            raise EncodeError(f"the absent range {absent.first}..{absent.last} is out of range")


def as_array(joined: bytes, count: int) -> bytes:
    """Return so many rows, one after the other, as the msgpack array of which they are elements."""
    return b"\xdc" + count.to_bytes(2, "big") + joined


def _split(body: bytes, count: int) -> tuple[bytes, ...]:
    """Cut the joined rows apart again."""
    try:
        rows = _rows_decoder.decode(as_array(body, count))
    except MALFORMED as error:
        raise DecodeError(f"the Batch's rows are not {count} msgpack values: {error}") from error
    split = tuple(map(bytes, rows))
    if max(map(len, split), default=0) > ROW_BYTES_MAX:
        raise DecodeError(f"a row is above the limit of {ROW_BYTES_MAX} B")
    return split


def _read_header(payload: bytes) -> tuple[BatchHeader, int]:
    """Return the header, and where the rows begin."""
    if len(payload) > BATCH_BYTES_MAX:
        raise DecodeError(f"the Batch has {len(payload)} B, above the limit of {BATCH_BYTES_MAX}")
    frame = payload[0] if payload else 0
    packed = frame & 0xF0 == DENSE_FRAME
    fixed = _fixed_short if packed and frame & SHORT else _fixed
    if frame & 0xF0 not in FRAMES or len(payload) < fixed.size:
        raise DecodeError("the bytes are no Batch, or cut short")
    _, checksum, stream, before = fixed.unpack_from(payload)
    if checksum != _checksum(payload):
        raise DecodeError("the Batch's checksum does not match: it was damaged on the way")
    if packed and frame & ~(DENSE_FRAME | BACK | SHORT):
        raise DecodeError("the Batch is of a newer version: it has flags that are unknown here")
    first, at = _read_varint(payload, fixed.size)
    count = 1
    if not packed and not frame & LONE:
        count, at = _read_varint(payload, at)
    if count > ROWS_PER_BATCH_MAX or not 1 <= first <= SEQ_MAX - count:
        raise DecodeError(f"the Batch claims {count} rows from {first} on: out of range")
    absent: tuple[Absent, ...] = ()
    if not packed and frame & ABSENT:
        absent, at = _read_absent(payload, at)
    lane: Lane = "back" if frame & BACK else "live"
    stream = stream.ljust(STREAM_BYTES, b"\0")
    return BatchHeader(stream, first, count, lane, before, absent), at


def _read_absent(payload: bytes, at: int) -> tuple[tuple[Absent, ...], int]:
    number, at = _read_varint(payload, at)
    if number > ABSENT_RANGES_MAX:
        raise DecodeError(f"the Batch claims {number} absent ranges, above {ABSENT_RANGES_MAX}")
    ranges = []
    for _ in range(number):
        first, at = _read_varint(payload, at)
        length, at = _read_varint(payload, at)
        reason = payload[at] if at < len(payload) else len(REASONS)
        if reason >= len(REASONS) or not 1 <= first <= first + length <= SEQ_MAX:
            raise DecodeError("an absent range of the Batch is out of range or cut short")
        ranges.append(Absent(first=first, last=first + length, reason=REASONS[reason]))
        at += 1
    return tuple(ranges), at


def _sealed(payload: bytes) -> bytes:
    return payload[:1] + _checksum(payload).to_bytes(4, "big") + payload[5:]


def _checksum(payload: bytes) -> int:
    """Return the CRC-32 of everything but the four bytes that hold it."""
    return zlib.crc32(memoryview(payload)[5:], payload[0])


def _varint(number: int) -> bytes:
    """Encode a number as unsigned LEB128: seven bits a byte, the lowest first."""
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _read_varint(payload: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place, and the place after it."""
    number = 0
    for index in range(9):
        if at + index >= len(payload):
            raise DecodeError("the Batch is cut short within a number")
        byte = payload[at + index]
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, at + index + 1
    raise DecodeError("a number of the Batch has more than 63 bits")
