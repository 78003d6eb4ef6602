"""The Batch: rows come back byte for byte, the header stands alone; as small as promised."""

import random
import zlib
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
    EVENT_KINDS,
    Acted,
    AnyBody,
    Arrival,
    BasketChanged,
    CouponClaimed,
    CouponRedeemed,
    DeviceHealth,
    Discount,
    Door,
    Dwell,
    Event,
    Followed,
    HelpAnswered,
    HelpAsked,
    Line,
    OfferShown,
    PageShown,
    Purchased,
    Returned,
    Saved,
    Scan,
    Searched,
    StockCounted,
    StockMoved,
    Tapped,
    Tried,
    Viewed,
    VisitEnded,
    Watched,
)
from wire.identifiers import Identifier
from wire.messages import STREAM_BYTES, STREAM_RANDOM_BYTES, Absent, Batch
from wire.topics import up_topic
from wire.vocabulary import BODIES

STREAM = b"s" * STREAM_RANDOM_BYTES + bytes(STREAM_BYTES - STREAM_RANDOM_BYTES)
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

    def __init__(self, seed: int, operator: str = "", brand: str = "") -> None:
        self.random = random.Random(seed)
        self.operator = operator
        self.brand = brand
        self.shopper = self.visit = b""
        self.at = 1_795_000_000_000_000
        self.mono_ms = 123_456_789

    def gtin(self) -> str:
        return f"69{self.random.randrange(10**11):011}"

    def row(self, body: AnyBody, *, device: str, zone: str) -> bytes:
        return self.rows_of_visit([body], device=device, zone=zone)[0]

    def rows_of_visit(
        self,
        bodies: Sequence[AnyBody],
        *,
        device: str = "kiosk-2",
        zone: str = "skincare",
        new: bool = True,
    ) -> list[bytes]:
        """Rows of one shopper, another than before unless `new` is False."""
        if new:
            self.shopper, self.visit = self.random.randbytes(16), self.random.randbytes(8)
        rows = []
        for body in bodies:
            passed_ms = self.random.randrange(100, 5_000)
            self.at += passed_ms * 1000 + self.random.randrange(1000)
            self.mono_ms += passed_ms
            event = Event(
                occurred_at=self.at,
                mono_ms=self.mono_ms,
                boot=3,
                clock=2,
                device=device,
                zone=zone,
                identifiers=(Identifier("member", self.shopper),),
                body=body,
                visit=self.visit,
                brand=self.brand,
                operator=self.operator,
            )
            rows.append(encode_event(event))
        return rows

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


def code(chance: random.Random, size: int) -> str:
    return chance.randbytes(size).hex()


def every_kind(shop: Shop) -> list[AnyBody]:
    """One event of every kind, with all that a store fills in and names as long as real ones."""
    chance, gtin, at = shop.random, shop.gtin, shop.at
    order, brand = f"till-1-{code(chance, 6)}", shop.brand
    line = Line(gtin(), 2, chance.randrange(1_000, 60_000), brand)
    paid = line.amount_cents
    return [
        Scan("member", "QR"),
        Scan("product", "EAN-13", product=gtin()),
        Scan("coupon", "QR", coupon=code(chance, 10)),
        Arrival(),
        Dwell(at - 48_123_000, 48_123, 2, 80, 4, engaged=True),
        Door("main", 3, 1, 2),
        PageShown("goods", "viewed_online"),
        Tapped("product", "save"),
        Viewed(gtin()),
        Searched("sun cream", 7),
        Watched("makeup-tour", 15_000, 30_000),
        Saved(gtin()),
        Followed(brand),
        Tried(gtin()),
        OfferShown("looked-online", code(chance, 10), "welcome", price_cents=paid, currency="CNY"),
        CouponClaimed(code(chance, 10), "looked-online"),
        CouponRedeemed(code(chance, 10), "looked-online", code(chance, 4)),
        BasketChanged(gtin(), 1),
        Purchased(order, (line,), paid, "CNY"),
        Returned(order, (line,), paid, "CNY"),
        StockCounted(gtin(), 12),
        StockMoved(gtin(), -2, "sold"),
        HelpAsked(code(chance, 4), "product"),
        HelpAnswered(code(chance, 4)),
        DeviceHealth("degraded", "covered", {"frames": 812}),
        Acted("lamp", succeeded=False, reason="the device is not open"),
        VisitEnded("walk_away"),
    ]


def test_every_kind_that_has_words_of_its_own_is_measured():
    tags = {kind.__struct_config__.tag: kind for kind in EVENT_KINDS.values()}
    assert {type(body) for body in every_kind(Shop(1))} == {tags[tag] for tag in BODIES}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("brand", "operator"), [("qingxing", "maru-retail"), ("lumen", "east-retail"), ("", "")]
)
def test_an_event_alone_takes_at_most_120_bytes(brand: str, operator: str, seed: int):
    shop = Shop(seed, operator, brand)
    for body in every_kind(shop):
        row = shop.row(body, device="kiosk-2", zone="skincare")
        payload = encode_batch(batch([row], first=1_234_567))
        assert bytes_on_socket(payload) <= 120, body
        assert decode_batch(payload).rows == (row,)


def test_names_that_no_vocabulary_knows_cost_their_letters():
    shop = Shop(1, "east-retail", "lumen")
    for body in every_kind(shop)[:14]:
        row = shop.row(body, device="cam-w-north", zone="womens-wear")
        assert bytes_on_socket(encode_batch(batch([row], first=1_234_567))) <= 125, body


@pytest.mark.parametrize("seed", range(5))
def test_events_of_every_kind_take_at_most_50_bytes_at_100_a_message(seed: int):
    shop = Shop(seed, "maru-retail", "qingxing")
    bodies = [body for _ in range(4) for body in every_kind(shop)][:100]
    rows = [
        row
        for number, body in enumerate(bodies)
        for row in shop.rows_of_visit([body], new=number % 2 == 0)
    ]
    assert bytes_on_socket(encode_batch(batch(rows, first=1_234_567))) / 100 <= 50


@pytest.mark.parametrize("seed", range(5))
def test_what_a_payment_with_a_coupon_records_at_once_takes_at_most_120_bytes_an_event(seed: int):
    shop = Shop(seed, "maru-retail", "qingxing")
    coupon, order = code(shop.random, 10), f"till-1-{code(shop.random, 6)}"
    line = Line(shop.gtin(), 1, 12_900, "qingxing")
    bodies: list[AnyBody] = [
        CouponRedeemed(coupon, "looked-online", code(shop.random, 4), order, 1_290, "CNY"),
        Purchased(order, (line,), 12_900, "CNY", (Discount(coupon, "looked-online", 1_290),)),
        StockMoved(line.product, -1, "sold"),
        VisitEnded("paid"),
    ]
    rows = shop.rows_of_visit(bodies, device="till-1", zone="till")
    assert bytes_on_socket(encode_batch(batch(rows, first=1_234_567))) / len(rows) <= 120


def test_a_stream_that_is_random_throughout_comes_back_whole():
    shop = Shop(1)
    row = shop.row(Arrival(), device="kiosk-1", zone="entrance")
    old = Batch(stream=b"s" * 16, first=1, lane="back", before=7, rows=(row,))
    new = Batch(stream=STREAM, first=1, lane="back", before=7, rows=(row,))
    assert [decode_batch(encode_batch(each)) for each in (old, new)] == [old, new]
    assert len(encode_batch(old)) - len(encode_batch(new)) == STREAM_BYTES - STREAM_RANDOM_BYTES


def test_flags_of_a_later_version_are_refused():
    payload = bytearray(encode_batch(batch([Shop(1).row(Arrival(), device="k", zone="z")])))
    payload[0] |= 4
    payload[1:5] = zlib.crc32(bytes(payload[5:]), payload[0]).to_bytes(4, "big")
    for read in (decode_batch, decode_header):
        with pytest.raises(DecodeError, match="newer version"):
            read(bytes(payload))
