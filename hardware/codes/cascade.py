"""Several decoders behind one another: quick ones first, costly ones where those found nothing.

For a single picture everything may be spent until something certain is found. A live lane has a
quick look at every frame and one costly stage at most, so that its computer stays free.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import hypot

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.cameras.frames import Pixels
from hardware.codes.decoder import PARTLY_READ, SELF_PROVING, Decoded, Decoder, Trust, overlap
from hardware.codes.gtin import is_gtin
from hardware.codes.places import PLACES_MAX
from hardware.codes.product_codes import PRODUCT_CODES, ProductCodeReader, place_of
from hardware.codes.stages import Larger, Resized, Rows, Smoothed, Turned
from hardware.codes.turns import Turns
from hardware.codes.zbar import ZbarDecoder
from hardware.codes.zxing import ZxingDecoder
from hardware.readings import Quad

ROWS = 24
# The longer side of the picture that each stage sees, in pixels.
LOOK_PIXELS_MAX = 1280
FRAME_LOOK_PIXELS_MAX = 640
ZBAR_PIXELS_MAX = 800
ENLARGED_PIXELS = 700
# No stage sees more: a code that fills a shelf's picture is large enough.
DEEP_PIXELS_MAX = 2048
SMOOTHING_PIXELS = 1.2
# A picture that is so many times as large as the bars found in it is looked at for squares, too.
ROOM_FOR_SQUARES = 2.5
# One that is so many times as large as its codes is looked at once more, unless it is so small that
# it was cut out around a code.
ROOM = 4
ROOM_PIXELS_MIN = 200_000

# A code that has to be seen once more is reason to look closer for so many frames.
ONCE_MORE_FRAMES = 6
TRUSTS: tuple[Trust, ...] = ("proven", "seen", "doubtful")  # the surest first
# A picture has moved where a coarse view of it differs by so much somewhere (of 255).
MOVED_PIXELS = 32
MOVED_MIN = 12


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the cascade and its name.

    Where its decoder finds nothing, the one for `bright` bars on dark sees the picture inverted:
    no library reads these. Square ones are read either way by whoever does all it can.
    """

    name: str
    decoder: Decoder
    bright: Decoder | None = None

    def read(self, grey: Pixels, checker: ProductCodeReader) -> Sequence[Decoded]:
        """Return what the stage finds, each with what speaks for it."""
        found = list(checked(grey, self.decoder.decode(grey), checker))
        if found or self.bright is None:
            return found
        inverted = np.asarray(cv2.bitwise_not(grey), np.uint8)
        return list(checked(inverted, self.bright.decode(inverted), checker))


def deep_stages(symbologies: Sequence[str], places: int = PLACES_MAX) -> list[Stage]:
    """Return the costly stages, the most fruitful first; `places` with bars are looked at."""
    stages = []
    if not PRODUCT_CODES.isdisjoint(symbologies):
        reader = ProductCodeReader(symbologies, places)
        stages.append(Stage("likeliest", Resized(reader, DEEP_PIXELS_MAX)))
    zxing, zbar = ZxingDecoder(symbologies), ZbarDecoder(symbologies)
    bars = bars_of(symbologies)
    bright = Resized(Turned(ZxingDecoder(bars, "look"), places), DEEP_PIXELS_MAX) if bars else None
    stages.append(Stage("all", Resized(zxing, DEEP_PIXELS_MAX), bright))
    stages.append(Stage("zbar", Resized(zbar, ZBAR_PIXELS_MAX)))
    return stages


def bars_of(symbologies: Sequence[str]) -> list[str]:
    """Return those of the symbologies that are made of bars."""
    return [name for name in symbologies if name not in SELF_PROVING]


class StillCascade:
    """Reads a single picture: a decoder that goes on until something certain is found.

    The quick looks for bars and for squares are both taken, since a picture may show either, but
    where bars fill it.
    """

    def __init__(self, symbologies: Sequence[str]) -> None:
        matrix = [name for name in symbologies if name in SELF_PROVING]
        bars = bars_of(symbologies)
        self._checker = ProductCodeReader(symbologies)
        rows = Stage("rows", Rows(ZxingDecoder(bars, "glance"), ROWS))
        glance = Stage("glance", Resized(ZxingDecoder(matrix, "glance"), LOOK_PIXELS_MAX))
        looks = [
            Stage("look", Resized(ZxingDecoder(kind, "look"), LOOK_PIXELS_MAX))
            for kind in (bars, matrix)
        ]
        # Each goes as far as it has to. One threshold for the whole picture costs less, and is
        # tried first where squares are all that is expected.
        self._quick = [[rows, looks[0]], [looks[1]] if bars else [glance, looks[1]]]
        self._thorough = [Stage("all", Resized(ZxingDecoder(symbologies), DEEP_PIXELS_MAX))]
        zbar = ZbarDecoder(symbologies)
        self._deep = [
            *deep_stages(symbologies),
            Stage("turned", Turned(ZxingDecoder(bars, "look"))),
            Stage("enlarged", Resized(ZxingDecoder(symbologies), ENLARGED_PIXELS, enlarge=True)),
            Stage("smoothed", Resized(Smoothed(zbar, SMOOTHING_PIXELS), ZBAR_PIXELS_MAX)),
            Stage("whole", Larger(ZxingDecoder(symbologies), DEEP_PIXELS_MAX)),
        ]

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found, each once."""
        bars, squares = self._quick
        found = self._until_certain(grey, bars)
        if not _certain(found) or room_of(grey, found) > ROOM_FOR_SQUARES:
            found += self._until_certain(grey, squares)
        if not _certain(found):
            found += self._until_certain(grey, self._deep)
        elif grey.size >= ROOM_PIXELS_MIN and room_of(grey, found) > ROOM:
            found += self._until_certain(grey, self._thorough)
        return settled(found)

    def _until_certain(self, grey: Pixels, stages: Sequence[Stage]) -> list[Decoded]:
        found: list[Decoded] = []
        for stage in stages:
            found += stage.read(grey, self._checker)
            if _certain(found):
                break
        return found


class LaneCascade:
    """Reads the frames of a live lane, each costing little: a decoder that remembers the last ones.

    Guarantees:
    - every frame gets a quick look, and one costly stage at most (`turns.py` says when which);
    - every costly stage is tried within ten frames, also while nothing is found or moves;
    - on average a costly stage is tried in every second frame at most.
    """

    def __init__(self, symbologies: Sequence[str]) -> None:
        self._checker = ProductCodeReader(symbologies)
        self._look = Resized(ZxingDecoder(symbologies, "look"), FRAME_LOOK_PIXELS_MAX)
        self._deep = deep_stages(symbologies, places=1)
        self._coarse: NDArray[np.float32] | None = None
        self._turns = Turns(len(self._deep))
        self._was_proven = False
        self._once_more = 0
        self.tried: Counter[str] = Counter()

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found, each once."""
        found = list(checked(grey, self._look.decode(grey), self._checker))
        # What moves after a code that needs no more proof is that code, leaving.
        moved = self._has_moved(grey) and not self._was_proven
        if not _certain(found):
            turn = self._turns.take(wanted=moved or bool(found) or self._once_more > 0)
            if turn is not None:
                stage = self._deep[turn]
                self.tried[stage.name] += 1
                found += stage.read(grey, self._checker)
        trusts = {code.trust for code in found}
        self._was_proven = "proven" in trusts
        self._once_more = ONCE_MORE_FRAMES if "seen" in trusts else max(0, self._once_more - 1)
        return settled(found)

    def _has_moved(self, grey: Pixels) -> bool:
        """Tell whether something moved: a camera that took its picture brighter did not."""
        size = (MOVED_PIXELS, MOVED_PIXELS)
        coarse = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)
        before, self._coarse = self._coarse, coarse
        if before is None:
            return True
        brighter = max(1.0, float(coarse.mean())) / max(1.0, float(before.mean()))
        return float(cv2.absdiff(coarse, before * np.float32(brighter)).max()) >= MOVED_MIN


def checked(
    grey: Pixels, codes: Sequence[Decoded], checker: ProductCodeReader
) -> Iterator[Decoded]:
    """Yield the codes with what speaks for them, wrong ones put right.

    A part of an ITF code is itself one, and both readers read it: only the number of goods, whose
    length and check digit are known, is more than a doubt.
    """
    for code in codes:
        if code.symbology in SELF_PROVING:
            yield replace(code, trust="proven")
        elif code.symbology in PRODUCT_CODES and code.trust == "seen":
            yield checker.check(grey, code)
        elif code.symbology == "ITF" and not is_itf_14(code.data):
            yield replace(code, trust="doubtful")
        else:
            yield code


def room_of(grey: Pixels, codes: Sequence[Decoded]) -> float:
    """Return how many times as large as its codes a picture is.

    A code made of bars counts as half as high as it is long: a reader may have seen a row of it.
    """
    places = [place_of(code.quad) for code in codes]
    filled = sum(place.length * max(place.height, place.length / 2) for place in places)
    return grey.size / max(1.0, filled)


def is_itf_14(data: bytes) -> bool:
    """Tell whether these are the 14 digits of goods with their check digit."""
    return len(data) == 14 and data.isdigit() and is_gtin(data.decode("ascii"))


def _certain(codes: Sequence[Decoded]) -> bool:
    return any(code.trust != "doubtful" for code in codes)


def settled(codes: Sequence[Decoded]) -> list[Decoded]:
    """Return each code once, without doubtful ones where something more certain stands.

    A square one within another proves itself, and stays. A product code that one row shows with its
    add-on and another without is listed with it, as certain as the number is; a part of a code made
    of bars is not listed beside the whole.
    """
    codes = [code for code in codes if not any(_is_part(code, other) for other in codes)]
    by_trust = sorted(codes, key=lambda code: TRUSTS.index(code.trust))
    kept: list[Decoded] = []
    for code in by_trust:
        rivals = [one for one in kept if overlap(one, code)]
        if not any(one.data == code.data or _outweighs(one, code) for one in rivals):
            kept.append(code)
    whole = [code for code in kept if not any(_goes_on(code, other) for other in kept)]
    return [replace(code, trust=_surest(code, kept)) for code in whole]


def _surest(code: Decoded, others: Sequence[Decoded]) -> Trust:
    """Return the best that speaks for a code, or for what it was read as without its add-on."""
    trusts = [code.trust, *(other.trust for other in others if _goes_on(other, code))]
    return min(trusts, key=TRUSTS.index)


def _outweighs(one: Decoded, other: Decoded) -> bool:
    """Tell whether one of two codes at a place is believed and the other is not."""
    both_prove_themselves = {one.symbology, other.symbology} <= SELF_PROVING
    return one.trust != "doubtful" and not both_prove_themselves


def _is_part(code: Decoded, whole: Decoded) -> bool:
    """Tell whether a code is only a part of another of its kind at its place, and no surer."""
    is_alike = code.symbology == whole.symbology and code.symbology in PARTLY_READ
    is_part = len(code.data) < len(whole.data) and code.data in whole.data
    is_surer = TRUSTS.index(code.trust) < TRUSTS.index(whole.trust)
    return is_alike and is_part and not is_surer and overlap(code, whole)


def _goes_on(code: Decoded, other: Decoded) -> bool:
    """Tell whether a code is the beginning of another, which has its add-on, too."""
    is_more = len(other.data) > len(code.data) and other.data.startswith(code.data)
    if not is_more or other.symbology != code.symbology or code.symbology not in PRODUCT_CODES:
        return False
    place = place_of(code.quad)
    (ax, ay), (bx, by) = (_begin(each.quad) for each in (code, other))
    return hypot(ax - bx, ay - by) < place.length / 2


def _begin(quad: Quad) -> tuple[float, float]:
    """Return the middle of the side at which a code begins."""
    (ax, ay), _, _, (dx, dy) = quad
    return (ax + dx) / 2, (ay + dy) / 2
