"""A short film about a tea, drawn here: leaves sink in a glass; its words are captions."""

import math
from pathlib import Path

import cv2
import numpy as np

from hardware.cameras.frames import Pixels

# The name that the sample catalogue gives it.
FILM = "longjing"
LENGTH_S, FRAMES_A_SECOND = 6, 10
WIDTH, HEIGHT = 480, 270
LEAVES = 14
WORDS = {
    "zh": ("清明之前，只采一芽一叶。", "八十度的水，茶芽慢慢沉下。", "豆香清甜，回味悠长。"),
    "en": (
        "Before Qingming, one bud and one leaf is picked.",
        "In water of 80 °C the buds sink slowly.",
        "Sweet, with a note of chestnut.",
    ),
}


def make_film(folder: Path, name: str) -> None:
    """Write the film `<name>.webm` with a poster and its captions in Chinese and English."""
    folder.mkdir(parents=True, exist_ok=True)
    codec = cv2.VideoWriter.fourcc(*"VP80")
    # WebM is a kind of Matroska; by its own name OpenCV complains of the codec that it then takes.
    made = folder / f"{name}.mkv"
    writer = cv2.VideoWriter(str(made), codec, FRAMES_A_SECOND, (WIDTH, HEIGHT))
    for number in range(LENGTH_S * FRAMES_A_SECOND):
        writer.write(picture(number / FRAMES_A_SECOND))
    writer.release()
    made.replace(folder / f"{name}.webm")
    cv2.imwrite(str(folder / f"{name}.jpg"), picture(LENGTH_S / 2))
    for language, lines in WORDS.items():
        captions = folder / f"{name}-{language}.vtt"
        captions.write_text(webvtt(lines), encoding="utf-8")


def webvtt(lines: tuple[str, ...]) -> str:
    """Return lines as captions that share the length of the film."""
    each_s = LENGTH_S / len(lines)
    cues = [
        f"00:{number * each_s:06.3f} --> 00:{(number + 1) * each_s:06.3f}\n{line}\n"
        for number, line in enumerate(lines)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def picture(at_s: float) -> Pixels:
    """Draw the film's picture at a time: the same for the same time."""
    frame = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    frame[:] = np.linspace(225, 190, HEIGHT).astype(np.uint8)[:, None, None]
    glass = (WIDTH // 2 - 75, 40, 150, 200)
    left, top, width, height = glass
    share = at_s / LENGTH_S
    tea = (150 - int(30 * share), 215, 205 - int(20 * share))
    cv2.rectangle(frame, (left, top + 30), (left + width, top + height), tea, cv2.FILLED)
    rng = np.random.default_rng(7)
    for _ in range(LEAVES):
        x, begun, sway = left + 20 + rng.random() * (width - 40), rng.random() * 0.5, rng.random()
        depth = min(1.0, max(0.0, (share - begun) * 2))
        y = top + 45 + depth * (height - 65)
        tilt = 20 * math.sin(2 * math.pi * (share * 2 + sway))
        centre = (int(x + tilt / 2), int(y))
        cv2.ellipse(frame, centre, (4, 15), tilt, 0, 360, (70, 130, 85), cv2.FILLED, cv2.LINE_AA)
    cv2.rectangle(frame, (left, top), (left + width, top + height), (250, 250, 250), 3)
    return frame
