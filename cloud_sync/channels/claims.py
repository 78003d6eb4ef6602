"""Claims: what somebody typed, until a code that was sent there proves that it is theirs.

A code has six digits, holds ten minutes and may be tried five times, so that guessing succeeds once
in 200,000 claims; of one number only a few claims are made an hour.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from psycopg import Connection

from cloud_sync.intake import ledger
from cloud_sync.intake.api_keys import ApiKey
from cloud_sync.intake.posted import PostedEvent, told_at
from wire.events import Identified
from wire.identifiers import Identifier

CODE_DIGITS = 6
TRIES_MAX = 5
HOLDS_US = 600 * 1_000_000
HOUR_US = 3_600 * 1_000_000
CLAIMS_PER_HOUR_MAX = 5
KEPT_US = 24 * HOUR_US

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[Identifier, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim with the code that proves it, which is kept nowhere; times are µs UTC."""

    claim: str
    code: str
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotProven:
    """A claim was not proven: its code was wrong and `left` tries are left, none if it is over."""

    left: int


class TooManyClaimsError(Exception):
    """So many claims of one number were made lately that no more is; `retry_after_s` says when."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("this number or address was claimed too often; try again later")
        self.retry_after_s = retry_after_s


def make(
    connection: Connection,
    key: ApiKey,
    claimed: Identifier,
    identifiers: Sequence[Identifier],
    secret: bytes,
    now: int,
) -> Claim:
    """Make a claim of an identifier by whom these other ones name.

    Raises TooManyClaimsError.
    """
    made = connection.execute(
        "SELECT made_at FROM claim WHERE tenant = %s AND value = %s AND made_at > %s"
        " ORDER BY made_at DESC LIMIT %s",
        (key.tenant, claimed.value, now - HOUR_US, CLAIMS_PER_HOUR_MAX),
    ).fetchall()
    if len(made) == CLAIMS_PER_HOUR_MAX:
        raise TooManyClaimsError((made[-1][0] + HOUR_US - now) // 1_000_000 + 1)
    claim = Claim(
        claim=secrets.token_hex(12),
        code=f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}",
        expires_at=now + HOLDS_US,
    )
    connection.execute(
        "INSERT INTO claim (tenant, claim, source, kind, value, identifiers, code, made_at,"
        " expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(key.tenant, claim.claim, key.source, claimed.kind, claimed.value),
            _encoder.encode(tuple(identifiers)),
            _digest(claim.claim, claim.code, secret),
            *(now, claim.expires_at),
        ),
    )
    return claim


def prove(
    connection: Connection, key: ApiKey, claim: str, code: str, secret: bytes, now: int
) -> NotProven | None:
    """Prove a claim by its code: the event that says so is appended in the same transaction.

    Each try counts, the right one as well; one that is proven stays so.
    """
    row = connection.execute(
        "UPDATE claim SET tries = tries + 1 WHERE tenant = %s AND claim = %s AND source = %s"
        " AND expires_at > %s AND tries < %s RETURNING kind, value, identifiers, code, tries",
        (key.tenant, claim.replace("\0", ""), key.source, now, TRIES_MAX),
    ).fetchone()
    if row is None:
        return NotProven(left=0)
    kind, value, identifiers, wanted, tries = row
    if not hmac.compare_digest(wanted, _digest(claim, code, secret)):
        return NotProven(left=TRIES_MAX - tries)
    connection.execute(
        "UPDATE claim SET proven_at = coalesce(proven_at, %s) WHERE tenant = %s AND claim = %s",
        (now, key.tenant, claim),
    )
    named = (Identifier(kind, value), *_decoder.decode(identifiers))
    event = told_at(now, key.source, named, Identified(by="code"))
    posted = [PostedEvent(f"claim-{claim}", event)]
    ledger.append_http(connection, key.tenant, key.source, key.key_id, posted)
    return None


def forget_old(connection: Connection, rows_max: int) -> int:
    """Forget claims that were made over a day ago; returns how many."""
    return connection.execute(
        "DELETE FROM claim WHERE (tenant, value, claim) IN (SELECT tenant, value, claim FROM claim"
        " WHERE made_at < (extract(epoch FROM now()) * 1000000)::bigint - %s LIMIT %s)",
        (KEPT_US, rows_max),
    ).rowcount


def _digest(claim: str, code: str, secret: bytes) -> bytes:
    text = f"{claim}/{code}".encode()
    return hashlib.blake2b(text, key=secret, digest_size=16, person=b"claim").digest()
