"""The configuration of the cloud service: read from one TOML file and checked whole at start.

`settings.py` is the table of everything that can be set; a key that is not in it is a mistake, and
all mistakes of a file are named at once.
"""

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec

from cloud_sync.channels.webhooks import SecretError, read_secrets
from cloud_sync.codes.signing_key import SigningKeyError, read_signing_key
from cloud_sync.flow import kinds
from cloud_sync.settings import SETTINGS
from settings.reading import ConfigError, Values, below, read_file, read_settings

__all__ = ["CloudConfig", "ConfigError", "from_table", "load"]


class DatabaseConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where the database is; without a DSN the embedded one in `folder` is started."""

    dsn: str
    connections_max: int


class BrokerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The broker and how to sign in there; `tls_ca` names the file of trusted certificates."""

    host: str
    port: int
    username: str
    password: str
    tls_ca: Path | None
    keepalive_s: int


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a worker.

    Messages wait for it in two lanes; when one is full the link waits `full_wait_s_max`, then the
    message is dropped and its store sends it again. A turn takes what waits in the live lane, and
    of the back lane few messages while live ones come, many when none did for a second.
    """

    live_messages_max: int
    back_messages_max: int
    full_wait_s_max: float
    live_per_turn_max: int
    back_per_turn_busy: int
    back_per_turn_quiet: int
    fold_events_max: int
    poll_s: float
    lease_s: float
    renew_every_s: float


class WebConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where headquarters' pages and the HTTP intake are served.

    `secure` is switched off only where they are tried out without TLS in front, on one machine.
    """

    host: str
    port: int
    threads: int
    secure: bool
    time_zone: str
    frame_ancestors: tuple[str, ...]


class TenantConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant: the secret key under which its identifiers are recorded.

    `code_key` is the file of the private key that its members' tokens are signed with.
    """

    identifier_key: bytes
    code_key: Path | None = None


class ConnectorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One system that is told of shoppers; see cloud_sync/flow."""

    tenant: str
    kind: kinds.Kind
    address: str
    audiences: tuple[str, ...] = ()
    secret_file: Path | None = None


class WebhookConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One address that another system delivers to; its secrets lie in a file of their own."""

    tenant: str
    channel: str
    source: str
    secret_file: Path


class SiteConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One web shop whose pages tell what visitors do, who agreed to it."""

    tenant: str
    source: str
    origins: tuple[str, ...]


class CloudConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set for the cloud service; see SETTINGS."""

    folder: Path
    erasures_file: Path
    lapsed_days: int
    wipe_hour: int
    database: DatabaseConfig
    broker: BrokerConfig
    worker: WorkerConfig
    web: WebConfig
    tenants: dict[str, TenantConfig]
    connectors: dict[str, ConnectorConfig] = {}
    webhooks: dict[str, WebhookConfig] = {}
    sites: dict[str, SiteConfig] = {}

    @property
    def identifier_keys(self) -> dict[str, bytes]:
        """Return each tenant's identifier key."""
        return {name: each.identifier_key for name, each in self.tenants.items()}

    @property
    def code_keys(self) -> dict[str, Path]:
        """Return the file of the private key of each tenant that has one."""
        return {name: each.code_key for name, each in self.tenants.items() if each.code_key}


def load(path: Path, environ: Mapping[str, str]) -> CloudConfig:
    """Read and check a configuration file; relative paths in it begin at its folder.

    Raises ConfigError naming every wrong key and what is expected.
    """
    return from_table(read_file(path), environ, file=str(path), folder=path.parent)


def from_table(
    table: Mapping[str, object],
    environ: Mapping[str, str],
    *,
    file: str = "configuration",
    folder: Path = Path(),
) -> CloudConfig:
    """Check a configuration given as nested tables; see `load`."""
    between = partial(_contradictions, folder)
    config = read_settings(SETTINGS, table, environ, CloudConfig, file=file, between=between)
    tls_ca = config.broker.tls_ca
    tenants = {
        name: msgspec.structs.replace(each, code_key=each.code_key and folder / each.code_key)
        for name, each in config.tenants.items()
    }
    connectors = {
        name: msgspec.structs.replace(
            each, secret_file=each.secret_file and folder / each.secret_file
        )
        for name, each in config.connectors.items()
    }
    webhooks = {
        name: msgspec.structs.replace(each, secret_file=folder / each.secret_file)
        for name, each in config.webhooks.items()
    }
    return msgspec.structs.replace(
        config,
        connectors=connectors,
        webhooks=webhooks,
        folder=folder / config.folder,
        erasures_file=folder / config.erasures_file,
        broker=msgspec.structs.replace(config.broker, tls_ca=tls_ca and folder / tls_ca),
        tenants=tenants,
    )


def _contradictions(folder: Path, values: Values) -> Iterator[str]:
    """Yield what is wrong between settings that are right by themselves, or with what they name."""
    worker, tls_ca = below(values, "worker"), below(values, "broker").get("tls_ca")
    match worker.get("renew_every_s"), worker.get("lease_s"):
        case float(renew_every_s), float(lease_s) if renew_every_s > lease_s / 2:
            yield (
                f"worker.renew_every_s: {renew_every_s:g} is more than half of worker.lease_s,"
                f" {lease_s:g}: a lease would lapse when one renewal is late"
            )
    if isinstance(tls_ca, Path):
        path = folder / tls_ca
        if not (path.is_file() and os.access(path, os.R_OK)):
            yield f"broker.tls_ca: {str(path)!r} is no file that can be read"
    for name, tenant in below(values, "tenants").items():
        code_key = tenant.get("code_key") if isinstance(tenant, Mapping) else None
        if isinstance(code_key, Path):
            try:
                read_signing_key(folder / code_key)
            except SigningKeyError as error:
                yield f"tenants.{name}.code_key: {error}"
    yield from _wrong_connectors(folder, values)
    yield from _wrong_webhooks(folder, values)
    for name, site in below(values, "sites").items():
        if isinstance(site, Mapping):
            yield from _wrong_tenant(f"sites.{name}", site, values)


def _wrong_webhooks(folder: Path, values: Values) -> Iterator[str]:
    for name, webhook in below(values, "webhooks").items():
        if not isinstance(webhook, Mapping):
            continue
        yield from _wrong_tenant(f"webhooks.{name}", webhook, values)
        if isinstance(secret_file := webhook.get("secret_file"), Path):
            try:
                read_secrets(folder / secret_file)
            except SecretError as error:
                yield f"webhooks.{name}.secret_file: {error}"


def _wrong_tenant(path: str, table: Mapping[str, object], values: Values) -> Iterator[str]:
    if (tenant := table.get("tenant")) and tenant not in below(values, "tenants"):
        yield f"{path}.tenant: there is no [tenants.{tenant}]"


def _wrong_connectors(folder: Path, values: Values) -> Iterator[str]:
    for name, connector in below(values, "connectors").items():
        if not isinstance(connector, Mapping):
            continue
        where = f"connectors.{name}"
        yield from _wrong_tenant(where, connector, values)
        kind, address = connector.get("kind"), connector.get("address")
        if isinstance(address, str):
            wrong = kinds.wrong_address(kind, address)
            if wrong:
                yield f"{where}.address: {wrong}"
        secret_file = connector.get("secret_file")
        if kind == "webhook" and secret_file is None:
            yield f"{where}.secret_file: a webhook is signed; name the file of its secret"
        if isinstance(secret_file, Path):
            try:
                kinds.read_secret(folder / secret_file)
            except kinds.SecretError as error:
                yield f"{where}.secret_file: {error}"
