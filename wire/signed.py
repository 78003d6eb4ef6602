"""Codes that a tenant has signed, so that a store believes them without asking anybody.

    SB1:M:<base32>    version 1 of a member's code; the kinds are the keys of LETTERS

The base32 (RFC 4648, without padding) holds the signer's name (4 bytes), the time of issue and the
lifetime (s, 4 bytes each, big-endian), a number that tells one code from the next (8 bytes), the
subject, and the Ed25519 signature of all that and of the six letters before it (64 bytes). Only
capitals, digits and colons: a QR code packs them into 5.5 bits each, and no keyboard changes them.
A member stands in it by the keyed identifier, so that a photo of a code names nobody.
"""

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wire.identifiers import VALUE_BYTES, Identifier

SignedKind = Literal["member", "coupon", "store", "device", "page", "payment"]
Reason = Literal["malformed", "unknown_signer", "wrong_signature"]

CHARACTERS_MAX = 220
NUMBER_BYTES = 8
SIGNATURE_BYTES = 64
# A signed code that holds for a time only, and counts once in a store, is a token.
TOKEN_KINDS: frozenset[SignedKind] = frozenset({"member", "payment"})
TOKEN_LIFETIME_S_MAX = 86_400
LIFETIME_S_MAX = 10 * 366 * 86_400
TIME_S_MAX = 2**32 - 1

LETTERS: Mapping[SignedKind, str] = {
    "member": "M",
    "coupon": "C",
    "store": "S",
    "device": "D",
    "page": "P",
    "payment": "T",
}
SIGNED_KINDS: tuple[SignedKind, ...] = get_args(SignedKind)
_KINDS: Mapping[str, SignedKind] = {LETTERS[kind]: kind for kind in SIGNED_KINDS}
_TEXT = re.compile(r"(SB1:([A-Z]):)([A-Z2-7]+)")
_SUBJECT = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.-]{0,47}")
_HEAD = struct.Struct(f">4sII{NUMBER_BYTES}s")
SUBJECT_CHARACTERS_MAX = 48

# The setting by which headquarters tells the stores its public keys, with spaces between them.
CODE_KEYS_SETTING = "codes.public_keys"
CODE_KEYS_MAX = 8

Signers = Mapping[bytes, Ed25519PublicKey]


class SignedCodeError(ValueError):
    """A text is no signed code that may be believed; `reason` says why in one word."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCode:
    """What a signed code says.

    `subject` of a member is the keyed identifier's value in hexadecimal digits. A `lifetime_s` of
    0 is for good. `signer` names the key that signed it; it is empty before that.
    """

    kind: SignedKind
    subject: str
    issued_at_s: int
    lifetime_s: int = 0
    number: bytes = bytes(NUMBER_BYTES)
    signer: bytes = b""

    @property
    def expires_at_s(self) -> int | None:
        """Return when it ceases to hold; None for never."""
        return self.issued_at_s + self.lifetime_s if self.lifetime_s else None

    @property
    def is_token(self) -> bool:
        """Tell whether it counts once only: a member's or payment's that holds for a time."""
        return self.kind in TOKEN_KINDS and self.lifetime_s > 0

    @property
    def identifier(self) -> Identifier:
        """Return the keyed identifier that a member's code names."""
        return Identifier(kind="member", value=bytes.fromhex(self.subject))


def is_signed(text: str) -> bool:
    """Tell whether a text claims to be a signed code of this version."""
    return text.startswith("SB1:")


def sign(code: SignedCode, key: Ed25519PrivateKey) -> str:
    """Return the text of a code, signed; raises SignedCodeError for one that none could read."""
    signer = signer_name(key.public_key())
    prefix = f"SB1:{LETTERS[code.kind]}:"
    try:
        subject = bytes.fromhex(code.subject) if code.kind == "member" else code.subject.encode()
        body = _HEAD.pack(signer, code.issued_at_s, code.lifetime_s, code.number) + subject
        sound = len(code.number) == NUMBER_BYTES and _parts(code.kind, body) == replace(
            code, signer=signer
        )
    except (struct.error, ValueError):
        sound = False
    if not sound:
        raise SignedCodeError("malformed", _expected(code.kind))
    signature = key.sign(prefix.encode() + body)
    return prefix + base64.b32encode(body + signature).decode().rstrip("=")


def read(text: str, signers: Signers) -> SignedCode:
    """Read a code and check its signature; whether it still holds is for the store to say.

    Raises SignedCodeError with the reason; never anything else, whatever the text is.
    """
    prefix, kind, packed = _unpack(text)
    body, signature = packed[:-SIGNATURE_BYTES], packed[-SIGNATURE_BYTES:]
    code = _parts(kind, body)
    key = signers.get(code.signer)
    if key is None:
        raise SignedCodeError(
            "unknown_signer", f"no key {code.signer.hex()} is known: was it signed for this tenant?"
        )
    try:
        key.verify(signature, prefix + body)
    except InvalidSignature as error:
        raise SignedCodeError("wrong_signature", "its signature is not of what it says") from error
    return code


def signer_name(key: Ed25519PublicKey) -> bytes:
    """Return the four bytes by which a code names the key that it was signed with."""
    return hashlib.blake2b(key.public_bytes_raw(), digest_size=4, person=b"sb-signer").digest()


def signers_of(public_keys: Iterable[str]) -> Signers:
    """Return the signers of public keys written as 64 hexadecimal digits; raises ValueError."""
    keys = [Ed25519PublicKey.from_public_bytes(bytes.fromhex(each)) for each in public_keys]
    return {signer_name(key): key for key in keys}


def _unpack(text: str) -> tuple[bytes, SignedKind, bytes]:
    """Return the letters before the base32, the kind, and what the base32 holds."""
    match = _TEXT.fullmatch(text) if len(text) <= CHARACTERS_MAX else None
    kind = None if match is None else _KINDS.get(match[2])
    if match is None or kind is None:
        raise SignedCodeError("malformed", "it is not of the form SB1:<kind>:<base32>")
    digits = match[3]
    try:
        packed = base64.b32decode(digits + "=" * (-len(digits) % 8))
    except binascii.Error as error:
        raise SignedCodeError("malformed", "its base32 has a length that none has") from error
    # One code has one text: the bits that base32 leaves over must be zero.
    if base64.b32encode(packed).decode().rstrip("=") != digits:
        raise SignedCodeError("malformed", "its base32 ends with bits that mean nothing")
    return match[1].encode(), kind, packed


def _parts(kind: SignedKind, body: bytes) -> SignedCode:
    """Return what a body says; raises SignedCodeError when it is no body of this kind."""
    subject = body[_HEAD.size :]
    if kind == "member":
        right = len(subject) == VALUE_BYTES
    else:
        right = _SUBJECT.fullmatch(subject) is not None
    if len(body) < _HEAD.size or not right:
        raise SignedCodeError("malformed", _expected(kind))
    signer, issued_at_s, lifetime_s, number = _HEAD.unpack_from(body)
    if lifetime_s > (TOKEN_LIFETIME_S_MAX if kind in TOKEN_KINDS else LIFETIME_S_MAX):
        raise SignedCodeError("malformed", _expected(kind))
    return SignedCode(
        kind=kind,
        subject=subject.hex() if kind == "member" else subject.decode(),
        issued_at_s=issued_at_s,
        lifetime_s=lifetime_s,
        number=number,
        signer=signer,
    )


def _expected(kind: SignedKind) -> str:
    if kind == "member":
        subject = f"a member is named by {VALUE_BYTES} bytes in hexadecimal digits"
    else:
        subject = (
            f"a {kind} by 1 to {SUBJECT_CHARACTERS_MAX} of A-Z a-z 0-9 _ . -, the first no mark"
        )
    most = TOKEN_LIFETIME_S_MAX if kind in TOKEN_KINDS else LIFETIME_S_MAX
    return f"{subject}; a lifetime is at most {most} s, and times lie before the year 2106"
