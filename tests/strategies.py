"""Hypothesis strategies for everything that crosses the wire, all in one file."""

from typing import get_args

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from wire import events, messages, views
from wire.batch import ABSENT_RANGES_MAX, ROWS_PER_BATCH_MAX, SEQ_MAX
from wire.codec import encode_event
from wire.events import EVENT_KINDS, AnyBody, Body, Event, Line, Origin
from wire.identifiers import IDENTIFIER_KINDS, VALUE_BYTES, Identifier
from wire.messages import (
    NONCE_BYTES,
    STREAM_BYTES,
    STREAM_RANDOM_BYTES,
    Absent,
    Applied,
    Batch,
    Birth,
    Change,
    Death,
    DeviceState,
    Heartbeat,
    Message,
    Receipt,
    Update,
)
from wire.signed import (
    LETTERS,
    LIFETIME_S_MAX,
    NUMBER_BYTES,
    TIME_S_MAX,
    TOKEN_KINDS,
    TOKEN_LIFETIME_S_MAX,
    SignedCode,
)
from wire.views import Because, CouponView, Recommendation, View

times = st.integers(0, 2**53)
sizes = st.integers(0, 2**53)
seqs = st.integers(1, SEQ_MAX)
checksums = st.integers(0, 2**32 - 1)
amounts = st.integers(-(2**53), 2**53)
texts = st.text(max_size=40)
names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,39}", fullmatch=True)
streams = st.binary(min_size=STREAM_BYTES, max_size=STREAM_BYTES) | st.binary(
    min_size=STREAM_RANDOM_BYTES, max_size=STREAM_RANDOM_BYTES
).map(lambda chance: chance.ljust(STREAM_BYTES, b"\0"))
nonces = st.binary(min_size=NONCE_BYTES, max_size=NONCE_BYTES)
lanes = st.sampled_from(get_args(messages.Lane))
identifiers = st.builds(
    Identifier,
    kind=st.sampled_from(sorted(IDENTIFIER_KINDS)),
    value=st.binary(min_size=VALUE_BYTES, max_size=VALUE_BYTES),
)
lines = st.builds(Line, product=texts, quantity=sizes, amount_cents=amounts, brand=texts)

FIELDS: dict[object, SearchStrategy[object]] = {
    int: amounts,
    str: texts,
    bytes: st.binary(max_size=200),
    bool: st.booleans(),
    dict[str, int]: st.dictionaries(texts, amounts, max_size=5),
    dict[str, str]: st.dictionaries(st.sampled_from(["zh", "en"]), texts, max_size=2),
    tuple[str, ...]: st.lists(texts, max_size=5).map(tuple),
    tuple[Line, ...]: st.lists(lines, max_size=5).map(tuple),
}


def every_field(struct: type) -> dict[str, SearchStrategy[object]]:
    """A strategy for each field by its type, so that a new field is drawn without a change here."""
    return {
        name: FIELDS[annotation]
        for name, annotation in struct.__annotations__.items()
        if annotation in FIELDS
    }


def bodies_of(kind: type[Body]) -> SearchStrategy[Body]:
    return st.builds(kind, **every_field(kind))


bodies: SearchStrategy[AnyBody] = st.one_of(*map(bodies_of, EVENT_KINDS.values()))
origins = st.builds(Origin, stream=streams, seq=seqs, checksum=checksums)
all_events: SearchStrategy[Event] = st.builds(
    Event,
    occurred_at=times,
    mono_ms=sizes,
    boot=sizes,
    clock=st.sampled_from(events.Clock).map(int),
    device=texts,
    zone=texts,
    identifiers=st.lists(identifiers, max_size=3).map(tuple),
    body=bodies,
    visit=st.sampled_from([b"", b"\x00" * 8]) | st.binary(min_size=8, max_size=8),
    brand=texts,
    operator=texts,
    origin=st.none() | origins,
)


@st.composite
def absents(draw: st.DrawFn) -> Absent:
    first, last = sorted((draw(seqs), draw(seqs)))
    return Absent(
        first=first, last=last, reason=draw(st.sampled_from(get_args(messages.AbsentReason)))
    )


batches: SearchStrategy[Batch] = st.builds(
    Batch,
    stream=streams,
    first=st.integers(1, SEQ_MAX - ROWS_PER_BATCH_MAX),
    lane=lanes,
    before=checksums,
    rows=st.lists(all_events.map(encode_event), max_size=8).map(tuple),
    absent=st.lists(absents(), max_size=3).map(tuple)
    | st.lists(absents(), min_size=ABSENT_RANGES_MAX, max_size=ABSENT_RANGES_MAX).map(tuple),
)
ranges = st.tuples(seqs, seqs).map(lambda pair: (min(pair), max(pair)))
receipts = st.builds(
    Receipt,
    owner=streams,
    stream=streams,
    watermark=sizes,
    ranges=st.lists(ranges, max_size=5).map(tuple),
    credit=st.integers(0, 100),
    verdict=st.sampled_from(get_args(messages.Verdict)),
    nonce=st.just(b"") | nonces,
)
becauses = st.builds(Because, **every_field(Because))
coupons = st.builds(CouponView, because=becauses, **every_field(CouponView))
shoppers = st.builds(
    views.ShopperView,
    because=becauses,
    coupons=st.lists(coupons, max_size=3).map(tuple),
    recommended=st.lists(
        st.builds(Recommendation, product=texts, because=becauses), max_size=3
    ).map(tuple),
    **every_field(views.ShopperView),
)
all_views: SearchStrategy[View] = st.one_of(
    shoppers,
    *(
        st.builds(view, **every_field(view))
        for view in views.VIEW_TABLES.values()
        if view is not views.ShopperView
    ),
)
changes = st.builds(
    Change,
    table=st.sampled_from(sorted(views.VIEW_TABLES)),
    key=texts,
    value=st.none() | all_views.map(views.encode_view),
)
updates = st.builds(
    Update,
    owner=streams,
    start=sizes,
    end=sizes,
    changes=st.lists(changes, max_size=5).map(tuple),
    snapshot=st.booleans(),
)
applied = st.builds(Applied, owner=streams, revision=sizes)
births = st.builds(
    Birth,
    stream=streams,
    session=sizes,
    nonce=nonces,
    head=sizes,
    watermark=sizes,
    applied=sizes,
    owner=st.just(b"") | streams,
    version=texts,
    operator=texts,
    sent_at=times,
)
heartbeats = st.builds(
    Heartbeat,
    devices=st.lists(st.builds(DeviceState, **every_field(DeviceState)), max_size=3).map(tuple),
    **every_field(Heartbeat),
)
deaths = st.builds(Death, session=sizes, clean=st.booleans())
all_messages: SearchStrategy[Message] = st.one_of(
    batches, receipts, updates, applied, births, heartbeats, deaths
)


@st.composite
def signed_codes_of(draw: st.DrawFn) -> SignedCode:
    kind = draw(st.sampled_from(list(LETTERS)))
    subject = st.text("Az09_.-", max_size=47).map("c".__add__)
    member = st.binary(min_size=VALUE_BYTES, max_size=VALUE_BYTES).map(bytes.hex)
    most = TOKEN_LIFETIME_S_MAX if kind in TOKEN_KINDS else LIFETIME_S_MAX
    return SignedCode(
        kind=kind,
        subject=draw(member if kind == "member" else subject),
        issued_at_s=draw(st.integers(0, TIME_S_MAX)),
        lifetime_s=draw(st.integers(0, most)),
        number=draw(st.binary(min_size=NUMBER_BYTES, max_size=NUMBER_BYTES)),
    )


signed_codes = signed_codes_of()


@st.composite
def damaged(draw: st.DrawFn, sound: SearchStrategy[bytes]) -> bytes:
    """Sound bytes with a few of them changed, left out, cut off or put in."""
    payload = bytearray(draw(sound))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(payload) - 1)))
        match draw(st.sampled_from(["change", "leave out", "cut", "put in"])):
            case "change" if payload:
                payload[at] = draw(st.integers(0, 255))
            case "leave out":
                del payload[at : at + draw(st.integers(1, 8))]
            case "cut":
                del payload[at:]
            case _:
                payload[at:at] = draw(st.binary(min_size=1, max_size=8))
    return bytes(payload)
