"""Points and levels: earned by what was bought and kept, spent where nobody can spend them twice.

A tenant without rules has neither. The rules come from a TOML file:

    [cents_per_point]
    CNY = 100

    [[level]]
    level = "gold"
    points = 5000
    [level.title]
    zh = "金卡"
    en = "Gold"
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from psycopg import Connection
from psycopg.types.json import Jsonb

from cloud_sync.shoppers.atoms.facts import CURRENCY

LEVELS_MAX = 20
CENTS_PER_POINT_MAX = 10**6
POINTS_MAX = 10**9
TITLE_CHARS_MAX = 40
PROBLEMS_SHOWN_MAX = 20
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LANGUAGES = ("zh", "en")


class PointsError(ValueError):
    """Rules of points are not as they must be; the message names every wrong place at once."""


class Level(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who earned so many points in all is at this level; the title is by language."""

    level: str
    points: int
    title: dict[str, str]


class PointRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many cents of a currency give a point, and the levels; what is in none gives nothing."""

    cents_per_point: dict[str, int]
    level: tuple[Level, ...] = ()


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a shopper has: the points earned and left, and the level, None below the lowest."""

    earned: int = 0
    left: int = 0
    level: Level | None = None


def standing_of(
    kept_cents: Mapping[str, int], spent: int, rules: PointRules | None
) -> Standing | None:
    """Return what a shopper has who paid, less what was refunded, so much in each currency.

    A refund takes its points back; where they were spent already, less than none are left.
    """
    if rules is None:
        return None
    earned = sum(
        max(kept_cents.get(currency, 0), 0) // cents
        for currency, cents in rules.cents_per_point.items()
    )
    reached = [each for each in rules.level if each.points <= earned]
    return Standing(
        earned=earned,
        left=earned - spent,
        level=max(reached, key=lambda each: each.points, default=None),
    )


def read_point_rules(path: Path) -> PointRules:
    """Read and check a file of rules; raises PointsError naming every wrong key."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PointsError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PointsError(f"{path} is no TOML file: {error}") from error
    wrong = list(_problems(table))
    if wrong:
        shown = "; ".join(wrong[:PROBLEMS_SHOWN_MAX])
        raise PointsError(f"{len(wrong)} wrong in {path}: {shown}")
    return msgspec.convert(table, PointRules)


def point_rules_of(connection: Connection, tenant: str) -> PointRules | None:
    """Return a tenant's rules of points, None where it has no points."""
    row = connection.execute(
        "SELECT point_rules FROM tenant_setting WHERE tenant = %s AND point_rules IS NOT NULL",
        (tenant,),
    ).fetchone()
    return None if row is None else msgspec.convert(row[0], PointRules)


def set_point_rules(connection: Connection, tenant: str, rules: PointRules | None) -> None:
    """Set a tenant's rules of points, or with None take its points away."""
    connection.execute(
        "INSERT INTO tenant_setting (tenant, point_rules) VALUES (%s, %s)"
        " ON CONFLICT (tenant) DO UPDATE SET point_rules = excluded.point_rules",
        (tenant, None if rules is None else Jsonb(msgspec.to_builtins(rules))),
    )


def _problems(table: Mapping[str, object]) -> Iterator[str]:
    for key in table:
        if key not in ("cents_per_point", "level"):
            yield f"{key!r} is unknown; known: cents_per_point, level"
    rates = table.get("cents_per_point")
    if not isinstance(rates, Mapping) or not rates:
        yield "[cents_per_point] names no currency"
        rates = {}
    for currency, cents in rates.items():
        if not CURRENCY.fullmatch(currency):
            yield f"cents_per_point: {currency!r} is no currency such as CNY"
        if type(cents) is not int or not 1 <= cents <= CENTS_PER_POINT_MAX:
            yield f"cents_per_point.{currency} is a whole number from 1 to {CENTS_PER_POINT_MAX}"
    levels = table.get("level", [])
    if not isinstance(levels, list) or len(levels) > LEVELS_MAX:
        yield f"[[level]] stands there up to {LEVELS_MAX} times"
        return
    seen: set[object] = set()
    for number, each in enumerate(levels, 1):
        if not isinstance(each, Mapping):
            yield f"level {number} is no table"
            continue
        yield from (f"level {number}: {problem}" for problem in _level_problems(each, seen))


def _level_problems(each: Mapping[str, object], seen: set[object]) -> Iterator[str]:
    for key in each:
        if key not in ("level", "points", "title"):
            yield f"{key!r} is unknown; known: level, points, title"
    name, points, title = each.get("level"), each.get("points"), each.get("title")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield "level is a name of 1 to 40 of a-z 0-9 _, a letter first"
    if type(points) is not int or not 0 <= points <= POINTS_MAX:
        yield f"points is a whole number from 0 to {POINTS_MAX}"
    for value in (name, points):
        if isinstance(value, str | int) and value in seen:
            yield f"{value!r} is that of another level"
        seen.add(value if isinstance(value, str | int) else None)
    titles = title if isinstance(title, Mapping) else {}
    for language in _LANGUAGES:
        text = titles.get(language)
        if not isinstance(text, str) or not 1 <= len(text) <= TITLE_CHARS_MAX:
            yield f"title.{language} is a text of 1 to {TITLE_CHARS_MAX} characters"
