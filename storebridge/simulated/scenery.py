"""A shop in front of a camera: shelves to look at, and what lens and sensor do to the picture."""

from functools import lru_cache

import cv2
import numpy as np

from hardware.cameras.frames import Pixels

Size = tuple[int, int]

BACKGROUNDS_KEPT_MAX = 8


@lru_cache(maxsize=BACKGROUNDS_KEPT_MAX)
def shelf(size: Size, seed: int = 0) -> Pixels:
    """Return a wall with shelves full of coloured boxes; the same for the same seed."""
    width, height = size
    rng = np.random.default_rng(seed)
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = np.linspace(205, 150, height).astype(np.uint8)[:, None, None]
    row = max(48, height // 4)
    for plank in range(row, height + row, row):
        x = int(rng.integers(0, 20))
        while x < width:
            box_width = int(rng.integers(row // 4, row))
            box_height = int(rng.integers(row // 2, row - 12))
            colour = tuple(int(part) for part in rng.integers(40, 225, 3))
            top = plank - box_height
            cv2.rectangle(picture, (x, top), (x + box_width, plank), colour, cv2.FILLED)
            label = tuple(min(255, part + 40) for part in colour)
            cv2.rectangle(
                picture,
                (x + box_width // 6, top + box_height // 3),
                (x + box_width * 5 // 6, top + box_height * 2 // 3),
                label,
                cv2.FILLED,
            )
            x += box_width + int(rng.integers(2, 14))
        cv2.rectangle(picture, (0, plank), (width, plank + 8), (70, 95, 120), cv2.FILLED)
    blurred = np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.6), np.uint8)
    blurred.setflags(write=False)
    return blurred


def expose(
    picture: Pixels,
    rng: np.random.Generator,
    *,
    strength: float = 1.0,
    light: tuple[float, float] = (0.75, 1.1),
) -> Pixels:
    """Return the picture as a cheap camera takes it: shaken, soft, darker or lighter, noisy.

    `strength` 1 is an ordinary shop; more is worse. The brightness lies between both of `light`.
    """
    blurred = cv2.GaussianBlur(picture, (0, 0), 0.3 + rng.uniform(0, 0.9) * strength)
    length = 1 + int(rng.integers(0, 4) * strength)
    if length > 1:
        shake = np.zeros((length, length), np.float32)
        np.fill_diagonal(shake if rng.random() < 0.5 else shake[:, ::-1], 1 / length)
        blurred = cv2.filter2D(blurred, -1, shake)
    noise = np.empty(picture.shape, np.int16)
    cv2.setRNGSeed(int(rng.integers(0, 2**31)))
    cv2.randn(noise, np.zeros(3), np.full(3, rng.uniform(2, 8) * strength))
    lit = cv2.convertScaleAbs(blurred, alpha=float(rng.uniform(*light)))
    return np.asarray(np.clip(lit.astype(np.int16) + noise, 0, 255), np.uint8)


def glare(picture: Pixels, rng: np.random.Generator, *, strength: float = 1.0) -> Pixels:
    """Return the picture with the shine of a lamp on it."""
    height, width = picture.shape[:2]
    spot = np.zeros((height, width), np.float32)
    centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
    axes = (int(width * rng.uniform(0.08, 0.25)), int(height * rng.uniform(0.04, 0.12)))
    cv2.ellipse(spot, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, cv2.FILLED)
    spot = cv2.GaussianBlur(spot, (0, 0), max(3.0, width / 30)) * rng.uniform(30, 110) * strength
    return np.asarray(np.clip(picture + spot[:, :, None], 0, 255), np.uint8)
