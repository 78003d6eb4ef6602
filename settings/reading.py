"""Reading a TOML file against a table of settings, so that all mistakes are named at once."""

import difflib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from settings.checks import Expected
from settings.setting import Setting, Settings

FILE_BYTES_MAX = 1_000_000
# What a message repeats of a wrong value.
SHOWN_CHARACTERS_MAX = 60
LIST, TABLE = "[]", "{}"

T = TypeVar("T")
# Checked settings by name, those of a table or list below its name; None where one is wrong.
Values = Mapping[str, object]
Between = Callable[[Values], Iterable[str]]


class ConfigError(Exception):
    """The configuration is wrong; `problems` has one sentence for each wrong key."""

    def __init__(self, file: str, problems: Sequence[str]) -> None:
        super().__init__(self._told(file, problems))
        self.file = file
        self.problems = tuple(problems)

    def _told(self, file: str, problems: Sequence[str]) -> str:
        keys = "1 wrong key" if len(problems) == 1 else f"{len(problems)} wrong keys"
        return "\n  ".join([f"{file}: {keys}", *problems])


class FileError(ConfigError):
    """There is no configuration to be read; the one problem completes "FILE …"."""

    def _told(self, file: str, problems: Sequence[str]) -> str:
        return " ".join([file, *problems])


def read_file(path: Path) -> dict[str, object]:
    """Read the tables of a TOML file.

    Raises FileError when it cannot be read or is not TOML.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileError(str(path), [f"cannot be read: {error.strerror}"]) from error
    if len(content) > FILE_BYTES_MAX:
        raise FileError(str(path), [f"is larger than {FILE_BYTES_MAX} bytes"])
    try:
        return tomllib.loads(content.decode())
    except ValueError as error:
        raise FileError(str(path), [f"is not TOML: {error}"]) from error


def read_settings(
    settings: Settings,
    table: Mapping[str, object],
    environ: Mapping[str, str],
    kind: type[T],
    *,
    file: str,
    between: Between = lambda _: (),
) -> T:
    """Check nested tables against a table of settings and return them as a struct of `kind`.

    `between` yields what is wrong between values, also while some are wrong by themselves.

    Raises ConfigError naming every wrong key and what is expected.
    """
    reading = _Reading(settings, environ)
    values = reading.section("", dict(table))
    problems = [*reading.problems, *between(values)]
    if problems:
        raise ConfigError(file, problems)
    return msgspec.convert(values, kind, dec_hook=_as_path)


def below(values: Values, name: str) -> Values:
    """Return the checked settings of one table, empty where it is none."""
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def entries(values: Values, name: str) -> list[Values] | None:
    """Return the checked entries of one list of tables, None where it is none."""
    found = values.get(name)
    return found if isinstance(found, list) else None


def shown(value: object) -> str:
    """Return a wrong value as a message repeats it."""
    text = repr(value)
    short = len(text) <= SHOWN_CHARACTERS_MAX
    return text if short else f"{text[:SHOWN_CHARACTERS_MAX]}…"


class _Reading:
    """Walks through nested tables and notes what is wrong, each under its path."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._settings = settings
        self._environ = environ

    def section(self, prefix: str, table: dict[str, object]) -> dict[str, object]:
        """Check one table against the settings below `prefix`, and return its values."""
        below = [each for each in self._settings if each.name.startswith(prefix)]
        known: dict[str, Setting] = {}
        for each in below:
            known.setdefault(each.name.removeprefix(prefix).split(".")[0], each)
        names = {_plain(name) for name in known}
        self.problems += [self._unknown(prefix, key, known) for key in table if key not in names]
        values: dict[str, object] = {}
        for name, setting in known.items():
            given = table.get(_plain(name))
            path = f"{prefix}{name}"
            if name.endswith(LIST):
                values[_plain(name)] = self._listed(path, given)
            elif name.endswith(TABLE):
                values[_plain(name)] = dict(self._named(setting, path, given))
            elif path == setting.name:
                values[name] = self._value(setting, given)
            elif isinstance(given, dict | None):
                values[name] = self.section(f"{path}.", dict(given or {}))
            else:
                self.problems.append(f"{path}: {shown(given)} is not a table of settings")
        return values

    def _listed(self, path: str, given: object) -> list[dict[str, object]] | None:
        if given is None:
            return []
        if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
            self.problems.append(f"{path}: {shown(given)} is not a list of tables")
            return None
        return [
            self._entry(path, path.replace(LIST, f"[{index}]"), each)
            for index, each in enumerate(given)
        ]

    def _named(
        self, setting: Setting, path: str, given: object
    ) -> Iterator[tuple[str, dict[str, object]]]:
        if given is None:
            return
        if not isinstance(given, dict) or not all(
            isinstance(each, dict) for each in given.values()
        ):
            self.problems.append(f"{path}: {shown(given)} is not a table of tables")
            return
        for name, each in given.items():
            if setting.name == path:
                try:
                    setting.check(name)
                except Expected as error:
                    self.problems.append(f"{_plain(path)}: the name {shown(name)} is not {error}")
                    continue
            yield name, self._entry(path, path.replace(TABLE, f".{name}"), each)

    def _entry(self, path: str, named: str, entry: dict[str, object]) -> dict[str, object]:
        """Check one entry; what is wrong in it is named by where it stands."""
        inner = _Reading(self._settings, self._environ)
        values = inner.section(f"{path}.", entry)
        self.problems += [named + problem.removeprefix(path) for problem in inner.problems]
        return values

    def _value(self, setting: Setting, given: object) -> object:
        if setting.environ and setting.environ in self._environ:
            given = self._environ[setting.environ]
        if given is None:
            if setting.required:
                self.problems.append(f"{setting.name}: is missing; it is {setting.about}")
                return None
            given = setting.default
        try:
            return setting.check(given)
        except Expected as error:
            said = "the secret" if setting.hidden else shown(given)
            self.problems.append(f"{setting.name}: {said} is not {error}")
            return None

    def _unknown(self, prefix: str, key: str, known: Iterable[str]) -> str:
        here = [f"{prefix}{_plain(name)}" for name in known]
        near = difflib.get_close_matches(prefix + key, here, n=1, cutoff=0.6)
        elsewhere = [each.name for each in self._settings if each.name.split(".")[-1] == key]
        hint = "".join(f"; did you mean {name}?" for name in (near or elsewhere)[:1])
        return f"{prefix}{shown(key)[1:-1]}: no such setting{hint}"


def _plain(name: str) -> str:
    return name.removesuffix(LIST).removesuffix(TABLE)


def _as_path(kind: type, value: object) -> object:
    if isinstance(value, kind):
        return value
    raise TypeError(f"no setting is made into {kind}")
