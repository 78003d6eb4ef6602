"""Whose signatures a store believes: the keys of its configuration, and those headquarters sent."""

from dataclasses import replace
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent import local_view
from edge_agent.codes.translate import Keys
from edge_agent.database.sqlite import sqlite3
from wire.signed import CODE_KEYS_MAX, CODE_KEYS_SETTING, Signers, signers_of


def with_sent(connection: sqlite3.Connection, keys: Keys) -> Keys:
    """Return the keys that codes are read with now."""
    sent = _sent(local_view.setting(connection, CODE_KEYS_SETTING) or "")
    if not sent:
        return keys
    return replace(keys, rules=replace(keys.rules, signers={**keys.rules.signers, **sent}))


@lru_cache(maxsize=8)
def _sent(text: str) -> Signers:
    """Return the signers of keys as headquarters sends them; what is no key is passed over."""
    signers: dict[bytes, Ed25519PublicKey] = {}
    for each in text.split()[:CODE_KEYS_MAX]:
        try:
            signers.update(signers_of([each]))
        except ValueError:
            continue
    return signers
