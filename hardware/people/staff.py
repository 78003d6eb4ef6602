"""Tells staff from shoppers without looking at anybody: by where they go, and for how long."""

from collections.abc import Mapping, Sequence

from hardware.people.paths import Walker
from hardware.people.rules import PeopleRules
from hardware.people.zones import Polygon, contains


class StaffWatch:
    """Who of the people followed is staff. One who is lost from sight is a stranger again."""

    def __init__(self, zones: Mapping[str, Polygon], rules: PeopleRules) -> None:
        self._polygons = [zones[name] for name in rules.staff_zones]
        self._staff_ms = rules.staff_s * 1000
        self._staff: frozenset[int] = frozenset()

    def update(self, walkers: Sequence[Walker]) -> frozenset[int]:
        """Take everybody who is followed, and return the numbers of those who are staff."""
        known = {walker.number for walker in walkers}
        new = {walker.number for walker in walkers if self._is_staff(walker)}
        self._staff = frozenset((self._staff & known) | new)
        return self._staff

    def _is_staff(self, walker: Walker) -> bool:
        if self._staff_ms and walker.there_ms - walker.first_ms > self._staff_ms:
            return True
        return any(contains(area, fix.foot) for area in self._polygons for fix in walker.fixes)
