"""Seals what nobody recognised under the store's own key, so that destroying the key erases it.

A code may be anything: a ticket, a passport, a payment. Its bytes are worth keeping until somebody
knows what it was, and worth losing when somebody asks; only the key has to be found for that.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
# A longer code keeps its beginning only; no symbology holds that much.
SEALED_BYTES_MAX = 4096


class SealError(Exception):
    """Sealed bytes cannot be opened, or the key file cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealKey:
    """The key of a store's sealed bytes; `name` tells which key sealed them and reveals nothing."""

    name: str
    key: bytes = field(repr=False)


def seal(key: SealKey, plain: bytes, *, nonce: bytes) -> bytes:
    """Seal bytes with AES-256-GCM; `nonce` must never be used twice with one key."""
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    return nonce + AESGCM(key.key).encrypt(nonce, plain[:SEALED_BYTES_MAX], key.name.encode())


def unseal(key: SealKey, sealed: bytes) -> bytes:
    """Open sealed bytes; raises SealError when they were changed, or sealed under another key."""
    try:
        return AESGCM(key.key).decrypt(
            sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], key.name.encode()
        )
    except (InvalidTag, ValueError) as error:
        raise SealError(f"these bytes were not sealed under key {key.name}") from error


def load_or_create(path: Path) -> SealKey:
    """Read the key file, and make one, readable by its owner alone, where there is none.

    Raises SealError when the file cannot be used: nothing is ever sealed under a key that would
    not be found again.
    """
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
    except OSError as error:
        raise SealError(
            f"the key file {path} cannot be used: {error.strerror}; give the agent's account "
            "the right to read it, or name another file in sealed_key_file"
        ) from error
    if len(key) != KEY_BYTES:
        raise SealError(
            f"the key file {path} has {len(key)} bytes, not {KEY_BYTES}: restore it, or remove it "
            "and lose what was sealed under it"
        )
    return SealKey(name=hashlib.blake2b(key, digest_size=4, person=b"sb-seal").hexdigest(), key=key)


def destroy(path: Path) -> None:
    """Destroy the key: what was sealed under it can never be read again, in no copy anywhere."""
    with path.open("r+b") as file:
        file.write(bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    _sync_folder(path.parent)


def _write(path: Path, key: bytes) -> None:
    """Write the file whole or not at all: a torn key would lose what was sealed under it."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
