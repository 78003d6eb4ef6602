"""Audiences: named sets of conditions, and who meets them all now.

A tenant sets its own from a TOML file; whoever meets every condition is in the audience:

    [[audience]]
    name = "tea-lovers"
    about = "looked at tea three times in a month and bought nothing since"
    stage = "interest"                          at least; optional

    [[audience.condition]]
    act = "viewed"                              a deed as the funnel's rules know it
    times = 3
    days = 30

    [[audience.condition]]
    act = "bought"
    never = true                                the deed was not done in these days
    days = 30
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from psycopg import Connection
from psycopg.types.json import Jsonb

from cloud_sync.flow import queue
from cloud_sync.reports.funnel import DID
from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.profiles.profile import Profile
from cloud_sync.shoppers.profiles.stage_rules import STAGES, StageRule, rules_of
from wire.topics import NAME

AUDIENCES_MAX = 200
CONDITIONS_MAX = 20
ABOUT_CHARACTERS_MAX = 200
PROBLEMS_SHOWN_MAX = 20
_NUMBERS: Mapping[str, tuple[int, int]] = {
    "times": (1, 10_000),
    "amount": (0, 10**12),
    "days": (1, 3_650),
}


class AudienceError(ValueError):
    """Audiences are not as they must be; the message names every wrong place at once."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """`act` was done `times` times, to `amount` together, within `days`; or `never` in these.

    The amount is ms for dwelled and cents for bought; days are whole days UTC, today included.
    """

    act: str
    times: int = 1
    amount: int = 0
    days: int = 365
    never: bool = False


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """A named condition on shoppers: at least at `stage`, and every condition holds."""

    name: str
    about: str = ""
    stage: str = "awareness"
    conditions: tuple[Condition, ...] = ()


def audiences_of(
    profile: Profile, stage: str, audiences: Iterable[Audience], now: int
) -> tuple[str, ...]:
    """Return the names of the audiences that a shopper at `stage` is in at `now` (µs UTC)."""
    return tuple(
        sorted(
            each.name
            for each in audiences
            if STAGES.index(stage) >= STAGES.index(each.stage)
            and all(_holds(profile, one, now) for one in each.conditions)
        )
    )


def _holds(profile: Profile, condition: Condition, now: int) -> bool:
    first_day = now // DAY_US - condition.days + 1
    done = [
        facts
        for (day, act), facts in profile.acts.items()
        if act == condition.act and day >= first_day
    ]
    times = sum(each.times for each in done)
    if condition.never:
        return times == 0
    return times >= condition.times and sum(each.amount for each in done) >= condition.amount


def read_audiences(path: Path, acts: Iterable[str]) -> tuple[Audience, ...]:
    """Read and check a file of audiences; `acts` are the deeds that are known.

    Raises AudienceError naming every wrong key and what is expected.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AudienceError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AudienceError(f"{path} is no TOML file: {error}") from error
    wrong = [f"{key!r} is unknown; a file holds [[audience]]" for key in table if key != "audience"]
    listed = table.get("audience")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        wrong.append("no [[audience]] stands in it")
        listed = []
    wrong += _problems(listed, frozenset(acts))
    if wrong:
        shown = "; ".join(wrong[:PROBLEMS_SHOWN_MAX])
        raise AudienceError(f"{len(wrong)} wrong in {path}: {shown}")
    renamed = [
        {"conditions" if key == "condition" else key: value for key, value in each.items()}
        for each in listed
    ]
    return msgspec.convert(renamed, tuple[Audience, ...])


def _problems(listed: Sequence[Mapping[str, object]], acts: frozenset[str]) -> Iterator[str]:
    if len(listed) > AUDIENCES_MAX:
        yield f"{len(listed)} audiences, above {AUDIENCES_MAX}"
    names = [each.get("name") for each in listed]
    for number, each in enumerate(listed[:AUDIENCES_MAX], 1):
        name = each.get("name")
        where = f"audience {name if isinstance(name, str) else number}"
        if names.count(name) > 1:
            yield f"{where}: there are two of this name"
        yield from _wrong_audience(where, each)
        conditions = each.get("condition", [])
        if not isinstance(conditions, list) or len(conditions) > CONDITIONS_MAX:
            yield f"{where}: at most {CONDITIONS_MAX} [[audience.condition]]"
            continue
        if not conditions and each.get("stage", STAGES[0]) == STAGES[0]:
            yield f"{where}: it needs a stage above awareness or a condition, or everybody is in it"
        for place, one in enumerate(conditions, 1):
            yield from _wrong(f"{where}, condition {place}", one, acts)


def _wrong_audience(where: str, audience: Mapping[str, object]) -> Iterator[str]:
    for key in audience:
        if key not in ("name", "about", "stage", "condition"):
            yield f"{where}: {key!r} is unknown; known: name, about, stage, condition"
    name, about = audience.get("name"), audience.get("about", "")
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        yield f"{where}: name has 1 to 40 of a-z 0-9 _ -, beginning with a letter or digit"
    if not isinstance(about, str) or len(about) > ABOUT_CHARACTERS_MAX:
        yield f"{where}: about is a text of at most {ABOUT_CHARACTERS_MAX} characters"
    if audience.get("stage", STAGES[0]) not in STAGES:
        yield f"{where}: stage is one of {', '.join(STAGES)}"


def _wrong(where: str, condition: object, acts: frozenset[str]) -> Iterator[str]:
    if not isinstance(condition, Mapping):
        yield f"{where} is no table"
        return
    for key in condition:
        if key not in ("act", "never", *_NUMBERS):
            yield f"{where}: {key!r} is unknown; known: act, never, {', '.join(_NUMBERS)}"
    if condition.get("act") not in acts:
        yield f"{where}: act is one of {', '.join(sorted(acts))}"
    if not isinstance(condition.get("never", False), bool):
        yield f"{where}: never is true or false"
    for key, (least, most) in _NUMBERS.items():
        value = condition.get(key, least)
        # bool is an int to isinstance, and no number to whoever wrote the file.
        if type(value) is not int or not least <= value <= most:
            yield f"{where}: {key} is a whole number from {least} to {most}"


def audiences_set(connection: Connection, tenant: str) -> tuple[Audience, ...]:
    """Return the audiences of a tenant, by name."""
    rows = connection.execute(
        "SELECT audience, about, conditions FROM audience WHERE tenant = %s ORDER BY audience",
        (tenant,),
    )
    return tuple(
        msgspec.convert({"name": name, "about": about, **rest}, Audience)
        for name, about, rest in rows
    )


def counts(
    connection: Connection, tenant: str, audiences: Sequence[Audience], now: int
) -> dict[str, int]:
    """Return how many shoppers are in each audience at `now`, in one statement for each."""
    return {each.name: _count(connection, tenant, each, now) for each in audiences}


def _count(connection: Connection, tenant: str, audience: Audience, now: int) -> int:
    rules = rules_of(connection, tenant)
    stages = STAGES[STAGES.index(audience.stage) :]
    ways = [each for each in rules if each.stage in stages]
    today = now // DAY_US
    names: dict[str, object] = {"tenant": tenant}
    parts = [_said(one, today, names, never=one.never) for one in audience.conditions]
    if audience.stage != STAGES[0]:
        parts.append(f"({' OR '.join(_said(one, today, names) for one in ways) or 'false'})")
    row = connection.execute(
        f"{DID} SELECT count(*) FROM (SELECT FROM did GROUP BY shopper"  # noqa: S608 (names alone)
        f" HAVING {' AND '.join(parts)}) AS inside".encode(),
        names,
    ).fetchone()
    return int(row[0]) if row else 0


def _said(
    one: Condition | StageRule, today: int, names: dict[str, object], *, never: bool = False
) -> str:
    """Return the condition on the sums of a shopper's days, its values put into `names`."""
    place = len(names)
    act, day, times, amount = (f"{name}{place}" for name in ("act", "day", "times", "amount"))
    names |= {act: one.act, day: today - one.days + 1, times: one.times, amount: one.amount}
    which = f"FILTER (WHERE act = %({act})s AND day >= %({day})s)"
    if never:
        return f"coalesce(sum(times) {which}, 0) = 0"
    return (
        f"(coalesce(sum(times) {which}, 0) >= %({times})s"
        f" AND coalesce(sum(amount) {which}, 0) >= %({amount})s)"
    )


def set_audiences(
    connection: Connection, tenant: str, audiences: Sequence[Audience], now: int
) -> None:
    """Set a tenant's audiences in place of those before; connectors tell of everybody concerned."""
    connection.execute("DELETE FROM audience WHERE tenant = %s", (tenant,))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO audience (tenant, audience, about, conditions) VALUES (%s, %s, %s, %s)",
            [
                (
                    tenant,
                    each.name,
                    each.about,
                    Jsonb(
                        {
                            "stage": each.stage,
                            "conditions": [msgspec.structs.asdict(one) for one in each.conditions],
                        }
                    ),
                )
                for each in audiences
            ],
        )
    queue.put_everybody(connection, tenant, now)
