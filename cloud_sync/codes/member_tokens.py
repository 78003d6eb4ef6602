"""Tokens for the shopper's app: a member's signed code that holds for a minute, and counts once.

A phone asks for one when it shows the member's code, and for the next before that one expires. The
store that reads it needs no line: it checks the signature against the tenant's public keys.
"""

import secrets
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import Connection

from cloud_sync.codes.code_keys import code_keys
from cloud_sync.codes.signing_key import public_text
from wire.identifiers import Identifier
from wire.signed import NUMBER_BYTES, SignedCode, sign

TOKEN_LIFETIME_S = 60
# Left of its lifetime when the app asks for the next one: what is on the screen is never stale.
RENEW_BEFORE_S = 15
# A member's app is given so many at once, then one each PACE_S: an app that asks in a loop fills no
# store's memory of tokens that counted.
BURST = 6
PACE_S = 10
SECOND = 1_000_000


class TokenError(Exception):
    """No token is given now; the message says why, and what to do."""


class TooManyTokensError(TokenError):
    """A member's app asked too often; `retry_after_s` says when it may ask again."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            f"this member was given {BURST} tokens in short order; ask again in {retry_after_s} s"
        )
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberToken:
    """A token as the app shows it, with when it expires and is to be renewed (µs UTC)."""

    token: str
    expires_at: int
    renew_at: int


def issue(
    connection: Connection, tenant: str, member: Identifier, key: Ed25519PrivateKey, now: int
) -> MemberToken:
    """Sign a token for a member at a time (µs UTC).

    Raises TokenError while no store of the tenant is told this key, TooManyTokensError when the
    member's app is to wait.
    """
    if public_text(key) not in code_keys(connection, tenant):
        raise TokenError(
            "the stores are not told this key: name its public key to `storebridge cloud code-keys`"
        )
    _keep_pace(connection, tenant, member, now)
    issued_at_s = now // SECOND
    code = SignedCode(
        kind="member",
        subject=member.value.hex(),
        issued_at_s=issued_at_s,
        lifetime_s=TOKEN_LIFETIME_S,
        number=secrets.token_bytes(NUMBER_BYTES),
    )
    expires_at = (issued_at_s + TOKEN_LIFETIME_S) * SECOND
    return MemberToken(
        token=sign(code, key),
        expires_at=expires_at,
        renew_at=expires_at - RENEW_BEFORE_S * SECOND,
    )


def forget_paces(connection: Connection, rows_max: int) -> int:
    """Forget the paces of members who may be given BURST tokens again; returns how many."""
    return connection.execute(
        # Asked twice: whoever was given a token while this waited for their row is seen anew.
        "DELETE FROM token_pace WHERE free_at < extract(epoch FROM now()) * 1000000"
        " AND (tenant, member) IN (SELECT tenant, member FROM token_pace"
        " WHERE free_at < extract(epoch FROM now()) * 1000000 LIMIT %s)",
        (rows_max,),
    ).rowcount


def _keep_pace(connection: Connection, tenant: str, member: Identifier, now: int) -> None:
    """Count a token, or raise TooManyTokensError.

    `free_at` is when nothing is left of what was given (generic cell rate algorithm, ITU-T I.371);
    one statement, so that two requests at once cannot both have the last one.
    """
    keyed = UUID(bytes=member.value)
    pace, ahead = PACE_S * SECOND, (BURST - 1) * PACE_S * SECOND
    given = connection.execute(
        "INSERT INTO token_pace AS kept (tenant, member, free_at)"
        " VALUES (%(tenant)s, %(member)s, %(now)s + %(pace)s)"
        " ON CONFLICT (tenant, member) DO UPDATE"
        " SET free_at = greatest(kept.free_at, %(now)s) + %(pace)s"
        " WHERE kept.free_at <= %(now)s + %(ahead)s RETURNING 1",
        {"tenant": tenant, "member": keyed, "now": now, "pace": pace, "ahead": ahead},
    ).fetchone()
    if given is None:
        row = connection.execute(
            "SELECT free_at FROM token_pace WHERE tenant = %s AND member = %s",
            (tenant, keyed),
        ).fetchone()
        wait = (row[0] if row else now) - ahead - now
        raise TooManyTokensError(max(1, -(-wait // SECOND)))
