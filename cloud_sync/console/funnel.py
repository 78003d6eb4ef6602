"""The funnel's page: who stood where on two days, and how they went from one to the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast, get_args

from psycopg import Connection

from cloud_sync.reports import funnel, kept_paths
from cloud_sync.reports.funnel import By, Count, Flow
from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.profiles.stage_rules import STAGES, rules_of

EPOCH = date(1970, 1, 1)
DAYS_SHOWN = 30
KEY_CHARS_MAX = 64
# A page that takes longer is not worth waiting for; the command counts as long as it takes.
COUNT_S_MAX = 20
# More brands or stores are no table to read; each is there under its own name.
KEYS_SHOWN_MAX = 500
NOBODY: Count = dict.fromkeys(STAGES, 0)

# The picture, in its own units: two columns of bars, with room for their names beside them.
WIDTH, HEIGHT, BAR, GAP, NAMES = 1000, 420, 18, 10, 190


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a page is asked for: two days since 1970, and what is told apart."""

    first: int
    last: int
    by: By = "whole"
    key: str = ""

    @property
    def days(self) -> tuple[date, date]:
        """Return the two days as dates."""
        return EPOCH + timedelta(days=self.first), EPOCH + timedelta(days=self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A stage on one of the days: where its bar stands, and how many shoppers it stands for."""

    stage: str
    shoppers: int
    x: float
    y: float
    height: float

    @property
    def middle(self) -> float:
        """Return the height of its name."""
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ribbon:
    """A flow, as the path of an SVG."""

    flow: Flow
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The flows as bars and ribbons between them."""

    bars: Sequence[Bar]
    ribbons: Sequence[Ribbon]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelPage:
    """All that the page shows; without a key of brands, stores or channels, one row for each.

    `counted_at` is when it was counted, µs UTC.
    """

    asked: Asked
    keys: Sequence[tuple[str, Count, Count]]
    flows: Sequence[Flow]
    picture: Picture
    counted_at: int


def read_asked(arguments: Mapping[str, str], now: int) -> Asked:
    """Return what an address asks for; what cannot be read is as if it were not there."""
    last = _day(arguments.get("to", ""), now // DAY_US)
    first = min(_day(arguments.get("from", ""), last - DAYS_SHOWN), last - 1)
    by = arguments.get("by", "")
    if by not in get_args(By) or by == "whole":
        return Asked(first=first, last=last)
    key = arguments.get("key", "").replace("\0", "")[:KEY_CHARS_MAX].strip()
    return Asked(first=first, last=last, by=cast("By", by), key=key)


def read_page(connection: Connection, tenant: str, asked: Asked, now: int) -> FunnelPage:
    """Read what a page shows at `now`, µs UTC: as it was last counted for all days and keys.

    Where such a count takes no longer than a page may, or there was none yet, it is counted now,
    for at most COUNT_S_MAX seconds a question.
    """
    last = kept_paths.counted(connection, tenant)
    days = (asked.first, asked.last)
    if last is not None and last.took_ms > kept_paths.QUICK_MS:
        counted = kept_paths.counts(connection, tenant, days, asked.by, asked.key)
        flows = kept_paths.flows(connection, tenant, *days, asked.by, asked.key)
    else:
        last = None
        connection.execute(
            "SELECT set_config('statement_timeout', %s, true)", (f"{COUNT_S_MAX * 1000}",)
        )
        rules, by, key = rules_of(connection, tenant), asked.by, asked.key
        counted = funnel.counts(connection, tenant, days, rules, by, key)
        flows = funnel.flows(connection, tenant, *days, rules, by, key)
    shown = flows.get(asked.key, []) if asked.key or asked.by == "whole" else []
    keys = sorted({*counted[asked.first], *counted[asked.last]})
    return FunnelPage(
        asked=asked,
        keys=[
            (key, counted[asked.first].get(key, NOBODY), counted[asked.last].get(key, NOBODY))
            for key in keys[:KEYS_SHOWN_MAX]
        ],
        flows=shown,
        picture=picture_of(shown),
        counted_at=now if last is None else last.counted_at,
    )


def picture_of(flows: Sequence[Flow]) -> Picture:
    """Draw flows: those known before on the left, all on the right, as high as they are many."""
    total = sum(each.shoppers for each in flows)
    if not total:
        return Picture(bars=(), ribbons=())
    sides = [
        _bars([(stage, sum(f.shoppers for f in flows if f.before == stage)) for stage in _BEFORE]),
        _bars([(stage, sum(f.shoppers for f in flows if f.after == stage)) for stage in _AFTER]),
    ]
    x_of = (NAMES, WIDTH - NAMES - BAR)
    left, right = (
        {stage: Bar(stage=stage, shoppers=n, x=x, y=y, height=h) for stage, n, y, h in side}
        for side, x in zip(sides, x_of, strict=True)
    )
    used_left, used_right = dict.fromkeys(left, 0.0), dict.fromkeys(right, 0.0)
    ribbons = []
    for flow in sorted(flows, key=lambda f: (_BEFORE.index(f.before), _AFTER.index(f.after))):
        start, end = left[flow.before], right[flow.after]
        thick_left = start.height * flow.shoppers / start.shoppers
        thick_right = end.height * flow.shoppers / end.shoppers
        path = _path(
            (start.x + BAR, start.y + used_left[flow.before], thick_left),
            (end.x, end.y + used_right[flow.after], thick_right),
        )
        used_left[flow.before] += thick_left
        used_right[flow.after] += thick_right
        ribbons.append(Ribbon(flow=flow, path=path))
    return Picture(bars=[*left.values(), *right.values()], ribbons=ribbons)


# From top to bottom.
_AFTER = tuple(reversed(STAGES))
_BEFORE = (*_AFTER, "")


def _bars(sizes: Sequence[tuple[str, int]]) -> list[tuple[str, int, float, float]]:
    """Return stage, shoppers, top and height of each bar that stands for anybody."""
    some = [(stage, shoppers) for stage, shoppers in sizes if shoppers]
    total = sum(shoppers for _, shoppers in some)
    room = HEIGHT - GAP * (len(some) - 1)
    found, y = [], 0.0
    for stage, shoppers in some:
        height = room * shoppers / total
        found.append((stage, shoppers, y, height))
        y += height + GAP
    return found


def _path(start: tuple[float, float, float], end: tuple[float, float, float]) -> str:
    (x0, y0, h0), (x1, y1, h1) = start, end
    middle = (x0 + x1) / 2
    return (
        f"M{x0:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        f"V{y1 + h1:.1f}C{middle:.1f} {y1 + h1:.1f} {middle:.1f} {y0 + h0:.1f} {x0:.1f}"
        f" {y0 + h0:.1f}Z"
    )


def _day(text: str, otherwise: int) -> int:
    try:
        return (date.fromisoformat(text) - EPOCH).days
    except ValueError:
        return otherwise
