"""The figures of the stores page: twins and today's sums, put together and ordered by need."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from cloud_sync.fleet.twins import StoreTwin

T = TypeVar("T")

CLOCK_OFFSET_MS_MAX = 5_000
# A page draws no more rows of stores; the others are found by their names.
ROWS_SHOWN_MAX = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that is wrong with a store: a text key with its values, and what a device said."""

    key: str
    values: Mapping[str, str]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRow:
    """One store on the page: its twin, today's figures, and what is wrong."""

    twin: StoreTwin
    figures: Mapping[str, int]
    troubles: Sequence[Trouble]

    @property
    def sales(self) -> dict[str, int]:
        """Return what was paid less what was refunded today, by currency."""
        return sales_of(self.figures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All stores together, and the online channels."""

    online: int
    stores: int
    complete: float
    waiting: int
    people_in: int
    redemptions: int
    sales: Mapping[str, int]


def day_began_at(now: int, time_zone: str) -> int:
    """Return when the day of `now` began in a time zone, in µs UTC."""
    local = datetime.fromtimestamp(now / 1_000_000, ZoneInfo(time_zone))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return int(midnight.timestamp()) * 1_000_000


def sales_of(figures: Mapping[str, int]) -> dict[str, int]:
    """Return what was paid less what was refunded, by currency."""
    sales: dict[str, int] = {}
    for figure, amount in figures.items():
        name, _, currency = figure.partition(".")
        sign = {"paid_cents": 1, "refunded_cents": -1}.get(name)
        if sign is not None and currency:
            sales[currency] = sales.get(currency, 0) + sign * amount
    return sales


def troubles_of(twin: StoreTwin) -> list[Trouble]:
    """Return what is wrong with a store, the worst first."""
    troubles = []
    if twin.state != "online":
        troubles.append(Trouble(key=f"reason.{twin.state}", values={}))
    for device in sorted(twin.unwell, key=lambda each: each.state != "failed"):
        key = f"device.{device.state if device.state == 'failed' else 'degraded'}"
        troubles.append(Trouble(key=key, values={"device": device.device}, reason=device.reason))
    if twin.quarantined:
        troubles.append(Trouble(key="complete.quarantined", values={"n": f"{twin.quarantined:,}"}))
    if twin.absent:
        troubles.append(Trouble(key="complete.absent", values={"n": f"{twin.absent:,}"}))
    if twin.clock_offset_ms is not None and abs(twin.clock_offset_ms) > CLOCK_OFFSET_MS_MAX:
        seconds = f"{abs(twin.clock_offset_ms) / 1000:.0f} s"
        troubles.append(Trouble(key="clock.wrong", values={"span": seconds}))
    return troubles


def rows_of(twins: Sequence[StoreTwin], totals: Mapping[str, Mapping[str, int]]) -> list[StoreRow]:
    """Return the rows of the page: stores with trouble first, then by name."""
    rows = [
        StoreRow(twin=twin, figures=totals.get(twin.store, {}), troubles=troubles_of(twin))
        for twin in twins
    ]
    return sorted(rows, key=lambda row: (not row.troubles, row.twin.store))


def some_of(rows: Sequence[T], name_of: Callable[[T], str], find: str) -> Sequence[T]:
    """Return the first ROWS_SHOWN_MAX rows of those whose store's name holds what is looked for."""
    wanted = find.strip().lower()
    return [row for row in rows if wanted in name_of(row)][:ROWS_SHOWN_MAX]


def shared_of(
    rows: Sequence[StoreRow], totals: Mapping[str, Mapping[str, int]]
) -> dict[str, Mapping[str, int]]:
    """Return the figures of stores of others, by store: an operator runs a zone there."""
    known = {row.twin.store for row in rows} | {""}
    return {store: totals[store] for store in sorted(totals) if store not in known}


def summary_of(rows: Sequence[StoreRow], totals: Mapping[str, Mapping[str, int]]) -> Summary:
    """Return the sums over all stores; sales and redemptions include the online channels."""
    head = sum(row.twin.head for row in rows)
    received = sum(row.twin.received for row in rows)
    sales: dict[str, int] = {}
    for figures in totals.values():
        for currency, amount in sales_of(figures).items():
            sales[currency] = sales.get(currency, 0) + amount
    return Summary(
        online=sum(row.twin.state == "online" for row in rows),
        stores=len(rows),
        complete=received / head if head else 1.0,
        waiting=sum(row.twin.waiting for row in rows),
        people_in=sum(row.figures.get("people_in", 0) for row in rows),
        redemptions=sum(figures.get("redemptions", 0) for figures in totals.values()),
        sales=sales,
    )
