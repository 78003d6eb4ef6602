"""The photos of codes that benchmarks and thresholds are measured on, and what each shows."""

import csv
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from hardware.cameras.frames import Pixels
from hardware.cameras.images import read_image, to_grey

# Two photos show another number than their label says: the digits are printed below the bars.
MISLABELLED = {
    "zxing-cpp/ean13-2/23.webp": "9784872348880",
    "zxing-cpp/ean13-2/28.webp": "9784872348880",
}


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo and what it shows; one that is `held_back` is not to be tuned on."""

    kind: str
    expected: str
    grey: Pixels
    held_back: bool = False


def is_held_back(file: str) -> bool:
    """Tell whether a photo, by its name alone, belongs to the half that nothing is tuned on."""
    return zlib.crc32(file.encode()) % 2 == 1


def all_photos(every: int = 1) -> list[Photo]:
    """Return every so manieth photo of each kind."""
    folder = Path(os.environ.get("STOREBRIDGE_DATA", "../shared/data")) / "codes"
    seen: dict[str, int] = {}
    photos = []
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as manifest:
        for row in csv.DictReader(manifest):
            kind = row["symbology"]
            seen[kind] = seen.get(kind, -1) + 1
            if seen[kind] % every == 0:
                grey = to_grey(read_image(folder / row["file"]))
                expected = MISLABELLED.get(row["file"], row["expected"])
                photos.append(Photo(kind, expected.strip(), grey, is_held_back(row["file"])))
    return photos


def is_same(text: str, expected: str) -> bool:
    """Tell whether a text is the expected one, with its add-on or without."""
    return text in {expected, expected[:13]}
