"""A lone row comes back byte for byte from the number it became; no other bytes do harm."""

import contextlib
import tracemalloc

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.strategies import all_events, damaged, seqs
from wire import dense, vocabulary
from wire.batch import ROW_BYTES_MAX
from wire.codec import encode_event
from wire.digits import Reader, Table, Writer
from wire.errors import DecodeError
from wire.events import EVENT_KINDS, Arrival, Event, Origin, Searched, Viewed
from wire.forms import FORMS
from wire.spelling import WAYS, Out

names = st.sampled_from(["", "till-1", "kiosk-33", "camera-0", "east-retail", "till-1-0a1b", "QR"])
codes = st.sampled_from(["6903244673125", "0012", "00ff", "0a1b2c", "A1", "-", "till-", "-ab", "٣"])


def event(**fields: object) -> Event:
    known: dict[str, object] = {
        "occurred_at": 1_795_000_000_000_000,
        "mono_ms": 7,
        "boot": 1,
        "clock": 2,
        "device": "kiosk-1",
        "zone": "entrance",
        "identifiers": (),
        "body": Arrival(),
    }
    return Event(**{**known, **fields})  # type: ignore[arg-type]


# Kinds with these tags came after it.
NEWER_KINDS_FROM = 40


def _is_newer_than_the_vocabulary(event: Event) -> bool:
    """Tell whether an event says what the frozen vocabulary of lone rows has no words for."""
    body = event.body
    if type(body).__struct_config__.tag >= NEWER_KINDS_FROM:
        return True
    return isinstance(body, Viewed) and bool(body.topic or body.price_cents or body.currency)


@given(all_events)
def test_every_packed_row_comes_back_byte_for_byte(event: Event):
    row = encode_event(event)
    packed = dense.pack(row)
    if packed is None:
        assert (
            event.origin is not None
            or len(row) > dense.DENSE_ROW_BYTES_MAX
            or _is_newer_than_the_vocabulary(event)
        )
    else:
        assert dense.unpack(packed) == row


@given(device=names | codes, zone=names | codes, brand=names | codes, operator=names | codes)
def test_texts_of_every_way_come_back(device: str, zone: str, brand: str, operator: str):
    row = encode_event(event(device=device, zone=zone, brand=brand, operator=operator))
    packed = dense.pack(row)
    assert packed is not None
    assert dense.unpack(packed) == row


@given(number=st.integers(-(2**63), 2**64 - 1), at=st.integers(-(2**63), 2**64 - 1))
@example(number=-1, at=0)
@example(number=0, at=-(2**63))
@example(number=2**64 - 1, at=2**64 - 1)
def test_numbers_of_every_size_come_back(number: int, at: int):
    row = encode_event(event(occurred_at=at, mono_ms=number, boot=number, clock=number))
    packed = dense.pack(row)
    assert packed is not None
    assert dense.unpack(packed) == row


@given(st.binary(max_size=200) | damaged(all_events.map(encode_event)))
def test_rows_that_are_no_events_are_left_to_deflate_or_come_back(row: bytes):
    packed = dense.pack(row)
    assert packed is None or dense.unpack(packed) == row


@given(st.binary(max_size=dense.DENSE_BYTES_MAX + 8))
def test_any_bytes_are_a_row_or_a_decode_error(packed: bytes):
    with contextlib.suppress(DecodeError):
        row = dense.unpack(packed)
        again = dense.pack(row)
        assert again is None or dense.unpack(again) == row


@given(damaged(all_events.map(encode_event).map(dense.pack).filter(bool)))
def test_damaged_packed_rows_are_a_row_or_a_decode_error(packed: bytes):
    with contextlib.suppress(DecodeError):
        dense.unpack(packed)


def test_what_goes_on_after_its_end_is_no_row():
    packed = dense.pack(encode_event(event(visit=b"12345678")))
    assert packed is not None
    faults = set()
    for more in range(1, 256):
        try:
            dense.unpack(bytes((more,)) + packed)
        except DecodeError as error:
            faults.add(str(error))
    assert "the packed row goes on after its end" in faults
    with pytest.raises(DecodeError, match="above"):
        dense.unpack(bytes(dense.DENSE_BYTES_MAX + 1))


def test_hostile_bytes_take_little_memory():
    tracemalloc.start()
    for filling in (b"\x00", b"\xff", b"\x55", b"\xa7"):
        for size in range(1, dense.DENSE_BYTES_MAX + 1, 7):
            with contextlib.suppress(DecodeError):
                assert len(dense.unpack(filling * size)) <= ROW_BYTES_MAX
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000


def test_a_kind_a_field_or_an_origin_of_a_later_version_is_left_to_deflate():
    row = msgspec.msgpack.decode(encode_event(event(visit=b"12345678")))
    for changed in (
        [*row[:7], [31, "of a later version"], *row[8:]],
        [*row[:7], [2, "scan", "new"], *row[8:]],
        [*row, "", "", None, "new"],
    ):
        assert dense.pack(msgspec.msgpack.encode(changed)) is None
    origin = Origin(stream=bytes(16), seq=1, checksum=2)
    assert dense.pack(encode_event(event(origin=origin))) is None


def test_a_row_of_an_older_version_that_lacks_fields_comes_back_without_them():
    row = msgspec.msgpack.decode(encode_event(event(body=Searched("spf", 7))))
    row[7] = row[7][:2]
    old = msgspec.msgpack.encode(row)
    packed = dense.pack(old)
    assert packed is not None
    assert dense.unpack(packed) == old


def test_a_row_that_another_encoder_wrote_is_left_to_deflate():
    row = encode_event(event())
    longer = row.replace(b"\x07\x01\x02", b"\xcc\x07\x01\x02")
    assert longer != row
    assert msgspec.msgpack.decode(longer) == msgspec.msgpack.decode(row)
    assert dense.pack(longer) is None


def test_every_kind_of_event_that_the_frozen_vocabulary_was_made_for_is_in_it():
    tags = {body.__struct_config__.tag for body in EVENT_KINDS.values()}
    assert set(range(1, 26)) == vocabulary.BODIES.keys() <= tags
    used = {form for forms in vocabulary.BODIES.values() for form in forms}
    assert used <= FORMS.keys()
    assert len(set(vocabulary.WORDS)) == len(vocabulary.WORDS)
    assert {len(shares) for shares in vocabulary.TEXT_SHARES.values()} == {len(WAYS)}


@given(
    st.lists(
        st.tuples(seqs, seqs).map(lambda pair: (min(pair) - 1, max(pair))) | st.integers(0, 3),
        max_size=30,
    )
)
def test_digits_come_back_in_their_order(digits: list[tuple[int, int] | int]):
    table = Table((1, 7, 90, 2))
    writer = Writer()
    for digit in digits:
        if isinstance(digit, int):
            writer.choose(table, digit)
        else:
            writer.put(*digit)
    reader = Reader(writer.finish())
    for digit in digits:
        if isinstance(digit, int):
            assert reader.chosen(table) == digit
        else:
            assert reader.take(digit[1]) == digit[0]
    assert reader.at_end


def packed_order(amount: int, text: str, lines: int) -> bytes:
    """Pack an order that no encoder of events would make."""
    line = [text, 1, amount, text]
    body = [17, text, [line] * lines, lines * amount, text, []]
    out = Out()
    dense._put_event(out, [1_770_000_000_000_000, 1, 1, 0, text, "", [], body])
    return out.writer.finish()


@pytest.mark.parametrize(
    ("amount", "text", "lines", "says"),
    [(2**64 - 1, "o", 2, "more than 64 bits"), (1, "e" * 256, 15, "above 512")],
)
def test_a_row_that_would_not_have_been_packed_is_no_row(
    amount: int, text: str, lines: int, says: str
):
    with pytest.raises(DecodeError, match=says):
        dense.unpack(packed_order(amount, text, lines))
