"""Erasures as both ends know them: the marks of who is to be erased, and a store's signed receipt.

A mark tells an identifier again without naming it: whoever holds the identifier and the tenant's
salt can compare, and nobody can go back from the mark. It is all that is left of an erased shopper.
"""

import hashlib
import struct
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wire.events import Erased
from wire.identifiers import IDENTIFIER_KINDS, Identifier

MARK_BYTES = 16
SALT_BYTES = 16
# The members of a store come again and again, and each event is asked whether its shopper is gone.
MARKS_REMEMBERED_MAX = 50_000

_LENGTHS = struct.Struct(">HHH")
_NUMBERS = struct.Struct(">qq")


@lru_cache(maxsize=MARKS_REMEMBERED_MAX)
def mark_of(identifier: Identifier, salt: bytes) -> bytes:
    """Return the mark of an identifier under the tenant's salt: BLAKE2b keyed with it.

    What somebody typed has the value of the proven one, and its mark: it goes with it.
    """
    kind = IDENTIFIER_KINDS.get(identifier.kind)
    proven = kind.claims if kind is not None and kind.claims else identifier.kind
    named = proven.encode() + b"\x00" + identifier.value
    return hashlib.blake2b(named, key=salt, digest_size=MARK_BYTES, person=b"sb-erasure").digest()


def sign_receipt(
    tenant: str, store: str, erasure: str, done_at: int, rows: int, key: Ed25519PrivateKey
) -> Erased:
    """Return a store's receipt, signed with its own key."""
    return Erased(
        erasure=erasure,
        done_at=done_at,
        rows=rows,
        signer=key.public_key().public_bytes_raw(),
        signature=key.sign(_signed(tenant, store, erasure, done_at, rows)),
    )


def is_signed(tenant: str, store: str, receipt: Erased) -> bool:
    """Tell whether the receipt was signed for this store with the key that it names."""
    said = _signed(tenant, store, receipt.erasure, receipt.done_at, receipt.rows)
    try:
        Ed25519PublicKey.from_public_bytes(receipt.signer).verify(receipt.signature, said)
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed(tenant: str, store: str, erasure: str, done_at: int, rows: int) -> bytes:
    names = [each.encode() for each in (tenant, store, erasure)]
    return b"".join(
        (b"sb-erased\x01", _LENGTHS.pack(*map(len, names)), *names, _NUMBERS.pack(done_at, rows))
    )
