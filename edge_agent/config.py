"""The configuration of a store's agent: read from one TOML file and checked whole at start.

`settings.py` is the table of everything that can be set; a key that is not in it is a mistake, and
all mistakes of a file are named at once.
"""

import difflib
import re
import ssl
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from edge_agent.codes.codes import Rules
from edge_agent.codes.in_store import readers_of
from edge_agent.codes.payment_codes import EXAMPLES, way_to_pay
from edge_agent.delivery.limits import Limits
from edge_agent.settings import SETTINGS
from hardware.drivers import DRIVERS
from hardware.options import OptionsError
from settings.reading import ConfigError, Values, below, entries, read_file, read_settings
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
    personal_days_max: int


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """How long traffic is kept, and when those who are seen are shoppers."""

    kept_days: int
    open_hours: tuple[str, ...]
    staff_badges: tuple[str, ...]
    badge_away_s: float
    badge_doors: tuple[str, ...]


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
    receipt_key_file: Path
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
    between = partial(_contradictions, folder)
    config = read_settings(SETTINGS, table, environ, AgentConfig, file=file, between=between)
    store, tls_ca = folder / config.folder, config.broker.tls_ca
    return msgspec.structs.replace(
        config,
        folder=store,
        sealed_key_file=store / config.sealed_key_file,
        receipt_key_file=store / config.receipt_key_file,
        broker=msgspec.structs.replace(config.broker, tls_ca=tls_ca and folder / tls_ca),
    )


def _contradictions(folder: Path, values: Values) -> Iterator[str]:
    """Yield what is wrong between settings that are right by themselves, or with what they name."""
    tls_ca = below(values, "broker").get("tls_ca")
    if isinstance(tls_ca, Path):
        yield from _not_trusted(folder / tls_ca)
    patterns = below(values, "codes").get("member_patterns")
    if isinstance(patterns, (list, tuple)):
        yield from _taking_payments([each for each in patterns if isinstance(each, str)])
    yield from _without_page(values)
    zones, kiosks, devices = (_names(values, each) for each in ("zones", "kiosks", "devices"))
    for path, names in (("zones", zones), ("kiosks", kiosks), ("devices", devices)):
        for name, times in sorted(Counter(names or ()).items()):
            if times > 1:
                yield f"{path}: {name!r} is there more than once"
    doors = below(values, "traffic").get("badge_doors")
    for door in doors if isinstance(doors, (list, tuple)) else ():
        yield from _not_there("traffic.badge_doors", door, zones, "zone")
    for place in ("kiosks", "devices"):
        for index, each in enumerate(entries(values, place) or ()):
            at = f"{place}[{each['name'] or index}]"
            yield from _not_there(f"{at}.zone", each["zone"], zones, "zone")
            yield from _not_there(f"{at}.kiosk", each.get("kiosk"), kiosks, "kiosk")
            yield from _wrong_options(at, each)


def _names(values: Values, path: str) -> list[str] | None:
    """Return the names in a list of tables; None where one of them is wrong, and may be any."""
    listed = entries(values, path)
    names = [name for each in listed or () if isinstance(name := each["name"], str)]
    return None if listed is None or len(names) < len(listed) else names


def _not_there(path: str, name: object, names: Sequence[str] | None, what: str) -> Iterator[str]:
    """Yield that a name is none of those that there are, where both are known."""
    if isinstance(name, str) and name and names is not None and name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        yield f"{path}: {name!r} is no {what} of this store{hint}"


def _wrong_options(at: str, device: Values) -> Iterator[str]:
    """Yield what a device's driver says against its options, where both are known."""
    driver, options = device.get("driver"), device.get("options")
    if isinstance(driver, str) and isinstance(options, dict):
        try:
            DRIVERS[driver](options)
        except OptionsError as error:
            yield from (f"{at}.options.{problem}" for problem in error.problems)


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


def _without_page(values: Values) -> Iterator[str]:
    """Yield which scanners type into a page that is not there, or that another types into."""
    kiosks, devices = entries(values, "kiosks"), entries(values, "devices")
    if kiosks is None or devices is None:
        return
    free = {each["name"] for each in kiosks}
    for index, device in enumerate(devices):
        if device.get("driver") == "barcode-page":
            if device.get("kiosk") not in free:
                at = f"devices[{device['name'] or index}].kiosk"
                yield f"{at}: expects a kiosk or till, one for each such scanner"
            free.discard(device.get("kiosk"))


def _not_trusted(tls_ca: Path) -> Iterator[str]:
    """Yield why a file holds no certificates that a broker can be checked with."""
    try:
        ssl.create_default_context(cafile=str(tls_ca))
    except OSError as error:
        why = "holds no PEM certificate" if isinstance(error, ssl.SSLError) else error.strerror
        yield (
            f"broker.tls_ca: {str(tls_ca)!r} cannot be used ({why}); name the file of the"
            " certificate that the broker is checked with, or leave it empty for no TLS"
        )
