"""ZBar as a decoder: bytes as printed, known rates on real photos, nothing raised."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.cameras.frames import FrameError, Pixels
from hardware.cameras.images import read_image, to_grey
from hardware.codes.zbar import ZbarDecoder

ALL = ("QR", "EAN-13", "EAN-8", "UPC-A", "UPC-E", "Code128", "Code39", "ITF")


def qr(payload: bytes) -> Pixels:
    code = segno.make_qr(payload, mode="byte")
    modules = np.where(np.array([list(row) for row in code.matrix], bool), 0, 255)
    return np.kron(np.pad(modules, 4, constant_values=255), np.ones((5, 5))).astype(np.uint8)


@pytest.mark.parametrize(
    "payload",
    [
        "日本と中国".encode(),
        "漢字".encode("shift-jis"),
        "会员".encode("gb18030"),
        bytes(range(128, 256)),
        b"\x1d01\x00\xff",
        b"<script>'; DROP TABLE",
        b"sb:m:ANNA",
    ],
)
def test_a_qr_code_gives_its_bytes_exactly_as_printed(payload: bytes) -> None:
    (found,) = ZbarDecoder(["QR"]).decode(qr(payload))
    assert (found.data, found.symbology) == (payload, "QR")
    assert len(set(found.quad)) == 4


def test_a_lane_reads_only_what_it_expects() -> None:
    assert ZbarDecoder(["EAN-13"]).decode(qr(b"sb:m:ANNA")) == ()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.randoms(use_true_random=False))
def test_noise_of_any_size_is_no_code_and_no_error(width: int, height: int, random: object) -> None:
    noise = np.random.default_rng(abs(hash(random))).integers(0, 255, (height, width), np.uint8)
    assert ZbarDecoder(ALL).decode(noise) == ()


def test_real_photos_are_read_as_well_as_measured(sample_data: Path) -> None:
    """The rates that this first reader reached; the cascade raises them."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    decoder = ZbarDecoder(ALL)
    with (sample_data / "codes/manifest.csv").open(encoding="utf-8", newline="") as manifest:
        for row in csv.DictReader(manifest):
            kind = row["symbology"]
            try:
                codes = decoder.decode(to_grey(read_image(sample_data / "codes" / row["file"])))
            except FrameError as error:
                raise AssertionError(f"{row['file']} is a readable image") from error
            # Texts of other encodings count as read; what they say is checked above.
            texts = {code.data.decode("utf-8", "replace") for code in codes}
            read = {row["expected"]} & texts or (codes and kind == "QR")
            right[kind] += bool(read)
            wrong[kind] += bool(codes and not read)
    products = ("EAN-13", "EAN-8", "UPC-A", "UPC-E", "UPC-A+ext", "EAN13+ext")
    assert right["QR"] >= 104
    assert sum(right[kind] for kind in products) >= 113
    assert sum(wrong[kind] for kind in ("EAN-13", "EAN-8", "UPC-A", "UPC-E")) <= 7
    assert right["Code128"] >= 20
    assert right["ITF"] >= 19
    assert wrong["NONE"] == 0
