"""The backlog of a store that was cut off: visits and passers-by, in the order of time."""

import random
from collections.abc import Iterator
from itertools import islice

from wire.codec import ROWS_PER_BATCH_MAX, chain_all, encode, encode_event
from wire.events import (
    AnyBody,
    Arrival,
    Door,
    Dwell,
    Event,
    Line,
    OfferShown,
    PageShown,
    Purchased,
    Saved,
    Scan,
    Viewed,
    VisitEnded,
)
from wire.identifiers import Identifier, key_identifier
from wire.messages import Batch

KEY = b"a tenant's key for benchmarks"
ZONES = ("window", "shelf-a", "shelf-b", "shelf-c", "till")
# A busy store has so many visits an hour; each member visit has about a dozen events.
VISIT_EVERY_US = 40_000_000
PHONE_SHARE = 0.05
BUYS_SHARE = 0.25


def events(
    count: int, *, at: int, members: int = 300, products: int = 200, seed: int = 1
) -> Iterator[Event]:
    """Yield so many events that end shortly before `at` (µs UTC), visit after visit.

    About six in ten are of members, who look at a few goods each and sometimes buy; the others are
    doors, dwell and pages that nobody is named by.
    """
    rng = random.Random(seed)
    goods = [f"69012345{number:05}" for number in range(products)]
    known = [_member(number) for number in range(members)]
    begins = at - count * VISIT_EVERY_US // 10
    made = _visits(rng, known, goods, begins)
    for number, (occurred_at, zone, identifiers, body) in enumerate(islice(made, count)):
        yield Event(
            occurred_at=occurred_at,
            mono_ms=(occurred_at - begins) // 1000,
            boot=1,
            clock=2,
            device="camera-1",
            zone=zone,
            identifiers=identifiers,
            body=body,
            visit=number.to_bytes(8, "big") if identifiers else b"",
            brand="maru",
        )


def payloads(stream: bytes, rows: list[bytes]) -> list[bytes]:
    """Return rows as the Batches of the back lane that a store sends, encoded for the wire."""
    checksums = chain_all(0, rows)
    return [
        encode(
            Batch(
                stream=stream,
                first=first + 1,
                lane="back",
                before=checksums[first - 1] if first else 0,
                rows=tuple(rows[first : first + ROWS_PER_BATCH_MAX]),
            )
        )
        for first in range(0, len(rows), ROWS_PER_BATCH_MAX)
    ]


def rows(count: int, *, at: int, members: int = 300, products: int = 200) -> list[bytes]:
    """Return `events` encoded as rows of an outbox."""
    return list(map(encode_event, events(count, at=at, members=members, products=products)))


_Part = tuple[int, str, tuple[Identifier, ...], AnyBody]


def _visits(
    rng: random.Random, known: list[tuple[Identifier, Identifier]], goods: list[str], at: int
) -> Iterator[_Part]:
    while True:
        at += VISIT_EVERY_US
        yield at, "door", (), Door(line="entrance", people_in=rng.randrange(1, 3))
        of = rng.choice(known)
        named = of if rng.random() < PHONE_SHARE else of[:1]
        shown = rng.sample(goods, k=min(3, len(goods)))
        for step, (identified, body) in enumerate(_visit(rng, shown, at)):
            yield at + step * 3_000_000, rng.choice(ZONES), named if identified else (), body
        yield at, "door", (), Door(line="entrance", people_out=1)


def _visit(rng: random.Random, shown: list[str], at: int) -> Iterator[tuple[bool, AnyBody]]:
    """Yield what happens in one visit, each with whether the member is named by it."""
    yield False, PageShown(page="attract")
    yield True, Scan(code_kind="member", symbology="QRCODE")
    yield True, Arrival()
    yield True, PageShown(page="welcome")
    yield True, OfferShown(offer="looked-at", coupon="c0ffee", page="coupon")
    for product in shown:
        dwell_ms = rng.randrange(2_000, 60_000)
        joined = rng.random() < 0.4
        yield joined, Dwell(at, dwell_ms, confidence_pct=90 if joined else 0)
        yield True, Scan(code_kind="product", symbology="EAN13", product=product)
        yield False, Dwell(at, dwell_ms)
        if rng.random() < 0.7:
            yield True, Viewed(product=product)
    if rng.random() < 0.1:
        yield True, Saved(product=shown[0])
    if rng.random() < BUYS_SHARE:
        lines = tuple(Line(product, 1, 12_900, "maru") for product in shown[: rng.randrange(1, 3)])
        cents = 12_900 * len(lines)
        yield True, Purchased(order=f"o{at}", lines=lines, amount_cents=cents, currency="CNY")
    yield False, PageShown(page="attract")
    yield True, VisitEnded(by="tap")


def _member(number: int) -> tuple[Identifier, Identifier]:
    return (
        key_identifier("member", f"M{number:08}", key=KEY),
        key_identifier("phone", f"1391{number:07}", key=KEY),
    )
