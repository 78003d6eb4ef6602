"""Rules tried on events before they count: what they would join, split, and how large it gets."""

import tomllib
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import msgspec

from cloud_sync.identity.rules import DEFAULT_RULE, LADDER, KindRule


class RulesError(ValueError):
    """A file of rules cannot be used; the text names the key and what it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What other rules would change about who is who.

    `joins` and `splits` count shoppers: two that become one are one join.
    """

    joins: int
    splits: int
    largest: int
    largest_before: int


def compare(before: Mapping[str, Hashable], after: Mapping[str, Hashable]) -> Trial:
    """Compare whose the same events are by two sets of rules."""
    return Trial(
        joins=_parts(after, before),
        splits=_parts(before, after),
        largest=max(Counter(after.values()).values(), default=0),
        largest_before=max(Counter(before.values()).values(), default=0),
    )


def read_rules(path: Path) -> dict[str, KindRule]:
    """Read a TOML file of rules: a table a kind, with what differs from the rules that hold.

    Raises RulesError where the file cannot be read or a key or value is none of a rule's.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RulesError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulesError(f"{path} is no TOML: {error}") from None
    ladder = dict(LADDER)
    for kind, table in tables.items():
        if not isinstance(table, dict):
            raise RulesError(f"{kind}: a table of rules is needed, such as [{kind}] own_max = 3")
        ladder[kind] = _changed(kind, ladder.get(kind, DEFAULT_RULE), table)
    return ladder


def _changed(kind: str, rule: KindRule, table: Mapping[str, object]) -> KindRule:
    known = [field.name for field in fields(KindRule)]
    for key, value in table.items():
        if key not in known:
            raise RulesError(f"{kind}.{key} is no rule; known: {', '.join(known)}")
        if isinstance(value, int) and value < 0:
            raise RulesError(f"{kind}.{key} is {value}; it has to be 0 or more")
    try:
        return msgspec.convert({**asdict(rule), **table}, KindRule)
    except msgspec.ValidationError as error:
        raise RulesError(f"{kind}: {error}") from None


def _parts(whole: Mapping[str, Hashable], parts: Mapping[str, Hashable]) -> int:
    """Return how many more shoppers there are in `parts` within each of `whole`."""
    within: dict[Hashable, set[Hashable]] = defaultdict(set)
    for event, shopper in whole.items():
        within[shopper].add(parts[event])
    return sum(len(each) - 1 for each in within.values())
