"""What the keys of a keyboard mean, by country: the table LAYOUTS.

A scanner that types presses the keys on which the country that it is set to has its letters. Keys
are numbered as in Linux's input-event-codes.h; the letters are those of Windows, for which scanners
are made. A combining accent stands for a dead key.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# The keys in the order in which layouts are written: four rows, each from the left.
KEYS = (41, *range(2, 14), *range(16, 28), *range(30, 41), 43, 86, *range(44, 54))
SPACE_KEY = 57
# The number pad means the same everywhere: its digits 0 to 9, and its signs.
PAD_DIGITS = dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True))
PAD = {**PAD_DIGITS, 55: "*", 74: "-", 78: "+", 83: ".", 98: "/"}

GRAVE, ACUTE, CIRCUMFLEX, TILDE, DIAERESIS = "\u0300", "\u0301", "\u0302", "\u0303", "\u0308"
# What a dead key gives when the space bar follows it.
ALONE = {GRAVE: "`", ACUTE: "´", CIRCUMFLEX: "^", TILDE: "~", DIAERESIS: "¨"}


@dataclass(frozen=True, slots=True)
class Layout:
    """The letter on each key by its number: plain, with Shift, and with AltGr."""

    plain: Mapping[int, str]
    shifted: Mapping[int, str]
    third: Mapping[int, str]


Rows = tuple[str, str, str, str]


def _layout(plain: Rows, shifted: Rows, third: Mapping[str, str] | None = None) -> Layout:
    """Build a layout from its rows in the order of KEYS; `third` is by the plain letter."""
    key_of = dict(zip("".join(plain), KEYS, strict=True))
    return Layout(
        plain={**dict(zip(KEYS, "".join(plain), strict=True)), **PAD, SPACE_KEY: " "},
        shifted={**dict(zip(KEYS, "".join(shifted), strict=True)), **PAD, SPACE_KEY: " "},
        third={key_of[letter]: above for letter, above in (third or {}).items()},
    )


LAYOUTS: dict[str, Layout] = {
    "us": _layout(
        ("`1234567890-=", "qwertyuiop[]", "asdfghjkl;'\\", "\\zxcvbnm,./"),
        ("~!@#$%^&*()_+", "QWERTYUIOP{}", 'ASDFGHJKL:"|', "|ZXCVBNM<>?"),
    ),
    "gb": _layout(
        ("`1234567890-=", "qwertyuiop[]", "asdfghjkl;'#", "\\zxcvbnm,./"),
        ('¬!"£$%^&*()_+', "QWERTYUIOP{}", "ASDFGHJKL:@~", "|ZXCVBNM<>?"),
        {"`": "¦", "4": "€"},
    ),
    "de": _layout(
        (f"{CIRCUMFLEX}1234567890ß{ACUTE}", "qwertzuiopü+", "asdfghjklöä#", "<yxcvbnm,.-"),
        (f'°!"§$%&/()=?{GRAVE}', "QWERTZUIOPÜ*", "ASDFGHJKLÖÄ'", ">YXCVBNM;:_"),
        {"2": "²", "3": "³", "7": "{", "8": "[", "9": "]", "0": "}", "ß": "\\"}
        | {"q": "@", "e": "€", "+": "~", "<": "|", "m": "µ"},
    ),
    "fr": _layout(
        ("²&é\"'(-è_çà)=", f"azertyuiop{CIRCUMFLEX}$", "qsdfghjklmù*", "<wxcvbn,;:!"),
        ("²1234567890°+", f"AZERTYUIOP{DIAERESIS}£", "QSDFGHJKLM%µ", ">WXCVBN?./§"),
        {"é": TILDE, '"': "#", "'": "{", "(": "[", "-": "|", "è": GRAVE, "_": "\\"}
        | {"ç": "^", "à": "@", ")": "]", "=": "}", "e": "€", "$": "¤"},
    ),
}
