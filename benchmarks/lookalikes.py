"""Pictures that look like codes and are none, or only parts of one: what a reader must not read.

Every picture follows from its kind and number alone, so that thresholds are chosen on the even
numbers and reported on the odd ones.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import zxingcpp
from zxingcpp import BarcodeFormat

from hardware.cameras.frames import Pixels
from hardware.codes.gtin import check_digit, expand_upc_e
from storebridge.simulated.cards import ean13_modules

Chance = np.random.Generator

_QUIET = "0" * 9
_LETTERS = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "))


@dataclass(frozen=True, slots=True)
class Lookalike:
    """A picture, and the only text that may be read in it (empty: none)."""

    kind: str
    grey: Pixels
    truth: str


class _Drawing(NamedTuple):
    flat: Pixels
    truth: str = ""


def lookalikes(
    kinds: Mapping[str, Callable[[Chance], "_Drawing"]], count: int, *, odd: bool
) -> Iterator[Lookalike]:
    """Yield so many pictures of each kind, of the odd numbers or the even ones."""
    for kind, draw in kinds.items():
        for number in range(int(odd), 2 * count, 2):
            chance = np.random.default_rng([zlib.crc32(kind.encode()), number])
            drawing = draw(chance)
            yield Lookalike(kind, _seen(drawing.flat, chance), drawing.truth)


def _random_bars(chance: Chance) -> _Drawing:
    """Draw bars and gaps of one to four modules each."""
    widths = chance.integers(1, 5, 2 * int(chance.integers(10, 35)) + 1)
    modules = "".join("10"[at % 2] * int(width) for at, width in enumerate(widths))
    return _Drawing(_bars(modules, chance))


def _guarded_bars(chance: Chance) -> _Drawing:
    """Draw random bars between the guards of an EAN-8."""
    halves = ["".join(_digit(chance, dark) for _ in range(4)) for dark in "01"]
    return _Drawing(_bars(f"101{halves[0]}01010{halves[1]}101", chance))


def _wrong_check_digit(chance: Chance) -> _Drawing:
    """Draw an EAN-13 whose check digit is wrong: it says no number at all."""
    body = _digits(chance, 12)
    right = ean13_modules(f"{body}{check_digit(body)}")
    other = ean13_modules(_other_last(body, chance))
    return _Drawing(_bars(right[:-10] + other[-10:], chance))


def _zebra(chance: Chance) -> _Drawing:
    """Draw stripes that grow wider or narrower, and bend."""
    y, x = np.mgrid[0:160, 0:320].astype(np.float32)
    bend = chance.uniform(-0.002, 0.002) * (y - 80) ** 2
    along = x + bend + chance.uniform(0, 6) * np.sin(x / chance.uniform(9, 40))
    waves = np.sin(along * chance.uniform(0.3, 1.2) + chance.uniform(-0.0006, 0.0006) * along**2)
    return _Drawing(np.where(waves > chance.uniform(-0.4, 0.4), 245, 15).astype(np.uint8))


def _text(chance: Chance) -> _Drawing:
    page = np.full((200, 360), 245, np.uint8)
    for line in range(24, 200, int(chance.integers(18, 34))):
        words = "".join(chance.choice(_LETTERS, 26))
        font = int(chance.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_TRIPLEX]))
        cv2.putText(page, words, (8, line), font, 0.7, (20,), int(chance.integers(1, 4)))
    return _Drawing(page)


def _grid(chance: Chance) -> _Drawing:
    page = np.full((200, 320), 240, np.uint8)
    step_x, step_y = chance.integers(4, 24, 2)
    width = int(chance.integers(1, max(2, step_x // 2 + 1)))
    for x in range(0, 320, int(step_x)):
        page[:, x : x + width] = 20
    for y in range(0, 200, int(step_y)):
        page[y : y + width] = 20
    if chance.random() < 0.5:  # a board of squares rather than lines
        page = np.where((page < 128) ^ (np.arange(320) // int(step_x) % 2 == 0), 20, 240)
    return _Drawing(np.asarray(page, np.uint8))


def _part_of(draw: Callable[[Chance], _Drawing]) -> Callable[[Chance], _Drawing]:
    """Return what draws a code with a stretch of it covered or cut off, or looks at it aslant."""

    def drawn(chance: Chance) -> _Drawing:
        flat, truth = draw(chance)
        flat = flat.copy()
        size = flat.shape[1]
        match int(chance.integers(3)):
            case 0:
                begin = int(chance.uniform(0.1, 0.8) * size)
                shade = int(chance.integers(0, 256))
                flat[:, begin : begin + int(chance.uniform(0.08, 0.5) * size)] = shade
            case 1:
                cut = int(chance.uniform(0.2, 0.6) * size)
                flat = flat[:, cut:] if chance.random() < 0.5 else flat[:, :-cut]
            case _:  # a slanting edge, so that each row ends elsewhere
                rows, columns = np.mgrid[0 : flat.shape[0], 0:size]
                slant = chance.uniform(0.3, 1.5) * rows + chance.uniform(0.2, 0.6) * size
                flat[columns > slant] = int(chance.integers(120, 256))
        return _Drawing(np.ascontiguousarray(flat), truth)

    return drawn


def _ean13(chance: Chance) -> _Drawing:
    body = _digits(chance, 12)
    gtin = f"{body}{check_digit(body)}"
    return _Drawing(_bars(ean13_modules(gtin), chance), gtin)


def _upca(chance: Chance) -> _Drawing:
    body = f"0{_digits(chance, 11)}"
    gtin = f"{body}{check_digit(body)}"
    return _Drawing(_bars(ean13_modules(gtin), chance), gtin)


def _itf(chance: Chance) -> _Drawing:
    body = _digits(chance, 13)
    return _printed(f"{body}{check_digit(body)}", BarcodeFormat.ITF, chance)


def _code128(chance: Chance) -> _Drawing:
    return _printed(_digits(chance, int(chance.integers(3, 9)) * 2), BarcodeFormat.Code128, chance)


def _code39(chance: Chance) -> _Drawing:
    return _printed("".join(chance.choice(_LETTERS[:36], 8)), BarcodeFormat.Code39, chance)


def _ean8(chance: Chance) -> _Drawing:
    body = _digits(chance, 7)
    return _printed(f"{body}{check_digit(body)}", BarcodeFormat.EAN8, chance)


def _upce(chance: Chance) -> _Drawing:
    body = "0" + _digits(chance, 6).replace("0", "5")  # some zeros have no short form
    check = expand_upc_e(f"{body}0")[:-1]
    text = f"{body}{check_digit(check)}"
    return _Drawing(_printed(text, BarcodeFormat.UPCE, chance).flat, expand_upc_e(text))


# Codes as they ought to be, and what draws one, flat: these are to be read.
WHOLE: Mapping[str, Callable[[Chance], _Drawing]] = {
    "EAN-13": _ean13,
    "UPC-A": _upca,
    "EAN-8": _ean8,
    "UPC-E": _upce,
    "ITF": _itf,
    "Code 128": _code128,
    "Code 39": _code39,
}
# What looks like a code and is none, or only a part of one.
LOOKALIKES: Mapping[str, Callable[[Chance], _Drawing]] = {
    "random bars": _random_bars,
    "bars between guards": _guarded_bars,
    "wrong check digit": _wrong_check_digit,
    "zebra": _zebra,
    "text": _text,
    "grid": _grid,
    "part of EAN-13": _part_of(_ean13),
    "part of UPC-A": _part_of(_upca),
    "part of ITF": _part_of(_itf),
    "part of Code 128": _part_of(_code128),
    "part of Code 39": _part_of(_code39),
}


def _printed(text: str, kind: BarcodeFormat, chance: Chance) -> _Drawing:
    image = zxingcpp.create_barcode(text, kind).to_image(scale=1, add_quiet_zones=True)
    row = np.asarray(image)[0]
    return _Drawing(_bars("".join("1" if each < 128 else "0" for each in row), chance), text)


def _bars(modules: str, chance: Chance) -> Pixels:
    """Return modules as bars, so many pixels each as they will be about in the picture."""
    quiet = _QUIET[: int(chance.integers(0, 10))]
    row = np.array([15 if bit == "1" else 245 for bit in f"{quiet}{modules}{quiet}"], np.uint8)
    width = round(len(row) * chance.uniform(1.3, 4))
    size = (width, int(chance.integers(24, 120)))
    flat = cv2.resize(np.repeat(row, 4)[None], size, interpolation=cv2.INTER_AREA)
    return np.asarray(flat, np.uint8)


def _seen(flat: Pixels, chance: Chance) -> Pixels:
    """Return a flat thing as a camera sees it: a little turned, blurred, grainy, on something."""
    height, width = flat.shape
    canvas = (width + 80, height + 60)
    angle, scale = chance.normal(0, 4), chance.uniform(0.8, 1.1)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    turn[:, 2] += (40, 30)
    shade = int(chance.integers(90, 256))
    seen = cv2.warpAffine(flat, turn, canvas, flags=cv2.INTER_AREA, borderValue=(shade,))
    seen = cv2.GaussianBlur(seen, (0, 0), chance.uniform(0.3, 1.6))
    grain = chance.normal(0, chance.uniform(1, 9), seen.shape)
    return np.asarray(np.clip(seen * chance.uniform(0.6, 1) + grain, 0, 255), np.uint8)


def _digits(chance: Chance, count: int) -> str:
    return "".join(map(str, chance.integers(0, 10, count)))


def _digit(chance: Chance, dark: str) -> str:
    """Return seven modules in four runs, the first of them `dark` or bright."""
    first, second, third = sorted(chance.choice(np.arange(1, 7), 3, replace=False))
    runs = (first, second - first, third - second, 7 - third)
    return "".join((dark, "10"[int(dark)])[at % 2] * int(run) for at, run in enumerate(runs))


def _other_last(body: str, chance: Chance) -> str:
    """Return a sound number that begins alike and ends in another check digit."""
    last = check_digit(body)
    while True:
        other = f"{body[0]}{_digits(chance, 11)}"
        if check_digit(other) != last:
            return f"{other}{check_digit(other)}"
