"""The configuration of a store's agent: read from one TOML file and checked whole at start.

`settings.py` is the table of everything that can be set; a key that is not in it is a mistake, and
all mistakes of a file are named at once.
"""

import difflib
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from edge_agent.codes import Rules
from edge_agent.in_store import readers_of
from edge_agent.limits import Limits
from edge_agent.payment_codes import EXAMPLES, way_to_pay
from edge_agent.settings import SETTINGS
from hardware.drivers import DRIVERS
from hardware.options import OptionsError
from settings.reading import ConfigError, read_file, read_settings
from wire.signed import signers_of

__all__ = ["AgentConfig", "ConfigError", "DeviceConfig", "from_table", "load"]


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """Where the uplink goes."""

    host: str
    port: int
    username: str
    password: str
    tls_ca: Path | None
    keepalive_s: int


class Web(msgspec.Struct, frozen=True, kw_only=True):
    """Where the screens are served."""

    host: str
    port: int
    threads: int
    staff_pin_hash: str
    frame_ancestors: tuple[str, ...]


class Codes(msgspec.Struct, frozen=True, kw_only=True):
    """How codes are told apart."""

    member_patterns: tuple[str, ...]
    public_keys: tuple[str, ...]
    unsigned: tuple[str, ...]
    region: str
    in_store_patterns: tuple[str, ...]
    debounce_s: float
    held_s: float

    @property
    def rules(self) -> Rules:
        """Return what the store takes for what."""
        return Rules(
            member_patterns=tuple(re.compile(each) for each in self.member_patterns),
            signers=signers_of(self.public_keys),
            unsigned=frozenset(self.unsigned),
            in_store=readers_of(self.in_store_patterns, self.region),
        )


class Visits(msgspec.Struct, frozen=True, kw_only=True):
    """When visits end, and how long they are kept."""

    idle_s_max: float
    walk_away_s: float
    kept_days: int


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """How long traffic is kept."""

    kept_days: int


class ZoneConfig(msgspec.Struct, frozen=True, kw_only=True):
    """An area of the store."""

    name: str
    names: dict[str, str]
    operator: str


class KioskConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A screen or a till."""

    name: str
    zone: str
    role: Literal["kiosk", "till"]


class DeviceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A device, its driver, and where it stands."""

    name: str
    driver: str
    zone: str
    kiosk: str
    options: dict[str, object]


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the agent of one store must know; see SETTINGS."""

    tenant: str
    store: str
    operator: str
    names: dict[str, str]
    languages: tuple[str, ...]
    timezone: str
    folder: Path
    identifier_key: bytes
    sealed_key_file: Path
    broker: Broker
    web: Web
    codes: Codes
    visits: Visits
    traffic: Traffic
    outbox: Limits
    zones: tuple[ZoneConfig, ...]
    kiosks: tuple[KioskConfig, ...]
    devices: tuple[DeviceConfig, ...]

    @property
    def database(self) -> Path:
        """Return the file of the store's database."""
        return self.folder / "store.sqlite3"


def load(path: Path, environ: Mapping[str, str]) -> AgentConfig:
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
) -> AgentConfig:
    """Check a configuration given as nested tables; see `load`."""
    config = read_settings(SETTINGS, table, environ, AgentConfig, file=file)
    store, tls_ca = folder / config.folder, config.broker.tls_ca
    config = msgspec.structs.replace(
        config,
        folder=store,
        sealed_key_file=store / config.sealed_key_file,
        broker=msgspec.structs.replace(config.broker, tls_ca=tls_ca and folder / tls_ca),
    )
    problems = list(_contradictions(config))
    if problems:
        raise ConfigError(file, problems)
    return config


def _contradictions(config: AgentConfig) -> Iterator[str]:
    """Yield what is wrong between settings that are right by themselves, or with what they name."""
    yield from _not_trusted(config.broker.tls_ca)
    yield from _taking_payments(config.codes.member_patterns)
    zones = [each.name for each in config.zones]
    kiosks = [each.name for each in config.kiosks]
    devices = [each.name for each in config.devices]
    for path, names in (("zones", zones), ("kiosks", kiosks), ("devices", devices)):
        for name in sorted({each for each in names if names.count(each) > 1}):
            yield f"{path}: {name!r} is there more than once"
    for kiosk in config.kiosks:
        if kiosk.zone not in zones:
            yield f"kiosks[{kiosk.name}].zone: {_near(kiosk.zone, zones, 'zone')}"
    for device in config.devices:
        if device.zone not in zones:
            yield f"devices[{device.name}].zone: {_near(device.zone, zones, 'zone')}"
        if device.kiosk and device.kiosk not in kiosks:
            yield f"devices[{device.name}].kiosk: {_near(device.kiosk, kiosks, 'kiosk')}"
        try:
            DRIVERS[device.driver](device.options)
        except OptionsError as error:
            for problem in error.problems:
                yield f"devices[{device.name}].options.{problem}"


def _taking_payments(member_patterns: Sequence[str]) -> Iterator[str]:
    """Yield the patterns that would take what somebody pays with for a membership code."""
    for pattern in member_patterns:
        taken = next((each for each in EXAMPLES if re.fullmatch(pattern, each)), None)
        if taken is not None:
            yield (
                f"codes.member_patterns: {pattern!r} also fits payment codes of {way_to_pay(taken)}"
                f" ({len(taken)} digits from {taken[:2]}), which never count as membership codes;"
                " give the pattern a length or beginning of its own"
            )


def _not_trusted(tls_ca: Path | None) -> Iterator[str]:
    """Yield why a file holds no certificates that a broker can be checked with."""
    if tls_ca is None:
        return
    try:
        ssl.create_default_context(cafile=str(tls_ca))
    except OSError as error:
        why = "holds no PEM certificate" if isinstance(error, ssl.SSLError) else error.strerror
        yield (
            f"broker.tls_ca: {str(tls_ca)!r} cannot be used ({why}); name the file of the"
            " certificate that the broker is checked with, or leave it empty for no TLS"
        )


def _near(name: str, names: Sequence[str], what: str) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{name!r} is no {what} of this store{hint}"
