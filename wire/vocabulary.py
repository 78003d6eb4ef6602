"""What the dense coder expects to meet: words, the shares of letters and sizes, forms of fields.

FROZEN, as the dictionary is: both ends must hold the same for ever. Anything better takes a new
frame byte in `wire/batch.py`, and this stays. Words may be missing (names that a store chose are
spelt by letters); what a kind of event lacks here is packed by deflate.
"""

import string

# The words that stand in most events, and those that stand in some.
_MOST = "member kiosk till camera CNY EAN-13 QR scan"
_SOME = (
    # Kinds and ways of identifiers, codes, visits.
    "phone email app web tap EAN-8 UPC-A UPC-E Code128 DataMatrix ITF product coupon store device"
    " page payment unknown EUR USD GBP JPY HKD walk_away time_out other_member paid ordinary"
    " uncertain token_expired wrong_signature unsigned unknown_code"
    # Devices and zones.
    " scanner people door staff shelf lamp buzzer lock printer camera-kiosk camera-till"
    " camera-floor entrance exit window counter skincare makeup fragrance haircare fitting centre"
    " women men kids shoes bags home sport food new sale checkout service"
    # Pages, what is tapped on them, reasons.
    " attract welcome goods search help privacy redeem redeemed brand browsing answer ended error"
    " language save follow tried use claim end ask again back browse filter not_now viewed"
    " viewed_online viewed_together saved bought bought_together dwelled popular followed"
    " looked-online saved-before dwelt-before interest-10 reach size other sold returned delivered"
    " damaged displayed moved ok degraded failed frozen covered blurred dark silent frames main A B"
    " control treatment"
)
WORDS: tuple[str, ...] = (*_MOST.split(), *_SOME.split())
WORD_SHARES: tuple[int, ...] = (*(12,) * len(_MOST.split()), *(1,) * len(_SOME.split()))

# Letters by their frequency in names and short texts; the last share is that of the end.
LETTERS = string.ascii_lowercase + string.digits + "-_ .:/" + string.ascii_uppercase
LETTER_SHARES: tuple[int, ...] = (
    *(85, 20, 35, 30, 90, 15, 30, 35, 65, 6, 18, 50, 35),  # a to m
    *(65, 60, 25, 8, 60, 55, 55, 40, 10, 14, 12, 18, 12),  # n to z
    *(16, 20, 16, 12, 12, 12, 12, 12, 12, 12),
    *(40, 6, 30, 6, 6, 3),
    *(3,) * 26,
    110,
)

# How many bits a number has, by what its field usually holds: 0 to 64 for numbers from 0 up, then
# 0 to 63 for ~number below 0.
NUMBER_SHARES: dict[str, tuple[int, ...]] = {
    "number": (40, 60, 40, 20, *(10,) * 24, *(4,) * 45, *(1,) * 56),
    "uptime": (*(1,) * 18, *(4,) * 6, *(16,) * 9, *(1,) * 96),
    "clock": (16, 80, 1500, *(1,) * 126),
}

# How many fields a row lacks at the end of its event, and of its body.
EVENT_MISSING_SHARES: tuple[int, ...] = (24, 8, 8, 8)
BODY_MISSING_SHARES: tuple[int, ...] = (120, *(1,) * 7)
KINDS_MAX = 32

# The fields of an event by form (see FORMS in `wire/forms.py`), and those of each kind of body.
HEAD = ("time", "uptime", "number", "clock", "device", "zone", "identifiers")
TAIL = ("bytes8", "name", "name")
BODIES: dict[int, tuple[str, ...]] = {
    1: ("word", "word", "digits", "hex", "bytes", "hex", "word"),
    2: ("word",),
    3: ("time", "number", "number", "number", "number", "flag"),
    4: ("name", "number", "number", "number"),
    5: ("word", "word"),
    6: ("word", "word"),
    7: ("digits", "name"),
    8: ("text", "number"),
    9: ("name", "number", "number"),
    10: ("digits", "flag"),
    11: ("name", "flag"),
    12: ("digits",),
    13: ("word", "hex", "word", "name", "word", "number", "word"),
    14: ("hex", "word"),
    15: ("hex", "word", "hex", "after", "number", "word"),
    16: ("digits", "number"),
    17: ("after", "lines", "sum", "word", "discounts"),
    18: ("after", "lines", "sum", "word"),
    19: ("digits", "number"),
    20: ("digits", "number", "word"),
    21: ("hex", "word"),
    22: ("hex",),
    23: ("word", "name", "figures"),
    24: ("word", "flag", "name"),
    25: ("word",),
}
# Shares of the ways to put a text, by what its field usually holds: empty, a word, a word with a
# number, digits, hexadecimal, by letters, as UTF-8, the same as an earlier text, another text with
# hexadecimal behind it, whose shares PREFIX_SHARES are (WAYS in `wire/spelling.py`).
TEXT_SHARES: dict[str, tuple[int, ...]] = {
    "word": (8, 20, 1, 1, 1, 2, 1, 1, 1),
    "device": (1, 3, 16, 1, 1, 6, 2, 1, 1),
    "zone": (1, 16, 3, 1, 1, 8, 2, 1, 1),
    "name": (4, 6, 6, 1, 1, 8, 2, 3, 1),
    "digits": (6, 1, 1, 20, 1, 2, 1, 1, 1),
    "hex": (6, 2, 1, 1, 20, 2, 1, 1, 1),
    "text": (1, 2, 1, 2, 1, 8, 8, 1, 1),
    "same": (4, 1, 1, 1, 1, 2, 1, 20, 1),
    "after": (4, 1, 1, 1, 2, 2, 1, 1, 20),
}
PREFIX_SHARES: tuple[int, ...] = (0, 4, 8, 0, 0, 0, 0, 16, 0)
# The number behind a word and a dash, from 1 on.
NUMBERED_SHARES: tuple[int, ...] = (16, 10, 6, 4, 2, 2, 2, 2, *(1,) * 24)
# Lengths of digits (1 to 24) and of hexadecimal (1 to 16 B), and how many there are of a thing.
DIGITS_SHARES: tuple[int, ...] = (*(1,) * 7, 3, *(1,) * 3, 4, 60, 2, *(1,) * 10)
HEX_SHARES: tuple[int, ...] = (1, 1, 1, 12, 1, 12, 1, 12, 1, 12, *(1,) * 6)
COUNT_SHARES: tuple[int, ...] = (8, 16, 3, 2, *(1,) * 12)

LINE = ("digits", "number", "number", "same")
DISCOUNT = ("hex", "word", "number")
IDENTIFIER = ("word", "bytes16")
FIGURE = ("name", "number")
