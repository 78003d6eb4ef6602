"""Images are read within limits, and nothing that is no image gets further than its head."""

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardware.cameras.frames import FrameError
from hardware.cameras.images import IMAGE_BYTES_MAX, decode_image, image_size, read_image, to_grey

PICTURE = np.random.default_rng(1).integers(0, 255, (40, 60, 3), np.uint8)
FORMATS = (".png", ".jpg", ".webp", ".bmp")


def encoded(suffix: str) -> bytes:
    return cv2.imencode(suffix, PICTURE)[1].tobytes()


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_is_read_and_its_size_known_before(suffix: str) -> None:
    content = encoded(suffix)
    assert image_size(content) == (60, 40)
    assert decode_image(content).shape == (40, 60, 3)


def test_a_picture_that_claims_a_huge_size_is_refused_before_it_is_decoded() -> None:
    head = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(head))
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + crc
    with pytest.raises(FrameError, match="60000x60000 pixels"):
        decode_image(bomb)


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"GIF89a" + bytes(100), b"\xff\xd8", b"BM", b"RIFF0000WEBPVP8X"]
)
def test_what_is_no_image_is_refused(content: bytes) -> None:
    with pytest.raises(FrameError):
        decode_image(content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "an empty file"),
        (b"GIF89a" + bytes(100), "a GIF image; only PNG, JPEG, WebP and BMP"),
        (b"MM\0*" + bytes(100), "a TIFF image"),
        (b"\0\0\0\x20ftypheic" + bytes(100), "a HEIC image"),
        (b"\0\0\0\x20ftypavif" + bytes(100), "an AVIF image"),
        (b"\0\0\0\x20ftypisom" + bytes(100), "a video"),
        (b"hello", "no PNG, JPEG, WebP or BMP image"),
    ],
)
def test_what_is_no_image_that_is_read_is_called_what_it_is(content: bytes, told: str) -> None:
    with pytest.raises(FrameError, match=told):
        decode_image(content)


def test_a_picture_drawn_on_nothing_is_seen_as_on_white_paper() -> None:
    bars = np.zeros((40, 60, 4), np.uint8)
    bars[:, ::2, 3] = 255  # black bars, and between them nothing, which is black as well
    for content in (
        cv2.imencode(".png", bars)[1].tobytes(),
        cv2.imencode(".png", bars.astype(np.uint16) * 257)[1].tobytes(),
        cv2.imencode(".webp", bars, [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes(),
    ):
        for pixels in (to_grey(decode_image(content)), decode_image(content, grey=True)):
            assert pixels.shape == (40, 60)
            assert (int(pixels[:, ::2].max()), int(pixels[:, 1::2].min())) == (0, 255)


def test_sixteen_bits_a_colour_and_grey_ones_with_alpha_are_read_as_eight() -> None:
    deep = PICTURE.astype(np.uint16) * 257
    assert np.array_equal(decode_image(cv2.imencode(".png", deep)[1].tobytes()), PICTURE)
    clear = np.dstack([PICTURE, np.full(PICTURE.shape[:2], 255, np.uint8)])
    assert np.array_equal(decode_image(cv2.imencode(".png", clear)[1].tobytes()), PICTURE)


def test_a_file_above_the_limit_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(IMAGE_BYTES_MAX + 1)
    with pytest.raises(FrameError, match="larger than 32 MiB"):
        read_image(large)
    with pytest.raises(FrameError, match="cannot be read"):
        read_image(tmp_path / "nowhere.png")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(FORMATS), st.lists(st.tuples(st.integers(0), st.integers(0, 255))), st.data()
)
def test_a_mutated_image_is_a_picture_or_a_frame_error(
    suffix: str, changes: list[tuple[int, int]], more: st.DataObject
) -> None:
    content = bytearray(encoded(suffix))
    for at, value in changes:
        content[at % len(content)] = value
    cut = more.draw(st.integers(0, len(content)))
    try:
        pixels = decode_image(bytes(content[:cut]))
    except FrameError:
        return
    assert pixels.ndim == 3


def test_a_one_colour_webp_of_thirty_bytes_is_read() -> None:
    content = cv2.imencode(".webp", np.zeros((4, 4, 3), np.uint8), [cv2.IMWRITE_WEBP_QUALITY, 101])
    assert decode_image(content[1].tobytes()).shape == (4, 4, 3)


def test_grey_stays_grey() -> None:
    grey = to_grey(PICTURE)
    assert grey.shape == (40, 60)
    assert to_grey(grey) is grey


def test_a_png_whose_part_claims_gigabytes_is_refused_at_once() -> None:
    content = bytearray(encoded(".png"))
    at = content.index(b"IDAT") - 4
    content[at : at + 4] = struct.pack(">I", 0xE5001522)
    with pytest.raises(FrameError, match="a broken image"):
        decode_image(bytes(content))


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(FrameError, match="no file"):
            read_image(path)
