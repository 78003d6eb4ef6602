"""Product codes read by their likeliest digits, and wrong numbers of other readers put right."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.cameras.frames import Pixels
from hardware.codes.decoder import Decoded
from hardware.codes.ean import EAN_8, EAN_13, LEFT, RIGHT, UPC_E, Grammar
from hardware.codes.gtin import check_digit, expand_upc_e, is_gtin, shorten_to_upc_e
from hardware.codes.likeliest import lay_out, likeliest
from hardware.codes.places import find_bars
from hardware.codes.product_codes import ProductCodeReader
from hardware.codes.templates import MARGIN_MODULES, MODULE_SAMPLES
from storebridge.simulated.cards import ean13_modules, gtin_of

ALL = ("EAN-13", "EAN-8", "UPC-A", "UPC-E")
NUMBER = "4006381333931"


def picture(gtin: str, *, module: int = 3, blur: float = 0.0, turn: float = 0.0) -> Pixels:
    bars = np.repeat([255 - 235 * int(bit) for bit in ean13_modules(gtin)], module)
    code = np.pad(np.tile(bars, (70 * module, 1)), 25 * module, constant_values=255)
    height, width = code.shape
    warp = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1)
    drawn = cv2.warpAffine(code.astype(np.uint8), warp, (width, height), borderValue=255)
    return cv2.GaussianBlur(drawn, (0, 0), blur) if blur else drawn


def line(modules: str) -> np.ndarray:
    quiet = "0" * MARGIN_MODULES
    bits = np.array([float(bit) for bit in quiet + modules + quiet], np.float32)
    return np.repeat(bits, MODULE_SAMPLES)[None] * 200


def modules_of(digits: str, grammar: Grammar) -> str:
    way = next(way for way in grammar.ways if way.spells(digits))
    printed = digits[len(way.head) : len(way.head) + grammar.digits]
    left = "".join(
        LEFT[10 * int(even) + int(digit)]
        for even, digit in zip(way.even, printed[: grammar.left], strict=False)
    )
    right = "".join(RIGHT[int(digit)] for digit in printed[grammar.left :])
    return f"101{left}{grammar.centre}{right}{grammar.end}"


def test_the_grammar_prints_what_the_drawn_cards_print() -> None:
    assert modules_of(NUMBER, EAN_13) == ean13_modules(NUMBER)
    assert (EAN_13.modules, EAN_8.modules, UPC_E.modules) == (95, 67, 51)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**12 - 1))
def test_every_ean_13_is_spelled_from_its_bars(number: int) -> None:
    body = f"{number:012d}"
    digits = f"{body}{check_digit(body)}"
    lines = line(modules_of(digits, EAN_13))
    read = likeliest(lines, lay_out(lines, EAN_13), EAN_13)
    assert read.digits == digits
    assert read.lead > 0.4


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**7 - 1))
def test_every_ean_8_is_spelled_from_its_bars(number: int) -> None:
    body = f"{number:07d}"
    digits = f"{body}{check_digit(body)}"
    lines = line(modules_of(digits, EAN_8))
    assert likeliest(lines, lay_out(lines, EAN_8), EAN_8).digits == digits


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1), st.integers(0, 10**6 - 1))
def test_every_upc_e_is_spelled_from_its_bars(system: int, number: int) -> None:
    body = f"{system}{number:06d}"
    check = check_digit(expand_upc_e(f"{body}0")[:12])
    digits = f"{body}{check}"
    assert is_gtin(expand_upc_e(digits))
    lines = line(modules_of(digits, UPC_E))
    assert likeliest(lines, lay_out(lines, UPC_E), UPC_E).digits == digits
    shortened = shorten_to_upc_e(expand_upc_e(digits))
    assert shortened is not None
    assert expand_upc_e(shortened) == expand_upc_e(digits)


@pytest.mark.parametrize("turn", [0, 20, 70, 90, 170, 200, 300])
def test_a_blurred_code_is_read_in_every_direction(turn: float) -> None:
    blurred = picture(NUMBER, module=3, blur=2.0, turn=turn)
    (code,) = ProductCodeReader(ALL).decode(blurred)
    assert (code.data, code.symbology, code.trust) == (NUMBER.encode(), "EAN-13", "proven")


def test_a_number_that_another_reader_got_wrong_is_put_right_or_doubted() -> None:
    sharp = picture(NUMBER)
    (code,) = ProductCodeReader(ALL).decode(sharp)
    wrong = replace(code, data=b"9074932437075", trust="seen")
    put_right = ProductCodeReader(ALL).check(sharp, wrong)
    assert put_right.data == NUMBER.encode()
    grey = np.full_like(sharp, 128)
    assert ProductCodeReader(ALL).check(grey, wrong).trust == "doubtful"


def test_a_right_number_is_proven() -> None:
    sharp = picture(NUMBER)
    (code,) = ProductCodeReader(ALL).decode(sharp)
    checked = ProductCodeReader(ALL).check(sharp, replace(code, trust="seen"))
    assert (checked.data, checked.trust) == (NUMBER.encode(), "proven")


def test_only_what_the_lane_expects_is_read() -> None:
    assert ProductCodeReader(["UPC-A"]).decode(picture(NUMBER)) == ()
    assert ProductCodeReader(["QR"]).decode(picture(NUMBER)) == ()


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 10**6))
def test_noise_of_any_size_is_no_code_and_no_error(width: int, height: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 255, (height, width), np.uint8)
    assert ProductCodeReader(ALL).decode(noise) == ()
    corner = (width - 1, height - 1)
    code = Decoded(
        data=gtin_of(3).encode(),
        symbology="EAN-13",
        quad=((0, 0), (corner[0], 0), corner, (0, corner[1])),
    )
    assert ProductCodeReader(ALL).check(noise, code).trust != "seen"


def test_bars_are_found_where_they_are() -> None:
    canvas = np.full((480, 640), 200, np.uint8)
    code = picture(NUMBER, module=2)
    canvas[100 : 100 + code.shape[0], 200 : 200 + code.shape[1]] = code
    place = find_bars(canvas)[0]
    assert abs(place.x - (200 + code.shape[1] / 2)) < 12
    assert abs(place.length - 190) < 40
    assert abs(place.angle) < 0.05
