"""Writes zones and lines as the TOML file that `storebridge dwell --zones` reads."""

import json

import msgspec

from hardware.options import read_options
from hardware.people.zone_file import ZoneFile, refuse_crossed
from hardware.people.zones import Point, ZoneMap


class DrawingError(ValueError):
    """What was drawn is no zone file; the message says why."""


def zone_toml(drawn: bytes) -> str:
    """Return the TOML of a drawing that comes as JSON of the same shape.

    Raises DrawingError for what `zone_file.read_zone_file` would refuse.
    """
    try:
        parsed = msgspec.json.decode(drawn, type=dict[str, object])
        entries = read_options(parsed, ZoneFile)
        polygons = {name: entry.polygon for name, entry in entries.zones.items()}
        ZoneMap(zones=polygons, lines=entries.lines)
        refuse_crossed(polygons)
    except (msgspec.DecodeError, ValueError) as error:
        raise DrawingError(str(error)) from error
    if not all([*polygons, *entries.lines] or [""]):
        raise DrawingError("draw something first, and give each a name")
    blocks = [f"[zones.{_key(name)}]\npolygon = {_points(p)}\n" for name, p in polygons.items()]
    if entries.lines:
        lines = "".join(f"{_key(name)} = {_points(p)}\n" for name, p in entries.lines.items())
        blocks.append(f"[lines]\n{lines}")
    return "\n".join(blocks)


def _key(name: str) -> str:
    """Return a name as a quoted key: JSON's strings are TOML's, but for one character."""
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


def _points(points: tuple[Point, ...]) -> str:
    return json.dumps([[round(x, 1), round(y, 1)] for x, y in points])
