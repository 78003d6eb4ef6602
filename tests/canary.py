"""A frame that can be recognised by any piece of it, and the search for such pieces."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import segno
from numpy.typing import NDArray

from hardware.cameras.frames import Pixels

WIDTH, HEIGHT = 480, 360
CODE_AT, CODE_SIDE = (100, 60), 29 * 8
# A piece of so many bytes in a row is found wherever it stands.
WORD_BYTES = 8
# The head of an encoded picture is the same in every one.
HEAD_BYTES = 1024
# What repeats itself is no mark of this picture.
DISTINCT_BYTES_MIN = 6
HEX = re.compile(rb"[0-9a-fA-F]{32,}")
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}")
URL_LETTERS = bytes.maketrans(b"-_", b"+/")


class Canary:
    """Noise around a code that a camera reads, and every form in which it might leave a process."""

    def __init__(self, code: str, seed: int) -> None:
        noise = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        self.pixels: Pixels = noise
        card = np.array([list(row) for row in segno.make_qr(code, error="m").matrix_iter(border=4)])
        card = np.where(card > 0, 0, 255).astype(np.uint8)
        card = cv2.resize(card, (CODE_SIDE, CODE_SIDE), interpolation=cv2.INTER_NEAREST)
        x, y = CODE_AT
        self.pixels[y : y + CODE_SIDE, x : x + CODE_SIDE] = card[:, :, None]
        self.png = cv2.imencode(".png", self.pixels)[1].tobytes()
        self.jpeg = cv2.imencode(".jpg", self.pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        self._words = np.unique(np.concatenate([words_of(each) for each in self.forms()]))

    def pieces_in(self, content: bytes) -> int:
        """How many words of the canary stand in the content: as they are, or spelled in letters."""
        return sum(self._words_in(each) for each in (content, *unspelled(content)))

    def _words_in(self, content: bytes) -> int:
        found = 0
        for offset in range(WORD_BYTES):
            length = (len(content) - offset) // WORD_BYTES
            if length > 0:
                words = np.frombuffer(content, "<u8", length, offset)
                places = np.minimum(np.searchsorted(self._words, words), self._words.size - 1)
                found += int(np.count_nonzero(self._words[places] == words))
        return found

    def forms(self) -> Iterator[bytes]:
        """Yield the pictures as they are encoded, and as they lie in memory after decoding."""
        yield self.png[HEAD_BYTES:]
        yield self.jpeg[HEAD_BYTES:]
        encoded = np.frombuffer(self.jpeg, np.uint8)
        for colours in (self.pixels, cv2.imdecode(encoded, cv2.IMREAD_COLOR)):
            yield colours.tobytes()
            yield cv2.cvtColor(colours, cv2.COLOR_BGR2RGB).tobytes()
            yield cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY).tobytes()
        yield cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE).tobytes()


def unspelled(content: bytes) -> Iterator[bytes]:
    """Yield what stands in the content in base64 or hexadecimal, wherever it begins."""
    for run in HEX.findall(content):
        for at in range(2):
            yield bytes.fromhex(run[at : at + (len(run) - at) // 2 * 2].decode())
    for run in BASE64.findall(content):
        for at in range(4):
            part = run[at:].translate(URL_LETTERS)
            yield base64.b64decode(part[: len(part) // 4 * 4])


def words_of(form: bytes) -> NDArray[np.uint64]:
    """Return the words of a form that are marks of it: 8 bytes from every eighth on."""
    length = len(form) // WORD_BYTES
    letters = np.sort(np.frombuffer(form, np.uint8, length * WORD_BYTES).reshape(-1, 8), axis=1)
    distinct = 1 + np.count_nonzero(np.diff(letters, axis=1), axis=1)
    return np.frombuffer(form, "<u8", length)[distinct >= DISTINCT_BYTES_MIN]


def pieces_in_files(canary: Canary, folder: Path) -> dict[str, int]:
    """Return the files below a folder in which pieces of the canary stand."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            pieces = canary.pieces_in(path.read_bytes())
            if pieces:
                found[str(path)] = pieces
    return found
