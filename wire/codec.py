"""Events and messages to bytes and back; bytes that are neither give DecodeError, never more.

A payload begins with a frame byte: 0x10..0x1f and 0x30..0x3f a Batch (`wire/batch.py`), 0x20 any
other message, 0x21 an Update, compressed. After 0x20 and 0x21 stand 4 B of CRC-32 over all that
follows, then the message as a msgpack array that begins with its tag. A new format takes a new
frame byte; the old ones stay readable for ever.
"""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from wire.batch import FRAMES as BATCH_FRAMES
from wire.batch import (
    ROW_BYTES_MAX,
    ROWS_PER_BATCH_MAX,
    BatchHeader,
    as_array,
    decode_batch,
    decode_header,
    encode_batch,
)
from wire.body import Body
from wire.compression import compress, decompress
from wire.errors import MALFORMED, DecodeError, EncodeError, UnknownKindError
from wire.events import EVENT_KINDS, Arrival, Event, Viewed
from wire.messages import Applied, Batch, Birth, Death, Heartbeat, Message, Receipt, Update

__all__ = [
    "MESSAGE_BYTES_MAX",
    "ROWS_PER_BATCH_MAX",
    "ROW_BYTES_MAX",
    "UPDATE_PLAIN_BYTES_MAX",
    "BatchHeader",
    "DecodeError",
    "EncodeError",
    "UnknownKindError",
    "chain",
    "chain_all",
    "decode",
    "decode_event",
    "decode_events",
    "decode_header",
    "encode",
    "encode_event",
    "kind_tag",
]

# A NATS server takes 1 MiB at its defaults.
MESSAGE_BYTES_MAX = 1_000_000
UPDATE_PLAIN_BYTES_MAX = 4_000_000

PLAIN_FRAME = 0x20
UPDATE_FRAME = 0x21

# Where the body stands in an event, and the tags of the kinds that this version knows.
BODY_AT = Event.__struct_fields__.index("body")
KNOWN_TAGS = frozenset(body.__struct_config__.tag for body in EVENT_KINDS.values())

_Short = Receipt | Update | Applied | Birth | Heartbeat | Death

_encoder = msgspec.msgpack.Encoder()
_event_decoder = msgspec.msgpack.Decoder(Event)
_events_decoder = msgspec.msgpack.Decoder(list[Event])
_parts_decoder = msgspec.msgpack.Decoder(list[msgspec.Raw])
_tag_decoder = msgspec.msgpack.Decoder(int)
_message_decoder: msgspec.msgpack.Decoder[_Short] = msgspec.msgpack.Decoder(_Short)
_update_decoder = msgspec.msgpack.Decoder(Update)


def encode_event(event: Event) -> bytes:
    """Encode an event as one row of an outbox.

    Raises EncodeError when the row would exceed ROW_BYTES_MAX: what then is the recorder's choice.
    """
    row = _without_empty_tail(_encoder.encode(_in_short(event)), event)
    if len(row) > ROW_BYTES_MAX:
        raise EncodeError(
            f"the {event.kind} event has {len(row)} B, above the limit of {ROW_BYTES_MAX} a row"
        )
    return row


def decode_event(row: bytes) -> Event:
    """Decode one row, also of an older version (fewer fields) or a newer one (more at the end).

    Raises UnknownKindError when the event is sound and only its kind is new, DecodeError otherwise.
    """
    try:
        return _event_decoder.decode(row)
    except MALFORMED as error:
        tag = kind_tag(row)
        if tag is not None and tag not in KNOWN_TAGS and _is_sound_but_for_its_kind(row):
            raise UnknownKindError(tag) from error
        raise DecodeError(f"the row is no event: {error}") from error


def decode_events(rows: Sequence[bytes]) -> list[Event]:
    """Decode the rows of a Batch at once, each of which is one msgpack value.

    Raises DecodeError when any is no event: `decode_event` then tells which, and why.
    """
    try:
        return _events_decoder.decode(as_array(b"".join(rows), len(rows)))
    except MALFORMED as error:
        raise DecodeError(f"among the rows is one that is no event: {error}") from error


def kind_tag(row: bytes) -> int | None:
    """Return the tag of an event's kind, known or not; None when the row is no event at all."""
    try:
        return _tag_decoder.decode(_parts_decoder.decode(_parts_decoder.decode(row)[BODY_AT])[0])
    except (*MALFORMED, IndexError):
        return None


def chain(before: int, row: bytes) -> int:
    """Return a row's chain checksum: its CRC-32 continued from that of the row before it."""
    return zlib.crc32(row, before)


def chain_all(before: int, rows: Iterable[bytes]) -> list[int]:
    """Return the chain checksum of each of consecutive rows."""
    crc32, checksums = zlib.crc32, []
    for row in rows:
        before = crc32(row, before)
        checksums.append(before)
    return checksums


def encode(message: Message) -> bytes:
    """Encode a message as the payload of its topic.

    Raises EncodeError when it exceeds a limit.
    """
    if isinstance(message, Batch):
        return encode_batch(message)
    body = _encoder.encode(message)
    frame = PLAIN_FRAME
    if isinstance(message, Update):
        if len(body) > UPDATE_PLAIN_BYTES_MAX:
            raise EncodeError(
                f"the Update has {len(body)} B, above {UPDATE_PLAIN_BYTES_MAX}: send fewer changes"
            )
        packed = compress(body)
        if len(packed) < len(body):
            frame, body = UPDATE_FRAME, packed
    payload = bytes((frame,)) + zlib.crc32(body, frame).to_bytes(4, "big") + body
    if len(payload) > MESSAGE_BYTES_MAX:
        raise EncodeError(
            f"the {type(message).__name__} has {len(payload)} B, above {MESSAGE_BYTES_MAX}"
        )
    return payload


def decode(payload: bytes) -> Message:
    """Decode the payload of a topic.

    Raises DecodeError, and nothing else, when the bytes are no message of ours.
    """
    if payload and payload[0] & 0xF0 in BATCH_FRAMES:
        return decode_batch(payload)
    if len(payload) > MESSAGE_BYTES_MAX:
        raise DecodeError(f"the message has {len(payload)} B, above {MESSAGE_BYTES_MAX}")
    if len(payload) < 5 or payload[0] not in (PLAIN_FRAME, UPDATE_FRAME):
        raise DecodeError("the bytes begin like no message that this version knows")
    body = payload[5:]
    if zlib.crc32(body, payload[0]) != int.from_bytes(payload[1:5], "big"):
        raise DecodeError("the message's checksum does not match: it was damaged on the way")
    try:
        if payload[0] == UPDATE_FRAME:
            return _update_decoder.decode(decompress(body, plain_bytes_max=UPDATE_PLAIN_BYTES_MAX))
        return _message_decoder.decode(body)
    except MALFORMED as error:
        raise DecodeError(f"the message is not of its form: {error}") from error


class _PlainViewed(Body, frozen=True, tag=7):
    """A Viewed as it was before it had more fields, which most still leave empty."""

    product: str
    content: str


def _in_short(event: Event) -> Event:
    """Leave out what stands at the end of a body and is empty, where a kind has grown since."""
    body = event.body
    if type(body) is not Viewed or body.topic or body.price_cents or body.currency:
        return event
    plain: Any = _PlainViewed(body.product, body.content)
    return msgspec.structs.replace(event, body=plain)


def _without_empty_tail(row: bytes, event: Event) -> bytes:
    """Leave out the fields at the end that hold their defaults; decoding puts them back."""
    if event.origin is not None:
        return row
    fields, size = 1, 1  # what is left out: the origin, and as many more as are empty before it
    if not event.operator:
        fields, size = 2, 2
        if not event.brand:
            fields, size = 3, 3
            if not event.visit:
                fields, size = 4, 5  # empty bytes take two
    # The first byte of the row is the length of its array, 0x90 plus the number of fields.
    return bytes((row[0] - fields,)) + row[1:-size]


def _is_sound_but_for_its_kind(row: bytes) -> bool:
    """Tell whether a row would be an event if its body were of a kind that is known."""
    parts = _parts_decoder.decode(row)
    parts[BODY_AT] = msgspec.Raw(_encoder.encode(Arrival()))
    try:
        _event_decoder.decode(_encoder.encode(parts))
    except MALFORMED:
        return False
    return True
