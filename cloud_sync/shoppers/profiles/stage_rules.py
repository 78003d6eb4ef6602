"""The rules of the funnel: which deeds, how often, to what amount and how lately, make a stage.

A tenant has those of STAGE_RULES until it sets its own, from a TOML file with one `[[rule]]` for
each line of the table:

    [[rule]]
    stage = "interest"
    act = "viewed"
    times = 2
    days = 30
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import msgspec
from psycopg import Connection
from psycopg.types.json import Jsonb

from wire.topics import SHARDS

Stage = Literal["awareness", "interest", "purchase", "loyalty"]
STAGES: tuple[Stage, ...] = ("awareness", "interest", "purchase", "loyalty")

# Every deed that an event can tell of: those of acts.py, which a test holds against this list.
KNOWN_ACTS = (
    *("scanned", "arrived", "dwelled", "saw", "tapped", "viewed", "searched", "watched", "saved"),
    *("unsaved", "followed", "unfollowed", "tried", "claimed", "redeemed", "carried", "put_back"),
    *("bought", "returned", "asked", "showed"),
)
RULES_MAX = 100
TIMES_MAX = 10_000
AMOUNT_MAX = 10**12
DAYS_MAX = 3_650
PROBLEMS_SHOWN_MAX = 20


class StageRulesError(ValueError):
    """Rules are not as they must be; the message names every wrong place at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRule:
    """A shopper who did `act` `times` times, to `amount` together, within `days` is at `stage`.

    The amount is ms for dwelled and watched, cents for bought; days are whole days UTC, today
    included. An order counts as bought unless all that was paid for it was refunded.
    """

    stage: Stage
    act: str
    times: int = 1
    amount: int = 0
    days: int = 365


STAGE_RULES: tuple[StageRule, ...] = (
    StageRule(stage="loyalty", act="bought", times=2),
    StageRule(stage="purchase", act="bought"),
    StageRule(stage="interest", act="carried", days=30),
    StageRule(stage="interest", act="saved", days=90),
    StageRule(stage="interest", act="followed"),
    StageRule(stage="interest", act="tried", days=90),
    StageRule(stage="interest", act="scanned", days=90),
    StageRule(stage="interest", act="dwelled", amount=20_000, days=90),
    StageRule(stage="interest", act="viewed", times=2, days=30),
    StageRule(stage="interest", act="searched", days=30),
    StageRule(stage="interest", act="claimed", days=90),
)

# What may stand in a rule, with its greatest value where it is a number.
_NUMBERS: Mapping[str, int] = {"times": TIMES_MAX, "amount": AMOUNT_MAX, "days": DAYS_MAX}
_FIELDS = ("stage", "act", *_NUMBERS)


def read_rules(path: Path) -> tuple[StageRule, ...]:
    """Read and check a file of rules.

    Raises StageRulesError naming every wrong key and what is expected.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StageRulesError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StageRulesError(f"{path} is no TOML file: {error}") from error
    wrong = [f"{key!r} is unknown; a file holds [[rule]] alone" for key in table if key != "rule"]
    listed = table.get("rule")
    if not isinstance(listed, list):
        wrong.append("no [[rule]] stands in it")
        listed = []
    wrong += _problems(listed)
    if wrong:
        shown = "; ".join(wrong[:PROBLEMS_SHOWN_MAX])
        raise StageRulesError(f"{len(wrong)} wrong in {path}: {shown}")
    return rules_from(listed)


def rules_from(listed: object) -> tuple[StageRule, ...]:
    """Return rules from what was checked before, as a file or the database has them."""
    return msgspec.convert(listed, tuple[StageRule, ...])


def plain(rules: Iterable[StageRule]) -> list[dict[str, object]]:
    """Return rules as JSON has them."""
    return [asdict(each) for each in rules]


def rules_of(connection: Connection, tenant: str) -> tuple[StageRule, ...]:
    """Return the rules that hold for a tenant's shoppers."""
    row = connection.execute(
        "SELECT stage_rules FROM tenant_setting WHERE tenant = %s AND stage_rules IS NOT NULL",
        (tenant,),
    ).fetchone()
    return STAGE_RULES if row is None else rules_from(row[0])


def set_rules(connection: Connection, tenant: str, rules: Sequence[StageRule] | None) -> int:
    """Set a tenant's rules, or with None those that come with this version.

    All who were seen are decided anew in the order of the backlog; returns how many those are.
    """
    connection.execute(
        "INSERT INTO tenant_setting (tenant, stage_rules) VALUES (%s, %s)"
        " ON CONFLICT (tenant) DO UPDATE SET stage_rules = excluded.stage_rules",
        (tenant, None if rules is None else Jsonb(plain(rules))),
    )
    # What is kept of all days was counted by the rules before.
    connection.execute(
        "UPDATE funnel_count SET rests_until = '-infinity' WHERE tenant = %s", (tenant,)
    )
    # Only those have a view anywhere: whoever else comes is decided when they do.
    return connection.execute(
        "INSERT INTO shopper_due (shard, tenant, shopper)"
        " SELECT get_byte(uuid_send(shopper), 15) %% %s, tenant, replace(shopper::text, '-', '')"
        " FROM prepared WHERE tenant = %s ON CONFLICT DO NOTHING",
        (SHARDS, tenant),
    ).rowcount


def _problems(listed: Sequence[object]) -> Iterator[str]:
    if len(listed) > RULES_MAX:
        yield f"{len(listed)} rules, above {RULES_MAX}"
    for number, each in enumerate(listed[:RULES_MAX], 1):
        if not isinstance(each, Mapping):
            yield f"rule {number} is no table"
            continue
        for key in each:
            if key not in _FIELDS:
                yield f"rule {number}: {key!r} is unknown; known: {', '.join(_FIELDS)}"
        if each.get("stage") not in STAGES[1:]:
            yield f"rule {number}: stage is one of {', '.join(STAGES[1:])}"
        if each.get("act") not in KNOWN_ACTS:
            yield f"rule {number}: act is one of {', '.join(KNOWN_ACTS)}"
        for key, most in _NUMBERS.items():
            value, least = each.get(key, 1), int(key != "amount")
            # bool is an int to isinstance, and no number to whoever wrote the file.
            if type(value) is not int or not least <= value <= most:
                yield f"rule {number}: {key} is a whole number from {least} to {most}"
