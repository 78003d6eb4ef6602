"""The configuration of the cloud service: one TOML file, checked whole at start."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

# Secrets need not stand in the file: these environment variables take their place.
SECRETS = {
    "STOREBRIDGE_DATABASE_DSN": ("database", "dsn"),
    "STOREBRIDGE_BROKER_PASSWORD": ("broker", "password"),
}


class ConfigError(Exception):
    """The configuration is wrong; `problems` has one sentence for each wrong key."""

    def __init__(self, file: str, problems: list[str]) -> None:
        super().__init__("\n  ".join([f"{file}: {len(problems)} wrong keys", *problems]))
        self.problems = problems


class DatabaseConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the database is; without a DSN the embedded one in `folder` is started."""

    dsn: str = ""
    connections_max: int = 16


class BrokerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker and how to sign in there; `tls_ca` names the file of trusted certificates."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password: str = ""
    tls_ca: str = ""
    keepalive_s: int = 15


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of a worker.

    Messages wait for it in two lanes; when one is full the link waits `full_wait_s_max`, then the
    message is dropped and its store sends it again. A turn takes what waits in the live lane, and
    of the back lane few messages while live ones come, many when none did for a second.
    """

    live_messages_max: int = 512
    back_messages_max: int = 256
    full_wait_s_max: float = 5.0
    live_per_turn_max: int = 100
    back_per_turn_busy: int = 3
    back_per_turn_quiet: int = 30
    fold_events_max: int = 10_000
    poll_s: float = 0.03
    lease_s: float = 3.0
    renew_every_s: float = 0.5


class WebConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where headquarters' pages and the HTTP intake are served.

    `secure` is switched off only where they are tried out without TLS in front, on one machine.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    threads: int = 32
    secure: bool = True
    time_zone: str = "Asia/Shanghai"
    frame_ancestors: tuple[str, ...] = ()


class TenantConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tenant: the secret key, in hexadecimal, under which its identifiers are recorded."""

    identifier_key: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-fA-F]{2}){16,64}$")]


class CloudConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set for the cloud service."""

    folder: str = "storebridge-cloud"
    database: DatabaseConfig = DatabaseConfig()
    broker: BrokerConfig = BrokerConfig()
    worker: WorkerConfig = WorkerConfig()
    web: WebConfig = WebConfig()
    tenants: dict[str, TenantConfig] = {}

    @property
    def identifier_keys(self) -> dict[str, bytes]:
        """Return each tenant's identifier key."""
        return {name: bytes.fromhex(each.identifier_key) for name, each in self.tenants.items()}


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a setting must be, beyond its type."""

    holds: Callable[[float], bool]
    expected: str


def _between(least: float, most: float) -> _Rule:
    return _Rule(lambda value: least <= value <= most, f"from {least:g} to {most:g}")


RULES: dict[str, _Rule] = {
    "database.connections_max": _between(4, 200),
    "broker.port": _between(1, 65_535),
    "broker.keepalive_s": _between(5, 300),
    "worker.live_messages_max": _between(1, 10_000),
    "worker.back_messages_max": _between(1, 10_000),
    "worker.full_wait_s_max": _between(0, 60),
    "worker.live_per_turn_max": _between(1, 1_000),
    "worker.back_per_turn_busy": _between(1, 1_000),
    "worker.back_per_turn_quiet": _between(1, 1_000),
    "worker.fold_events_max": _between(1, 20_000),
    "worker.poll_s": _between(0.001, 0.05),
    "worker.lease_s": _between(1, 4),
    "worker.renew_every_s": _between(0.05, 1),
    "web.port": _between(0, 65_535),
    "web.threads": _between(8, 256),
}


def load(path: Path, environ: Mapping[str, str]) -> CloudConfig:
    """Read and check a configuration file; secrets of the environment win.

    Raises ConfigError, which names every wrong key and what is expected.
    """
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read: {error.strerror}"]) from error
    except ValueError as error:
        raise ConfigError(str(path), [f"is not TOML: {error}"]) from error
    return from_table(table, environ, file=str(path))


def from_table(
    table: Mapping[str, object], environ: Mapping[str, str], *, file: str = "configuration"
) -> CloudConfig:
    """Check a configuration given as nested tables; see `load`."""
    table = {**table}
    for variable, (section, key) in SECRETS.items():
        given = table.get(section, {})
        if variable in environ and isinstance(given, dict):
            table[section] = {**given, key: environ[variable]}
    problems = list(_problems("", CloudConfig, table))
    if problems:
        raise ConfigError(file, problems)
    return msgspec.convert(table, CloudConfig)


def _problems(
    prefix: str, struct: type[msgspec.Struct], table: Mapping[str, object]
) -> Iterator[str]:
    """Name each key that is unknown, of another type or out of its range."""
    fields = {field.name: field.type for field in msgspec.structs.fields(struct)}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if key not in fields:
            yield f"{name} is no setting; known here: {', '.join(fields)}"
            continue
        kind = fields[key]
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            if isinstance(value, dict):
                yield from _problems(f"{name}.", kind, value)
            else:
                yield f"{name} must be a table of settings"
            continue
        try:
            number = msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            yield f"{name}: {error}"
            continue
        rule = RULES.get(name)
        if rule is not None and not rule.holds(number):
            yield f"{name} is {number}, expected {rule.expected}"
