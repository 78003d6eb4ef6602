"""What the cloud's web pages and API are given."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.channels.sites import Site
from cloud_sync.channels.webhooks import Webhook
from cloud_sync.database import Database


def wall_time() -> int:
    """Return the time in µs UTC."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """One installation as its web pages and API see it.

    `identifier_keys` holds each tenant's key, under which identifiers are recorded. `secure` is
    False only where the pages are served without TLS, on one machine, to try things out.
    `signing_keys` holds the keys of the tenants whose apps are given tokens, `erasures_file` is the
    list of erasures that is kept apart from the database, `webhooks` the addresses that other
    systems deliver to, `sites` the web shops whose pages may tell, by name.
    """

    database: Database
    identifier_keys: Mapping[str, bytes] = field(repr=False)
    signing_keys: Mapping[str, Ed25519PrivateKey] = field(default_factory=dict, repr=False)
    erasures_file: Path = Path("erasures.jsonl")
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    sites: Mapping[str, Site] = field(default_factory=dict)
    time_zone: str = "Asia/Shanghai"
    secure: bool = True
    frame_ancestors: tuple[str, ...] = ()
    now: Callable[[], int] = wall_time
