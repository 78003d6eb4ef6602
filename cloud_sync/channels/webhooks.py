"""Webhooks: deliveries of other systems, each checked, read, and appended to the ledger once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import Connection

from cloud_sync.channels.delivery import Delivery
from cloud_sync.channels.table import Channel
from cloud_sync.database import Database
from cloud_sync.intake import ledger
from cloud_sync.intake.ledger import HttpAppended
from cloud_sync.intake.posted import PostedEvent, keyed_event
from wire.topics import shard_of

SECRET_CHARACTERS_MIN = 16
SECRETS_MAX = 2
SECRET_FILE_BYTES_MAX = 4_096


class SecretError(Exception):
    """A file holds no secret that deliveries could be signed with; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One address that a system of a tenant delivers to; `source` is whose events these are."""

    name: str
    tenant: str
    channel: Channel
    source: str
    secrets: Sequence[bytes] = field(repr=False)


def read_secrets(file: Path) -> tuple[bytes, ...]:
    """Return the secrets in a file, one a line; of two, one is taking over from the other.

    Raises SecretError.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SecretError(f"{file} cannot be read: {error.strerror}") from error
    lines = content[:SECRET_FILE_BYTES_MAX].splitlines()
    secrets = tuple(line.strip() for line in lines if line.strip())
    if not 1 <= len(secrets) <= SECRETS_MAX or min(map(len, secrets)) < SECRET_CHARACTERS_MIN:
        raise SecretError(
            f"{file} must hold one secret, or two while one takes over, each on a line and with at"
            f" least {SECRET_CHARACTERS_MIN} characters"
        )
    return secrets


def events_of(webhook: Webhook, delivery: Delivery, key: bytes) -> list[PostedEvent]:
    """Return the events that a delivery tells of, its identifiers under the tenant's key.

    Raises PostRefusedError for one that is not as its channel writes it.
    """
    return [
        keyed_event(told, source=webhook.source, key=key, now=delivery.received_at)
        for told in webhook.channel.read(delivery)
    ]


def append(database: Database, webhook: Webhook, events: Sequence[PostedEvent]) -> HttpAppended:
    """Append a delivery's events to the ledger, those alone that are not there yet."""
    shard = shard_of(webhook.tenant, f"web-{webhook.source}")
    with database.ledger(shard) as connection:
        return append_in(connection, webhook, events)


def append_in(
    connection: Connection, webhook: Webhook, events: Sequence[PostedEvent]
) -> HttpAppended:
    """Append within the caller's transaction."""
    key_id = f"webhook:{webhook.name}"
    return ledger.append_http(connection, webhook.tenant, webhook.source, key_id, events)
