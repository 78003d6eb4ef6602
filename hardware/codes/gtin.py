"""The digits of product codes: check digits, and the long form of a UPC-E code."""


def check_digit(digits: str) -> int:
    """Return the check digit that belongs behind `digits` (GS1 General Specifications 7.9).

    The catalogue has its own, since neither side may import the other; a test holds the two
    against each other.
    """
    total = sum(int(digit) * (1, 3)[at % 2 == 0] for at, digit in enumerate(reversed(digits)))
    return -total % 10


def is_gtin(digits: str) -> bool:
    """Tell whether these are 8, 12, 13 or 14 digits with the right check digit."""
    if len(digits) not in {8, 12, 13, 14} or not (digits.isascii() and digits.isdecimal()):
        return False
    return check_digit(digits[:-1]) == int(digits[-1])


def expand_upc_e(digits: str) -> str:
    """Return the 13-digit GTIN of an 8-digit UPC-E code (GS1 General Specifications 5.2.2.4.2)."""
    system, body, check = digits[0], digits[1:7], digits[7]
    last = body[5]
    if last in "012":
        number = body[:2] + last + "0000" + body[2:5]
    elif last == "3":
        number = body[:3] + "00000" + body[3:5]
    elif last == "4":
        number = body[:4] + "00000" + body[4]
    else:
        number = body[:5] + "0000" + last
    return f"0{system}{number}{check}"


def shorten_to_upc_e(gtin: str) -> str | None:
    """Return the 8 digits of the UPC-E code for a 13-digit GTIN, None where it has none."""
    if len(gtin) != 13 or gtin[:2] not in {"00", "01"}:
        return None
    number = gtin[2:12]
    bodies = (
        number[:2] + number[7:] + number[2],
        number[:3] + number[8:] + "3",
        number[:4] + number[9] + "4",
        number[:5] + number[9],
    )
    codes = (gtin[1] + body + gtin[12] for body in bodies)
    return next((code for code in codes if expand_upc_e(code) == gtin), None)
