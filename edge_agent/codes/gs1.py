"""What the codes of GS1 say about goods: element strings and Digital Links, read by biip.

Sources: GS1 General Specifications, section 3 (application identifiers) and 7.8 (how element
strings are put together); GS1 Digital Link Standard: URI Syntax.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from edge_agent.codes.measure import Measure
from hardware.codes.gtin import is_gtin

# biip is loaded with the first code that needs it: it takes 18 MB, 16 of them for a table of whose
# numbers are whose, which is loaded with it and of no use here.
if TYPE_CHECKING:
    from biip.gs1_element_strings import GS1ElementString, GS1ElementStrings

GS = "\x1d"
# The AIM symbology identifiers (ISO/IEC 15424) of codes that hold element strings.
AIM = re.compile(r"\](?:C1|e0|d2|Q3|J1)")
# Element strings consist of these (GS1 General Specifications 7.11) and of separators.
_MESSAGE = re.compile(r"[\x1d!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]+")
# A message that begins with a GTIN is one, also where a reader drops the sign of the symbology.
_GTIN_FIRST = re.compile(r"01([0-9]{14})")
_LINK = re.compile(r"https?://[\x21-\x7e]+/01/[0-9]{8,14}[\x21-\x7e]*", re.IGNORECASE)
# The first digit of a GTIN whose goods vary in measure (GS1 General Specifications 2.1.10).
VARIABLE = 9
POUND_G = Decimal("453.59237")
# ISO 4217 numbers of the currencies that a price (AI 393n) is known in; of others the number stays.
CURRENCIES: Mapping[str, str] = {
    "036": "AUD", "124": "CAD", "156": "CNY", "344": "HKD", "392": "JPY", "410": "KRW",
    "446": "MOP", "458": "MYR", "578": "NOK", "702": "SGD", "752": "SEK", "756": "CHF",
    "764": "THB", "784": "AED", "826": "GBP", "840": "USD", "901": "TWD", "978": "EUR",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Elements:
    """What element strings say about one trade item: its GTIN, and how much it is."""

    gtin: str
    measure: Measure | None = None


def read_message(text: str) -> Elements | None:
    """Read element strings; None when the text is none, or says nothing of one trade item."""
    marked = AIM.match(text)
    rest = text[marked.end() :] if marked else text
    begins = _GTIN_FIRST.match(rest)
    known = marked or GS in rest or (begins is not None and is_gtin(begins[1]))
    rest = rest.lstrip(GS)
    if not known or not _MESSAGE.fullmatch(rest):
        return None
    from biip import ParseError
    from biip.gs1_messages import GS1Message

    try:
        return _elements(GS1Message.parse(rest).element_strings)
    except (ParseError, ValueError):
        return None


def read_link(text: str) -> Elements | None:
    """Read a Digital Link; None when the text is none, or names no trade item."""
    if not _LINK.fullmatch(text):
        return None
    from biip import ParseError
    from biip.gs1_digital_link_uris import GS1DigitalLinkURI

    try:
        return _elements(GS1DigitalLinkURI.parse(text.rstrip("/")).element_strings)
    except (ParseError, ValueError):
        return None


def _elements(found: "GS1ElementStrings") -> Elements | None:
    """Return the trade item; None for none, for two, and where one value stands against another."""
    values: dict[str, str] = {}
    for each in found:
        if values.setdefault(each.ai.ai, each.value) != each.value:
            return None
    gtin = next((each.gtin for each in found if each.ai.ai == "01"), None)
    if gtin is None:
        return None
    short = gtin.format.length == 8
    measure = _measure(found)
    if measure is not None and gtin.packaging_level != VARIABLE:
        # Anybody can print a link that says a price: it counts for goods that vary alone.
        measure = Measure()
    return Elements(gtin=gtin.as_gtin_8() if short else gtin.as_gtin_14(), measure=measure)


def _measure(found: "GS1ElementStrings") -> Measure | None:
    kilograms, pounds = _first(found, "310", 4), _first(found, "320", 4)
    price, abroad = _first(found, "392", 4), _first(found, "393", 4)
    count = _first(found, "30", 2)
    if (kilograms, pounds, price, abroad, count) == (None,) * 5:
        return None
    paid = abroad or price
    number = abroad.pattern_groups[0] if abroad else ""
    return Measure(
        price=paid.decimal if paid else None,
        currency=CURRENCIES.get(number, number),
        weight_g=_grams(kilograms, Decimal(1000)) or _grams(pounds, POUND_G),
        pieces=int(count.value) if count else None,
    )


def _grams(weight: "GS1ElementString | None", unit_g: Decimal) -> int | None:
    return round(weight.decimal * unit_g) if weight and weight.decimal is not None else None


def _first(found: "GS1ElementStrings", begins: str, size: int) -> "GS1ElementString | None":
    """Return the first element whose AI has this size and beginning."""
    return next((e for e in found if e.ai.ai.startswith(begins) and len(e.ai) == size), None)
