"""Codes in real photos: the cascade beside its own parts, on the same pictures in the same run.

Thresholds are chosen on one half of the photos and of the lookalikes, and hold for the other.
"""

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import zxingcpp
from pyzbar import pyzbar

from benchmarks.changed_photos import CHANGES, measure_changed, text_read
from benchmarks.lookalikes import LOOKALIKES, lookalikes
from benchmarks.mutations import mutate_codes
from benchmarks.photos import Photo, all_photos, is_same
from benchmarks.result import Goal, Result
from hardware.cameras.frames import Pixels
from hardware.cameras.images import to_grey
from hardware.codes.acceptance import Candidate, judge
from hardware.codes.cascade import LaneCascade, StillCascade
from hardware.codes.decoder import SELF_PROVING, SYMBOLOGIES_DEFAULT, Decoded
from hardware.codes.gtin import check_digit
from hardware.readings import ADD_ONS, SYMBOLOGIES
from storebridge.simulated.cards import draw_product, gtin_of

ZXING = "zxing-cpp, all it reads"
PRODUCTS = ("EAN-13", "EAN-8", "UPC-A", "UPC-E", "EAN13+ext", "UPC-A+ext")
OTHERS = ("Code128", "ITF", "DataMatrix", "MicroQR")
CATALOGUE_NUMBERS = 10_000
DRAWN = 200
LOOKALIKES_OF_A_KIND = 30


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a reader made of a photo, and the processor time it took."""

    texts: tuple[str, ...]
    cpu_ms: float
    codes: tuple[Decoded, ...] = ()

    def is_any(self, _photo: Photo) -> bool:
        return bool(self.texts)

    def is_right(self, photo: Photo) -> bool:
        return any(is_same(text, photo.expected) for text in self.texts)

    def is_wrong(self, photo: Photo) -> bool:
        return any(not is_same(text, photo.expected) for text in self.texts)


def codes(*, every: int = 1, mutated: int = 1_000_000) -> Iterator[Result]:
    """Measure on every so manieth photo of each kind, and with so many mutated pictures."""
    cv2.setNumThreads(1)
    photos = all_photos(every)
    still = StillCascade([name for name in SYMBOLOGIES if name and name not in ADD_ONS])
    yield from _products([photo for photo in photos if photo.kind in PRODUCTS], still)
    yield from _drawn(still, max(10, DRAWN // every))
    yield from _lookalikes(still, max(1, LOOKALIKES_OF_A_KIND // every))
    yield from _qr([photo for photo in photos if photo.kind == "QR"], still)
    for kind in OTHERS:
        yield _other(kind, [photo for photo in photos if photo.kind == kind], still)
    empty = [photo.grey for photo in photos if photo.kind == "NONE"]
    yield Result(
        name="codes: false reads on photos without a code",
        value=sum(bool(still.decode(grey)) for grey in empty),
        unit=f"of {len(empty)}",
        goal=Goal(of="value", better="at most", number=0),
    )
    changes = dict(list(CHANGES.items())[:: max(1, every // 6)])
    yield from measure_changed(photos, still, changes)
    yield from _empty_frames(empty)
    yield from mutate_codes(mutated)


def _products(photos: Sequence[Photo], still: StillCascade) -> Iterator[Result]:
    ours, peers = _read_in_turns(photos, still.decode)
    for name, halves in (
        ("codes: products read right", (False, True)),
        ("codes: products read right, of the half that was tuned on", (False,)),
        ("codes: products read right, of the half that was held back", (True,)),
    ):
        chosen = [at for at, photo in enumerate(photos) if photo.held_back in halves]
        of = [photos[at] for at in chosen]
        yield Result(
            name=name,
            value=_count(_Reading.is_right, [ours[at] for at in chosen], of),
            unit=f"of {len(of)}",
            goal=Goal(of="value", better="at least", number=int(152 / 179 * len(of))),
            peer=ZXING,
            peer_value=_count(_Reading.is_right, [peers[at] for at in chosen], of),
        )
    peer_wrong = _count(_Reading.is_wrong, peers, photos)
    yield Result(
        name="codes: products read wrong, before any catalogue",
        value=_count(_Reading.is_wrong, ours, photos),
        unit=f"of {len(photos)}",
        goal=Goal(of="value", better="at most", number=peer_wrong),
        peer=ZXING,
        peer_value=peer_wrong,
    )
    known = _catalogue(photos)
    yield Result(
        name=f"codes: wrong numbers accepted with a catalogue of {CATALOGUE_NUMBERS}",
        value=sum(
            not is_same(code.data.decode(), photo.expected)
            for photo, reading in zip(photos, ours, strict=True)
            for code in _accepted(reading.codes, known)
        ),
        unit=f"of {len(photos)}",
        goal=Goal(of="value", better="at most", number=0),
    )
    yield _median("codes: processor time, products", ours, peers, 0.7)


def _drawn(still: StillCascade, count: int) -> Iterator[Result]:
    """Read products that were drawn small and blurred, as no photo of the folder is."""
    chance = random.Random(7)
    photos = []
    for number in range(count):
        gtin = gtin_of(chance.randrange(10**9))
        size = (chance.randrange(240, 480), chance.randrange(200, 360))
        drawn = to_grey(draw_product(size, gtin, number))
        blurred = cv2.GaussianBlur(drawn, (0, 0), chance.uniform(0.3, 1.5))
        photos.append(Photo("EAN-13", gtin, np.asarray(blurred, np.uint8)))
    ours, peers = _read_in_turns(photos, still.decode)
    for name, holds in (("right", _Reading.is_right), ("wrong", _Reading.is_wrong)):
        yield Result(
            name=f"codes: drawn products, small and blurred, read {name}",
            value=_count(holds, ours, photos),
            unit=f"of {count}",
            peer=ZXING,
            peer_value=_count(holds, peers, photos),
        )


def _lookalikes(still: StillCascade, count: int) -> Iterator[Result]:
    """Show what looks like codes and is none, and parts of codes; of the half that is held back."""
    ours: Counter[str] = Counter()
    zxing: Counter[str] = Counter()
    zbar: Counter[str] = Counter()
    for each in lookalikes(LOOKALIKES, count, odd=True):
        allowed = {each.truth, each.truth.lstrip("0")}
        for code in still.decode(each.grey):
            if code.trust != "doubtful" and code.data.decode("latin-1") not in allowed:
                ours[code.symbology] += 1
        zxing.update(
            str(code.format)
            for code in zxingcpp.read_barcodes(each.grey)
            if code.text not in allowed
        )
        zbar.update(
            str(code.type)
            for code in pyzbar.decode(each.grey)
            if code.data.decode("latin-1") not in allowed
        )
    yield Result(
        name="codes: lookalikes and parts of codes read as certain",
        value=ours.total(),
        unit=f"of {count * len(LOOKALIKES)}{_by_kind(ours)}",
        goal=Goal(of="value", better="at most", number=min(zxing.total(), zbar.total())),
        peer=f"the better of zxing-cpp{_by_kind(zxing)} and pyzbar{_by_kind(zbar)}",
        peer_value=min(zxing.total(), zbar.total()),
    )


def _by_kind(counts: Counter[str]) -> str:
    return f" ({', '.join(f'{kind} {n}' for kind, n in counts.most_common())})" if counts else ""


def _qr(photos: Sequence[Photo], still: StillCascade) -> Iterator[Result]:
    ours, peers = _read_in_turns(photos, still.decode)
    yield Result(
        name="codes: QR codes read",
        value=sum(bool(reading.texts) for reading in ours),
        unit=f"of {len(photos)}",
        goal=Goal(of="value", better="at least", number=round(128 / 137 * len(photos))),
        peer=ZXING,
        peer_value=sum(bool(reading.texts) for reading in peers),
    )
    yield _median("codes: processor time, QR", ours, peers, 0.8)


def _other(kind: str, photos: Sequence[Photo], still: StillCascade) -> Result:
    """Read another kind; square codes prove themselves, those made of bars must be right."""
    ours, peers = _read_in_turns(photos, still.decode)
    holds = _Reading.is_any if kind in SELF_PROVING else _Reading.is_right
    return Result(
        name=f"codes: {kind} read",
        value=_count(holds, ours, photos),
        unit=f"of {len(photos)}",
        goal=Goal(of="ratio", better="at least", number=1),
        peer=ZXING,
        peer_value=_count(holds, peers, photos),
    )


def _empty_frames(frames: Sequence[Pixels]) -> Iterator[Result]:
    """Show each picture for thirty frames, as a lane's camera does that nobody stands before."""
    lane, ours_ms, peer_ms, longest = LaneCascade(SYMBOLOGIES_DEFAULT), 0.0, 0.0, 0
    last: dict[str, int] = {}
    number = 0
    for grey in frames:
        for _ in range(30):
            before = dict(lane.tried)
            ours_ms += _cpu_ms(partial(lane.decode, grey))
            number += 1
            for name, count in lane.tried.items():
                if count > before.get(name, 0):
                    longest = max(longest, number - last.get(name, number - 1))
                    last[name] = number
        peer_ms += 30 * _cpu_ms(partial(pyzbar.decode, grey))
    megapixels = 30 * sum(grey.size for grey in frames) / 1e6
    yield Result(
        name="codes: processor time of frames without a code",
        value=ours_ms / megapixels,
        unit="ms/megapixel",
        goal=Goal(of="ratio", better="at most", number=0.3),
        peer="pyzbar",
        peer_value=peer_ms / megapixels,
    )
    yield Result(
        name="codes: frames between two tries of a costly stage",
        value=longest,
        unit="frames at most",
        goal=Goal(of="value", better="at most", number=10),
    )


def _read_in_turns(
    photos: Sequence[Photo], decode: Callable[[Pixels], Sequence[Decoded]]
) -> tuple[list[_Reading], list[_Reading]]:
    ours, peers = [], []
    if photos:
        decode(photos[0].grey)  # what is made once is not what a photo costs
    for photo in photos:
        peers.append(_peer(photo.grey))
        began = time.process_time()
        found = tuple(decode(photo.grey))
        cpu_ms = (time.process_time() - began) * 1000
        texts = tuple(text_read(code) for code in found)
        ours.append(_Reading(texts, cpu_ms, found))
    return ours, peers


def _peer(grey: Pixels) -> _Reading:
    began = time.process_time()
    found = zxingcpp.read_barcodes(grey)
    cpu_ms = (time.process_time() - began) * 1000
    return _Reading(tuple(code.text for code in found), cpu_ms)


def _median(name: str, ours: Sequence[_Reading], peers: Sequence[_Reading], ratio: float) -> Result:
    return Result(
        name=name,
        value=statistics.median(reading.cpu_ms for reading in ours),
        unit="ms a photo, median",
        goal=Goal(of="ratio", better="at most", number=ratio),
        peer=ZXING,
        peer_value=statistics.median(reading.cpu_ms for reading in peers),
    )


def _accepted(found: Sequence[Decoded], known: frozenset[str]) -> Iterator[Decoded]:
    for code in found:
        rivals = [_candidate(other) for other in found if other is not code]
        if judge(_candidate(code), rivals, known.__contains__) == "accepted":
            yield code


def _candidate(code: Decoded) -> Candidate:
    return Candidate(number=code.data.decode()[:13], sure=code.trust != "doubtful")


def _catalogue(photos: Sequence[Photo]) -> frozenset[str]:
    """Return the numbers on the photos and their neighbours: those of the same companies."""
    numbers = sorted({photo.expected[:13] for photo in photos})
    chance = random.Random(1)
    known = set(numbers)
    while len(known) < CATALOGUE_NUMBERS:
        like = chance.choice(numbers)
        company = like[: len(like) // 2 + 1]
        body = company + "".join(chance.choices("0123456789", k=len(like) - len(company) - 1))
        known.add(f"{body}{check_digit(body)}")
    return frozenset(known)


def _count(
    holds: Callable[[_Reading, Photo], bool],
    readings: Sequence[_Reading],
    photos: Sequence[Photo],
) -> int:
    return sum(holds(reading, photo) for reading, photo in zip(readings, photos, strict=True))


def _cpu_ms(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000
