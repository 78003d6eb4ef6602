"""The patterns that a store may give its own codes, and what they make of any digits."""

import pytest
from biip.rcn import RcnRegion
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.codes.in_store import REGIONS, pattern, read, readers_of
from hardware.codes.gtin import check_digit, is_gtin
from settings.checks import Expected

PATTERNS = ("21IIIIIPPPPPC", "02IIIIIVPPPPC", "2IIIIIVPPPPPC", "29IIIIWWWWNNC", "212IIIIXPPPPC")
LONG = ("26IIIIIPPPPPWWWWWC", "20IIIIIWWWWWPPPPPC")


@pytest.mark.parametrize("text", [*PATTERNS, *LONG])
def test_a_pattern_is_written_like_the_numbers_it_is_for(text: str):
    assert pattern(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "69IIIIIPPPPPC",  # goods of everybody begin so
        "21IIIIIPPPPP",  # no check digit
        "21IIIIIPPPPPPC",  # 14 digits
        "21IIIIIXXXXXC",  # says nothing of how much
        "21IIIIIPPWPPC",  # a price in two pieces
        "21IIIIVPPPPPP",
        "21IIIIVWWWWWC",  # the check digit of a price that is not there
        "21IIIIPPPPPVC",  # a check digit behind its price
        "21IPPPPPPPPPC",  # one digit for the item
        "21iiiiipppppc",
        "2(IIIIIPPPPPC",
        21,
        None,
    ],
)
def test_a_pattern_that_could_mislead_is_refused(text: object):
    with pytest.raises(Expected, match="such as 21IIIIIPPPPPC"):
        pattern(text)


digits = st.sampled_from([12, 17]).flatmap(
    lambda size: st.tuples(
        st.sampled_from(["02", "04", "2", "20", "21", "26", "212", "29", "6"]),
        st.text("0123456789", min_size=size, max_size=size),
    ).map(lambda two: (two[0] + two[1])[:size])
)


@given(digits, st.sampled_from([*PATTERNS, *LONG, *REGIONS]))
def test_what_is_read_names_goods_by_a_sound_number_without_how_much_they_are(body: str, rule: str):
    readers = readers_of([], rule) if rule in REGIONS else readers_of([rule], "")
    found = read(f"{body}{check_digit(body)}", readers)
    if found is not None:
        assert is_gtin(found.product)
        assert len(found.product) == 13
        assert found.product[:2] == body[:2]
        again = read(found.product, readers)
        assert again is None or again.product == found.product
    wrong = f"{body}{(check_digit(body) + 1) % 10}"
    assert len(wrong) == 13 or read(wrong, readers) is None


def test_the_first_pattern_that_fits_has_it():
    body = "212345678901"
    found = read(f"{body}{check_digit(body)}", readers_of(["21IIIIIPPPPPC", "212IIIIXPPPPC"], ""))
    assert found is not None
    assert found.measure.price_cents == 78901


def test_the_countries_are_those_that_biip_knows():
    assert tuple(region.value for region in RcnRegion) == REGIONS
