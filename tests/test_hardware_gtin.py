"""Check digits and long forms of product codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.codes.gtin import check_digit, expand_upc_e, is_gtin


@pytest.mark.parametrize("gtin", ["4006381333931", "96385074", "036000291452", "09506000134352"])
def test_published_numbers_are_gtins(gtin: str) -> None:
    assert is_gtin(gtin)


@given(st.text(alphabet="0123456789", min_size=12, max_size=12), st.integers(1, 9))
def test_one_wrong_check_digit_is_never_a_gtin(body: str, off: int) -> None:
    right = check_digit(body)
    assert is_gtin(f"{body}{right}")
    assert not is_gtin(f"{body}{(right + off) % 10}")


@pytest.mark.parametrize("text", ["", "4006381333932", "400638133393¹", "abc", "40063813339311"])
def test_anything_else_is_no_gtin(text: str) -> None:
    assert not is_gtin(text)


@pytest.mark.parametrize(
    ("short", "gtin"),
    [
        ("01234565", "0012345000065"),
        ("00123457", "0001234000057"),
        ("01234531", "0012300000451"),
        ("04124498", "0041244000098"),
        ("04963406", "0049000006346"),
    ],
)
def test_upc_e_expands_to_its_gtin(short: str, gtin: str) -> None:
    assert expand_upc_e(short) == gtin
    assert is_gtin(gtin)
