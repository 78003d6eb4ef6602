"""Ways to give a picture to a decoder: smaller, larger, smoothed, or only some of its rows."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from hardware.cameras.frames import Pixels
from hardware.codes.decoder import Decoded, Decoder
from hardware.codes.places import PLACES_MAX, Place, cut_out, find_bars
from hardware.readings import Quad

# A code needs its quiet zones: so much of what is beside a place with bars is seen with it.
BESIDE = 1.4
TURNED_PIXELS_MAX = 2048
# Enlarging further shows nothing new.
ENLARGEMENT_MAX = 3.0


class Resized:
    """Gives pictures to a decoder with a longer side of at most (or about) so many pixels."""

    def __init__(self, decoder: Decoder, pixels: int, *, enlarge: bool = False) -> None:
        self._decoder = decoder
        self._pixels = pixels
        self._enlarge = enlarge

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found, each once."""
        scale = self._pixels / max(grey.shape)
        if scale >= 1 and not self._enlarge:
            return self._decoder.decode(grey)
        scale = min(scale, ENLARGEMENT_MAX)
        height, width = grey.shape
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        resized = np.asarray(cv2.resize(grey, size, interpolation=how), np.uint8)
        by_x, by_y = width / size[0], height / size[1]
        return [_scaled(code, by_x, by_y) for code in self._decoder.decode(resized)]


class Larger:
    """Gives only pictures with a longer side of more than so many pixels to a decoder."""

    def __init__(self, decoder: Decoder, pixels: int) -> None:
        self._decoder = decoder
        self._pixels = pixels

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found, each once."""
        return self._decoder.decode(grey) if max(grey.shape) > self._pixels else ()


class Smoothed:
    """Gives pictures to a decoder without their finest grain."""

    def __init__(self, decoder: Decoder, blur_pixels: float) -> None:
        self._decoder = decoder
        self._blur_pixels = blur_pixels

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found, each once."""
        smooth = cv2.GaussianBlur(grey, (0, 0), self._blur_pixels)
        return self._decoder.decode(np.asarray(smooth, np.uint8))


class Rows:
    """Gives a decoder of bars so many rows of a picture, evenly spread: a code fills several."""

    def __init__(self, decoder: Decoder, rows: int) -> None:
        self._decoder = decoder
        self._rows = rows

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found, each once."""
        step = max(1, grey.shape[0] // self._rows)
        rows = np.ascontiguousarray(grey[step // 2 :: step])
        return [_scaled(code, 1, step, step // 2) for code in self._decoder.decode(rows)]


class Turned:
    """Turns each place with bars upright for a decoder that reads along rows alone.

    At most `places` with bars are looked at in a picture.
    """

    def __init__(self, decoder: Decoder, places: int = PLACES_MAX) -> None:
        self._decoder = decoder
        self._places = places

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found, each once."""
        places = find_bars(grey)[: self._places]
        return [code for place in places for code in self._upright(grey, place)]

    def _upright(self, grey: Pixels, place: Place) -> Iterator[Decoded]:
        length = place.length * BESIDE
        width = max(1, min(TURNED_PIXELS_MAX, round(length)))
        height = max(1, round(place.height * width / length))
        strip = cut_out(grey, place, length, (width, height))
        for code in self._decoder.decode(strip):
            first, second, third, fourth = (place.at(x, y, length, width) for x, y in code.quad)
            yield replace(code, quad=(first, second, third, fourth))


def _scaled(code: Decoded, by_x: float, by_y: float, down: int = 0) -> Decoded:
    first, second, third, fourth = ((round(x * by_x), round(y * by_y) + down) for x, y in code.quad)
    quad: Quad = (first, second, third, fourth)
    return replace(code, quad=quad)
