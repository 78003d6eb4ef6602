"""Pictures of a shop as a camera on its wall gives them, drawn: shelves, noise, and people."""

import cv2
import numpy as np

from hardware.cameras.frames import Pixels

WIDTH, HEIGHT = 640, 480
# The noise of a frame is a window of this, elsewhere for each of 256 frames.
WINDOWS = 16
_NOISE = (
    np.random.default_rng(0)
    .normal(0, 3, (2 * HEIGHT + WINDOWS, 2 * WIDTH + WINDOWS, 3))
    .astype(np.int16)
)


def shop(seed: int = 1) -> Pixels:
    """A shop without people: shelves with goods, a floor, a door."""
    rng = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
    for _ in range(90):
        x, y = int(rng.integers(0, WIDTH - 40)), int(rng.integers(0, HEIGHT - 40))
        size = int(rng.integers(15, 90)), int(rng.integers(15, 90))
        shade = tuple(int(each) for each in rng.integers(20, 235, 3))
        cv2.rectangle(picture, (x, y), (x + size[0], y + size[1]), shade, -1)
    return cv2.GaussianBlur(picture, (0, 0), 0.8)


def seen(picture: Pixels, number: int) -> Pixels:
    """A frame of it: with the noise of the camera."""
    height, width = picture.shape[:2]
    y, x = divmod(number % WINDOWS**2, WINDOWS)
    return cv2.add(picture, _NOISE[y : y + height, x : x + width], dtype=cv2.CV_8U)


def turned(picture: Pixels, share: float = 0.05, degrees: float = 0.0) -> Pixels:
    """What the camera sees after it was turned by this share of its width, and about its axis."""
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), degrees, 1.0)
    matrix[0, 2] += share * WIDTH
    return cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)


def with_person(picture: Pixels, number: int, *, who: int, wide: float) -> Pixels:
    """Somebody before the camera, who sways a little."""
    rng = np.random.default_rng(who)
    coat = cv2.resize(rng.integers(0, 255, (40, 40, 3), np.uint8), (WIDTH, HEIGHT))
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    x = int(WIDTH * (0.5 + 0.03 * np.sin(number * 0.9 + who)))
    y = int(HEIGHT * (0.7 + 0.02 * np.sin(number * 1.7)))
    cv2.ellipse(mask, (x, y), (int(WIDTH * wide / 2), int(HEIGHT * 0.5)), 0, 0, 360, 255, -1)
    cv2.circle(mask, (x, int(y - HEIGHT * 0.55)), int(HEIGHT * wide * 0.25), 255, -1)
    worn = np.roll(coat, (number % 5, number % 7), (0, 1))
    return cv2.copyTo(worn, mask, picture.copy())
