"""The Batch: rows come back byte for byte, the header stands alone; as small as promised."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import batches, damaged, lanes
from wire.batch import (
    ABSENT_RANGES_MAX,
    BATCH_BYTES_MAX,
    FRAME,
    ROW_BYTES_MAX,
    ROWS_PER_BATCH_MAX,
    SEQ_MAX,
    ZSTANDARD,
    BatchHeader,
    decode_batch,
    decode_header,
    encode_batch,
)
from wire.codec import encode_event
from wire.errors import DecodeError, EncodeError
from wire.events import (
    AnyBody,
    Arrival,
    CouponRedeemed,
    Dwell,
    Event,
    PageShown,
    Saved,
    Scan,
    Tapped,
    Viewed,
)
from wire.identifiers import Identifier
from wire.messages import Absent, Batch
from wire.topics import up_topic

STREAM = b"s" * 16
TOPIC = up_topic("acme", "s0001", "live")


def batch(rows: Sequence[bytes], *, first: int = 1, absent: Sequence[Absent] = ()) -> Batch:
    return Batch(
        stream=STREAM, first=first, lane="live", before=7, rows=tuple(rows), absent=tuple(absent)
    )


@given(batches)
def test_a_batch_comes_back_and_its_header_alone_says_the_same(sent: Batch):
    payload = encode_batch(sent)
    assert decode_batch(payload) == sent
    header = decode_header(payload)
    assert header == BatchHeader(
        stream=sent.stream,
        first=sent.first,
        count=len(sent.rows),
        lane=sent.lane,
        before=sent.before,
        absent=sent.absent,
    )
    assert header.last == sent.last


@given(
    rows=st.lists(st.integers(0, 127).map(lambda byte: bytes((byte,))), max_size=100), lane=lanes
)
def test_rows_are_carried_as_bytes_whatever_they_mean(rows: list[bytes], lane: str):
    sent = Batch(stream=STREAM, first=9, lane=lane, before=0, rows=tuple(rows))
    assert decode_batch(encode_batch(sent)) == sent


@given(damaged(batches.map(encode_batch)))
def test_no_damage_to_a_batch_goes_unseen(payload: bytes):
    try:
        came = decode_batch(payload)
    except DecodeError:
        return
    assert encode_batch(came) == payload


@pytest.mark.parametrize("rows", [[b"\xc1"], [b"\x92\x01"], [b"\xc0"] * 20 + [b"\xc1" * 2000]])
def test_poison_rows_leave_a_header_that_can_be_receipted(rows: list[bytes]):
    payload = encode_batch(batch(rows, first=5))
    with pytest.raises(DecodeError, match="rows are not"):
        decode_batch(payload)
    assert decode_header(payload).last == 4 + len(rows)


def test_a_full_batch_of_the_largest_rows_fits_a_broker():
    noise = random.Random(1)
    row = b"\xc5" + (ROW_BYTES_MAX - 3).to_bytes(2, "big")
    rows = [row + noise.randbytes(ROW_BYTES_MAX - 3) for _ in range(ROWS_PER_BATCH_MAX)]
    absent = [Absent(SEQ_MAX - 1, SEQ_MAX, "damaged")] * ABSENT_RANGES_MAX
    full = batch(rows, first=SEQ_MAX - ROWS_PER_BATCH_MAX, absent=absent)
    payload = encode_batch(full)
    assert len(payload) <= BATCH_BYTES_MAX < 2**20
    assert decode_batch(payload) == full


@pytest.mark.parametrize(
    "wrong",
    [
        batch([b"\xc0"] * (ROWS_PER_BATCH_MAX + 1)),
        batch([b"\xc0" * (ROW_BYTES_MAX + 1)]),
        batch([], absent=[Absent(1, 1, "evicted")] * (ABSENT_RANGES_MAX + 1)),
        batch([], absent=[Absent(5, 4, "evicted")]),
        batch([], absent=[Absent(0, 4, "evicted")]),
        batch([b"\xc0"], first=0),
        batch([b"\xc0"], first=SEQ_MAX + 1),
        Batch(stream=b"short", first=1, lane="live", before=0, rows=()),
        Batch(stream=STREAM, first=1, lane="live", before=2**32, rows=()),
    ],
)
def test_a_batch_beyond_a_limit_is_not_sent(wrong: Batch):
    with pytest.raises(EncodeError):
        encode_batch(wrong)


def test_the_size_of_a_claimed_row_is_bounded():
    large = b"\xc6\x00\x00\x40\x00" + bytes(0x4000)
    payload = encode_batch(batch([b"\xc0", large[: ROW_BYTES_MAX // 2], b"\xc0"]))
    with pytest.raises(DecodeError):
        decode_batch(payload)


class Shop:
    """Draws what a busy shop records: times that vary, random identifiers, visits and codes."""

    def __init__(self, seed: int, operator: str = "") -> None:
        self.random = random.Random(seed)
        self.operator = operator
        self.at = 1_795_000_000_000_000
        self.mono_ms = 123_456_789

    def gtin(self) -> str:
        return f"69{self.random.randrange(10**11):011}"

    def row(self, body: AnyBody, *, device: str, zone: str, named: bool = True) -> bytes:
        passed_ms = self.random.randrange(100, 5_000)
        self.at += passed_ms * 1000 + self.random.randrange(1000)
        self.mono_ms += passed_ms
        identifier = Identifier("member", self.random.randbytes(16))
        event = Event(
            occurred_at=self.at,
            mono_ms=self.mono_ms,
            boot=3,
            clock=2,
            device=device,
            zone=zone,
            identifiers=(identifier,) if named else (),
            body=body,
            visit=self.random.randbytes(8) if named else b"",
            operator=self.operator,
        )
        return encode_event(event)

    def busy_rows(self, count: int) -> list[bytes]:
        """Rows of which each names another person, visit and product: the hardest to make small."""
        rows = []
        for _ in range(count):
            zone = self.random.choice(["entrance", "skincare", "north-2", "till"])
            kiosk = f"kiosk-{self.random.randrange(1, 4)}"
            stood_ms = self.random.randrange(100_000)
            body: AnyBody = self.random.choices(
                [
                    Scan("member", "QR"),
                    Scan("product", "EAN-13", product=self.gtin()),
                    Tapped("product", "save"),
                    Dwell(self.at - stood_ms * 1000, stood_ms, people_max=2),
                ],
                weights=[30, 40, 15, 15],
            )[0]
            rows.append(self.row(body, device=kiosk, zone=zone))
        return rows


def bytes_on_socket(payload: bytes) -> int:
    """What an MQTT 3.1.1 PUBLISH of QoS 1 takes: fixed header, topic, packet id and payload."""
    rest = 2 + len(TOPIC) + 2 + len(payload)
    length_bytes = 1 + (rest >= 128) + (rest >= 16_384) + (rest >= 2_097_152)
    return 1 + length_bytes + rest


@pytest.mark.parametrize("seed", range(5))
def test_an_event_takes_at_most_50_bytes_at_100_a_message(seed: int):
    payload = encode_batch(batch(Shop(seed, "east-retail").busy_rows(100), first=1_234_567))
    assert payload[0] == FRAME | ZSTANDARD
    assert bytes_on_socket(payload) / 100 <= 50


LONE = {
    "member scanned": (Scan("member", "QR"), "camera-1", "entrance"),
    "member scanned, other names": (Scan("member", "QR"), "cam-w", "womens"),
    "goods scanned": (Scan("product", "EAN-13", product="6903244673125"), "camera-2", "skincare"),
    "arrival": (Arrival(), "kiosk-1", "entrance"),
    "page": (PageShown("goods"), "kiosk-1", "entrance"),
    "tap": (Tapped("goods", "save"), "kiosk-1", "entrance"),
    "viewed": (Viewed("6903244673125"), "kiosk-1", "entrance"),
    "saved": (Saved("6903244673125"), "kiosk-1", "entrance"),
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("lone", LONE.values(), ids=LONE)
def test_an_event_alone_takes_at_most_120_bytes(lone: tuple[AnyBody, str, str], seed: int):
    body, device, zone = lone
    row = Shop(seed).row(body, device=device, zone=zone)
    assert bytes_on_socket(encode_batch(batch([row], first=1_234_567))) <= 120


def test_the_operator_costs_an_event_alone_its_name_and_little_more():
    for body, device, zone in LONE.values():
        with_and_without = [
            bytes_on_socket(encode_batch(batch([row], first=1_234_567)))
            for row in (
                Shop(1, operator).row(body, device=device, zone=zone)
                for operator in ("east-retail", "")
            )
        ]
        assert with_and_without[0] - with_and_without[1] <= len("east-retail") + 4


def test_a_dwell_alone_takes_at_most_120_bytes():
    shop = Shop(1)
    row = shop.row(Dwell(shop.at, 48_123, 2), device="people-1", zone="skincare", named=False)
    assert bytes_on_socket(encode_batch(batch([row], first=1_234_567))) <= 120


def test_a_redemption_with_all_its_names_stays_near():
    body = CouponRedeemed("c4f19e02ab7d1", "interest-10", lease="l81c2a05f", order="o-12345678")
    row = Shop(1).row(body, device="kiosk-1", zone="entrance")
    assert bytes_on_socket(encode_batch(batch([row], first=1_234_567))) <= 160
