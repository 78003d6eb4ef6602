"""Reads image files of the formats cameras give, refusing what is too large before decoding it."""

import struct
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.cameras.frames import PIXELS_MAX, FrameError, Pixels

IMAGE_BYTES_MAX = 32 * 1024 * 1024
IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})

_PNG = b"\x89PNG\r\n\x1a\n"
# What has these bytes at this place is known, and not read.
_OTHERS = (
    (0, b"GIF8", "a GIF image"),
    (0, b"II*\0", "a TIFF image"),
    (0, b"MM\0*", "a TIFF image"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\0\0\0\x0cjP", "a JPEG 2000 image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (4, b"ftypavi", "an AVIF image"),
    (4, b"ftyphe", "a HEIC image"),
    (4, b"ftypmif1", "a HEIC image"),
    (4, b"ftyp", "a video"),
    (0, b"\x1a\x45\xdf\xa3", "a video"),
    (8, b"AVI ", "a video"),
)

# OpenCV 5 refuses a WebP file below 32 bytes, though a one-colour picture may be shorter.
_BYTES_MIN = 64

# The JPEG markers that begin a frame and give its size (ITU-T T.81, table B.1).
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_image(path: Path) -> Pixels:
    """Read an image file as BGR pixels.

    Raises FrameError when it cannot be read, is no PNG, JPEG, WebP or BMP, is broken or too large.
    """
    try:
        if not path.is_file():
            path.stat()  # says why, where there is nothing
            raise FrameError("no file but a folder" if path.is_dir() else "no file")
        with path.open("rb") as file:
            content = file.read(IMAGE_BYTES_MAX + 1)
    except OSError as error:
        raise FrameError(f"cannot be read: {error.strerror or error}") from error
    return decode_image(content)


def decode_image(content: bytes, *, grey: bool = False) -> Pixels:
    """Decode an image held in memory, with its colours or without; raises FrameError like above."""
    if len(content) > IMAGE_BYTES_MAX:
        raise FrameError(f"larger than {IMAGE_BYTES_MAX // 1024 // 1024} MiB")
    size = image_size(content)
    if size is None:
        raise FrameError(_no_image(content))
    width, height = size
    if width * height > PIXELS_MAX:
        raise FrameError(f"{width}x{height} pixels; at most {PIXELS_MAX} are accepted")
    if content.startswith(_PNG) and not _is_whole_png(content):
        raise FrameError("a broken image")
    encoded = np.frombuffer(content.ljust(_BYTES_MIN, b"\0"), np.uint8)
    how = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR
    try:
        pixels = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED if _may_be_clear(content) else how)
    except cv2.error as error:
        raise FrameError("a broken image") from error
    if pixels is None or pixels.size == 0:
        raise FrameError("a broken image")
    if _may_be_clear(content):
        pixels = _on_paper(pixels)
        return to_grey(pixels) if grey else pixels
    return np.asarray(pixels, np.uint8)


def to_grey(pixels: Pixels) -> Pixels:
    """Return the brightness of a picture, as decoders want it."""
    if pixels.ndim == 2:
        return pixels
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)


def _may_be_clear(content: bytes) -> bool:
    """Tell whether one can see through parts of a picture, by its kind: a PNG or WebP may say so.

    The code in it is often drawn on nothing, whose colour is black as a rule.
    """
    if content.startswith(_PNG):
        return content[25:26] in {b"\4", b"\6"} or b"tRNS" in content[:2048]
    kind, flags = content[8:16], content[20:21] or b"\0"
    return kind == b"WEBPVP8L" or (kind == b"WEBPVP8X" and flags[0] & 16 > 0)


def _on_paper(decoded: NDArray[np.generic]) -> Pixels:
    """Return a picture as it looks on white paper, with eight bits a colour."""
    deep = decoded.dtype == np.uint16
    pixels = np.asarray(np.asarray(decoded, np.uint16) >> 8 if deep else decoded, np.uint8)
    if pixels.ndim == 2:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
    if pixels.shape[2] < 4:
        return pixels
    seen = pixels[:, :, 3:].astype(np.uint16)
    blended = (pixels[:, :, :3] * seen + 255 * (255 - seen)) // 255
    return np.asarray(blended, np.uint8)


def _no_image(content: bytes) -> str:
    """Say what a file is that is no image which is read here."""
    if not content:
        return "an empty file"
    for at, first, name in _OTHERS:
        if content.startswith(first, at):
            return f"{name}; only PNG, JPEG, WebP and BMP images are read"
    return "no PNG, JPEG, WebP or BMP image"


def image_size(content: bytes) -> tuple[int, int] | None:
    """Return width and height as the file's head states them, None for an unknown format."""
    try:
        if content.startswith(_PNG):
            return struct.unpack(">II", content[16:24])
        if content.startswith(b"\xff\xd8"):
            return _jpeg_size(content)
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            return _webp_size(content)
        if content.startswith(b"BM"):
            width, height = struct.unpack("<ii", content[18:26])
            return abs(width), abs(height)
    except struct.error:
        return None
    return None


def _is_whole_png(content: bytes) -> bool:
    """Tell whether every chunk is as long as it says: the library makes room for it before."""
    at = len(_PNG)
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        if content[at + 4 : at + 8] == b"IEND":
            return True
        at += 12 + length
    return False


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        if marker == 0xFF or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2  # fill bytes and markers without a segment
        else:
            at += 2 + int(struct.unpack(">H", content[at + 2 : at + 4])[0])
    return None


def _webp_size(content: bytes) -> tuple[int, int] | None:
    kind = content[12:16]
    if kind == b"VP8X":
        # A canvas may be larger than the picture in it, never smaller.
        width = int.from_bytes(content[24:27], "little") + 1
        return width, int.from_bytes(content[27:30], "little") + 1
    if kind == b"VP8L":
        bits = struct.unpack("<I", content[21:25])[0]
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", content[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None
