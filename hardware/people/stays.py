"""Turns people who are followed into stays in zones: pure, time is an argument.

Time is that of the frames, not a count of frames, and the moment in which an edge is stepped over
lies between two of them. Whoever leaves a zone and is back within the re-entry gap never left;
whoever is lost inside it and found there again is the same person.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hardware.people.paths import Fix, Walker
from hardware.people.rules import PeopleRules
from hardware.people.zones import ZoneMap, contains, edge_share
from hardware.readings import Stay

BETWEEN_FIXES_MS = 2_500


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStay:
    """Somebody is in a zone, or `left` it a moment ago: since when, and until when so far.

    `appeared` is set where they were first seen within it.
    """

    zone: str
    walker: int
    entered_ms: int
    inside_ms: int
    left: bool = False
    lost: bool = False
    appeared: bool = False
    people_max: int = 1


class StayClock:
    """The stays under way in one camera's zones."""

    def __init__(self, zones: ZoneMap, rules: PeopleRules | None = None) -> None:
        self._zones = zones
        self._rules = rules or PeopleRules()
        self._open: list[OpenStay] = []
        self._fixes: dict[int, Fix] = {}
        self._pasts: set[int] = set()

    def update(self, walkers: Sequence[Walker], at_ms: int) -> tuple[Stay, ...]:
        """Take everybody who is followed after a frame at `at_ms`; return the stays that ended."""
        for walker in walkers:
            for fix in walker.fixes:
                self._step(walker, fix)
            if walker.stood is not None and walker.number not in self._pasts:
                self._stood(walker, walker.stood)
            self._wait(walker)
        self._count()
        following = {walker.number for walker in walkers if not walker.over}
        self._fixes = {n: fix for n, fix in self._fixes.items() if n in following}
        self._pasts = self._pasts & following
        ended = [stay for stay in self._open if self._is_over(stay, at_ms)]
        self._open = [stay for stay in self._open if stay not in ended]
        return self._reported(ended)

    def finish(self) -> tuple[Stay, ...]:
        """End every stay when it was last seen: there are no further frames."""
        ended, self._open, self._fixes = self._open, [], {}
        return self._reported(ended)

    def drop(self, numbers: frozenset[int]) -> None:
        """Forget the stays of people who do not count."""
        self._open = [stay for stay in self._open if stay.walker not in numbers]

    def counts(self) -> dict[str, int]:
        """Return how many people are in each zone now."""
        counts = dict.fromkeys(self._zones.zones, 0)
        for stay in self._open:
            counts[stay.zone] += not stay.left
        return counts

    def waiting_ms(self, at_ms: int) -> dict[str, tuple[int, ...]]:
        """Return for each zone how long everybody in it is there now, the longest first."""
        there = [stay for stay in self._open if not stay.left]
        return {
            zone: tuple(
                sorted(
                    (at_ms - each.entered_ms for each in there if each.zone == zone), reverse=True
                )
            )
            for zone in self._zones.zones
        }

    def _step(self, walker: Walker, fix: Fix) -> None:
        before = self._fixes.get(walker.number)
        self._fixes[walker.number] = fix
        for zone, polygon in self._zones.zones.items():
            is_inside = contains(polygon, fix.foot)
            stay = self._stay_of(walker.number, zone)
            if stay is not None and not stay.left:
                until_ms = max(stay.inside_ms, fix.at_ms)
                if not is_inside:
                    until_ms = max(stay.entered_ms, self._crossed_ms(zone, before, fix))
                self._replace(stay, replace(stay, inside_ms=until_ms, left=not is_inside))
            elif is_inside and stay is not None:
                self._replace(stay, replace(stay, inside_ms=fix.at_ms, left=False))
            elif is_inside:
                self._enter(zone, walker, before, fix)

    def _enter(self, zone: str, walker: Walker, before: Fix | None, fix: Fix) -> None:
        since_ms = fix.at_ms
        if before is not None and fix.at_ms - before.at_ms <= BETWEEN_FIXES_MS:
            since_ms = self._crossed_ms(zone, before, fix)
        elif (lost := self._lost_in(zone, walker)) is not None:
            self._replace(
                lost, replace(lost, walker=walker.number, inside_ms=fix.at_ms, lost=False)
            )
            return
        self._open.append(
            OpenStay(
                zone=zone,
                walker=walker.number,
                entered_ms=since_ms,
                inside_ms=fix.at_ms,
                appeared=before is None,
            )
        )

    def _stood(self, walker: Walker, since: Fix) -> None:
        """Count somebody from when they were there, though they were noticed later."""
        self._pasts.add(walker.number)
        for zone in self._zones.zones_at(since.foot):
            stay = self._stay_of(walker.number, zone)
            if stay is not None and stay.appeared:
                entered_ms = min(stay.entered_ms, since.at_ms)
                self._replace(stay, replace(stay, entered_ms=entered_ms))
            elif stay is None:
                self._open.append(
                    OpenStay(
                        zone=zone,
                        walker=walker.number,
                        entered_ms=since.at_ms,
                        inside_ms=walker.first_ms,
                        left=True,
                    )
                )

    def _crossed_ms(self, zone: str, before: Fix | None, fix: Fix) -> int:
        """Return when the zone's edge was stepped over between two places."""
        if before is None:
            return fix.at_ms
        share = edge_share(self._zones.zones[zone], before.foot, fix.foot)
        return round(before.at_ms + share * (fix.at_ms - before.at_ms))

    def _wait(self, walker: Walker) -> None:
        """Prolong the stays of somebody who is there without having taken a further step."""
        for stay in self._open:
            if stay.walker == walker.number and not stay.left:
                self._replace(
                    stay,
                    replace(
                        stay,
                        inside_ms=max(stay.inside_ms, walker.there_ms),
                        lost=walker.over,
                    ),
                )

    def _lost_in(self, zone: str, walker: Walker) -> OpenStay | None:
        """Return the stay of somebody who was lost before this one appeared in the same zone."""
        lost = [
            stay
            for stay in self._open
            if stay.zone == zone and stay.lost and stay.inside_ms <= walker.first_ms
        ]
        return max(lost, key=lambda stay: stay.inside_ms, default=None)

    def _count(self) -> None:
        counts = self.counts()
        self._open = [
            replace(stay, people_max=max(stay.people_max, counts[stay.zone])) for stay in self._open
        ]

    def _is_over(self, stay: OpenStay, at_ms: int) -> bool:
        if not (stay.left or stay.lost):
            return False
        patience_s = self._rules.reentry_s if stay.left else self._rules.lost_s
        return at_ms - stay.inside_ms > patience_s * 1000

    def _stay_of(self, number: int, zone: str) -> OpenStay | None:
        for stay in self._open:
            if stay.walker == number and stay.zone == zone:
                return stay
        return None

    def _replace(self, stay: OpenStay, by: OpenStay) -> None:
        self._open[self._open.index(stay)] = by

    def _reported(self, ended: Sequence[OpenStay]) -> tuple[Stay, ...]:
        """Return the stays that lasted; whoever only walks through passed by."""
        return tuple(
            Stay(
                zone=stay.zone,
                entered_mono_ms=stay.entered_ms,
                left_mono_ms=stay.inside_ms,
                people_max=stay.people_max,
                engaged=stay.inside_ms - stay.entered_ms >= self._rules.engaged_s * 1000,
            )
            for stay in ended
            if stay.inside_ms - stay.entered_ms >= self._rules.pass_by_s * 1000
        )
