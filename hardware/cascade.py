"""Several decoders behind one another: quick ones first, costly ones where those found nothing.

For a single picture everything may be spent until something certain is found. A live lane has a
quick look at every frame and one costly stage at most, so that its computer stays free.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from hardware.decoder import SELF_PROVING, Decoded, Decoder
from hardware.frames import Pixels
from hardware.product_codes import PRODUCT_CODES, ProductCodeReader
from hardware.stages import Resized, Rows, Smoothed
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

# Of a live lane's frames, every third gets a costly stage in any case. While there is reason to
# look closer every frame does, for so many frames; they are saved up again afterwards.
DEEP_EVERY_FRAMES = 3
BURST_FRAMES = 6


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the cascade and its name."""

    name: str
    decoder: Decoder


def quick_stages(symbologies: Sequence[str]) -> list[Stage]:
    """Return the stages that cost little, the first of which read most codes held up close."""
    matrix = [name for name in symbologies if name in SELF_PROVING]
    bars = [name for name in symbologies if name not in SELF_PROVING]
    stages = []
    if not matrix:
        stages.append(Stage("rows", Rows(ZxingDecoder(bars, "glance"), ROWS)))
    if not bars:
        stages.append(Stage("glance", Resized(ZxingDecoder(matrix, "glance"), LOOK_PIXELS_MAX)))
    stages.append(Stage("look", Resized(ZxingDecoder(symbologies, "look"), LOOK_PIXELS_MAX)))
    return stages


def deep_stages(symbologies: Sequence[str]) -> list[Stage]:
    """Return the costly stages, the most fruitful first."""
    stages = []
    if not PRODUCT_CODES.isdisjoint(symbologies):
        stages.append(Stage("likeliest", Resized(ProductCodeReader(symbologies), DEEP_PIXELS_MAX)))
    zxing, zbar = ZxingDecoder(symbologies), ZbarDecoder(symbologies)
    stages.append(Stage("all", Resized(zxing, DEEP_PIXELS_MAX)))
    stages.append(Stage("zbar", Resized(zbar, ZBAR_PIXELS_MAX)))
    return stages


class StillCascade:
    """Reads a single picture: a decoder that goes on until something certain is found."""

    def __init__(self, symbologies: Sequence[str]) -> None:
        self._checker = ProductCodeReader(symbologies)
        zbar = ZbarDecoder(symbologies)
        self._stages = [
            *quick_stages(symbologies),
            *deep_stages(symbologies),
            Stage("enlarged", Resized(ZxingDecoder(symbologies), ENLARGED_PIXELS, enlarge=True)),
            Stage("smoothed", Resized(Smoothed(zbar, SMOOTHING_PIXELS), ZBAR_PIXELS_MAX)),
        ]

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found, each once."""
        found: list[Decoded] = []
        for stage in self._stages:
            found += checked(grey, stage.decoder.decode(grey), self._checker)
            if any(code.trust != "doubtful" for code in found):
                break
        return settled(found)


def checked(
    grey: Pixels, codes: Sequence[Decoded], checker: ProductCodeReader
) -> Iterator[Decoded]:
    """Yield the codes with what speaks for them, wrong ones put right."""
    for code in codes:
        if code.symbology in SELF_PROVING:
            yield replace(code, trust="proven")
        elif code.symbology in PRODUCT_CODES and code.trust == "seen":
            yield checker.check(grey, code)
        else:
            yield code


def settled(codes: Sequence[Decoded]) -> list[Decoded]:
    """Return each code once, without doubtful ones where something more certain stands."""
    by_trust = sorted(codes, key=lambda code: ("proven", "seen", "doubtful").index(code.trust))
    kept: list[Decoded] = []
    for code in by_trust:
        rivals = [one for one in kept if overlap(one, code)]
        if not any(one.data == code.data or one.trust != "doubtful" for one in rivals):
            kept.append(code)
    return kept


def overlap(one: Decoded, other: Decoded) -> bool:
    """Tell whether one of two codes has its middle within the other."""
    return _holds_middle(one, other) or _holds_middle(other, one)


def _holds_middle(one: Decoded, other: Decoded) -> bool:
    x = sum(corner[0] for corner in other.quad) / 4
    y = sum(corner[1] for corner in other.quad) / 4
    columns, rows = [corner[0] for corner in one.quad], [corner[1] for corner in one.quad]
    return min(columns) - 1 <= x <= max(columns) + 1 and min(rows) - 1 <= y <= max(rows) + 1
