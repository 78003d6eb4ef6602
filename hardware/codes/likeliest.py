"""Reads a product code from the brightness along a line across its bars: the likeliest number.

Other readers turn the line into edges and measure the bars between them; where a picture is out
of focus, small, printed too fat or lit unevenly, edges vanish or move. Here the line is compared
with what each digit would look like, at every place and width (deformable templates, after
Gallo and Manduchi, "Reading 1D Barcodes with Mobile Phones Using Deformable Templates", 2011).
Of all numbers that the grammar and the check digit allow, the likeliest is returned with its lead
over the next one, so that the reader knows when it does not know.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from hardware.codes.ean import RIGHT, Grammar
from hardware.codes.spelling import spell
from hardware.codes.templates import LOOK_SAMPLES, LOOKS, Floats, Ints, Plan, plan_of

# Darker and brighter by less than this share of the whole line's spread may be noise.
_SPREAD_MIN = 0.15
_DARKNESS_MIN = 0.1
_NEVER = np.float32(-1e9)
_NOTHING = np.zeros((0, 0), np.float32)


@dataclass(frozen=True, slots=True)
class Likeliest:
    """The likeliest number, how well lines fit it (1: perfectly), and its lead over the next.

    `guards_fit` is the worst fit of start, middle and end with their quiet zones, `worst_fit` that
    of the digits. The lead is what the digits in which the two numbers differ fit better, 1 for a
    whole digit.
    """

    digits: str
    fit: float
    guards_fit: float
    worst_fit: float
    lead: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a code lie on lines, and how well each line fits there (1: perfectly)."""

    begins: Ints
    samples: Ints
    fits: Floats

    def chosen(self, lines: slice) -> "Layout":
        """Return the layout of some of the lines."""
        return Layout(self.begins[lines], self.samples[lines], self.fits[lines])


def likeliest(lines: Floats, layout: Layout, grammar: Grammar) -> Likeliest:
    """Return the likeliest number of lines across the same code, each a row of darkness.

    What the lines say of each digit is averaged.
    """
    plan = plan_of(grammar)
    lines = lines - lines.mean(axis=1, keepdims=True)
    least = _least(lines)
    is_digit = np.array([len(plan.parts[kind].forms) > 1 for kind in plan.order])
    digits, guards = np.flatnonzero(is_digit), np.flatnonzero(~is_digit)
    fits = np.zeros((len(digits), 2 * len(RIGHT)), np.float32)
    guard_fits = np.zeros(len(guards), np.float32)
    for line, begins, samples, darkness in zip(
        lines, layout.begins, layout.samples, least, strict=True
    ):
        windows = _stretch(line, begins, samples, darkness)
        by_look = _fits(windows[None, digits], plan)[0]
        fits += by_look[:, by_look.max(axis=2).sum(axis=0).argmax()]
        for at, guard in enumerate(guards):
            guard_fits[at] += (windows[guard] @ plan.looks[plan.order[guard]]).max()
    fits /= len(lines)
    guard_fits /= len(lines)
    spelled = spell(fits, grammar)
    return Likeliest(
        digits=spelled.digits,
        fit=(spelled.score + float(guard_fits.sum())) / len(plan.order),
        guards_fit=float(guard_fits.min()),
        worst_fit=float(fits[np.arange(len(fits)), _claimed(spelled.digits, grammar)].min()),
        lead=spelled.lead,
    )


def held_against(digits: str, line: Floats, grammar: Grammar) -> Likeliest:
    """Return how well these digits fit a line that the code fills exactly, supposing it is flat.

    The line has three samples for each module of the code and its quiet zones, and nothing more.
    The lead is that over all numbers, at least. Below 0 another digit fits better somewhere: the
    digits are wrong, or the code is bent and `lay_out` has to find its digits.
    """
    plan = plan_of(grammar)
    claimed = _claimed(digits, grammar)
    places = np.arange(len(claimed))
    least = float(_least(line[None])[0])
    windows = _normal(line[plan.flat], least)
    # Look and shifts are those that suit the digits best, and their rivals have to do with them.
    ours = windows @ plan.drawn[places, claimed].transpose(0, 2, 1)
    look = ours.max(axis=1).sum(axis=0).argmax()
    shifts = ours[:, :, look].argmax(axis=1)
    drawn = plan.drawn[:, :, look]
    chosen = (drawn @ windows[places, shifts, :, None])[:, :, 0]
    chosen[~drawn.any(axis=2)] = _NEVER
    mine = chosen[places, claimed].copy()
    chosen[places, claimed] = _NEVER
    gaps = np.sort(mine - chosen.max(axis=1))
    guards = [
        float((_normal(line[at], least) @ drawn).max())
        for at, drawn in zip(plan.guards_at, plan.guards, strict=True)
    ]
    return Likeliest(
        digits=digits,
        fit=(float(mine.sum()) + sum(guards)) / len(plan.order),
        guards_fit=min(guards),
        worst_fit=float(mine.min()),
        # A check digit lets no number differ in one digit alone.
        lead=float(gaps[0] if gaps[0] < 0 else gaps[0] + gaps[1]),
    )


def _claimed(digits: str, grammar: Grammar) -> list[int]:
    """Return which forms are printed for these digits."""
    way = next(way for way in grammar.ways if way.spells(digits))
    printed = digits[len(way.head) : len(way.head) + grammar.digits]
    return [10 * int(even) + int(digit) for even, digit in zip(way.even, printed, strict=True)]


def prepare(grammar: Grammar) -> None:
    """Draw the templates of a kind of code now: the first picture shall not wait for them."""
    plan_of(grammar)


def lay_out(lines: Floats, grammar: Grammar) -> Layout:
    """Return where the parts of a code lie on each line, so that all together fit best."""
    plan = plan_of(grammar)
    lines = lines - lines.mean(axis=1, keepdims=True)
    found = _fits_by_begin(lines, plan)
    best = np.zeros((len(lines), 1, lines.shape[1] + 1), np.float32)
    ways = []
    for kind in plan.order:
        fits = found[kind]
        fits[:, :, :-1] += best
        ways.append(fits.reshape(len(lines), -1).take(plan.begins[kind], axis=1))
        fits[:, :, :-1] -= best
        best = ways[-1].max(axis=1, keepdims=True)
    rows = np.arange(len(lines))
    at = best[:, 0].argmax(axis=1)
    fits = best[rows, 0, at] / sum(len(plan.parts[kind].forms[0]) for kind in plan.order)
    begins = np.empty((len(lines), len(plan.order)), np.intp)
    samples = np.empty_like(begins)
    for index in reversed(range(len(plan.order))):
        widths = plan.widths[plan.order[index]]
        samples[:, index] = np.array(widths)[ways[index][rows, :, at].argmax(axis=1)]
        at = begins[:, index] = at - samples[:, index]
    return Layout(begins, samples, fits)


def _fits_by_begin(lines: Floats, plan: Plan) -> list[Floats]:
    """Return of each kind of part how well it fits, lines x widths x places where it begins.

    Behind the last place stands what never fits.
    """
    count, size = lines.shape
    widest = plan.bank.shape[1]
    padded = np.zeros((count, size + widest), np.float32)
    padded[:, :size] = lines
    windows = sliding_window_view(padded, size + 1, axis=1).transpose(1, 0, 2)
    flat = np.ascontiguousarray(windows).reshape(widest, -1)
    matches = _product(plan.bank, flat).reshape(-1, count, size + 1)
    narrowest = min(map(min, plan.widths))
    scales = _scales(lines, narrowest, widest)
    found = []
    for part, widths, rows in zip(plan.parts, plan.widths, plan.rows, strict=True):
        forms = matches[rows].reshape(-1, len(widths), count, size + 1)
        best = -forms.min(axis=0) if part.inverted else forms.max(axis=0)
        fits = np.full((count, len(widths), size + 2), _NEVER, np.float32)
        fits[:, :, :-1] = (best * scales[np.array(widths) - narrowest]).transpose(1, 0, 2)
        found.append(fits)
    return found


def _scales(lines: Floats, narrowest: int, widest: int) -> Floats:
    """Return by what to multiply the fits of windows, by width, line and place: their contrast."""
    count, size = lines.shape
    until = np.zeros((2, count, size + widest + 1))
    np.cumsum([lines, lines * lines], axis=2, dtype=np.float64, out=until[:, :, 1 : size + 1])
    until[:, :, size + 1 :] = until[:, :, size : size + 1]
    ends = sliding_window_view(until, size + 1, axis=2)
    sums, squares = (ends[:, :, narrowest:] - until[:, :, None, : size + 1]).transpose(0, 2, 1, 3)
    widths = np.arange(narrowest, widest + 1)[:, None, None]
    floor = (_least(lines) ** 2)[:, None]
    spread = squares - sums * sums / widths
    return np.asarray(1 / np.sqrt(np.maximum(spread, floor * widths)), np.float32)


def _fits(windows: Floats, plan: Plan) -> Floats:
    """Return how well windows (any x digits x samples) fit: any x digits x looks x forms."""
    kinds = [kind for kind in plan.order if len(plan.parts[kind].forms) > 1]
    fits = np.full((len(windows), len(kinds), len(LOOKS), 2 * len(RIGHT)), _NEVER, np.float32)
    begin = 0
    for kind in dict.fromkeys(kinds):  # first all left of the middle, then all right of it
        end = begin + kinds.count(kind)
        flat = np.ascontiguousarray(windows[:, begin:end]).reshape(-1, LOOK_SAMPLES)
        found = _product(flat, plan.looks[kind]).reshape(len(windows), end - begin, len(LOOKS), -1)
        fits[:, begin:end, :, : found.shape[3]] = found
        begin = end
    return fits


def _product(one: Floats, other: Floats) -> Floats:
    """Return the matrix product, in this thread alone.

    NumPy's library shares even these small ones out among all cores, and waits for them ten times
    longer than it calculates where others use the machine, too.
    """
    return np.asarray(cv2.gemm(one, other, 1.0, _NOTHING, 0.0), np.float32)


def _stretch(line: Floats, begins: Ints, samples: Ints, least: float) -> Floats:
    """Return each place of the line at one size, without its brightness and contrast."""
    steps = (np.arange(LOOK_SAMPLES) + 0.5) / LOOK_SAMPLES
    at = begins[:, None] + steps * samples[:, None] - 0.5
    return _normal(np.interp(at, np.arange(len(line)), line).astype(np.float32), least)


def _normal(windows: Floats, least: float) -> Floats:
    """Return windows without their brightness and contrast, except where there is none."""
    windows = windows - windows.mean(axis=-1, keepdims=True)
    norm = np.sqrt((windows * windows).sum(axis=-1, keepdims=True))
    return np.asarray(windows / np.maximum(norm, least * np.sqrt(LOOK_SAMPLES)), np.float32)


def _least(lines: Floats) -> Floats:
    """Return how much contrast a part must have to count, of each line."""
    return np.asarray(_SPREAD_MIN * lines.std(axis=1) + _DARKNESS_MIN, np.float32)
