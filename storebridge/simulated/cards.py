"""Cards, phones and goods held before a camera, their codes drawn as printers and screens do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import segno
from numpy.typing import NDArray

from hardware.cameras.frames import Pixels
from hardware.codes.gtin import check_digit, is_gtin
from storebridge.simulated.scenery import Size, expose, glare, shelf

# The seven modules of each digit left of the middle, and which six of them are mirrored.
_LEFT_ODD = tuple(
    f"{modules:07b}" for modules in (0x0D, 0x19, 0x13, 0x3D, 0x23, 0x31, 0x2F, 0x3B, 0x37, 0x0B)
)
_PARITY = tuple(
    f"{mirrored:06b}" for mirrored in (0x00, 0x0B, 0x0D, 0x0E, 0x13, 0x19, 0x1C, 0x15, 0x16, 0x1A)
)

CARD_PIXELS = (640, 400)
PHONE_PIXELS = (460, 640)
PACK_PIXELS = (560, 640)
SKIN = (130, 165, 220)


@dataclass(frozen=True, slots=True)
class Held:
    """What somebody holds to a camera, and the text in its code."""

    text: str
    thing: Literal["card", "phone", "goods"]


def draw(size: Size, held: Held, seed: int, jitter: int = 0) -> Pixels:
    """Return a frame in which a hand holds it before the shelf; see `draw_card`."""
    return DRAWINGS[held.thing](size, held.text, seed, jitter)


def draw_card(size: Size, payload: bytes | str, seed: int, jitter: int = 0) -> Pixels:
    """Return a frame in which a hand holds a card with this QR code before the shelf.

    `seed` chooses how the card is held and lit, `jitter` the moment: a hand is never quite still.
    """
    return _hold(size, _card(payload), seed, jitter, share=0.62)


def draw_phone(size: Size, payload: bytes | str, seed: int, jitter: int = 0) -> Pixels:
    """Return a frame in which a hand holds a phone that shows this QR code; see `draw_card`."""
    return _hold(size, _phone(payload), seed, jitter, share=0.95)


def draw_product(size: Size, gtin: str, seed: int, jitter: int = 0) -> Pixels:
    """Return a frame in which a hand holds goods with this EAN-13 code before the shelf.

    Raises ValueError when it is no GTIN of 12 or 13 digits.
    """
    return _hold(size, _pack(gtin, seed), seed, jitter, share=0.95)


DRAWINGS: Mapping[str, Callable[[Size, str, int, int], Pixels]] = {
    "card": draw_card,
    "phone": draw_phone,
    "goods": draw_product,
}


def draw_empty(size: Size, seed: int, jitter: int = 0) -> Pixels:
    """Return a frame of the shelf, with nobody before it."""
    return expose(shelf(size), np.random.default_rng([seed, jitter]))


def ean13_modules(gtin: str) -> str:
    """Return the 95 modules of an EAN-13 code, 1 for a bar (GS1 General Specifications 5.2.1)."""
    digits = gtin.zfill(13)
    if len(digits) != 13 or not is_gtin(digits):
        raise ValueError(f"{gtin[:20]!r} is no GTIN of 12 or 13 digits with its check digit")
    left = ""
    for digit, parity in zip(digits[1:7], _PARITY[int(digits[0])], strict=True):
        odd = _LEFT_ODD[int(digit)]
        left += odd if parity == "0" else _inverse(odd)[::-1]
    right = "".join(_inverse(_LEFT_ODD[int(digit)]) for digit in digits[7:])
    return f"101{left}01010{right}101"


def gtin_of(number: int) -> str:
    """Return a 13-digit GTIN for a running number, in the range kept for use within a company."""
    body = f"20{number:010d}"
    return f"{body}{check_digit(body)}"


def _inverse(modules: str) -> str:
    return modules.translate(str.maketrans("01", "10"))


def _card(payload: bytes | str) -> Pixels:
    width, height = CARD_PIXELS
    card = np.full((height, width, 3), 250, np.uint8)
    cv2.rectangle(card, (0, 0), (width, 70), (120, 70, 30), cv2.FILLED)
    cv2.putText(card, "MEMBER", (24, 50), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (255, 255, 255), 3)
    for line in range(3):
        length = (180, 220, 140)[line]
        cv2.rectangle(
            card, (24, 130 + 50 * line), (24 + length, 146 + 50 * line), (190,) * 3, cv2.FILLED
        )
    card[80:390, 310:620] = _qr(payload, 310)
    return card


def _phone(payload: bytes | str) -> Pixels:
    width, height = PHONE_PIXELS
    phone = np.full((height, width, 3), 28, np.uint8)
    phone[26:-26, 14:-14] = 252
    cv2.putText(phone, "MARU", (36, 92), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (90, 110, 30), 4)
    side = width - 48
    phone[130 : 130 + side, 24 : 24 + side] = _qr(payload, side)
    cv2.rectangle(phone, (60, 570), (width - 60, 582), (200,) * 3, cv2.FILLED)
    return phone


def _qr(payload: bytes | str, side: int) -> Pixels:
    """Return a QR code with its quiet zone, so many pixels a side."""
    matrix = segno.make_qr(payload, error="m", boost_error=False).matrix
    modules = np.pad(np.where(np.array(matrix, bool), 20, 255).astype(np.uint8), 4, "maximum")
    code = cv2.resize(modules, (side, side), interpolation=cv2.INTER_NEAREST)
    return np.repeat(code[:, :, None], 3, axis=2)


def _pack(gtin: str, seed: int) -> Pixels:
    width, height = PACK_PIXELS
    rng = np.random.default_rng([seed, 13])
    pack = np.empty((height, width, 3), np.uint8)
    pack[:] = rng.integers(60, 230, 3)
    cv2.circle(pack, (width // 2, 170), 120, tuple(map(int, rng.integers(0, 255, 3))), cv2.FILLED)
    module = 4
    bars = np.array([255 if bit == "0" else 15 for bit in ean13_modules(gtin)], np.uint8)
    bars = np.repeat(np.pad(bars, 11, constant_values=255), module)
    left, top = (width - bars.size) // 2, 340
    pack[top : top + 250, left : left + bars.size] = 255
    pack[top + 15 : top + 200, left : left + bars.size] = bars[None, :, None]
    text = (left + 60, top + 238)
    cv2.putText(pack, gtin.zfill(13), text, cv2.FONT_HERSHEY_SIMPLEX, 1.1, (15,) * 3, 2)
    return pack


def _hold(size: Size, thing: Pixels, seed: int, jitter: int, *, share: float) -> Pixels:
    """Return the thing, held by a hand in perspective, before the shelf, as the camera sees it."""
    width, height = size
    held = np.random.default_rng([seed, 1])
    moment = np.random.default_rng([seed, 2, jitter])
    corners = _corners(size, thing, share, held, moment)
    thing_height, thing_width = thing.shape[:2]
    flat = np.array(
        [(0, 0), (thing_width, 0), (thing_width, thing_height), (0, thing_height)], np.float32
    )
    warp = cv2.getPerspectiveTransform(flat, corners)
    shone = glare(thing, moment)
    drawn = cv2.warpPerspective(shone, warp, size, flags=cv2.INTER_AREA)
    mask = cv2.warpPerspective(np.full((thing_height, thing_width), 255, np.uint8), warp, size)
    picture = np.where(mask[:, :, None] > 127, drawn, shelf(size))
    wrist = (int(corners[2][0]) + width // 30, height + height // 12)
    grip = tuple(int(part) for part in corners[2] + np.array([width // 60, 0], np.float32))
    cv2.line(picture, wrist, grip, SKIN, max(8, width // 11))
    cv2.circle(picture, grip, max(6, width // 24), SKIN, cv2.FILLED)
    return expose(np.asarray(picture, np.uint8), moment)


def _corners(
    size: Size,
    thing: Pixels,
    share: float,
    held: np.random.Generator,
    moment: np.random.Generator,
) -> NDArray[np.float32]:
    """Return where the thing's corners appear: turned, tilted, trembling with the moment."""
    width, height = size
    thing_height, thing_width = thing.shape[:2]
    scale = share * height / max(thing_height, thing_width * 0.7) * held.uniform(0.85, 1.15)
    half = np.array([thing_width, thing_height]) * scale / 2
    angle = np.radians(held.uniform(-18, 18) + moment.normal(0, 1.5))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
    centre = np.array([width, height]) * (0.5 + held.uniform(-0.06, 0.06, 2))
    tilt = held.uniform(-0.06, 0.06, (4, 2)) * half.mean() * 2
    tremor = moment.normal(0, 0.004 * height, 2)
    return np.asarray(square @ turn.T + centre + tilt + tremor, np.float32)
