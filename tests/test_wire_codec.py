"""Events and messages survive the wire; other bytes give DecodeError and nothing else."""

import contextlib
import random
import tracemalloc
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.strategies import all_events, all_messages, damaged
from wire.codec import (
    MESSAGE_BYTES_MAX,
    PLAIN_FRAME,
    ROW_BYTES_MAX,
    UPDATE_FRAME,
    UPDATE_PLAIN_BYTES_MAX,
    DecodeError,
    EncodeError,
    UnknownKindError,
    chain,
    chain_all,
    decode,
    decode_event,
    decode_events,
    decode_header,
    encode,
    encode_event,
    kind_tag,
)
from wire.compression import compress, deflate
from wire.events import EVENT_KINDS, Arrival, Event, Scan
from wire.messages import Change, Heartbeat, Message, Receipt, Update

MEBIBYTE = 2**20


def event(**fields: Any) -> Event:
    known: dict[str, Any] = {
        "occurred_at": 1_795_000_000_000_000,
        "mono_ms": 7,
        "boot": 1,
        "clock": 2,
        "device": "kiosk-1",
        "zone": "entrance",
        "identifiers": (),
        "body": Arrival(),
    }
    return Event(**{**known, **fields})


def plain_parts(row: bytes) -> list[Any]:
    parts: list[Any] = msgspec.msgpack.decode(row)
    return parts


def sealed(frame: int, body: bytes) -> bytes:
    """A payload whose checksum is right, whatever its body holds."""
    return bytes((frame,)) + zlib.crc32(body, frame).to_bytes(4, "big") + body


def resealed_batch(payload: bytes) -> bytes:
    """A Batch whose checksum is right again after its bytes were changed."""
    return payload[:1] + zlib.crc32(payload[5:], payload[0]).to_bytes(4, "big") + payload[5:]


@given(all_events)
def test_every_event_survives_the_row(event: Event):
    row = encode_event(event)
    assert decode_event(row) == event
    assert kind_tag(row) == event.body.__struct_config__.tag
    assert encode_event(decode_event(row)) == row


@given(all_messages)
def test_every_message_survives_the_wire(message: Message):
    assert decode(encode(message)) == message


@given(st.binary(max_size=300))
@example(b"")
@example(b"\x10")
@example(b"\x20" + bytes(4))
@example(b"\x91" * 5000)
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\x98\xc1")
def test_random_bytes_are_a_message_or_a_decode_error(payload: bytes):
    for read in (decode, decode_event, decode_header):
        with contextlib.suppress(DecodeError):
            read(payload)
    kind_tag(payload)


@given(damaged(all_messages.map(encode)))
def test_damaged_messages_are_told(payload: bytes):
    try:
        message = decode(payload)
    except DecodeError:
        return
    assert encode(message) == payload, "only a change that changed nothing may pass"


@given(damaged(all_messages.map(encode)))
@settings(max_examples=300)
def test_forged_messages_with_a_right_checksum_give_decode_error_at_worst(payload: bytes):
    for forged in (
        sealed(PLAIN_FRAME, payload[5:]),
        sealed(UPDATE_FRAME, payload[5:]),
        resealed_batch(payload) if payload else b"",
    ):
        for read in (decode, decode_header):
            with contextlib.suppress(DecodeError):
                read(forged)


@given(damaged(all_events.map(encode_event)))
@settings(max_examples=300)
def test_damaged_rows_are_an_event_or_a_decode_error(row: bytes):
    with contextlib.suppress(DecodeError):
        decode_event(row)


@pytest.mark.parametrize("depth", [10, 1_000, 8_000])
def test_deep_nesting_is_a_decode_error(depth: int):
    nested = b"\x91" * depth + b"\xc0"
    row = encode_event(event())
    body_at = row.index(b"\x92\x02\xa4scan")
    for forged in (
        nested,
        b"\x9c" + nested,
        row[:body_at] + nested,
        row[:body_at] + b"\x92\x63" + nested,
    ):
        with pytest.raises(DecodeError):
            decode_event(forged)
        with pytest.raises(DecodeError):
            decode(sealed(PLAIN_FRAME, b"\x92\x01" + forged))


@pytest.mark.parametrize("text", [b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80"])
def test_text_that_is_no_utf_8_is_a_decode_error(text: bytes):
    row = encode_event(event(device="D" * len(text)))
    with pytest.raises(DecodeError):
        decode_event(row.replace(b"D" * len(text), text))


@pytest.mark.parametrize(
    "size", [b"\xdd\xff\xff\xff\xff", b"\xdc\xff\xff", b"\xdf\xff\xff\xff\xff"]
)
def test_a_claimed_size_takes_no_memory(size: bytes):
    tracemalloc.start()
    for payload in (
        sealed(PLAIN_FRAME, size),
        sealed(PLAIN_FRAME, b"\x95\x02\xc4\x00\x00\x00" + size),
    ):
        with pytest.raises(DecodeError):
            decode(payload)
    with pytest.raises(DecodeError):
        decode_event(size)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEBIBYTE


def test_decompression_bombs_are_bounded():
    bomb = compress(bytes(200 * MEBIBYTE))
    lone = encode_bomb_batch(deflate(bytes(50 * MEBIBYTE)), flags=8)
    many = encode_bomb_batch(compress(bytes(200 * MEBIBYTE)), flags=2, count=100)
    assert max(len(bomb), len(lone), len(many)) < MESSAGE_BYTES_MAX
    tracemalloc.start()
    for payload in (sealed(UPDATE_FRAME, bomb), lone, many):
        with pytest.raises(DecodeError, match="limit"):
            decode(payload)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MEBIBYTE


def encode_bomb_batch(body: bytes, *, flags: int, count: int = 1) -> bytes:
    header = bytes((0x10 | flags,)) + bytes(4) + bytes(16) + bytes(4) + b"\x01"
    return resealed_batch(header + (b"" if flags & 8 else bytes((count,))) + body)


def test_an_event_of_an_older_version_gets_the_defaults_of_what_it_lacks():
    row = plain_parts(encode_event(event(body=Scan("product", "EAN-13", product="69"))))
    row[7] = row[7][:3]
    old = decode_event(msgspec.msgpack.encode(row[:8]))
    assert old == event(body=Scan("product", "EAN-13"))
    with pytest.raises(DecodeError):
        decode_event(msgspec.msgpack.encode(row[:7]))


def test_an_event_of_a_newer_version_is_read_without_what_is_new():
    full = event(visit=b"12345678", brand="b", operator="o", body=Arrival(by="scan"))
    row = plain_parts(encode_event(full))
    row[7] = [*row[7], "new", {"in": [1, None]}]
    newer = [*row, None, {"new": b"at the end"}, 3.5]
    assert decode_event(msgspec.msgpack.encode(newer)) == full


def test_an_unknown_kind_is_told_apart_and_its_bytes_are_kept():
    row = plain_parts(encode_event(event(visit=b"12345678")))
    row[7] = [200, "of a later version", 3]
    unknown = msgspec.msgpack.encode(row)
    with pytest.raises(UnknownKindError) as told:
        decode_event(unknown)
    assert told.value.tag == 200
    assert kind_tag(unknown) == 200
    row[0] = "no time"
    with pytest.raises(DecodeError) as garbled:
        decode_event(msgspec.msgpack.encode(row))
    assert not isinstance(garbled.value, UnknownKindError)


def test_a_message_of_a_newer_version_is_read_without_what_is_new():
    receipt = Receipt(owner=b"o", stream=b"s", watermark=7)
    newer = [*msgspec.msgpack.decode(encode(receipt)[5:]), "new", 4]
    assert decode(sealed(PLAIN_FRAME, msgspec.msgpack.encode(newer))) == receipt
    older = msgspec.msgpack.decode(encode(receipt)[5:])[:4]
    assert decode(sealed(PLAIN_FRAME, msgspec.msgpack.encode(older))) == receipt


def test_tags_of_kinds_are_numbers_used_once():
    tags = [body.__struct_config__.tag for body in EVENT_KINDS.values()]
    assert all(isinstance(tag, int) for tag in tags)
    assert len(set(tags)) == len(tags)


@given(st.lists(all_events, max_size=5))
def test_rows_decoded_at_once_are_those_decoded_one_by_one(some: list[Event]):
    rows = list(map(encode_event, some))

    assert decode_events(rows) == list(map(decode_event, rows))
    with pytest.raises(DecodeError):
        decode_events([*rows, b"\x01"])


def test_the_chain_continues_from_row_to_row():
    rows = [b"one", b"two", b"three"]
    assert chain_all(0, rows) == [
        zlib.crc32(b"one"),
        zlib.crc32(b"onetwo"),
        zlib.crc32(b"onetwothree"),
    ]
    assert chain_all(chain(0, b"one"), rows[1:]) == chain_all(0, rows)[1:]
    assert chain_all(0, [b"one", b"TWO"])[-1] != chain_all(0, rows)[1]


def test_a_row_beyond_its_limit_is_refused_at_once():
    fits = event(body=Scan("unknown", "QR", sealed=bytes(ROW_BYTES_MAX - 100)))
    assert decode_event(encode_event(fits)) == fits
    with pytest.raises(EncodeError, match="scan event"):
        encode_event(event(body=Scan("unknown", "QR", sealed=bytes(ROW_BYTES_MAX))))


def test_messages_beyond_their_limits_are_refused():
    noise = random.Random(1).randbytes(MESSAGE_BYTES_MAX)
    with pytest.raises(EncodeError, match="Update"):
        encode(Update(owner=b"", start=0, end=1, changes=(Change("product", "k", noise),)))
    padding = bytes(UPDATE_PLAIN_BYTES_MAX)
    with pytest.raises(EncodeError, match="fewer changes"):
        encode(Update(owner=b"", start=0, end=1, changes=(Change("product", "k", padding),)))
    with pytest.raises(DecodeError, match="above"):
        decode(bytes((PLAIN_FRAME,)) + bytes(MESSAGE_BYTES_MAX))


def test_a_large_update_is_small_on_the_wire():
    changes = tuple(Change("product", f"69{n:011}", b"\x98\xa7product" * 20) for n in range(2000))
    update = Update(owner=bytes(16), start=0, end=9, changes=changes, snapshot=True)
    assert len(encode(update)) < 20_000
    assert decode(encode(update)) == update


def test_a_heartbeat_with_every_figure_stays_short():
    beat = Heartbeat(
        session=9, head=10**6, watermark=10**6, queue_rows=0, queue_bytes=0, oldest_age_ms=0,
        sent_at=1_795_000_000_000_000, clock=2, mono_ms=10**9, boot=3,
    )  # fmt: skip
    assert len(encode(beat)) < 60
