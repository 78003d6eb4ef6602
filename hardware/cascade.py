"""Several decoders behind one another: quick ones first, costly ones where those found nothing.

For a single picture everything may be spent until something certain is found. A live lane has a
quick look at every frame and one costly stage at most, so that its computer stays free.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from hardware.decoder import SELF_PROVING, Decoded, Decoder, overlap
from hardware.frames import Pixels
from hardware.gtin import is_gtin
from hardware.places import PLACES_MAX
from hardware.product_codes import PRODUCT_CODES, ProductCodeReader, place_of
from hardware.stages import Larger, Resized, Rows, Smoothed, Turned
from hardware.zbar import ZbarDecoder
from hardware.zxing import ZxingDecoder

ROWS = 24
# The longer side of the picture that each stage sees, in pixels.
LOOK_PIXELS_MAX = 1280
FRAME_LOOK_PIXELS_MAX = 640
ZBAR_PIXELS_MAX = 800
ENLARGED_PIXELS = 700
# No stage sees more: a code that fills a shelf's picture is large enough.
DEEP_PIXELS_MAX = 2048
SMOOTHING_PIXELS = 1.2
# A picture that is so many times as large as the codes found in it is looked at once more.
ROOM = 4

# Of a live lane's frames, every third gets a costly stage in any case: with three of them, each is
# tried within ten frames. While there is reason to look closer every frame does, for so many
# frames, which are saved up again one in three.
DEEP_EVERY_FRAMES = 3
BURST_FRAMES = 6
# A picture has moved where a coarse view of it differs by so much somewhere (of 255).
MOVED_PIXELS = 32
MOVED_MIN = 12


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the cascade and its name."""

    name: str
    decoder: Decoder


def deep_stages(symbologies: Sequence[str], places: int = PLACES_MAX) -> list[Stage]:
    """Return the costly stages, the most fruitful first; `places` with bars are looked at."""
    stages = []
    if not PRODUCT_CODES.isdisjoint(symbologies):
        reader = ProductCodeReader(symbologies, places)
        stages.append(Stage("likeliest", Resized(reader, DEEP_PIXELS_MAX)))
    zxing, zbar = ZxingDecoder(symbologies), ZbarDecoder(_zbars(symbologies))
    stages.append(Stage("all", Resized(zxing, DEEP_PIXELS_MAX)))
    stages.append(Stage("zbar", Resized(zbar, ZBAR_PIXELS_MAX)))
    return stages


class StillCascade:
    """Reads a single picture: a decoder that goes on until something certain is found.

    The quick looks for bars and for squares are both taken, since a picture may show either.
    """

    def __init__(self, symbologies: Sequence[str]) -> None:
        matrix = [name for name in symbologies if name in SELF_PROVING]
        bars = [name for name in symbologies if name not in SELF_PROVING]
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
        zbar = ZbarDecoder(_zbars(symbologies))
        self._deep = [
            *deep_stages(symbologies),
            Stage("turned", Turned(ZxingDecoder(bars, "look"))),
            Stage("enlarged", Resized(ZxingDecoder(symbologies), ENLARGED_PIXELS, enlarge=True)),
            Stage("smoothed", Resized(Smoothed(zbar, SMOOTHING_PIXELS), ZBAR_PIXELS_MAX)),
            Stage("whole", Larger(ZxingDecoder(symbologies), DEEP_PIXELS_MAX)),
        ]

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found, each once."""
        found = [code for stages in self._quick for code in self._until_certain(grey, stages)]
        if not _certain(found):
            found += self._until_certain(grey, self._deep)
        elif has_room(grey, found):
            found += self._until_certain(grey, self._thorough)
        return settled(found)

    def _until_certain(self, grey: Pixels, stages: Sequence[Stage]) -> list[Decoded]:
        found: list[Decoded] = []
        for stage in stages:
            found += checked(grey, stage.decoder.decode(grey), self._checker)
            if _certain(found):
                break
        return found


class LaneCascade:
    """Reads the frames of a live lane, each costing little: a decoder that remembers the last ones.

    Guarantees:
    - every frame gets a quick look, and one costly stage at most;
    - every costly stage is tried within ten frames, also while nothing is found or moves;
    - on average a costly stage is tried in every second frame at most.
    """

    def __init__(self, symbologies: Sequence[str]) -> None:
        self._checker = ProductCodeReader(symbologies)
        self._look = Resized(ZxingDecoder(symbologies, "look"), FRAME_LOOK_PIXELS_MAX)
        self._deep = deep_stages(symbologies, places=1)
        self._coarse: Pixels | None = None
        self._saved = float(BURST_FRAMES)
        self._rested = 0
        self._in_view = 0
        self.tried: Counter[str] = Counter()

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found, each once."""
        found = list(checked(grey, self._look.decode(grey), self._checker))
        moved = self._has_moved(grey)
        if not _certain(found):
            stage = self._stage_due(moved or bool(found) or self._in_view > 0)
            if stage is not None:
                self.tried[stage.name] += 1
                found += checked(grey, stage.decoder.decode(grey), self._checker)
        self._in_view = BURST_FRAMES if _certain(found) else max(0, self._in_view - 1)
        return settled(found)

    def _stage_due(self, wanted: bool) -> Stage | None:
        """Return the next costly stage if this frame is to have one."""
        self._saved = min(float(BURST_FRAMES), self._saved + 1 / DEEP_EVERY_FRAMES)
        self._rested += 1
        is_turn = self._rested >= DEEP_EVERY_FRAMES
        if not is_turn and not (wanted and self._saved >= 1):
            return None
        if not is_turn:
            self._saved -= 1
        self._rested = 0
        self._deep.append(self._deep.pop(0))
        return self._deep[-1]

    def _has_moved(self, grey: Pixels) -> bool:
        size = (MOVED_PIXELS, MOVED_PIXELS)
        coarse = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
        before, self._coarse = self._coarse, coarse
        return before is None or int(cv2.absdiff(coarse, before).max()) >= MOVED_MIN


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


def _zbars(symbologies: Sequence[str]) -> list[str]:
    """Return what ZBar is asked for: it reads too many parts of ITF codes as whole ones."""
    return [name for name in symbologies if name != "ITF"]


def has_room(grey: Pixels, codes: Sequence[Decoded]) -> bool:
    """Tell whether a picture is so much larger than its codes that more of them may be in it.

    A code made of bars counts as half as high as it is long: a reader may have seen a row of it.
    """
    filled = 0.0
    for code in codes:
        place = place_of(code.quad)
        filled += place.length * max(place.height, place.length / 2)
    return filled * ROOM < grey.size


def is_itf_14(data: bytes) -> bool:
    """Tell whether these are the 14 digits of goods with their check digit."""
    return len(data) == 14 and data.isdigit() and is_gtin(data.decode("ascii"))


def _certain(codes: Sequence[Decoded]) -> bool:
    return any(code.trust != "doubtful" for code in codes)


def settled(codes: Sequence[Decoded]) -> list[Decoded]:
    """Return each code once, without doubtful ones where something more certain stands."""
    by_trust = sorted(codes, key=lambda code: ("proven", "seen", "doubtful").index(code.trust))
    kept: list[Decoded] = []
    for code in by_trust:
        rivals = [one for one in kept if overlap(one, code)]
        if not any(one.data == code.data or one.trust != "doubtful" for one in rivals):
            kept.append(code)
    return kept
