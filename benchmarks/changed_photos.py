"""Photos as no folder has them: those of the folder turned, blurred, darkened, covered and more.

Every picture follows from the photo, the change and the round alone. Stages are chosen on the
changed photos of one half and reported on those of the other: nobody has looked at these.
"""

import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import cv2
import numpy as np
import zxingcpp
from pyzbar import pyzbar

from benchmarks.photos import Photo, is_same
from benchmarks.result import Goal, Result
from hardware.cameras.frames import Pixels
from hardware.codes.decoder import SELF_PROVING, Decoded, Decoder

Chance = np.random.Generator
Change = Callable[[Pixels, Chance], Pixels]


def measure_changed(
    photos: Sequence[Photo], still: Decoder, changes: Mapping[str, Change]
) -> Iterator[Result]:
    """Read the changed photos of the half that is held back: by symbology, and what was wrong."""
    shown: Counter[str] = Counter()
    right: dict[str, Counter[str]] = defaultdict(Counter)
    wrong: Counter[str] = Counter()
    for _, photo in changed_photos(photos, changes, held_back=True):
        shown[photo.kind] += 1
        for name, texts in _read(photo.grey, still).items():
            right[name][photo.kind] += any(_is_right(text, photo) for text in texts)
            wrong[name] += any(not _is_right(text, photo) for text in texts)
    for kind in sorted(shown.keys() - {"NONE"}):
        best = max(("zxing-cpp", "pyzbar"), key=lambda name: right[name][kind])
        yield Result(
            name=f"codes: {kind} read in changed photos",
            value=right["ours"][kind],
            unit=f"of {shown[kind]}",
            goal=Goal(of="value", better="at least", number=right[best][kind]),
            peer=f"the better of zxing-cpp and pyzbar: {best}",
            peer_value=right[best][kind],
        )
    yield Result(
        name="codes: changed photos read wrong, before any catalogue",
        value=wrong["ours"],
        unit=f"of {shown.total()}, {wrong['certain']} of them certain",
        goal=Goal(of="value", better="at most", number=min(wrong["zxing-cpp"], wrong["pyzbar"])),
        peer=f"the better of zxing-cpp ({wrong['zxing-cpp']}) and pyzbar ({wrong['pyzbar']})",
        peer_value=min(wrong["zxing-cpp"], wrong["pyzbar"]),
    )


def _read(grey: Pixels, still: Decoder) -> dict[str, list[str]]:
    """Return what each reader says of a picture, and what ours is certain of."""
    ours = still.decode(grey)
    return {
        "ours": [text_read(code) for code in ours],
        "certain": [text_read(code) for code in ours if code.trust != "doubtful"],
        "zxing-cpp": [code.text for code in zxingcpp.read_barcodes(grey)],
        "pyzbar": [_text(code.data) for code in pyzbar.decode(grey)],
    }


def _is_right(text: str, photo: Photo) -> bool:
    """Tell whether a text is what the photo says; square ones prove themselves."""
    if photo.kind in SELF_PROVING:
        return bool(text)
    return photo.kind != "NONE" and is_same(text, photo.expected)


def text_read(code: Decoded) -> str:
    """Return what a code says, its bytes in the encoding that the reader knows them to be in."""
    return code.text or _text(code.data)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def changed_photos(
    photos: Sequence[Photo], changes: Mapping[str, Change], *, held_back: bool, rounds: int = 1
) -> Iterator[tuple[str, Photo]]:
    """Yield each photo of one half changed in each way, with the name of the change."""
    for photo in photos:
        if photo.held_back != held_back:
            continue
        for name, change in changes.items():
            for number in range(rounds):
                seed = [zlib.crc32(photo.grey.tobytes()), zlib.crc32(name.encode()), number]
                grey = change(photo.grey, np.random.default_rng(seed))
                yield name, Photo(photo.kind, photo.expected, np.ascontiguousarray(grey))


def _turned(grey: Pixels, chance: Chance) -> Pixels:
    """Turn by any angle, around the middle of a picture that grows with it."""
    height, width = grey.shape
    side = int(np.hypot(height, width)) + 2
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(chance.uniform(0, 360)), 1)
    turn[:, 2] += (side - width) / 2, (side - height) / 2
    return _uint8(cv2.warpAffine(grey, turn, (side, side), borderValue=(_ground(grey),)))


def _blurred(grey: Pixels, chance: Chance) -> Pixels:
    """Put it out of focus, by up to 1.6 pixels."""
    return _uint8(cv2.GaussianBlur(grey, (0, 0), float(chance.uniform(0.4, 1.6))))


def _moved(grey: Pixels, chance: Chance) -> Pixels:
    """Move it by two to six pixels in any direction while the shutter is open."""
    length = int(chance.integers(2, 7))
    line = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
    angle = chance.uniform(0, np.pi)
    for step in np.linspace(-length / 2, length / 2, 4 * length):
        at = np.round([length + step * np.sin(angle), length + step * np.cos(angle)]).astype(int)
        line[at[0], at[1]] = 1
    return _uint8(cv2.filter2D(grey, -1, line / line.sum(), borderType=cv2.BORDER_REPLICATE))


def _noisy(grey: Pixels, chance: Chance) -> Pixels:
    """Add the grain of a cheap camera."""
    return _uint8(grey + chance.normal(0, chance.uniform(6, 24), grey.shape))


def _smaller(grey: Pixels, chance: Chance) -> Pixels:
    """Take it from further away: 0.4 to 0.8 of its size."""
    scale = chance.uniform(0.4, 0.8)
    size = tuple(max(1, round(side * scale)) for side in grey.shape[::-1])
    return _uint8(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))


def _aslant(grey: Pixels, chance: Chance) -> Pixels:
    """Look at it from one side: each corner moves inwards by up to a sixth."""
    height, width = grey.shape
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    inwards = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)]) * chance.uniform(0, 1 / 6, (4, 2))
    moved = np.asarray(corners + inwards * (width, height), np.float32)
    slant = cv2.getPerspectiveTransform(corners, moved)
    return _uint8(cv2.warpPerspective(grey, slant, (width, height), borderValue=(_ground(grey),)))


def _dark(grey: Pixels, chance: Chance) -> Pixels:
    """Take it in little light: a twentieth to a fifth, and the camera's noise."""
    share = chance.uniform(0.05, 0.2)
    return _uint8(grey * share + 8 + chance.normal(0, chance.uniform(0.5, 2), grey.shape))


def _glaring(grey: Pixels, chance: Chance) -> Pixels:
    """Let a lamp mirror in it: a bright spot that grows weaker outwards."""
    height, width = grey.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    middle_x, middle_y = chance.uniform(0.2, 0.8, 2) * (width, height)
    size = chance.uniform(0.05, 0.25) * max(height, width)
    far = ((x - middle_x) ** 2 + (y - middle_y) ** 2) / (2 * size * size)
    return _uint8(grey + chance.uniform(100, 300) * np.exp(-far))


def _covered(grey: Pixels, chance: Chance) -> Pixels:
    """Let a finger cover a part at one of its edges: up to a third of one side."""
    covered = grey.copy()
    height, width = grey.shape
    high, wide = int(height * chance.uniform(0.1, 0.34)), int(width * chance.uniform(0.1, 0.6))
    left = int(chance.integers(0, max(1, width - wide)))
    top = 0 if chance.random() < 0.5 else height - high
    covered[top : top + high, left : left + wide] = int(chance.integers(60, 200))
    return covered


def _inverted(grey: Pixels, _chance: Chance) -> Pixels:
    """Print it bright on dark."""
    return _uint8(255 - grey.astype(np.int16))


CHANGES: dict[str, Change] = {
    "turned": _turned,
    "blurred": _blurred,
    "moved": _moved,
    "noisy": _noisy,
    "smaller": _smaller,
    "aslant": _aslant,
    "dark": _dark,
    "glaring": _glaring,
    "covered": _covered,
    "inverted": _inverted,
}


def _ground(grey: Pixels) -> float:
    """Return how bright the picture's edge is: what stands beside it."""
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return float(np.median(edge))


def _uint8(pixels: object) -> Pixels:
    return np.asarray(np.clip(np.asarray(pixels), 0, 255), np.uint8)
