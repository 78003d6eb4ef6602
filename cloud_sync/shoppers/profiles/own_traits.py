"""Traits that a tenant defines: one deed, about one topic if wanted, within some days.

They come from a TOML file with a `[[trait]]` for each, which replaces those of before:

    [[trait]]
    trait = "green_tea_month"
    act = "viewed"
    topic = "green tea"
    measure = "times"
    days = 30
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from psycopg import Connection
from psycopg.types.json import Jsonb

from cloud_sync.shoppers.profiles.stage_rules import DAYS_MAX, KNOWN_ACTS, PROBLEMS_SHOWN_MAX

OWN_TRAITS_MAX = 50
TOPIC_CHARS_MAX = 64
MEASURES = ("times", "amount", "days_since")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FIELDS = ("trait", "act", "topic", "measure", "days")


class TraitError(ValueError):
    """Traits are not as they must be; the message names every wrong place at once."""


class OwnTrait(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often a deed was done within `days`, to which amount, or how many days ago last.

    `topic` is the name of a brand, category, series or topic, or empty for any.
    """

    trait: str
    act: str
    topic: str = ""
    measure: Literal["times", "amount", "days_since"] = "times"
    days: int = 365


def read_own_traits(path: Path, taken: Sequence[str]) -> tuple[OwnTrait, ...]:
    """Read and check a file of traits; `taken` are names that this version uses itself.

    Raises TraitError naming every wrong key and what is expected.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TraitError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TraitError(f"{path} is no TOML file: {error}") from error
    wrong = [f"{key!r} is unknown; a file holds [[trait]] alone" for key in table if key != "trait"]
    listed = table.get("trait", [])
    wrong += _problems(listed, taken) if isinstance(listed, list) else ["no [[trait]] is in it"]
    if wrong:
        shown = "; ".join(wrong[:PROBLEMS_SHOWN_MAX])
        raise TraitError(f"{len(wrong)} wrong in {path}: {shown}")
    return msgspec.convert(listed, tuple[OwnTrait, ...])


def own_traits_of(connection: Connection, tenant: str) -> tuple[OwnTrait, ...]:
    """Return the traits that a tenant has defined."""
    row = connection.execute(
        "SELECT own_traits FROM tenant_setting WHERE tenant = %s AND own_traits IS NOT NULL",
        (tenant,),
    ).fetchone()
    return () if row is None else msgspec.convert(row[0], tuple[OwnTrait, ...])


def set_own_traits(connection: Connection, tenant: str, traits: Sequence[OwnTrait]) -> None:
    """Set the traits that a tenant has defined; nothing needs to be computed for it."""
    connection.execute(
        "INSERT INTO tenant_setting (tenant, own_traits) VALUES (%s, %s)"
        " ON CONFLICT (tenant) DO UPDATE SET own_traits = excluded.own_traits",
        (tenant, Jsonb(msgspec.to_builtins(traits))),
    )


def _problems(listed: Sequence[object], taken: Sequence[str]) -> list[str]:
    wrong = [f"{len(listed)} traits, above {OWN_TRAITS_MAX}"] * (len(listed) > OWN_TRAITS_MAX)
    seen = set(taken)
    for number, each in enumerate(listed[:OWN_TRAITS_MAX], 1):
        if not isinstance(each, Mapping):
            wrong.append(f"trait {number} is no table")
            continue
        wrong += [f"trait {number}: {problem}" for problem in _wrong(each, seen)]
        seen.add(str(each.get("trait")))
    return wrong


def _wrong(each: Mapping[str, object], seen: set[str]) -> Iterator[str]:
    for key in each:
        if key not in _FIELDS:
            yield f"{key!r} is unknown; known: {', '.join(_FIELDS)}"
    name, topic, days = each.get("trait"), each.get("topic", ""), each.get("days", 1)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield "trait is a name of 1 to 40 of a-z 0-9 _, a letter first"
    elif name in seen:
        yield f"the name {name!r} is taken"
    if each.get("act") not in KNOWN_ACTS:
        yield f"act is one of {', '.join(KNOWN_ACTS)}"
    if not isinstance(topic, str) or len(topic) > TOPIC_CHARS_MAX or "\0" in topic:
        yield f"topic is a text of up to {TOPIC_CHARS_MAX} characters"
    if each.get("measure", "times") not in MEASURES:
        yield f"measure is one of {', '.join(MEASURES)}"
    if type(days) is not int or not 1 <= days <= DAYS_MAX:
        yield f"days is a whole number from 1 to {DAYS_MAX}"
