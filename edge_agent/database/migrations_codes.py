"""The tables of what codes say: tokens that were shown, packs with a price of their own."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite_utils

TABLES = (
    # Tokens that counted here, until they have expired for everybody; times are s UTC.
    """
    CREATE TABLE tokens_seen (
        signer BLOB NOT NULL, number BLOB NOT NULL, expires_s INTEGER NOT NULL,
        UNIQUE (signer, number)
    )
    """,
    "CREATE INDEX tokens_seen_by_expiry ON tokens_seen (signer, expires_s)",
    # The latest time that a token of a signer has proven, and how many of its tokens are kept.
    """
    CREATE TABLE token_signers (
        signer BLOB NOT NULL PRIMARY KEY, proven_s INTEGER NOT NULL, remembered INTEGER NOT NULL
    )
    """,
    # A basket holds pieces at the catalogue's price (`pack_cents` is 0), and packs whose code says
    # how much they are, each price apart.
    "ALTER TABLE baskets RENAME TO baskets_before",
    """
    CREATE TABLE baskets (
        till TEXT NOT NULL, product TEXT NOT NULL, pack_cents INTEGER NOT NULL DEFAULT 0,
        quantity INTEGER NOT NULL, added_at INTEGER NOT NULL,
        PRIMARY KEY (till, product, pack_cents)
    )
    """,
    """
    INSERT INTO baskets (till, product, quantity, added_at)
        SELECT till, product, quantity, added_at FROM baskets_before ORDER BY rowid
    """,
    "DROP TABLE baskets_before",
)


def m008_codes(tables: "sqlite_utils.Database") -> None:
    """Remember tokens that were shown, and let packs of the same goods cost different prices."""
    for statement in TABLES:
        tables.execute(statement)
