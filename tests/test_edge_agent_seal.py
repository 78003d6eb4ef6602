"""Sealed bytes open with their key alone, and with nothing once it is destroyed."""

from pathlib import Path

import pytest

from edge_agent.codes import seal
from edge_agent.codes.seal import SealError, SealKey

NONCE = bytes(12)


def test_what_is_sealed_opens_with_the_key_after_a_restart(tmp_path: Path):
    path = tmp_path / "sealed.key"
    sealed = seal.seal(seal.load_or_create(path), b"a ticket", nonce=NONCE)
    assert b"ticket" not in sealed
    assert seal.unseal(seal.load_or_create(path), sealed) == b"a ticket"


def test_the_key_file_is_its_owners_alone(tmp_path: Path):
    seal.load_or_create(tmp_path / "sealed.key")
    assert (tmp_path / "sealed.key").stat().st_mode & 0o777 == 0o600


def test_a_destroyed_key_opens_nothing_again(tmp_path: Path):
    path = tmp_path / "sealed.key"
    before = seal.load_or_create(path)
    sealed = seal.seal(before, b"a ticket", nonce=NONCE)
    seal.destroy(path)
    after = seal.load_or_create(path)
    assert after.name != before.name
    with pytest.raises(SealError):
        seal.unseal(after, sealed)


def test_changed_bytes_are_refused():
    key = SealKey(name="k", key=bytes(32))
    sealed = bytearray(seal.seal(key, b"a ticket", nonce=NONCE))
    sealed[-1] ^= 1
    with pytest.raises(SealError):
        seal.unseal(key, bytes(sealed))
    with pytest.raises(SealError):
        seal.unseal(key, b"")


def test_a_torn_key_file_stops_the_start_and_says_what_to_do(tmp_path: Path):
    (tmp_path / "sealed.key").write_bytes(b"short")
    with pytest.raises(SealError, match="restore it, or remove it"):
        seal.load_or_create(tmp_path / "sealed.key")
