"""Reads the zones and counting lines of a picture from a TOML or JSON file."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from hardware.options import OptionsError, read_options
from hardware.people.floor import Floor, in_picture
from hardware.people.zones import Line, Polygon, ZoneMap, sides_cross

ZONE_FILE_BYTES_MAX = 1024 * 1024


class ZoneFileError(ValueError):
    """A zone file cannot be used; the message names the file and every fault in it."""


class ZoneEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One zone of the file: the corners of its polygon."""

    polygon: Polygon


class ZoneFile(msgspec.Struct, frozen=True, kw_only=True):
    """The file: a table `zones` of polygons and a table `lines` of two points each, by name.

    They are in pixels of the picture, or with a `floor` in its measure.
    """

    zones: dict[str, ZoneEntry] = {}
    lines: dict[str, Line] = {}
    floor: Floor | None = None


def read_zone_file(path: Path) -> ZoneMap:
    """Return the zones and lines of a file in pixels, TOML where its name ends so, else JSON.

    Raises ZoneFileError when it cannot be read or is not of the form above.
    """
    try:
        with path.open("rb") as file:
            content = file.read(ZONE_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ZoneFileError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > ZONE_FILE_BYTES_MAX:
        raise ZoneFileError(f"{path} is larger than {ZONE_FILE_BYTES_MAX // 1024} KiB")
    try:
        parsed = _parse(content, toml=path.suffix.lower() == ".toml")
        entries = _entries(parsed)
        if not entries.zones and not entries.lines:
            raise ValueError("has neither a zone nor a line")
        zones = {name: entry.polygon for name, entry in entries.zones.items()}
        seen = in_picture(ZoneMap(zones=zones, lines=entries.lines), entries.floor)
        refuse_crossed(zones)
        return seen
    except OptionsError as error:
        raise ZoneFileError(f"{path}: {'; '.join(error.problems)}") from error
    except (ValueError, RecursionError) as error:
        raise ZoneFileError(f"{path}: {error}") from error


def refuse_crossed(zones: Mapping[str, Polygon]) -> None:
    """Raise ValueError that names the zones whose sides cross: they have no plain inside."""
    if crossed := [name for name, polygon in zones.items() if sides_cross(polygon)]:
        raise ValueError("; ".join(f"zones: {name}: its sides cross" for name in crossed))


def _entries(parsed: dict[str, object]) -> ZoneFile:
    """Return the file's tables; raises OptionsError that names each zone and line at fault."""
    kinds: dict[str, object] = {"zones": ZoneEntry, "lines": Line}
    faults: list[str] = []
    for table, kind in kinds.items():
        named = parsed.get(table)
        if not isinstance(named, dict):
            continue
        wrong = {name: fault for name, entry in named.items() if (fault := _fault(entry, kind))}
        faults += [f"{table}: {name}: {fault}" for name, fault in wrong.items()]
        sound = {name: entry for name, entry in named.items() if name not in wrong}
        parsed = {**parsed, table: sound}
    try:
        entries = read_options(parsed, ZoneFile)
    except OptionsError as error:
        raise OptionsError((*error.problems, *faults)) from error
    if faults:
        raise OptionsError(tuple(faults))
    return entries


def _fault(entry: object, kind: object) -> str:
    """Return what is wrong with the shape of a zone or line, nothing where it is right."""
    try:
        msgspec.convert(entry, kind)
    except msgspec.ValidationError as error:
        return str(error).replace("`$", "`")
    return ""


def _parse(content: bytes, *, toml: bool) -> dict[str, object]:
    text = content.decode("utf-8-sig")
    try:
        parsed: object = tomllib.loads(text) if toml else json.loads(text)
    except ValueError as error:
        raise ValueError(f"is no valid {'TOML' if toml else 'JSON'}: {error}") from error
    if not isinstance(parsed, dict):
        raise ValueError("expects an object with `zones` and `lines`")
    return parsed
