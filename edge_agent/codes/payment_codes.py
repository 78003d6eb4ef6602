"""Recognises what somebody could pay with, so that it is kept nowhere: not logged, not sealed.

Whoever holds the digits of a payment code may charge its owner while it lasts. So this looks at
every code first, and all that is ever recorded of one is that it was shown.
"""

import re
import unicodedata
from collections.abc import Mapping

# An address of a company, however it is written: a name before it, a full stop or port behind it.
_HOST = r"https?://(?:[^/?#]*@)?(?:[\w-]+\.)*{}\.com\.?(?::[0-9]*)?[/?#]"
# The ways to pay that are known by their form, each as its issuer describes it. Digits may be
# written in groups.
DIGITS: Mapping[str, re.Pattern[str]] = {
    "wechat": re.compile(r"1[0-5][0-9]{16}"),
    "alipay": re.compile(r"(?:2[5-9]|30)[0-9]{14,22}"),
    "unionpay": re.compile(r"62[0-9]{17}"),
    "e-cny": re.compile(r"01[0-9]{17}"),
}
TEXTS: Mapping[str, re.Pattern[str]] = {
    # EMV QRCPS, merchant-presented: data objects from 00 (format 01) to 63 (the checksum).
    "emv": re.compile(r"000201.*6304[0-9A-Fa-f]{4}", re.DOTALL),
    # EMV QRCPS, consumer-presented: base64 of the tag 85 with the value CPV01, then a card's data.
    "emv-card": re.compile(r"hQVDUFYwM.*", re.DOTALL),
    "wechat": re.compile(r"(?:wxp|weixin)://.*", re.DOTALL | re.IGNORECASE),
    "alipay": re.compile(rf"(?:alipays?://|{_HOST.format('alipay')}).*", re.DOTALL | re.IGNORECASE),
    "unionpay": re.compile(
        rf"(?:upwallet://|{_HOST.format('95516')}).*", re.DOTALL | re.IGNORECASE
    ),
}
# Digits of each kind, for whoever has to tell whether a rule would take payment codes for others.
EXAMPLES = tuple(
    prefix + (filling * 24)[: length - len(prefix)]
    for prefix, lengths in (
        *((f"{first}", (18,)) for first in range(10, 16)),
        *((f"{first}", range(16, 25)) for first in range(25, 31)),
        ("62", (19,)),
        ("01", (19,)),
    )
    for length in lengths
    for filling in ("0", "9", "1234567890")
)
_GAPS = re.compile(r"[ -]")


def way_to_pay(text: str) -> str:
    """Return which way to pay a text is of; empty for none.

    What cannot be seen in it, and how wide its letters are, makes no difference.
    """
    seen = unicodedata.normalize("NFKC", text)
    text = "".join(letter for letter in seen if letter.isprintable())
    digits = _GAPS.sub("", text)
    if digits.isascii() and digits.isdecimal():
        return next((way for way, form in DIGITS.items() if form.fullmatch(digits)), "")
    return next((way for way, form in TEXTS.items() if form.fullmatch(text)), "")
