"""The cascade: everything for one picture, a ration for a lane, and known rates on real photos."""

import csv
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from zxingcpp import BarcodeFormat, create_barcode

from benchmarks.lookalikes import LOOKALIKES, lookalikes
from hardware.cameras.images import read_image, to_grey
from hardware.codes.cascade import LaneCascade, StillCascade, checked, settled
from hardware.codes.decoder import SYMBOLOGIES_DEFAULT, Decoded
from hardware.codes.product_codes import ProductCodeReader
from hardware.readings import ADD_ONS, SYMBOLOGIES
from storebridge.simulated.cards import draw_card, draw_empty, draw_product, gtin_of

ALL = [name for name in SYMBOLOGIES if name and name not in ADD_ONS]
EVERY = 13  # photos of the folder are looked at here; `storebridge bench codes` takes them all
LOOKALIKES_OF_A_KIND = 3
MISLABELLED = ("ean13-2/23", "ean13-2/28")


def test_real_photos_are_read_as_well_as_measured(sample_data: Path) -> None:
    still, right, wrong, total = StillCascade(ALL), Counter(), Counter(), Counter()
    with (sample_data / "codes/manifest.csv").open(encoding="utf-8", newline="") as manifest:
        rows = list(csv.DictReader(manifest))[::EVERY]
    for row in rows:
        kind, expected = row["symbology"], row["expected"]
        if any(each in row["file"] for each in MISLABELLED):
            continue
        found = still.decode(to_grey(read_image(sample_data / "codes" / row["file"])))
        texts = {code.data.decode("utf-8", "replace") for code in found}
        group = "product" if kind.startswith(("EAN", "UPC")) else kind
        total[group] += 1
        read = bool({expected, expected[:13]} & texts) or (group != "product" and bool(texts))
        right[group] += read
        wrong[group] += bool(texts) and not read
    assert right["product"] >= 0.85 * total["product"]
    assert wrong["product"] <= 1
    assert right["QR"] >= 0.75 * total["QR"]
    assert right["NONE"] == 0


def test_every_costly_stage_is_tried_within_ten_frames_and_one_a_frame() -> None:
    lane = LaneCascade(SYMBOLOGIES_DEFAULT)
    empty = to_grey(draw_empty((320, 240), 1))
    last: dict[str, int] = {}
    for frame in range(60):
        before = Counter(lane.tried)
        lane.decode(empty)
        tried = lane.tried - before
        assert tried.total() <= 1
        for name in tried:
            assert frame - last.get(name, frame) <= 10
            last[name] = frame
    assert set(last) == {"likeliest", "all", "zbar"}
    assert lane.tried.total() <= 60 // 3 + 6


def test_a_code_that_was_read_and_leaves_is_no_reason_to_look_closer() -> None:
    lane = LaneCascade(SYMBOLOGIES_DEFAULT)
    lane.decode(to_grey(draw_card((640, 480), "sb:m:A-1", 1)))
    lane.decode(to_grey(draw_empty((640, 480), 1)))
    assert not lane.tried


def test_a_camera_that_takes_its_picture_darker_is_no_reason_to_look_closer() -> None:
    lane = LaneCascade(SYMBOLOGIES_DEFAULT)
    shelf = to_grey(draw_empty((640, 480), 1))
    for frame in range(31):
        lane.decode(np.asarray(cv2.convertScaleAbs(shelf, alpha=1 - frame % 5 / 10), np.uint8))
    assert lane.tried.total() == 1 + 30 // 3  # the first picture is new


def test_a_code_that_comes_into_view_is_read_within_three_frames() -> None:
    lane = LaneCascade(SYMBOLOGIES_DEFAULT)
    for frame in range(8):
        lane.decode(to_grey(draw_empty((640, 480), 1, frame)))
    cards = [to_grey(draw_card((640, 480), "sb:m:A-1", 1, jitter)) for jitter in range(3)]
    goods = [to_grey(draw_product((640, 480), gtin_of(4), 1, jitter)) for jitter in range(3)]
    for shown, said in ((cards, b"sb:m:A-1"), (goods, gtin_of(4).encode())):
        read = [code.data for grey in shown for code in lane.decode(grey)]
        assert read
        assert set(read) == {said}


def test_what_is_certain_leaves_no_doubt_beside_it() -> None:
    quad = ((0, 0), (90, 0), (90, 40), (0, 40))
    doubt = Decoded(data=b"1", symbology="EAN-13", quad=quad, trust="doubtful")
    proven = Decoded(data=b"2", symbology="EAN-13", quad=quad, trust="proven")
    assert settled([doubt, proven, proven]) == [proven]
    assert settled([doubt]) == [doubt]


def test_a_code_and_its_add_on_are_one_code_as_certain_as_the_number() -> None:
    row = ((70, 37), (449, 37), (449, 67), (70, 67))
    rows = ((70, 82), (665, 82), (665, 307), (70, 307))
    beside = ((870, 82), (1465, 82), (1465, 307), (870, 307))
    bare = Decoded(data=b"9780735200449", symbology="EAN-13", quad=row, trust="proven")
    whole = Decoded(data=b"978073520044951299", symbology="EAN-13", quad=rows, trust="doubtful")
    half = replace(whole, data=whole.data[:15], quad=((70, 70), (560, 70), (560, 74), (70, 74)))
    assert settled([bare, whole]) == [replace(whole, trust="proven")]
    assert settled([bare, half, whole]) == [replace(whole, trust="proven")]
    assert settled([bare, replace(whole, quad=beside)]) == [bare, replace(whole, quad=beside)]


def test_one_printed_code_is_listed_once_with_its_add_on(sample_data: Path) -> None:
    still = StillCascade([name for name in SYMBOLOGIES if name])
    for name, said in (("1.png", b"978073520044951299"), ("2.webp", b"978088427178952495")):
        picture = read_image(sample_data / "codes/zxing-cpp/ean13-extension-1" / name)
        assert [(code.data, code.trust) for code in still.decode(to_grey(picture))] == [
            (said, "proven")
        ]


def test_a_square_code_within_another_is_read_beside_it(sample_data: Path) -> None:
    picture = read_image(sample_data / "codes/zxing-cpp/qrcode-2/16.webp")
    found = StillCascade(ALL).decode(to_grey(picture))
    assert [code.text[:4] for code in found] == ["[外側Q", "[内側Q"]


def test_no_picture_stops_the_reader_for_long() -> None:
    still = StillCascade(ALL)
    chance = np.random.default_rng(1)
    for shape in ((1, 1), (1, 3000), (3000, 1), (40, 3000), (700, 700)):
        noise = cv2.blur(chance.integers(0, 255, shape, np.uint8), (3, 3)).reshape(shape)
        began = time.process_time()
        assert not still.decode(noise)
        assert time.process_time() - began < 5


def test_nothing_that_only_looks_like_a_code_is_read_as_certain() -> None:
    still = StillCascade(ALL)
    for each in lookalikes(LOOKALIKES, LOOKALIKES_OF_A_KIND, odd=True):
        for code in still.decode(each.grey):
            said = code.data.decode("latin-1")
            assert code.trust == "doubtful" or said == each.truth, each.kind


def test_a_part_of_an_itf_code_is_a_doubt_and_the_number_of_goods_is_none() -> None:
    quad = ((0, 0), (90, 0), (90, 40), (0, 40))
    whole = Decoded(data=b"15400141288763", symbology="ITF", quad=quad)
    part = Decoded(data=b"15400141", symbology="ITF", quad=quad)
    checker = ProductCodeReader(["EAN-13"])
    found = checked(np.zeros((60, 120), np.uint8), [whole, part], checker)
    assert [code.trust for code in found] == ["seen", "doubtful"]


def test_codes_of_every_kind_are_found_beside_each_other_and_turned() -> None:
    chance = np.random.default_rng(3)
    page = np.full((500, 700), 235, np.uint8)
    texts = {"9501101530003": (40, 30), "ABC-123": (40, 300), "3400141288768": (380, 60)}
    kinds = (BarcodeFormat.EAN13, BarcodeFormat.Code128, BarcodeFormat.EAN13)
    for (text, (x, y)), kind in zip(texts.items(), kinds, strict=True):
        drawn = np.asarray(create_barcode(text, kind).to_image(scale=2, add_quiet_zones=True))
        drawn = drawn if x < 300 else np.rot90(drawn)
        page[y : y + drawn.shape[0], x : x + drawn.shape[1]] = drawn
    noisy = np.clip(page + chance.normal(0, 4, page.shape), 0, 255).astype(np.uint8)
    found = StillCascade(ALL).decode(noisy)
    assert {code.data.decode() for code in found} == set(texts)


def test_bright_bars_on_dark_are_read_also_in_a_lane() -> None:
    page = np.full((300, 460), 25, np.uint8)
    said = {
        "Code128": "ABC-123",
        "EAN13": "9501101530003",
        "UPCE": "01234565",
        "ITF": "15400141288763",
    }
    for kind, text in said.items():
        drawn = create_barcode(text, getattr(BarcodeFormat, kind)).to_image(
            scale=2, add_quiet_zones=True
        )
        bright = page.copy()
        bright[90 : 90 + drawn.shape[0], 40 : 40 + drawn.shape[1]] = 255 - np.asarray(drawn)
        (code,) = StillCascade(ALL).decode(bright)
        assert (code.trust, text in code.data.decode()) == (
            ("seen" if kind in {"Code128", "ITF"} else "proven"),
            kind != "UPCE",
        )
        lane = LaneCascade(ALL)
        assert any(lane.decode(bright) for _ in range(10)), kind


def test_bright_bars_are_no_other_goods_to_the_likeliest_digits() -> None:
    chance = np.random.default_rng(5)
    reader = ProductCodeReader(["EAN-13", "EAN-8", "UPC-A"])
    for number in range(5):
        dark = draw_product((480, 360), gtin_of(number), number)
        grey = 255 - to_grey(dark).astype(np.int16) + chance.normal(0, 3, (360, 480))
        assert not reader.decode(np.clip(grey, 0, 255).astype(np.uint8))


def test_a_part_of_a_code_is_not_listed_beside_the_whole() -> None:
    quad = ((0, 0), (90, 0), (90, 40), (0, 40))
    for kind in ("ITF", "Code128"):
        whole = Decoded(data=b"CNK8181G2C", symbology=kind, quad=quad)
        part = Decoded(data=b"C", symbology=kind, quad=((70, 0), (90, 0), (90, 40), (70, 40)))
        beside = replace(part, quad=((200, 0), (290, 0), (290, 40), (200, 40)))
        assert settled([part, whole]) == [whole]
        assert settled([beside, whole]) == [beside, whole]


def test_bars_that_lie_aslant_are_read() -> None:
    drawn = np.asarray(
        create_barcode("ABC-123", BarcodeFormat.Code128).to_image(scale=2, add_quiet_zones=True)
    )
    page = np.full((500, 500), 235, np.uint8)
    page[200 : 200 + drawn.shape[0], 100 : 100 + drawn.shape[1]] = drawn
    for angle in (30, 40, 60):
        aslant = cv2.getRotationMatrix2D((250, 250), angle, 1)
        turned = cv2.warpAffine(page, aslant, (500, 500), borderValue=(235,))
        (code,) = StillCascade(ALL).decode(np.asarray(turned, np.uint8))
        assert code.data == b"ABC-123"
