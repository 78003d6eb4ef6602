"""Turns people who are followed into passages over counting lines: pure, time is an argument.

A passage is told when it is certain that it was no U-turn. People who come in side by side count
as one group: a family buys once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hardware.people.paths import Fix, Walker
from hardware.people.rules import PeopleRules
from hardware.people.zones import Line, crossing
from hardware.readings import Passage

# People of one group are at most so many of their own heights apart.
GROUP_HEIGHTS = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """One person crossed a line: `way` is 1 inwards, -1 outwards."""

    line: str
    walker: int
    way: int
    fix: Fix


class PassageClock:
    """The passages over one camera's lines."""

    def __init__(self, lines: dict[str, Line], rules: PeopleRules | None = None) -> None:
        self._lines = lines
        self._rules = rules or PeopleRules()
        self._fixes: dict[int, Fix] = {}
        self._waiting: list[Crossing] = []
        self._entered: list[Crossing] = []

    def update(self, walkers: Sequence[Walker], at_ms: int) -> tuple[Passage, ...]:
        """Take everybody who is followed after a frame at `at_ms`; return who has passed."""
        for walker in walkers:
            for fix in walker.fixes:
                self._step(walker.number, fix)
        following = {walker.number for walker in walkers if not walker.over}
        self._fixes = {n: fix for n, fix in self._fixes.items() if n in following}
        due_ms = at_ms - round(self._rules.u_turn_s * 1000)
        return self._reported([one for one in self._waiting if one.fix.at_ms <= due_ms])

    def finish(self) -> tuple[Passage, ...]:
        """Return the passages that still waited: there are no further frames."""
        self._fixes = {}
        return self._reported(list(self._waiting))

    def drop(self, numbers: frozenset[int]) -> None:
        """Forget the passages of people who do not count."""
        self._waiting = [one for one in self._waiting if one.walker not in numbers]

    def _step(self, number: int, fix: Fix) -> None:
        before = self._fixes.get(number)
        self._fixes[number] = fix
        if before is None:
            return
        for name, line in self._lines.items():
            way = crossing(line, before.foot, fix.foot)
            if way:
                self._cross(Crossing(line=name, walker=number, way=way, fix=fix))

    def _cross(self, crossed: Crossing) -> None:
        within_ms = self._rules.u_turn_s * 1000
        for earlier in self._waiting:
            if (
                (earlier.line, earlier.walker) == (crossed.line, crossed.walker)
                and earlier.way == -crossed.way
                and crossed.fix.at_ms - earlier.fix.at_ms <= within_ms
            ):
                self._waiting.remove(earlier)
                return
        self._waiting.append(crossed)

    def _reported(self, due: list[Crossing]) -> tuple[Passage, ...]:
        self._waiting = [one for one in self._waiting if one not in due]
        passages: list[Passage] = []
        for name in self._lines:
            ways = [one for one in due if one.line == name]
            inwards = [one for one in ways if one.way > 0]
            if ways:
                passages.append(
                    Passage(
                        line=name,
                        people_in=len(inwards),
                        people_out=len(ways) - len(inwards),
                        groups_in=sum(self._begins_group(one) for one in inwards),
                    )
                )
        return tuple(passages)

    def _begins_group(self, crossed: Crossing) -> bool:
        """Tell whether nobody of the same group came in before, and remember this one."""
        within_ms = self._rules.group_s * 1000
        now_ms = crossed.fix.at_ms
        self._entered = [one for one in self._entered if now_ms - one.fix.at_ms <= within_ms]
        joins = any(one.line == crossed.line and _beside(one, crossed) for one in self._entered)
        self._entered.append(crossed)
        return not joins


def _beside(one: Crossing, other: Crossing) -> bool:
    tall = max(one.fix.tall, other.fix.tall)
    return math.dist(one.fix.foot, other.fix.foot) <= GROUP_HEIGHTS * tall
