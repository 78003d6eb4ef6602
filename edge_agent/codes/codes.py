"""What the bytes of a code mean: a member, goods, a coupon, a store, a page, or nothing known.

    SB1:M:…      what the tenant signed: see `wire/signed.py`
    sb:m:CODE    a membership code            sb:s:STORE   a store
    sb:c:COUPON  a coupon                     sb:d:DEVICE  a machine of a store
    sb:t:WAY     payment at the till          sb:p:PAGE    a page of the kiosk
    digits       goods (GTIN with its check digit, or an in-store code)

also the element strings and Digital Links of GS1, the tenant's own patterns of membership codes,
and whatever one can pay with. Anything may stand in a code, so everything here is bounded and
nothing of it is executed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from edge_agent.codes import gs1, in_store
from edge_agent.codes.gs1 import Elements
from edge_agent.codes.in_store import Reader
from edge_agent.codes.measure import Measure
from edge_agent.codes.payment_codes import way_to_pay
from hardware.codes.gtin import expand_upc_e, is_gtin
from wire.signed import SignedCode, SignedCodeError, SignedKind, Signers, is_signed, read

CodeKind = Literal["member", "product", "coupon", "store", "device", "page", "payment", "unknown"]
Fault = Literal[
    "",
    "empty_code",
    "too_long",
    "unknown_code",
    "unsigned",
    "wrong_signature",
    "not_charged",
    "uncertain",
    "unreadable_image",
    "product_not_here",
    "token_expired",
    "token_early",
    "token_used",
    "tokens_full",
]

# Nothing we know is longer, payment codes aside; only the bytes of a longer code are kept.
CODE_CHARACTERS_MAX = 300
SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}")
PREFIXES: Mapping[str, SignedKind] = {
    "sb:m:": "member",
    "sb:c:": "coupon",
    "sb:s:": "store",
    "sb:d:": "device",
    "sb:p:": "page",
    "sb:t:": "payment",
}
# The kinds whose short form does no harm whoever prints it: a coupon is held against the member's
# own, the others name nothing that is anybody's.
HARMLESS: tuple[SignedKind, ...] = ("coupon", "store", "device", "page")
# AIM symbology identifiers, which some scanners put before what they read (ISO/IEC 15424).
_AIM = re.compile(r"\][A-Za-z][0-9A-Za-z]")
# This one says that behind the 13 digits of goods stand two or five more: an issue, or a price
# that counts for nothing here.
ADD_ON = "]E3"
_WITH_ADD_ON = re.compile(r"\]E3([0-9]{13})(?:[0-9]{2}|[0-9]{5})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a store takes for what.

    Where `signers` are known, the short form (`sb:m:…`) counts only for the kinds of `unsigned`.
    `member_patterns` count always: somebody wrote them down for this store.
    """

    member_patterns: tuple[re.Pattern[str], ...] = ()
    signers: Signers = field(default_factory=dict)
    unsigned: frozenset[str] = frozenset(HARMLESS)
    in_store: tuple[Reader, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code understood: its kind and its subject; `fault` says why nothing may be done on it.

    The subject of a membership code is plain here unless it was `signed`: key it at once and keep
    it nowhere. `way` names what a payment code is of; digits that may be one as well as goods are
    goods only where the store sells them.
    """

    kind: CodeKind
    subject: str = ""
    fault: Fault = ""
    measure: Measure | None = None
    signed: SignedCode | None = None
    way: str = ""


def understand(raw: bytes, rules: Rules, symbology: str = "") -> Code:
    """Say what a code means; never raises, whatever the bytes are."""
    if not raw.strip():
        return Code(kind="unknown", fault="empty_code")
    try:
        text = raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        text = ""
    if text and (payment := _payment(text, rules)) is not None:
        return payment
    if len(raw) > CODE_CHARACTERS_MAX:
        return Code(kind="unknown", fault="too_long")
    if elements := gs1.read_message(text):
        return _goods(elements)
    text = _bare(text)
    if not text.isprintable():
        return UNKNOWN
    if symbology == "UPC-E" and len(text) == 8 and text.isascii() and text.isdecimal():
        text = expand_upc_e(text)
    found = (meaning(text, rules) for meaning in MEANINGS)
    return next((code for code in found if code is not None), UNKNOWN)


def announced(raw: bytes, aim_id: str) -> bytes:
    """Return the bytes of a code behind its symbology identifier, where that says what they mean.

    Readers give it beside the bytes, scanners before them; without it, element strings may pass
    for anything else, and an add-on for a part of the number.
    """
    means = gs1.AIM.fullmatch(aim_id) or aim_id == ADD_ON
    return aim_id.encode("ascii") + raw if means and not raw.startswith(b"]") else raw


def normal_gtin(digits: str) -> str | None:
    """Return a product number as the catalogue writes it, None when its check digit is wrong.

    A GTIN of 12 digits is written with 13, and so is one of 14 that begins with 0.
    """
    if not is_gtin(digits) or not digits.strip("0"):
        return None
    return digits if len(digits) == 8 else digits.zfill(14).removeprefix("0")


def _payment(text: str, rules: Rules) -> Code | None:
    """Return the payment code that a text is; one that may be goods of the store, too, as both."""
    if gs1.AIM.match(text):
        return None
    way = way_to_pay(_bare(text))
    if not way:
        return None
    measured = in_store.read(text, rules.in_store)
    if measured is None or not measured.sound:
        return Code(kind="payment", fault="not_charged", way=way)
    return Code(kind="product", subject=measured.product, measure=measured.measure, way=way)


def _bare(text: str) -> str:
    """Return a text without symbology identifier, and a product's digits without add-on."""
    if not text.startswith("]"):
        return text
    with_add_on = _WITH_ADD_ON.fullmatch(text)
    return with_add_on[1] if with_add_on else _AIM.sub("", text, count=1)


def _signed(text: str, rules: Rules) -> Code | None:
    if not is_signed(text):
        return None
    try:
        signed = read(text, rules.signers)
    except SignedCodeError as error:
        wrong = error.reason != "malformed"
        return Code(kind="unknown", fault="wrong_signature") if wrong else UNKNOWN
    subject = "" if signed.kind == "member" else signed.subject
    return Code(kind=signed.kind, subject=subject, signed=signed)


def _short(text: str, rules: Rules) -> Code | None:
    kind = PREFIXES.get(text[:5])
    if kind is None:
        return None
    subject = text[5:].strip()
    if not (MEMBER if kind == "member" else SUBJECT).fullmatch(subject):
        return UNKNOWN
    if rules.signers and kind not in rules.unsigned:
        return Code(kind="unknown", fault="unsigned")
    return Code(kind=kind, subject=subject)


def _member(text: str, rules: Rules) -> Code | None:
    for pattern in rules.member_patterns:
        match = pattern.fullmatch(text)
        if match is not None:
            code = match.groupdict().get("code") or text
            return Code(kind="member", subject=code)
    return None


def _measured(text: str, rules: Rules) -> Code | None:
    """Return the goods of an in-store code, which says as well how much they are."""
    digits = normal_gtin(text) or text
    if not (digits.isascii() and digits.isdecimal()):
        return None
    found = in_store.read(digits, rules.in_store)
    if found is None:
        return None
    fault: Fault = "" if found.sound else "uncertain"
    return Code(kind="product", subject=found.product, measure=found.measure, fault=fault)


def _product(text: str, _rules: Rules) -> Code | None:
    gtin = normal_gtin(text)
    return None if gtin is None else Code(kind="product", subject=gtin)


def _link(text: str, _rules: Rules) -> Code | None:
    elements = gs1.read_link(text)
    return None if elements is None else _goods(elements)


def _goods(elements: Elements) -> Code:
    gtin = normal_gtin(elements.gtin)
    if gtin is None:
        return UNKNOWN
    return Code(kind="product", subject=gtin, measure=elements.measure)


UNKNOWN = Code(kind="unknown", fault="unknown_code")

# What a text may mean, in the order in which it is asked; the first that knows it has it.
MEANINGS: tuple[Callable[[str, Rules], Code | None], ...] = (
    _signed,
    _short,
    _member,
    _measured,
    _product,
    _link,
)
