"""Keys with which a web shop or an app may post events and ask for its shoppers' coupons.

One that the shopper's app signs in with may be allowed to have members' tokens signed, too; one of
those who answer shoppers' questions to look at a shopper and to say who is one with whom.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from psycopg import Connection

from wire.topics import check_name

PREFIX = "sbk"
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """Whose key it is, what channel it speaks for, and what else it may.

    `issues_tokens`: have members' tokens signed. `answers_rights`: ask for everything about a
    shopper, and have one erased, for whom the shop has checked that it is they who ask.
    `about_shoppers`: look at shoppers and say who is one with whom.
    """

    tenant: str
    key_id: str
    source: str
    issues_tokens: bool = False
    answers_rights: bool = False
    about_shoppers: bool = False


def create_key(
    connection: Connection,
    tenant: str,
    source: str,
    *,
    issues_tokens: bool = False,
    answers_rights: bool = False,
    about_shoppers: bool = False,
) -> str:
    """Create a key for a channel and return its text, which is shown once and stored nowhere.

    Raises TopicError when tenant or source is no name.
    """
    key_id = secrets.token_hex(6)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    connection.execute(
        "INSERT INTO api_key"
        " (tenant, key_id, source, secret, issues_tokens, answers_rights, about_shoppers)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            check_name(tenant),
            key_id,
            check_name(source),
            _digest(secret),
            issues_tokens,
            answers_rights,
            about_shoppers,
        ),
    )
    return f"{PREFIX}.{tenant}.{key_id}.{secret}"


def check_key(connection: Connection, text: str) -> ApiKey | None:
    """Return what the key may do; None when it is none of ours or was revoked."""
    match text.split(".", 3):
        case [prefix, tenant, key_id, secret] if prefix == PREFIX:
            row = connection.execute(
                "SELECT source, secret, issues_tokens, answers_rights, about_shoppers FROM api_key"
                " WHERE tenant = %s AND key_id = %s AND revoked_at IS NULL",
                (tenant.replace("\0", ""), key_id.replace("\0", "")),
            ).fetchone()
            if row is not None and hmac.compare_digest(row[1], _digest(secret)):
                source, _, issues_tokens, answers_rights, about_shoppers = row
                return ApiKey(
                    tenant=tenant,
                    key_id=key_id,
                    source=source,
                    issues_tokens=issues_tokens,
                    answers_rights=answers_rights,
                    about_shoppers=about_shoppers,
                )
    return None


def revoke_key(connection: Connection, tenant: str, key_id: str) -> bool:
    """Revoke a key; False when there is none of that id."""
    return (
        connection.execute(
            "UPDATE api_key SET revoked_at = now()"
            " WHERE tenant = %s AND key_id = %s AND revoked_at IS NULL",
            (tenant, key_id),
        ).rowcount
        == 1
    )


def _digest(secret: str) -> bytes:
    # A random secret of 256 bits needs no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).digest()
