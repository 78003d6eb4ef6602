"""Shows for how long codes flicker out while they are held up: `python -m benchmarks.held`.

Each photo of the half that is not held back is held before a camera of 10 frames/s, as a hand does:
drifting, trembling, turning, nearer and further, blurred as it moves. From how long codes are not
read meanwhile follow `GONE_MS` of `hardware/codes/evidence.py` and the settings `codes.held_s` and
`codes.debounce_s`; from what is read wrongly meanwhile, whether goods in a hand are sold as others.
With `--held-back` the other half is shown, to be reported.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from benchmarks.changed_photos import text_read
from benchmarks.photos import Photo, all_photos, is_same
from benchmarks.result import percentile
from hardware.cameras.frames import Pixels
from hardware.codes.barcode_camera import without_add_on
from hardware.codes.cascade import LaneCascade
from hardware.codes.decoder import SELF_PROVING, SYMBOLOGIES_DEFAULT, Decoded
from hardware.codes.evidence import Evidence

SIZE = (640, 480)
FRAMES = 60
EVERY_MS = 100
EXPOSURE_S = 0.03
SPANS_MS = (200, 300, 400, 600, 1_000, 1_500, 2_000, 3_000)
QR_EVERY = 3  # codes that prove themselves flicker, but cannot be wrong: a part of them will do


@dataclass(slots=True)
class Held:
    """What was read of the codes while they were held.

    `gaps_ms`: from each reading of a code to its next; `longest_ms` of each code; `wrong` are
    believed numbers that stand on no photo shown, by how long before the right one was last read
    (-1: never).
    """

    gaps_ms: list[int] = field(default_factory=list)
    longest_ms: list[int] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)
    misread: list[int] = field(default_factory=list)
    shown: int = 0


def main(arguments: Sequence[str]) -> None:
    """Hold up every photo of a half, and print what became of them."""
    cv2.setNumThreads(1)
    held_back = "--held-back" in arguments
    photos = [photo for photo in all_photos() if photo.kind != "NONE"]
    half = [photo for photo in photos if photo.held_back == held_back]
    square = [photo for photo in half if photo.kind in SELF_PROVING][::QR_EVERY]
    for name, some in (
        ("bars", [photo for photo in half if photo.kind not in SELF_PROVING]),
        ("squares", square),
    ):
        _print(name, held(some))


def held(photos: Sequence[Photo], frames: int = FRAMES) -> Held:
    """Hold up each photo for so many frames, one after the other, and return what was read."""
    seen = Held()
    for number, photo in enumerate(photos):
        lane, evidence = LaneCascade(SYMBOLOGIES_DEFAULT), Evidence()
        at_ms, last_ms, gaps = 0, -1, []
        for frame in in_a_hand(photo.grey, np.random.default_rng(number), frames):
            at_ms += EVERY_MS
            codes = [without_add_on(code) for code in lane.decode(frame)]
            believed = evidence.weigh(codes, at_ms)
            if any(_is_right(code, photo) for code in codes):
                if last_ms >= 0:
                    gaps.append(at_ms - last_ms)
                last_ms = at_ms
            since_ms = at_ms - last_ms if last_ms >= 0 else -1
            seen.wrong += [since_ms for code in believed if _is_sold_wrongly(code, photo)]
            seen.misread += [since_ms for code in codes if _is_sold_wrongly(code, photo)]
        if gaps:
            seen.shown += 1
            seen.gaps_ms += gaps
            seen.longest_ms.append(max(gaps))
    return seen


def in_a_hand(grey: Pixels, chance: np.random.Generator, frames: int) -> Iterator[Pixels]:
    """Yield a photo as a camera sees it that is held before it; all follows from `chance`."""
    rates = chance.uniform([0.2, 0.2, 0.2, 0.15, 1.5, 1.5], [0.5, 0.5, 0.5, 0.4, 3.0, 3.0])
    begins = chance.uniform(0, 2 * np.pi, 6)
    ground = (float(np.median(grey)),)
    fits = 0.8 * min(SIZE[0] / grey.shape[1], SIZE[1] / grey.shape[0])

    def where(at_s: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        waves = np.sin(2 * np.pi * rates * at_s + begins)
        turn = cv2.getRotationMatrix2D(
            (grey.shape[1] / 2, grey.shape[0] / 2), 15 * waves[2], fits * (1 + 0.2 * waves[3])
        )
        middle = np.array(SIZE) / 2 - np.array(grey.shape[::-1]) / 2
        moved = np.asarray(turn, np.float64)
        moved[:, 2] = moved[:, 2] + middle + 50 * waves[:2] + 5 * waves[4:6]
        return moved

    for number in range(frames):
        at_s = number * EVERY_MS / 1000
        open_s = np.linspace(at_s, at_s + EXPOSURE_S, 4)
        light = [
            cv2.warpAffine(grey, where(each), SIZE, flags=cv2.INTER_AREA, borderValue=ground)
            for each in open_s
        ]
        seen = np.mean(light, axis=0) * (1 + 0.15 * np.sin(2 * np.pi * 0.3 * at_s))
        focus = 0.3 + 0.9 * abs(np.sin(2 * np.pi * rates[3] * at_s + begins[2]))
        seen = cv2.GaussianBlur(seen, (0, 0), focus) + chance.normal(0, 4, seen.shape)
        yield np.asarray(np.clip(seen, 0, 255), np.uint8)


def _is_right(code: Decoded, photo: Photo) -> bool:
    if photo.kind in SELF_PROVING:
        return code.symbology == photo.kind
    return is_same(text_read(code), photo.expected)


def _is_sold_wrongly(code: Decoded, photo: Photo) -> bool:
    """Tell whether a code that is no doubt is not the photo's."""
    sure = code.trust != "doubtful" and code.symbology not in SELF_PROVING
    return sure and not is_same(text_read(code), photo.expected)


def _print(name: str, seen: Held) -> None:
    if not seen.shown:
        return
    p95, p99 = percentile(seen.gaps_ms, 0.95), percentile(seen.gaps_ms, 0.99)
    sys.stdout.write(f"{name}: {seen.shown} codes held, {len(seen.gaps_ms)} times read again\n")
    sys.stdout.write(
        f"  after {p95:.0f} ms (p95), {p99:.0f} ms (p99), {max(seen.gaps_ms)} at most\n"
    )
    for span_ms in SPANS_MS:
        longer = sum(gap > span_ms for gap in seen.gaps_ms)
        codes = sum(gap > span_ms for gap in seen.longest_ms)
        sys.stdout.write(f"  not read for more than {span_ms} ms: {longer} times, {codes} codes\n")
    sys.stdout.write(f"  misread with certainty, ms after the right one: {sorted(seen.misread)}\n")
    sys.stdout.write(f"  believed though wrong, ms after the right one: {sorted(seen.wrong)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
