"""Ways to recognise a shopper, keyed at the edge so that no plain one is ever recorded."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from wire.junk import junk_reason

VALUE_BYTES = 16

# The strongest kind first. The rank is the first byte of an identifier's id, so that the smallest
# id of a shopper is that of the strongest identifier; a rank once given is never changed.
IDENTIFIER_RANKS: Mapping[str, int] = {
    "member": 1,
    "phone": 2,
    "email": 3,
    "app": 4,
    "web": 5,
    "record": 6,
}
_KINDS = {f"{rank:02x}": kind for kind, rank in IDENTIFIER_RANKS.items()}
# Ids of so many identifiers are remembered: those of a store's members come again and again.
IDS_REMEMBERED_MAX = 50_000


class Identifier(msgspec.Struct, frozen=True, array_like=True, order=True, gc=False):
    """One keyed identifier: its kind and the keyed hash of its normal form (16 bytes)."""

    kind: str
    value: bytes

    @property
    def key(self) -> str:
        """Return the text form used in tables and downlink keys, such as `member:0a1b…`."""
        return f"{self.kind}:{self.value.hex()}"


@lru_cache(maxsize=IDS_REMEMBERED_MAX)
def identifier_id(identifier: Identifier) -> str:
    """Return the id of an identifier: the rank of its kind, then 15 bytes of a hash.

    It is also the shopper ID of whoever showed nothing stronger, here and in the cloud.
    """
    digest = hashlib.blake2b(
        identifier.kind.encode() + b"\x00" + identifier.value, digest_size=15, person=b"identifier"
    )
    return f"{IDENTIFIER_RANKS[identifier.kind]:02x}{digest.hexdigest()}"


def kind_of_id(identifier: str) -> str:
    """Return the kind of the identifier that has an id; empty where it is none."""
    return _KINDS.get(identifier[:2], "")


class IdentifierError(ValueError):
    """A plain identifier is not of the form its kind asks for."""


class JunkError(IdentifierError):
    """A plain identifier is one that nobody has, such as zeros or a placeholder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifierKind:
    """One kind of identifier: what it is and how its plain form is made normal.

    What somebody typed is a claim, of the kind that `claims` names: it has the value that the
    proven one would have, and joins nobody.
    """

    name: str
    title: str
    normal: Callable[[str], str]
    claims: str = ""


def normal_text(plain: str) -> str:
    """Return the text in Unicode normal form NFKC, lower case, without surrounding space."""
    return unicodedata.normalize("NFKC", plain).strip().lower()


def normal_member(plain: str) -> str:
    """Return a member code as capitals and digits, without spaces and dashes."""
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", plain)).upper()


def normal_phone(plain: str) -> str:
    """Return a phone number as digits with its country code, `+` and separators removed.

    Source: ITU-T E.164 (at most 15 digits). A mainland Chinese mobile number that is written
    without its country code is given 86.
    """
    text = unicodedata.normalize("NFKC", plain).strip()
    digits = re.sub(r"\D", "", text)
    digits = digits.removeprefix("00")
    if len(digits) == 11 and digits.startswith("1") and not text.startswith("+"):
        digits = "86" + digits
    if not 7 <= len(digits) <= 15:
        raise IdentifierError("a phone number has 7 to 15 digits (E.164)")
    return digits


IDENTIFIER_KINDS: dict[str, IdentifierKind] = {
    kind.name: kind
    for kind in (
        IdentifierKind(name="member", title="membership code", normal=normal_member),
        IdentifierKind(name="phone", title="phone number", normal=normal_phone),
        IdentifierKind(name="email", title="e-mail address", normal=normal_text),
        IdentifierKind(name="app", title="phone app id", normal=normal_text),
        IdentifierKind(name="web", title="web shop cookie", normal=normal_text),
        IdentifierKind(name="record", title="record of a list", normal=normal_text),
        IdentifierKind(
            name="claimed_phone", title="phone number typed", normal=normal_phone, claims="phone"
        ),
        IdentifierKind(
            name="claimed_email", title="e-mail address typed", normal=normal_text, claims="email"
        ),
    )
}
CLAIMED_KINDS = frozenset(each.name for each in IDENTIFIER_KINDS.values() if each.claims)
# What somebody may have typed before they proved it.
CLAIMABLE_KINDS = frozenset(each.claims for each in IDENTIFIER_KINDS.values() if each.claims)

# What is known by what somebody typed alone: a guest's order, a line of an old list. It has a
# profile of its own, and nothing personal is shown on the strength of it.
TYPED_KINDS = frozenset({"record"})

# What stands in a shop and is used by everybody never names a person, whoever sends it.
NEVER_IDENTIFIERS = frozenset({"kiosk", "device", "scanner", "store", "terminal", "tablet"})


def key_identifier(kind: str, plain: str, *, key: bytes) -> Identifier:
    """Key a plain identifier for one tenant.

    `key` is the tenant's identifier key (at least 16 bytes). The value is BLAKE2b keyed with it
    (RFC 7693), over the kind and the normal form, cut to 16 bytes.

    Raises IdentifierError when the kind is none that names a person, or the plain form is not
    of its kind; JunkError when it is a value that nobody has (see wire/junk.py).
    """
    if len(key) < 16:
        raise ValueError("the identifier key needs at least 16 bytes")
    normal = normal_form(kind, plain)
    message = f"{IDENTIFIER_KINDS[kind].claims or kind}\x00{normal}".encode()
    return Identifier(
        kind=kind, value=hashlib.blake2b(message, key=key, digest_size=VALUE_BYTES).digest()
    )


def normal_form(kind: str, plain: str) -> str:
    """Return the normal form of a plain identifier; raises IdentifierError as key_identifier does.

    It is as plain as what it was made from: it is compared and keyed, never kept.
    """
    if kind not in IDENTIFIER_KINDS:
        raise IdentifierError(
            f"{kind!r} is no kind of identifier; known: {', '.join(IDENTIFIER_KINDS)}"
        )
    normal = IDENTIFIER_KINDS[kind].normal(plain)
    reason = junk_reason(plain)
    if normal and reason is not None:
        raise JunkError(f"the {kind} identifier names nobody: {reason}")
    if not normal:
        raise IdentifierError(f"the {kind} identifier is empty")
    return normal
