"""Shows on what the thresholds of product codes are chosen: `python -m benchmarks.thresholds`.

Of the photos that are not held back, and of drawn codes and lookalikes of the even numbers, every
number is listed that was read, right or wrong, with its fits and its lead. The thresholds of
`hardware/codes/product_codes.py` lie between; the other half of both says whether they hold.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.codes import PRODUCTS
from benchmarks.lookalikes import LOOKALIKES, WHOLE, lookalikes
from benchmarks.photos import all_photos, is_same
from hardware.cameras.frames import Pixels
from hardware.codes.decoder import Decoded
from hardware.codes.likeliest import Likeliest
from hardware.codes.places import find_bars
from hardware.codes.product_codes import (
    LINES,
    LINES_SHORT,
    PRODUCT_CODES,
    ProductCodeReader,
    held_flat,
)
from hardware.codes.zbar import ZbarDecoder
from hardware.codes.zxing import ZxingDecoder

OF_A_KIND = 40
SHOWN = 6
FIGURES = ("fit", "guards_fit", "worst_fit", "lead")


class _Seen(NamedTuple):
    """A number that was read in a picture, how, and whether it is the one that stands there."""

    way: str
    right: bool
    best: Likeliest


def main() -> None:
    """Print for each kind of code the lowest figures of right numbers, and wrong ones."""
    found: dict[str, list[_Seen]] = defaultdict(list)
    kinds = sorted(PRODUCT_CODES)
    reader, others = ProductCodeReader(kinds), (ZxingDecoder(kinds), ZbarDecoder(kinds))
    for grey, expected in _pictures():
        for place in find_bars(grey):
            for code, best in reader.readings(grey, place):
                right = is_same(code.data.decode(), expected)
                found[f"{code.symbology}, alone"].append(_Seen("alone", right, best))
        for other in others:
            for code in other.decode(grey):
                right = is_same(code.data.decode(), expected)
                for best in _flat(grey, code):
                    found[f"{code.symbology}, agreed"].append(_Seen("flat", right, best))
    for name, seen in sorted(found.items()):
        _show(name, seen)


def _flat(grey: Pixels, code: Decoded) -> Iterator[Likeliest]:
    short = code.symbology in {"EAN-8", "UPC-E"}
    for line in LINES_SHORT if short else LINES:
        best = held_flat(grey, code, line)
        if best is not None:
            yield best


def _pictures() -> Iterator[tuple[Pixels, str]]:
    for photo in all_photos():
        if not photo.held_back and photo.kind in {*PRODUCTS, "NONE"}:
            yield photo.grey, photo.expected
    for kinds in (WHOLE, LOOKALIKES):
        for each in lookalikes(kinds, OF_A_KIND, odd=False):
            yield each.grey, each.truth


def _show(name: str, seen: list[_Seen]) -> None:
    right = [each.best for each in seen if each.right]
    wrong = [each.best for each in seen if not each.right]
    print(f"{name}: {len(right)} right, {len(wrong)} wrong")
    for figure in FIGURES:
        lowest = sorted(round(float(getattr(best, figure)), 2) for best in right)
        print(f"  right, lowest {figure}: {lowest[:SHOWN]}")
    for best in sorted(wrong, key=lambda best: -min(best.worst_fit, best.lead * 2))[:SHOWN]:
        print("  wrong:", *(f"{figure} {getattr(best, figure):.2f}" for figure in FIGURES))


if __name__ == "__main__":
    main()
