"""The private key with which a tenant's codes are signed, in a file of its own."""

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class SigningKeyError(Exception):
    """A file is, or can hold, no private key; the message names it and says what to do."""


def make_signing_key(file: Path) -> str:
    """Make a key in a new file that its owner alone can read, and return its public key (hex).

    Raises SigningKeyError when the file exists or cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(pem)
    except OSError as error:
        raise SigningKeyError(
            f"{file} cannot be written: {error.strerror}; name a new file"
        ) from error
    return public_text(key)


def read_signing_key(file: Path) -> Ed25519PrivateKey:
    """Return the key in a file; raises SigningKeyError when there is none."""
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise SigningKeyError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise SigningKeyError(f"{file} holds no private key; make one with `code key`") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError(f"{file} holds a key of another kind; make one with `code key`")
    return key


def public_text(key: Ed25519PrivateKey) -> str:
    """Return the public key as stores are told it, in hexadecimal digits."""
    return key.public_key().public_bytes_raw().hex()
