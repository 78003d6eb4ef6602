"""The configuration of a store's agent: read from one TOML file and checked whole at start.

`settings.py` is the table of everything that can be set; a key that is not in it is a mistake, and
all mistakes of a file are named at once.
"""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from edge_agent.checks import Expected
from edge_agent.limits import Limits
from edge_agent.settings import SETTINGS, Setting
from hardware.drivers import DRIVERS
from hardware.options import OptionsError

FILE_BYTES_MAX = 1_000_000
# What a message repeats of a wrong value.
SHOWN_CHARACTERS_MAX = 60


class ConfigError(Exception):
    """The configuration is wrong; `problems` has one sentence for each wrong key."""

    def __init__(self, file: str, problems: Sequence[str]) -> None:
        keys = "1 wrong key" if len(problems) == 1 else f"{len(problems)} wrong keys"
        super().__init__("\n  ".join([f"{file}: {keys}", *problems]))
        self.file = file
        self.problems = tuple(problems)


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
    debounce_s: float
    held_s: float


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
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read: {error.strerror}"]) from error
    if len(content) > FILE_BYTES_MAX:
        raise ConfigError(str(path), [f"is larger than {FILE_BYTES_MAX} bytes"])
    try:
        table = tomllib.loads(content.decode())
    except ValueError as error:
        raise ConfigError(str(path), [f"is not TOML: {error}"]) from error
    return from_table(table, environ, file=str(path), folder=path.parent)


def from_table(
    table: Mapping[str, object],
    environ: Mapping[str, str],
    *,
    file: str = "configuration",
    folder: Path = Path(),
) -> AgentConfig:
    """Check a configuration given as nested tables; see `load`."""
    problems: list[str] = []
    values = _section("", dict(table), environ, problems)
    if problems:
        raise ConfigError(file, problems)
    config = msgspec.convert(values, AgentConfig, dec_hook=_as_path)
    problems = list(_contradictions(config))
    if problems:
        raise ConfigError(file, problems)
    store = folder / config.folder
    return msgspec.structs.replace(
        config, folder=store, sealed_key_file=store / config.sealed_key_file
    )


def _section(
    prefix: str, table: dict[str, object], environ: Mapping[str, str], problems: list[str]
) -> dict[str, object]:
    """Check one table against the settings below `prefix`, and return its values."""
    below = [each for each in SETTINGS if each.name.startswith(prefix)]
    known = {each.name.removeprefix(prefix).split(".")[0]: each for each in below}
    names = {name.removesuffix("[]") for name in known}
    problems += [_unknown(prefix, key, known) for key in table if key not in names]
    values: dict[str, object] = {}
    for name, setting in known.items():
        given = table.get(name.removesuffix("[]"))
        path = f"{prefix}{name}"
        if name.endswith("[]"):
            values[name.removesuffix("[]")] = list(_entries(path, given, environ, problems))
        elif path != setting.name:
            if not isinstance(given, dict | None):
                problems.append(f"{path}: {_shown(given)} is not a table of settings")
            else:
                values[name] = _section(f"{path}.", dict(given or {}), environ, problems)
        else:
            values[name] = _value(setting, given, environ, problems)
    return values


def _entries(
    path: str, given: object, environ: Mapping[str, str], problems: list[str]
) -> Iterator[dict[str, object]]:
    if given is None:
        return
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        problems.append(f"{path}: {_shown(given)} is not a list of tables")
        return
    for index, each in enumerate(given):
        found: list[str] = []
        yield _section(f"{path}.", each, environ, found)
        numbered = path.replace("[]", f"[{index}]")
        problems += [numbered + problem.removeprefix(path) for problem in found]


def _value(
    setting: Setting, given: object, environ: Mapping[str, str], problems: list[str]
) -> object:
    if setting.environ and setting.environ in environ:
        given = environ[setting.environ]
    if given is None:
        if setting.required:
            problems.append(f"{setting.name}: is missing; it is {setting.about}")
            return None
        given = setting.default
    try:
        return setting.check(given)
    except Expected as error:
        shown = "the secret" if setting.environ else _shown(given)
        problems.append(f"{setting.name}: {shown} is not {error}")
        return None


def _unknown(prefix: str, key: str, known: Iterable[str]) -> str:
    here = [f"{prefix}{name.removesuffix('[]')}" for name in known]
    near = difflib.get_close_matches(prefix + key, here, n=1, cutoff=0.6)
    elsewhere = [each.name for each in SETTINGS if each.name.split(".")[-1] == key]
    hint = "".join(f"; did you mean {name}?" for name in (near or elsewhere)[:1])
    return f"{prefix}{_shown(key)[1:-1]}: no such setting{hint}"


def _contradictions(config: AgentConfig) -> Iterator[str]:
    """Yield what is wrong between settings that are right by themselves."""
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


def _near(name: str, names: Sequence[str], what: str) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{name!r} is no {what} of this store{hint}"


def _shown(value: object) -> str:
    text = repr(value)
    short = len(text) <= SHOWN_CHARACTERS_MAX
    return text if short else f"{text[:SHOWN_CHARACTERS_MAX]}…"


def _as_path(kind: type, value: object) -> object:
    if isinstance(value, kind):
        return value
    raise NotImplementedError(f"no setting is made into {kind}")
