"""Reads a product code from the brightness along a line across its bars: the likeliest number.

Other readers turn the line into edges and measure the bars between them; where a picture is out
of focus, small, printed too fat or lit unevenly, edges vanish or move. Here the line is compared
with what each digit would look like, at every place and width (deformable templates, after
Gallo and Manduchi, "Reading 1D Barcodes with Mobile Phones Using Deformable Templates", 2011).
Of all numbers that the grammar and the check digit allow, the likeliest is returned with its lead
over the next one, so that the reader knows when it does not know.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.ean import LEFT, RIGHT, START, Grammar
from hardware.spelling import spell

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]

# A line is sampled so that a module takes three samples if the code is as wide as supposed; a
# digit may be a fifth wider or narrower than that.
MODULE_SAMPLES = 3
_DIGIT_SAMPLES = tuple(range(17, 26))
# How far beyond the supposed ends of the code a line reaches.
MARGIN_MODULES = 14
_QUIET = "000"

# How templates are blurred (standard deviation) and how much wider the bars are printed than they
# ought to be, both in modules: the usual look finds the digits, the best of all weighs them.
_USUAL = (0.5, 0.0)
_LOOKS = tuple((blur, growth) for blur in (0.3, 0.5, 0.8, 1.2) for growth in (-0.35, 0.0, 0.35))
_LOOK_SAMPLES = 21
# Darker and brighter by less than this share of the whole line's spread may be noise.
_SPREAD_MIN = 0.15
# Templates are drawn so many times finer than modules, then averaged down.
_FINE = 24
_CONTEXT_MODULES = 3
_NEVER = np.float32(-1e9)


@dataclass(frozen=True, slots=True)
class Likeliest:
    """The likeliest number, how well the line fits it (1: perfectly), and its lead over the next.

    The lead is what the digits in which the two differ fit better, 1 for a whole digit.
    """

    digits: str
    fit: float
    lead: float


class _Part(NamedTuple):
    """One stretch of a code: a guard, or a digit in all its forms, between the usual modules."""

    forms: tuple[str, ...]
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything about a kind of code that does not depend on the line: made once.

    `bank` compares a window with every form at every width, `boxes` sums it up; `begins` leads
    from where a part ends, at each width, back to where it began.
    """

    parts: tuple[_Part, ...]
    order: tuple[int, ...]
    widths: tuple[tuple[int, ...], ...]
    bank: Floats
    boxes: Floats
    begins: tuple[Ints, ...]
    columns: tuple[slice, ...]


def line_samples(grammar: Grammar) -> int:
    """Return how many samples a line across this kind of code must have."""
    return (grammar.modules + 2 * MARGIN_MODULES) * MODULE_SAMPLES


def likeliest(lines: Floats, grammar: Grammar) -> Likeliest:
    """Return the likeliest number of lines across the same code, each a row of darkness.

    Each line has `line_samples` samples and finds its own places of the digits; what they say of
    the digits is averaged.
    """
    plan = _plan(grammar)
    evidence = [_evidence(line, plan) for line in lines]
    digits = sum(each[0] for each in evidence) / len(evidence)
    guards = sum(each[1] for each in evidence) / len(evidence)
    spelled = spell(np.asarray(digits, np.float32), grammar)
    fit = (spelled.score + guards) / len(plan.order)
    return Likeliest(digits=spelled.digits, fit=float(fit), lead=float(spelled.lead))


def _evidence(line: Floats, plan: _Plan) -> tuple[Floats, float]:
    """Return how well each digit fits in each form, digits x 20, and the guards' fits together."""
    line = line - line.mean(dtype=np.float32)
    least = _SPREAD_MIN * float(line.std())
    places = _places(line, plan, least)
    digits = [place for place, kind in zip(places, plan.order, strict=True) if _is_digit(plan, kind)]
    guards = 0.0
    for (begin, samples), kind in zip(places, plan.order, strict=True):
        if not _is_digit(plan, kind):
            window = _stretch(line, [(begin, samples)], least)
            guards += float((window @ _looks(plan.parts[kind])).max())
    windows = _stretch(line, digits, least)
    kinds = [kind for kind in plan.order if _is_digit(plan, kind)]
    fits = np.full((len(kinds), len(_LOOKS), 2 * len(RIGHT)), _NEVER, np.float32)
    for kind in set(kinds):
        rows = [at for at, one in enumerate(kinds) if one == kind]
        found = (windows[rows] @ _looks(plan.parts[kind])).reshape(len(rows), len(_LOOKS), -1)
        fits[rows, :, : found.shape[2]] = found
    look = int(fits.max(axis=2).sum(axis=0).argmax())
    return fits[:, look], guards


def _is_digit(plan: _Plan, kind: int) -> bool:
    return len(plan.parts[kind].forms) > 1


def _places(line: Floats, plan: _Plan, least: float) -> list[tuple[int, int]]:
    """Return where each part begins and how wide it is, so that all together fit best."""
    size = len(line)
    widest = plan.bank.shape[0]
    padded = np.concatenate([line, np.zeros(widest, np.float32)])
    windows = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(padded, widest))
    matches = windows @ plan.bank
    sums = windows @ plan.boxes
    spread = (windows * windows) @ plan.boxes - sums * sums / plan.boxes.sum(axis=0)
    spread = np.sqrt(np.maximum(spread, least * least * plan.boxes.sum(axis=0)))
    wide = len(_DIGIT_SAMPLES)
    ends = []
    for kind, part in enumerate(plan.parts):
        fit = matches[:, plan.columns[kind]].reshape(size + 1, wide, len(part.forms)).max(axis=2)
        fit *= len(part.forms[0]) / spread[:, kind * wide : (kind + 1) * wide]
        flat = np.maximum(plan.begins[kind], 0) * wide + np.arange(wide)
        ends.append(np.where(plan.begins[kind] < 0, _NEVER, fit.ravel()[flat]))
    best = np.zeros(size + 1, np.float32)
    rows = np.arange(size + 1)
    back = []
    for kind in plan.order:
        candidates = best[plan.begins[kind]] + ends[kind]
        back.append(candidates.argmax(axis=1))
        best = candidates[rows, back[-1]]
    at = int(best.argmax())
    places = []
    for kind, chosen in zip(reversed(plan.order), reversed(back), strict=True):
        samples = plan.widths[kind][chosen[at]]
        at -= samples
        places.append((at, samples))
    return places[::-1]


def _stretch(line: Floats, places: Sequence[tuple[int, int]], least: float) -> Floats:
    """Return each place of the line at one size, without its brightness and contrast."""
    steps = (np.arange(_LOOK_SAMPLES) + 0.5) / _LOOK_SAMPLES
    begins = np.array([begin for begin, _ in places])[:, None]
    samples = np.array([samples for _, samples in places])[:, None]
    at = begins + steps * samples - 0.5
    found = np.interp(at, np.arange(len(line)), line).astype(np.float32)
    found -= found.mean(axis=1, keepdims=True)
    norm = np.sqrt((found * found).sum(axis=1, keepdims=True))
    return found / np.maximum(norm, least * np.sqrt(_LOOK_SAMPLES) + 1e-6)


@cache
def _plan(grammar: Grammar) -> _Plan:
    start = _Part((_QUIET + START,), "000", "000")
    end = _Part((grammar.end + _QUIET,), "101" if grammar.right else "101", "000")
    parts = [start, _Part(LEFT if _mixed(grammar) else LEFT[:10], "101", "000"), end]
    order = [0, *[1] * grammar.left, 2]
    if grammar.right:
        parts += [_Part((grammar.centre,), "101", "101"), _Part(RIGHT, "010", "111")]
        order = [0, *[1] * grammar.left, 3, *[4] * grammar.right, 2]
    widths = tuple(
        tuple(round(len(part.forms[0]) * digit / 7) for digit in _DIGIT_SAMPLES) for part in parts
    )
    widest = max(max(each) for each in widths)
    boxes = np.zeros((widest, len(parts) * len(_DIGIT_SAMPLES)), np.float32)
    columns, blocks, at = [], [], 0
    for kind, part in enumerate(parts):
        block = np.zeros((widest, len(_DIGIT_SAMPLES), len(part.forms)), np.float32)
        for index, samples in enumerate(widths[kind]):
            block[:samples, index] = _templates(part, *_USUAL, samples)
            boxes[:samples, kind * len(_DIGIT_SAMPLES) + index] = 1
        blocks.append(block.reshape(widest, -1))
        columns.append(slice(at, at + blocks[-1].shape[1]))
        at += blocks[-1].shape[1]
    ends = np.arange(line_samples(grammar) + 1)[:, None]
    begins = tuple(ends - np.array(widths[kind]) for kind in range(len(parts)))
    bank = np.concatenate(blocks, axis=1)
    return _Plan(tuple(parts), tuple(order), widths, bank, boxes, begins, tuple(columns))


def _mixed(grammar: Grammar) -> bool:
    """Tell whether digits left of the middle may be even."""
    return any("1" in way.even for way in grammar.ways)


@cache
def _looks(part: _Part) -> Floats:
    """Return the templates of a part in every look, samples x (looks x forms)."""
    looks = [_templates(part, *look, _LOOK_SAMPLES) for look in _LOOKS]
    return np.concatenate(looks, axis=1)


def _templates(part: _Part, blur: float, growth: float, samples: int) -> Floats:
    """Return what each form of a part looks like, samples x forms, without mean, of length 1."""
    drawn = np.empty((samples, len(part.forms)), np.float32)
    for index, form in enumerate(part.forms):
        modules = np.array([int(bit) for bit in part.before + form + part.after], np.float32)
        fine = np.repeat(modules, _FINE)[None]
        grown = round(abs(growth) * _FINE / 2)
        kernel = np.ones((1, 2 * grown + 1), np.uint8)
        fine = cv2.dilate(fine, kernel) if growth > 0 else cv2.erode(fine, kernel)
        fine = cv2.GaussianBlur(fine, (0, 0), blur * _FINE)
        inside = fine[:, len(part.before) * _FINE : -len(part.after) * _FINE]
        drawn[:, index] = cv2.resize(inside, (samples, 1), interpolation=cv2.INTER_AREA)[0]
    drawn -= drawn.mean(axis=0)
    return np.asarray(drawn / np.sqrt((drawn * drawn).sum(axis=0)), np.float32)
