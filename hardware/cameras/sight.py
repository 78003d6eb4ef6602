"""Judges how a camera sees by its own past: blank, frozen, blurred or moved.

Pure: it is given looks, about one a second, and says what is wrong. What it remembers lives in
memory only and is learned anew at each start, so that a camera is judged by how it stood then.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np

from hardware.cameras.look import BANDS, Bands, Look

# So many looks in a row show a fault, and so many without a sign of one its end.
SIGN_LOOKS = {"blank": 5, "frozen": 60, "blurred": 10, "veiled": 600, "moved": 10, "turned": 180}
WELL_LOOKS = 5
# Some signs are the same fault, seen less surely; what is unsure is no fault, and no end of one.
FAULTS = {"veiled": "blurred", "turned": "moved"}
LEARNING_LOOKS = 15
# The edges of the last looks, one by one at their medians: whoever walks by is not among them.
MEDIAN_LOOKS = 9

BLANK_CONTRAST_MAX = 6.0
# Too dim to judge by: what is sharp then is noise.
JUDGED_BRIGHTNESS_MIN = 24.0
JUDGED_CONTRAST_MIN = 10.0
BLURRED_BELOW = 0.6
# How fast the usual sharpness follows what is seen, each look; slower down: dirt grows slowly.
SHARPER_SHARE, DULLER_SHARE = 1e-3, 1e-4
# How fast the usual edges follow daylight and new goods on a shelf, each look.
EDGES_SHARE = 0.01

# A band has moved when its edges fit much better somewhere else, at least so many of its numbers
# away; it is lost when they fit nowhere.
SHIFT_MAX, SHIFT_MIN = 24, 3
GAIN_MIN, FIT_MIN, LOST_BELOW = 0.1, 0.6, 0.4
MOVED_BANDS_MIN = 3
# A camera turned elsewhere has lost most of its bands, and sees another picture that stays the same
# for minutes; people who stand right before it do not. So many bands tell, of those with edges.
MOST = 0.75
SAME_FIT_MIN = 0.7
OTHERWISE_LOOKS_MAX = 30
# Through a greasy lens the bands still fit like this, behind somebody's back they do not.
THROUGH_BLUR_FIT_MIN = 0.5
# Bands with fewer edges than this (their spread) say nothing.
EDGES_MIN = 1.5


class Sight:
    """What a camera usually sees, and for how many looks it does not."""

    def __init__(self) -> None:
        self.fault = ""
        self._sharpness = _Sharpness()
        self._edges = _Edges()
        self._last: Look | None = None
        self._counts = dict.fromkeys(SIGN_LOOKS, 0)
        self._well = 0

    def see(self, look: Look) -> str:
        """Take the next look, and return what is wrong, empty for nothing."""
        signs = set(self._signs(look))
        self._last = look
        for sign in self._counts:
            self._counts[sign] = self._counts[sign] + 1 if sign in signs else 0
        self._well = 0 if signs else self._well + 1
        shown = [sign for sign, count in self._counts.items() if count >= SIGN_LOOKS[sign]]
        if shown:
            self.fault = FAULTS.get(shown[0], shown[0])
        elif self._well >= WELL_LOOKS:
            self.fault = ""
        return self.fault

    def _signs(self, look: Look) -> Iterator[str]:
        if self._last is not None and _same(look, self._last):
            yield "frozen"
        if look.brightness < JUDGED_BRIGHTNESS_MIN:
            return
        if look.contrast < BLANK_CONTRAST_MAX:
            yield "blank"
        if look.contrast < JUDGED_CONTRAST_MIN:
            return
        sign, fits = self._edges.see(look)
        if sign:
            yield sign
        if self._sharpness.is_blurred(look.sharpness):
            through = sum(fit.here >= THROUGH_BLUR_FIT_MIN for fit in fits)
            yield "blurred" if fits and through >= MOST * len(fits) else "veiled"


@dataclass(slots=True)
class _Sharpness:
    usual: float | None = None
    _first: list[float] = field(default_factory=list)

    def is_blurred(self, sharpness: float | None) -> bool:
        """Tell whether this is far from the usual, which follows slowly where it is not."""
        if sharpness is None:
            return self.usual is not None  # where there were always edges, there are none
        if self.usual is None:
            self._first.append(sharpness)
            if len(self._first) >= LEARNING_LOOKS:
                self.usual = float(np.median(self._first))
            return False
        if sharpness < self.usual * BLURRED_BELOW:
            return True
        share = SHARPER_SHARE if sharpness > self.usual else DULLER_SHARE
        self.usual += (sharpness - self.usual) * share
        return False


class _Edges:
    """Where the edges of the picture usually lie, by bands."""

    def __init__(self) -> None:
        self._columns: deque[Bands] = deque(maxlen=MEDIAN_LOOKS)
        self._rows: deque[Bands] = deque(maxlen=MEDIAN_LOOKS)
        self._usual: tuple[Bands, Bands] | None = None
        self._elsewhere: tuple[Bands, Bands] | None = None
        self._otherwise = 0
        self._looks = 0

    def see(self, look: Look) -> tuple[str, list["_Fit"]]:
        """Take the next look; return the sign it is, and how the bands fit the usual ones."""
        self._columns.append(look.columns)
        self._rows.append(look.rows)
        self._looks += 1
        if self._looks < LEARNING_LOOKS:
            return "", []
        now = _median(self._columns), _median(self._rows)
        if self._usual is None:
            self._usual = now
        fits = _fits(now, self._usual)
        moved = sum(fit.moved for fit in fits)
        here = sum(fit.here >= SAME_FIT_MIN for fit in fits)
        if moved >= MOVED_BANDS_MIN:
            return "moved", fits
        if moved + sum(fit.lost for fit in fits) >= max(1, MOST * len(fits)):
            return "turned" if self._stays_elsewhere(now) else "unsure", fits
        self._elsewhere = None
        if here < MOST * len(fits):
            return "unsure", fits
        columns, rows = self._usual
        columns += (now[0] - columns) * EDGES_SHARE
        rows += (now[1] - rows) * EDGES_SHARE
        return "", fits

    def _stays_elsewhere(self, now: tuple[Bands, Bands]) -> bool:
        """Tell whether the other picture is still the one that was seen when it began."""
        if self._elsewhere is not None:
            fits = _fits(now, self._elsewhere)
            same = sum(fit.here >= SAME_FIT_MIN for fit in fits)
            self._otherwise = 0 if same >= MOST * len(fits) else self._otherwise + 1
            if self._otherwise <= OTHERWISE_LOOKS_MAX:
                return True
        self._elsewhere, self._otherwise = now, 0
        return False


@dataclass(frozen=True, slots=True)
class _Fit:
    """How well the edges of a band fit the usual ones (1: the same): here, and where best."""

    here: float
    best: float
    shift: int

    @property
    def moved(self) -> bool:
        gain = self.best - self.here
        return gain >= GAIN_MIN and self.best >= FIT_MIN and self.shift >= SHIFT_MIN

    @property
    def lost(self) -> bool:
        return self.here < LOST_BELOW and not self.moved


def _fits(seen: tuple[Bands, Bands], usual: tuple[Bands, Bands]) -> list[_Fit]:
    """Return how each band that has edges fits."""
    fits = []
    for seen_bands, usual_bands in zip(seen, usual, strict=True):
        for band in range(BANDS):
            if float(usual_bands[band].std()) < EDGES_MIN:
                continue
            middle = seen_bands[band : band + 1, SHIFT_MAX:-SHIFT_MAX]
            whole = usual_bands[band : band + 1]
            along = cv2.matchTemplate(whole, middle, cv2.TM_CCOEFF_NORMED)[0]
            best = int(np.argmax(along))
            fits.append(_Fit(float(along[SHIFT_MAX]), float(along[best]), abs(best - SHIFT_MAX)))
    return fits


def _median(bands: deque[Bands]) -> Bands:
    middle = len(bands) // 2
    return np.asarray(np.partition(np.stack(bands), middle, axis=0)[middle])


def _same(one: Look, other: Look) -> bool:
    return one.brightness == other.brightness and bool(np.array_equal(one.columns, other.columns))
