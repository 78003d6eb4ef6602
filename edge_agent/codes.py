"""What the bytes of a code mean: a member, a product, a coupon, a store, a page, or nothing known.

    sb:m:CODE    a membership code            sb:s:STORE   a store
    sb:c:COUPON  a coupon                     sb:p:PAGE    a page of the kiosk
    sb:t:WAY     payment at the till          digits       a product (GTIN, with its check digit)

also a GS1 Digital Link with a GTIN in it, and the tenant's own patterns of membership codes.
Anything may stand in a code, so everything here is bounded and nothing of it is executed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hardware.gtin import is_gtin

CodeKind = Literal["member", "product", "coupon", "store", "page", "payment", "unknown"]
Fault = Literal["", "empty_code", "too_long", "unknown_code"]

# Nothing we know is longer; only the bytes of a longer code are kept.
CODE_CHARACTERS_MAX = 300
SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}")
PREFIXES: dict[str, CodeKind] = {
    "sb:m:": "member",
    "sb:c:": "coupon",
    "sb:s:": "store",
    "sb:p:": "page",
    "sb:t:": "payment",
}
DIGITAL_LINK = re.compile(r"https?://[^\s/?#]+/(?:[^\s?#]*/)?01/(\d{8,14})(?:[/?#]\S*)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code understood: its kind and its subject; of an unknown one, what is wrong with it.

    The subject of a membership code is plain here: key it at once and keep it nowhere.
    """

    kind: CodeKind
    subject: str = ""
    fault: Fault = ""


def understand(raw: bytes, member_patterns: Sequence[re.Pattern[str]] = ()) -> Code:
    """Say what a code means; never raises, whatever the bytes are."""
    if not raw.strip():
        return Code(kind="unknown", fault="empty_code")
    if len(raw) > CODE_CHARACTERS_MAX:
        return Code(kind="unknown", fault="too_long")
    try:
        text = raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return Code(kind="unknown", fault="unknown_code")
    if not text.isprintable():
        return Code(kind="unknown", fault="unknown_code")
    return (
        _prefixed(text)
        or _member(text, member_patterns)
        or _product(text)
        or Code(kind="unknown", fault="unknown_code")
    )


def normal_gtin(digits: str) -> str | None:
    """Return a product number as the catalogue writes it, None when its check digit is wrong.

    A GTIN of 12 digits is written with 13, and so is one of 14 that begins with 0.
    """
    if not is_gtin(digits) or not digits.strip("0"):
        return None
    return digits if len(digits) == 8 else digits.zfill(14).removeprefix("0")


def _prefixed(text: str) -> Code | None:
    kind = PREFIXES.get(text[:5])
    if kind is None:
        return None
    subject = text[5:].strip()
    if not (MEMBER if kind == "member" else SUBJECT).fullmatch(subject):
        return Code(kind="unknown", fault="unknown_code")
    return Code(kind=kind, subject=subject)


def _member(text: str, patterns: Sequence[re.Pattern[str]]) -> Code | None:
    for pattern in patterns:
        match = pattern.fullmatch(text)
        if match is not None:
            code = match.groupdict().get("code") or text
            return Code(kind="member", subject=code)
    return None


def _product(text: str) -> Code | None:
    link = DIGITAL_LINK.fullmatch(text)
    gtin = normal_gtin(link.group(1) if link else text)
    return None if gtin is None else Code(kind="product", subject=gtin)
