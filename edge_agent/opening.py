"""When the store is open to shoppers: whoever is seen in it otherwise works there. Pure.

The hours are those of the clocks on the store's wall, written like `mon-fri 09:30-21:00`; those of
a night, `fri-sat 18:00-02:00`, belong to the day on which they begin.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from settings.checks import Expected

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
HOURS_MAX = 21
# The last shoppers leave within this time after closing: they are still counted out.
LEAVING_US = 30 * 60 * 1_000_000

_DAY = "|".join(DAYS)
_HOURS = re.compile(rf"({_DAY})(?:-({_DAY}))? ([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """On these days (0 is Monday) the store opens and closes at these minutes of the day."""

    days: frozenset[int]
    opens: int
    closes: int

    def holds(self, day: int, minute: int) -> bool:
        """Tell whether the store is open on this day at this minute."""
        if self.opens < self.closes:
            return day in self.days and self.opens <= minute < self.closes
        began_before = (day - 1) % 7 in self.days and minute < self.closes
        return began_before or (day in self.days and minute >= self.opens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The opening hours of a store; without any it is always open."""

    hours: tuple[Hours, ...] = ()
    time_zone: str = "UTC"

    def is_open(self, at: int) -> bool:
        """Tell whether shoppers may be in the store at a time (µs UTC)."""
        if not self.hours:
            return True
        local = datetime.fromtimestamp(at / 1_000_000, ZoneInfo(self.time_zone))
        minute = local.hour * 60 + local.minute
        return any(hours.holds(local.weekday(), minute) for hours in self.hours)

    def may_leave(self, at: int) -> bool:
        """Tell whether those who leave at a time may be shoppers."""
        return self.is_open(at) or self.is_open(at - LEAVING_US)


def opening(texts: Sequence[str], time_zone: str) -> Opening:
    """Return the opening hours that are written like this; raises Expected for a wrong one."""
    return Opening(hours=tuple(_read(text) for text in texts), time_zone=time_zone)


def hours(value: object) -> str:
    """Accept opening hours, as the check of a setting."""
    if isinstance(value, str):
        _read(value)
        return value
    raise Expected("hours such as mon-fri 09:30-21:00")


def _read(text: str) -> Hours:
    found = _HOURS.fullmatch(text)
    if found is None:
        raise Expected("hours such as mon-fri 09:30-21:00")
    first = DAYS.index(found[1])
    last = first if found[2] is None else DAYS.index(found[2])
    days = frozenset((first + n) % 7 for n in range((last - first) % 7 + 1))
    opens, closes = (int(found[n]) * 60 + int(found[n + 1]) for n in (3, 5))
    if closes > DAY_MINUTES or opens == closes:
        raise Expected(
            "hours such as mon-fri 09:30-21:00, which end at another time, 24:00 at most"
        )
    return Hours(days, opens, closes)
