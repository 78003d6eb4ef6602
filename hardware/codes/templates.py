"""What product codes look like along a line: each digit and guard, blurred and printed fat or thin.

The templates of a kind of code are drawn once; `likeliest.py` compares lines with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.codes.ean import DIGIT_MODULES, LEFT, RIGHT, START, Grammar

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]

# A line is sampled so that a module takes three samples if the code is as wide as supposed; a
# digit may be a fifth wider or narrower than that.
MODULE_SAMPLES = 3
_DIGIT_SAMPLES = tuple(range(17, 26))
# How far beyond the supposed ends of the code a line reaches.
MARGIN_MODULES = 14

# How templates are blurred (standard deviation) and how much wider the bars are printed than they
# ought to be, both in modules: the usual look finds the digits, the best of all weighs them.
_USUAL = (0.5, 0.0)
LOOKS = tuple((blur, growth) for blur in (0.3, 0.5, 0.8, 1.2) for growth in (-0.35, 0.0, 0.35))
LOOK_SAMPLES = MODULE_SAMPLES * DIGIT_MODULES
# Where a code is supposed to be flat, each digit may still lie by so many samples beside its place.
_SHIFTS = np.arange(-5, 6)
# Templates are drawn so many times finer than modules, then averaged down.
_FINE = 24


class Part(NamedTuple):
    """One stretch of a code: a guard, or a digit in all its forms, between the usual modules.

    An `inverted` one has the forms of the one before it, and dark where that is bright.
    """

    forms: tuple[str, ...]
    before: str
    after: str
    inverted: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about a kind of code that does not depend on the line: made once.

    `bank` compares a line with every form at every width, each weighed by its modules, and `rows`
    are those of each part in it. `looks` compares windows of one size in every look and
    `drawn` holds the same for each digit of a code, digits x forms x looks x samples. `flat` cuts
    a line that the code fills exactly, digits x shifts x samples, and `guards_at` likewise where
    each of the `guards` may be, shifts x its samples; `begins` leads from where a part
    ends back to how well it fits where it began, at each width.
    """

    parts: tuple[Part, ...]
    order: tuple[int, ...]
    widths: tuple[tuple[int, ...], ...]
    bank: Floats
    looks: tuple[Floats, ...]
    drawn: Floats
    flat: Ints
    guards: tuple[Floats, ...]
    guards_at: tuple[Ints, ...]
    begins: tuple[Ints, ...]
    rows: tuple[slice, ...]


def line_samples(grammar: Grammar) -> int:
    """Return how many samples a line across this kind of code must have."""
    return (grammar.modules + 2 * MARGIN_MODULES) * MODULE_SAMPLES


def flat_samples(grammar: Grammar) -> int:
    """Return how many samples a line must have for `held_against`."""
    return (grammar.modules + 2 * grammar.quiet) * MODULE_SAMPLES


@cache
def plan_of(grammar: Grammar) -> Plan:
    """Return all that is drawn and counted once for a kind of code."""
    quiet = "0" * grammar.quiet
    start = Part((quiet + START,), "000", "000")
    end = Part((grammar.end + quiet,), "101", "000")
    parts = [start, Part(LEFT if _mixed(grammar) else LEFT[:10], "101", "000"), end]
    order = [0, *[1] * grammar.left, 2]
    if grammar.right:
        parts[2:2] = [Part(RIGHT, "010", "111", inverted=True)]
        parts += [Part((grammar.centre,), "101", "101")]
        order = [0, *[1] * grammar.left, 4, *[2] * grammar.right, 3]
    widths = tuple(
        tuple(round(len(part.forms[0]) * digit / DIGIT_MODULES) for digit in _DIGIT_SAMPLES)
        for part in parts
    )
    widest = max(max(each) for each in widths)
    bank, rows = _bank(parts, widths, widest)
    begins = tuple(_begins(each, line_samples(grammar) + 1) for each in widths)
    looks = tuple(_looks(part) for part in parts)
    drawn = np.stack([_by_form(looks[kind]) for kind in order if len(parts[kind].forms) > 1])
    guards = [parts[kind] for kind in order if len(parts[kind].forms) == 1]
    return Plan(
        parts=tuple(parts),
        order=tuple(order),
        widths=widths,
        bank=bank,
        looks=looks,
        drawn=drawn,
        flat=_flat(grammar.begins, DIGIT_MODULES, grammar),
        guards=tuple(_guard(part) for part in guards),
        guards_at=tuple(
            _flat(np.array([begin]), len(part.forms[0]), grammar)[0]
            for part, begin in zip(guards, grammar.guards_begin, strict=True)
        ),
        begins=begins,
        rows=rows,
    )


def _bank(
    parts: Sequence[Part], widths: Sequence[Sequence[int]], widest: int
) -> tuple[Floats, tuple[slice, ...]]:
    """Return the usual templates of all parts at all widths, a row each, and which are whose."""
    blocks: list[Floats] = []
    rows: list[slice] = []
    for part, sizes in zip(parts, widths, strict=True):
        begin = sum(map(len, blocks))
        if part.inverted:
            begin = rows[-1].start
            rows.append(slice(begin, begin + len(part.forms) * len(sizes)))
            continue
        block = np.zeros((len(part.forms), len(sizes), widest), np.float32)
        usual = _printed(part, *_USUAL)
        for index, samples in enumerate(sizes):
            block[:, index, :samples] = _templates(part, usual, samples).T * len(part.forms[0])
        blocks.append(block.reshape(-1, widest))
        rows.append(slice(begin, begin + len(blocks[-1])))
    return np.concatenate(blocks), tuple(rows)


def _begins(widths: Sequence[int], places: int) -> Ints:
    """Return by width and place of the end which of a part's fits counts, all of them in a row."""
    begins = np.arange(places) - np.array(widths)[:, None]
    begins[begins < 0] = places  # behind the last place stands what never fits
    return np.asarray(begins + (places + 1) * np.arange(len(widths))[:, None], np.intp)


def _flat(begins: Ints, modules: int, grammar: Grammar) -> Ints:
    """Return where parts lie on a line that the code fills, parts x shifts x samples."""
    firsts = (begins[:, None, None] + grammar.quiet) * MODULE_SAMPLES + _SHIFTS[:, None]
    at = firsts + np.arange(modules * MODULE_SAMPLES)
    return np.asarray(np.clip(at, 0, flat_samples(grammar) - 1), np.intp)


def _guard(part: Part) -> Floats:
    """Return a guard in every look, samples x looks."""
    samples = len(part.forms[0]) * MODULE_SAMPLES
    return np.concatenate([_templates(part, _printed(part, *look), samples) for look in LOOKS], 1)


def _mixed(grammar: Grammar) -> bool:
    """Tell whether digits left of the middle may be even."""
    return any("1" in way.even for way in grammar.ways)


def _looks(part: Part) -> Floats:
    """Return the templates of a part in every look, samples x (looks x forms)."""
    looks = [_templates(part, _printed(part, *look), LOOK_SAMPLES) for look in LOOKS]
    return np.concatenate(looks, axis=1)


def _by_form(looks: Floats) -> Floats:
    """Return a digit's templates, forms x looks x samples; forms it does not have are empty."""
    by_form = looks.reshape(LOOK_SAMPLES, len(LOOKS), -1).transpose(2, 1, 0)
    padded = np.zeros((2 * len(RIGHT), *by_form.shape[1:]), np.float32)
    padded[: len(by_form)] = by_form
    return padded


def _templates(part: Part, printed: Floats, samples: int) -> Floats:
    """Return what each form of a part looks like, samples x forms, without mean, of length 1."""
    inside = printed[:, len(part.before) * _FINE : -len(part.after) * _FINE]
    size = (samples, len(part.forms))
    drawn = np.asarray(cv2.resize(inside, size, interpolation=cv2.INTER_AREA), np.float32).T
    drawn = drawn - drawn.mean(axis=0)
    return np.asarray(drawn / np.sqrt((drawn * drawn).sum(axis=0)), np.float32)


def _printed(part: Part, blur: float, growth: float) -> Floats:
    """Return each form of a part between its neighbours as printed and seen, finely, in a row."""
    modules = [[int(bit) for bit in part.before + form + part.after] for form in part.forms]
    fine = np.repeat(np.array(modules, np.float32), _FINE, axis=1)
    grown = round(abs(growth) * _FINE / 2)
    kernel = np.ones((1, 2 * grown + 1), np.uint8)
    inked = cv2.dilate(fine, kernel) if growth > 0 else cv2.erode(fine, kernel)
    reach = 2 * round(3 * blur * _FINE) + 1
    return np.asarray(cv2.GaussianBlur(inked, (reach, 1), blur * _FINE, None, 1e-6), np.float32)
