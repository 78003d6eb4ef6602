"""Codes that a store prints itself: goods weighed, counted or priced at its own scale.

Such a number names the goods and how much of them this pack is. Where the parts stand is a rule
of the country (`region`), or of the store, whose patterns are written like the numbers:

    21IIIIIPPPPPC         I the item, P the price in cents, C the check digit
    02IIIIIVPPPPC         V the check digit of the price
    26IIIIIPPPPPWWWWWC    W the weight in grams; N stands for a number of pieces, X for any digit

The catalogue names the goods by prefix and item, then zeros up to twelve digits, then the check
digit. Sources: GS1 General Specifications 2.1.11, 2.1.12 and 7.9 (check digits).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from edge_agent.codes.measure import Measure
from hardware.codes.gtin import check_digit
from settings.checks import Expected

# The numbers that are free for use within a store or country, as GTIN-13.
RESTRICTED = re.compile(r"(?:0[24]|2[0-9])[0-9]{11}")
# The countries whose rules biip knows (a test holds the two against each other). It is loaded only
# where one is set, or a price has a check digit of its own: it takes 18 MB.
REGIONS = ("dk", "ee", "fi", "de", "gb", "lv", "lt", "no", "se")
_FORM = re.compile(r"(0[24]|2[0-9]?[0-9]?)(I{2,9})([VPWNX]{3,12})C")
_EXPECTED = (
    "13 or 18 letters such as 21IIIIIPPPPPC: a prefix of 02, 04 or 2, then I for the item, "
    "one run each of P (cents), W (grams) or N (pieces), V before P of 4 or 5, and C at the end"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What an in-store code says; `sound` is False when a check digit within it is wrong."""

    product: str
    measure: Measure
    sound: bool = True


Reader = Callable[[str], Measured | None]


def readers_of(patterns: Sequence[str], region: str) -> tuple[Reader, ...]:
    """Return what reads in-store codes: the store's patterns first, then the country's rules."""
    own = [partial(_read_own, _compile(pattern)) for pattern in patterns]
    return (*own, partial(_read_regional, region)) if region else tuple(own)


def read(digits: str, readers: Sequence[Reader]) -> Measured | None:
    """Read a number whose check digit is right; None when it is no in-store code that is known."""
    return next((found for each in readers if (found := each(digits)) is not None), None)


def pattern(value: object) -> str:
    """Accept the pattern of an in-store code, as the check of a setting."""
    if isinstance(value, str) and (form := _FORM.fullmatch(value)) and len(value) in {13, 18}:
        runs = re.findall(r"((.)\2*)", form[3])
        letters = [letter for _, letter in runs]
        priced = form[3].count("P") in {4, 5} and "VP" in form[3]
        once = len(set(letters)) == len(letters) and set(letters) & set("PWN")
        if once and ("V" not in letters or priced) and len(form[1] + form[2]) <= 12:
            return value
    raise Expected(_EXPECTED)


def _compile(text: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern, with a group for each letter."""
    expression = re.sub(r"([A-Z])\1*", lambda run: f"(?P<{run[1]}>[0-9]{{{len(run[0])}}})", text)
    return re.compile(expression)


def _read_own(form: re.Pattern[str], digits: str) -> Measured | None:
    match = form.fullmatch(digits)
    if match is None or check_digit(digits[:-1]) != int(digits[-1]):
        return None
    parts = match.groupdict()
    body = (digits[: match.start("I")] + parts["I"]).ljust(12, "0")
    sound = "V" not in parts or _price_check_digit(parts["P"]) == int(parts["V"])
    price, weight, pieces = (int(parts[each]) if each in parts else None for each in "PWN")
    return Measured(
        product=f"{body}{check_digit(body)}",
        measure=Measure(price_cents=price, weight_g=weight, pieces=pieces),
        sound=sound,
    )


def _price_check_digit(price: str) -> int:
    from biip.checksums import gs1_price_weight_check_digit

    return gs1_price_weight_check_digit(price)


def _read_regional(region: str, digits: str) -> Measured | None:
    if not RESTRICTED.fullmatch(digits):
        return None
    from biip import ParseConfig, ParseError
    from biip.gtin import Gtin
    from biip.rcn import Rcn

    unverified = ParseConfig(rcn_region=region, rcn_verify_variable_measure=False)
    found = Gtin.parse(digits, config=unverified)
    if not isinstance(found, Rcn) or (found.price, found.weight, found.count) == (None,) * 3:
        return None
    try:
        Gtin.parse(digits, config=ParseConfig(rcn_region=region))
        sound = True
    except ParseError:
        sound = False
    return Measured(
        product=found.without_variable_measure().as_gtin_13(),
        measure=Measure(
            price=found.price,
            weight_g=None if found.weight is None else int(found.weight * 1000),
            pieces=found.count,
        ),
        sound=sound,
    )
