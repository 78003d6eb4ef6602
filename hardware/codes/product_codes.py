"""Reads EAN and UPC codes by their likeliest digits, and checks those that others read.

A place with bars is turned upright and cut into bands across the bars; the bands in which the
bars are clearest say together what the code is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import atan2, ceil, hypot
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.cameras.frames import Pixels
from hardware.codes.decoder import Decoded
from hardware.codes.ean import EAN_8, EAN_13, UPC_E, Grammar
from hardware.codes.gtin import expand_upc_e, shorten_to_upc_e
from hardware.codes.likeliest import Likeliest, held_against, lay_out, likeliest, prepare
from hardware.codes.places import PLACES_MAX, Place, cut_out, find_bars
from hardware.codes.templates import MARGIN_MODULES, MODULE_SAMPLES, flat_samples, line_samples
from hardware.readings import Quad

Floats = NDArray[np.float32]

PRODUCT_CODES = frozenset({"EAN-13", "EAN-8", "UPC-A", "UPC-E"})

# What fits worse is no such code.
FIT_MIN = 0.8


class Bar(NamedTuple):
    """How high a number's fits and its lead have to be before it is certain."""

    fit: float
    guards_fit: float
    worst_fit: float
    lead: float

    def passed_by(self, best: Likeliest) -> bool:
        """Tell whether a number is certain."""
        return (
            best.fit >= self.fit
            and best.guards_fit >= self.guards_fit
            and best.worst_fit >= self.worst_fit
            and best.lead >= self.lead
        )


# A number that somebody else read too needs less. Short codes are found in bars of every kind, and
# need more: the digits of a UPC-E are never certain where nobody else read them. The record of
# decisions says on which pictures these were chosen (0012).
AGREED = {
    "EAN-13": Bar(fit=FIT_MIN, guards_fit=0.5, worst_fit=0.7, lead=0.15),
    "EAN-8": Bar(fit=0.9, guards_fit=0.7, worst_fit=0.85, lead=0.25),
    "UPC-E": Bar(fit=0.9, guards_fit=0.8, worst_fit=0.85, lead=0.1),
}
ALONE = {
    "EAN-13": (
        Bar(fit=0.88, guards_fit=0.5, worst_fit=0.7, lead=0.3),
        Bar(fit=0.92, guards_fit=0.5, worst_fit=0.7, lead=0.25),
    ),
    "EAN-8": (Bar(fit=0.94, guards_fit=0.75, worst_fit=0.9, lead=0.35),),
    "UPC-E": (),
}
# A number that somebody else read differently needs more still: seen from one side, a code may fit
# another number almost as well.
AGAINST = {**ALONE, "EAN-13": (Bar(fit=0.93, guards_fit=0.5, worst_fit=0.75, lead=0.33),)}
# One line of usual look has to fit so well before more lines and looks are tried: where somebody
# else read a code, and where nobody did (of all codes found so in photos the worst fits by 0.88).
LINE_FIT_MIN = 0.6
ALONE_LINE_FIT_MIN = 0.8

BANDS = 9
BANDS_READ = 4
_BAND_ROWS_MAX = 8
_LINE_ROWS = 5
_STRIP_PIXELS_MAX = 1600
# A code's ends are where its bars begin and end, or, where these cannot be told, at the ends of
# the place or a fifth further in: places reach a little beyond their bars.
_INWARD = (1.0, 0.8)
# Between two edges inside a code there is at most so many times the usual distance.
_GAP_MAX = 3.6
_EDGES_MIN = 20


_GRAMMARS = {"EAN-13": EAN_13, "UPC-A": EAN_13, "EAN-8": EAN_8, "UPC-E": UPC_E}
_KINDS = {EAN_13: "EAN-13", EAN_8: "EAN-8", UPC_E: "UPC-E"}
_DIGITS = {EAN_13: 13, EAN_8: 8}
# Where a code is looked at, in heights below its middle: short ones twice.
LINES, LINES_SHORT = (0.0,), (-0.25, 0.25)


class _Reading(NamedTuple):
    """What stands on a strip, and where: `best` read as `grammar`, between two ends."""

    grammar: Grammar
    best: Likeliest
    begin: float
    end: float
    backwards: bool


class ProductCodeReader:
    """Reads those of EAN-13, EAN-8, UPC-A and UPC-E that are wanted; a decoder.

    At most `places` with bars are looked at in a picture.
    """

    def __init__(self, symbologies: Sequence[str], places: int = PLACES_MAX) -> None:
        self._places = places
        self._wanted = PRODUCT_CODES.intersection(symbologies)
        self._grammars: list[Grammar] = []
        if self._wanted & {"EAN-13", "UPC-A"}:
            self._grammars.append(EAN_13)
        if "EAN-8" in self._wanted:
            self._grammars.append(EAN_8)
        if "UPC-E" in self._wanted:
            self._grammars.append(UPC_E)
        for grammar in self._grammars:
            prepare(grammar)
        # The six digits of a UPC-E are never certain alone.
        self._alone = [grammar for grammar in self._grammars if grammar is not UPC_E]

    def decode(self, grey: Pixels) -> Sequence[Decoded]:
        """Return every code found, each once."""
        if not self._alone:
            return ()
        found = (self.read(grey, place) for place in find_bars(grey)[: self._places])
        return tuple(dict.fromkeys(code for code in found if code is not None))

    def read(self, grey: Pixels, place: Place) -> Decoded | None:
        """Return the code at a place with bars, None where it is not certain."""
        for code, best in self.readings(grey, place):
            if _is_certain(code, best, ALONE):
                return code
        return None

    def readings(self, grey: Pixels, place: Place) -> Iterator[tuple[Decoded, Likeliest]]:
        """Yield what may stand at a place where nobody else read a code, the likeliest first."""
        return self._readings(grey, place, self._alone, ALONE_LINE_FIT_MIN)

    def check(self, grey: Pixels, code: Decoded) -> Decoded:
        """Return the code as far as it is certain, or the one that stands there instead."""
        place = place_of(code.quad)
        digits = code.data.decode("ascii")
        grammar = _GRAMMARS[code.symbology]
        bar = AGREED[_KINDS[grammar]]
        lines = LINES if grammar is EAN_13 else LINES_SHORT
        flat = (held_flat(grey, code, line) for line in lines)
        if all(each is not None and bar.passed_by(each) for each in flat):
            return replace(code, trust="proven")
        bands, scale = _bands(grey, place)
        begin, end = _middle(bands, place.length / scale)
        line = _sampled(bands[BANDS // 2 : BANDS // 2 + 1], begin, end, grammar)
        best = likeliest(line, lay_out(line, grammar), grammar)
        if digits.startswith(_gtin(best.digits, grammar)[1]) and bar.passed_by(best):
            return replace(code, trust="proven")
        for read, best in self._readings(grey, place, self._grammars, LINE_FIT_MIN):
            if read.data == code.data[: len(read.data)]:
                if bar.passed_by(best):
                    return replace(code, trust="proven")
            elif _is_certain(read, best, AGAINST):
                return read
        return replace(code, trust="doubtful")

    def _readings(
        self, grey: Pixels, place: Place, grammars: Sequence[Grammar], line_fit_min: float
    ) -> Iterator[tuple[Decoded, Likeliest]]:
        """Yield what may stand at a place, with its lead, the likeliest ends of the code first."""
        bands, scale = _bands(grey, place)
        clearest = np.argsort(-np.abs(np.diff(bands, axis=1)).sum(axis=1))[:BANDS_READ]
        bands = bands[clearest]
        for begin, end in _ends(bands[0], place.length / scale):
            middle = ((begin + end) / 2 - bands.shape[1] / 2) * scale
            code_place = place.moved(middle, length=(end - begin) * scale)
            for grammar in grammars:
                reading = _read(bands, begin, end, grammar, line_fit_min)
                if reading is None:
                    continue
                best = reading.best
                name, digits = _gtin(best.digits, grammar)
                if best.fit >= FIT_MIN and name in self._wanted:
                    quad = code_place.corners(backwards=reading.backwards)
                    data = digits.encode("ascii")
                    code = Decoded(data=data, symbology=name, quad=quad, trust="proven")
                    yield code, best


def held_flat(grey: Pixels, code: Decoded, line: float) -> Likeliest | None:
    """Return how well a code's digits fit one line of its place, supposing that it is flat there.

    The line is so many heights of the place below its middle. None for digits that no such code
    can say.
    """
    place, digits, grammar = place_of(code.quad), code.data.decode(), _GRAMMARS[code.symbology]
    said = shorten_to_upc_e(digits) if grammar is UPC_E else digits[: _DIGITS[grammar]]
    if said is None:
        return None
    samples = flat_samples(grammar)
    length = place.length * samples / (grammar.modules * MODULE_SAMPLES)
    finer = max(1, ceil(length / samples))
    rows = min(_LINE_ROWS, max(1, round(place.height)))
    strip_place = replace(place.below(line), height=rows)
    strip = cut_out(grey, strip_place, length, (samples * finer, rows))
    dark = -cv2.resize(strip, (samples, 1), interpolation=cv2.INTER_AREA)[0].astype(np.float32)
    return held_against(said, dark, grammar)


def _is_certain(code: Decoded, best: Likeliest, bars: Mapping[str, tuple[Bar, ...]]) -> bool:
    """Tell whether a code passes one of the bars though nobody else read it."""
    kind = _KINDS[_GRAMMARS[code.symbology]]
    return any(bar.passed_by(best) for bar in bars[kind])


def _gtin(digits: str, grammar: Grammar) -> tuple[str, str]:
    """Return the symbology, and the digits as a catalogue has them."""
    if grammar is EAN_8:
        return "EAN-8", digits
    if grammar is UPC_E:
        return "UPC-E", expand_upc_e(digits)
    return "UPC-A" if digits.startswith("0") else "EAN-13", digits


def _read(
    bands: Floats, begin: float, end: float, grammar: Grammar, line_fit_min: float
) -> _Reading | None:
    """Return what stands between these ends, unless it is clearly no such code."""
    one = _sampled(bands[:1], begin, end, grammar)
    both_ways = np.concatenate([one, one[:, ::-1]])
    both = lay_out(both_ways, grammar)
    backwards = bool(both.fits[1] > both.fits[0])
    if both.fits[int(backwards)] < line_fit_min:
        return None
    lines = _sampled(bands, begin, end, grammar)
    lines = lines[:, ::-1] if backwards else lines
    best = likeliest(lines, lay_out(lines, grammar), grammar)
    if best.fit >= FIT_MIN and max(lay_out(-both_ways, grammar).fits) > max(both.fits):
        return None  # bright bars on dark, in which other digits may be seen
    return _Reading(grammar, best, begin, end, backwards)


def _bands(grey: Pixels, place: Place) -> tuple[Floats, float]:
    """Return bands across a place and some of what is beside it, and how many pixels a step is."""
    length = place.length * 1.3 + 20
    width = int(min(_STRIP_PIXELS_MAX, max(160, length)))
    rows = BANDS * int(min(_BAND_ROWS_MAX, max(1, place.height // BANDS)))
    strip = cut_out(grey, place, length, (width, rows)).astype(np.float32)
    bands = cv2.resize(strip, (width, BANDS), interpolation=cv2.INTER_AREA)
    return np.asarray(bands, np.float32), length / width


def _ends(band: Floats, length: float) -> Iterator[tuple[float, float]]:
    """Yield where the code on a band may begin and end."""
    steps = np.abs(np.diff(band))
    least = 0.25 * np.percentile(steps, 92)
    peaks = (steps[1:-1] > least) & (steps[1:-1] >= steps[:-2]) & (steps[1:-1] > steps[2:])
    edges = np.flatnonzero(peaks) + 2
    if len(edges) >= _EDGES_MIN:
        gaps = np.diff(edges)
        breaks = np.flatnonzero(gaps > _GAP_MAX * np.median(gaps))
        firsts, lasts = np.append(0, breaks + 1), np.append(breaks, len(edges) - 1)
        longest = int((lasts - firsts).argmax())
        if lasts[longest] - firsts[longest] >= _EDGES_MIN:
            yield float(edges[firsts[longest]]), float(edges[lasts[longest]])
    for share in _INWARD:
        yield _middle(band, length * share)


def _middle(bands: Floats, length: float) -> tuple[float, float]:
    """Return where a code of this length begins and ends if it is in the middle."""
    middle = bands.shape[-1] / 2
    return middle - length / 2, middle + length / 2


def _sampled(bands: Floats, begin: float, end: float, grammar: Grammar) -> Floats:
    """Return the darkness of the bands between these ends, and the margins, as lines."""
    module = (end - begin) / grammar.modules
    left, right = begin - MARGIN_MODULES * module, end + MARGIN_MODULES * module
    at = np.linspace(left, right, line_samples(grammar) + 1)
    before, behind = max(0, ceil(-left)) + 1, max(0, ceil(right - bands.shape[1])) + 1
    padded = np.pad(bands, ((0, 0), (before, behind)), mode="edge")
    sums = np.zeros((len(bands), padded.shape[1] + 1))
    np.cumsum(padded, axis=1, out=sums[:, 1:])
    places = np.arange(sums.shape[1])
    sampled = np.stack([np.interp(at + before, places, each) for each in sums])
    return np.asarray(-np.diff(sampled, axis=1) / (at[1] - at[0]), np.float32)


def place_of(quad: Quad) -> Place:
    """Return the place that a reader's corners mark, read from the first towards the second."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = quad
    begin, end = ((ax + dx) / 2, (ay + dy) / 2), ((bx + cx) / 2, (by + cy) / 2)
    across, down = end[0] - begin[0], end[1] - begin[1]
    height = (hypot(dx - ax, dy - ay) + hypot(cx - bx, cy - by)) / 2
    place = Place(
        x=(begin[0] + end[0]) / 2,
        y=(begin[1] + end[1]) / 2,
        angle=atan2(down, across),
        length=max(1.0, hypot(across, down)),
        height=max(1.0, height),
    )
    # Corners are pixels, and the last one belongs to the code.
    return place.moved(0.5, length=place.length + 1)
