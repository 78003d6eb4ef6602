"""Deliveries that could not be read: kept sealed with the reason, until somebody replays them.

What another system sent may hold names, addresses and numbers, so it is sealed under a key made
from the tenant's: without the cloud's configuration nobody can open it.
"""

import hashlib
import secrets
from dataclasses import dataclass

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import Connection
from psycopg.rows import class_row

from cloud_sync.channels.delivery import Delivery
from cloud_sync.channels.table import Channel
from cloud_sync.channels.webhooks import Webhook, append_in, events_of
from cloud_sync.intake.ledger import HttpAppended
from cloud_sync.intake.posted import PostRefusedError

NONCE_BYTES = 12
NAME_BYTES = 8
# Those beyond are answered in the same way, and not kept.
KEPT_PER_WEBHOOK_MAX = 1_000
KEPT_DAYS = 90
LISTED_MAX = 1_000
REASON_CHARACTERS_MAX = 500


class SealedError(Exception):
    """A delivery cannot be opened: it was sealed under another key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One delivery that was set aside; `delivery` names it, a hash of what was sent."""

    tenant: str
    webhook: str
    delivery: str
    reason: str
    sealed: bytes
    refused_at: int
    replayed_at: int | None = None


def keep(
    connection: Connection, webhook: Webhook, key: bytes, delivery: Delivery, refused: str
) -> bool:
    """Set a delivery aside with its reason; False when too many of this webhook are already.

    The same one delivered again stays one.
    """
    content = _packed(webhook.channel, delivery)
    name = hashlib.blake2b(content, key=_key(key), digest_size=NAME_BYTES).hexdigest()
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = nonce + AESGCM(_key(key)).encrypt(nonce, content, _context(webhook))
    return (
        connection.execute(
            "INSERT INTO refused_delivery AS held"
            " (tenant, webhook, delivery, reason, sealed, refused_at)"
            " SELECT %(tenant)s, %(webhook)s, %(delivery)s, %(reason)s, %(sealed)s, %(at)s"
            " WHERE (SELECT count(*) FROM refused_delivery WHERE tenant = %(tenant)s"
            "  AND webhook = %(webhook)s) < %(most)s"
            " ON CONFLICT (tenant, webhook, delivery) DO UPDATE SET reason = excluded.reason,"
            " refused_at = excluded.refused_at, replayed_at = NULL",
            {
                "tenant": webhook.tenant,
                "webhook": webhook.name,
                "delivery": name,
                "reason": _shortened(refused),
                "sealed": sealed,
                "at": delivery.received_at,
                "most": KEPT_PER_WEBHOOK_MAX,
            },
        ).rowcount
        == 1
    )


def listed(connection: Connection, tenant: str | None, *, replayed: bool = False) -> list[Refused]:
    """Return what is set aside, oldest first, LISTED_MAX at most."""
    with connection.cursor(row_factory=class_row(Refused)) as cursor:
        return cursor.execute(
            "SELECT tenant, webhook, delivery, reason, sealed, refused_at, replayed_at"
            " FROM refused_delivery WHERE (%s::text IS NULL OR tenant = %s)"
            " AND (%s OR replayed_at IS NULL) ORDER BY refused_at, webhook, delivery LIMIT %s",
            (tenant, tenant, replayed, LISTED_MAX),
        ).fetchall()


def opened(refused: Refused, webhook: Webhook, key: bytes) -> Delivery:
    """Return the delivery as it came, without its signature; raises SealedError."""
    nonce, sealed = refused.sealed[:NONCE_BYTES], refused.sealed[NONCE_BYTES:]
    try:
        content = AESGCM(_key(key)).decrypt(nonce, sealed, _context(webhook))
    except (InvalidTag, ValueError) as error:
        raise SealedError(
            f"{refused.delivery} was sealed under another identifier_key of {refused.tenant}"
        ) from error
    body, headers, query = msgspec.msgpack.decode(
        content, type=tuple[bytes, dict[str, str], dict[str, str]]
    )
    return Delivery(body=body, headers=headers, query=query, received_at=refused.refused_at)


def replay(
    connection: Connection, refused: Refused, webhook: Webhook, key: bytes, now: int
) -> HttpAppended | PostRefusedError:
    """Read a delivery anew and append its events; one still refused stays, with its new reason.

    Raises SealedError.
    """
    try:
        events = events_of(webhook, opened(refused, webhook, key), key)
    except PostRefusedError as error:
        connection.execute(
            "UPDATE refused_delivery SET reason = %s"
            " WHERE tenant = %s AND webhook = %s AND delivery = %s",
            (_shortened(str(error)), refused.tenant, refused.webhook, refused.delivery),
        )
        return error
    done = append_in(connection, webhook, events)
    connection.execute(
        "UPDATE refused_delivery SET replayed_at = %s"
        " WHERE tenant = %s AND webhook = %s AND delivery = %s",
        (now, refused.tenant, refused.webhook, refused.delivery),
    )
    return done


def forget_old(connection: Connection, rows_max: int) -> int:
    """Forget what was set aside or replayed over KEPT_DAYS ago; returns how many."""
    return connection.execute(
        "DELETE FROM refused_delivery WHERE (tenant, webhook, delivery) IN"
        " (SELECT tenant, webhook, delivery FROM refused_delivery"
        "  WHERE coalesce(replayed_at, refused_at)"
        "  < (extract(epoch FROM now() - make_interval(days => %s)) * 1000000)::bigint LIMIT %s)",
        (KEPT_DAYS, rows_max),
    ).rowcount


def _shortened(reason: str) -> str:
    return reason.replace("\0", "\\0")[:REASON_CHARACTERS_MAX]


def _packed(channel: Channel, delivery: Delivery) -> bytes:
    """Return what a delivery is read from: its body, its topic and its address without secrets."""
    headers = {name: text for name, text in delivery.headers.items() if name == channel.topic}
    query = {name: text for name, text in delivery.query.items() if name != channel.token}
    return msgspec.msgpack.encode((delivery.body, headers, query))


def _key(identifier_key: bytes) -> bytes:
    return hashlib.blake2b(identifier_key, digest_size=32, person=b"sb-refused").digest()


def _context(webhook: Webhook) -> bytes:
    return f"{webhook.tenant}/{webhook.name}".encode()
