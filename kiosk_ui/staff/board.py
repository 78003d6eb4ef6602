"""What the staff page shows: calls first, then what runs low, traffic, devices and the queue."""

import hashlib
from dataclasses import dataclass

import msgspec

from edge_agent.health import Health
from edge_agent.visits import calls, traffic
from edge_agent.visits.calls import Call
from edge_agent.visits.traffic import Footfall, HourTraffic, ZoneTraffic
from kiosk_ui.staff.shelf import Item, items
from kiosk_ui.store import Store
from wire.messages import DeviceState

HOUR_US = 3_600_000_000
CHART_HOURS = 12
# What the board shows of the goods; all are a touch away.
ITEMS_SHOWN_MAX = 10

# What to do about an unwell device, by a part of its driver's name; the first that fits.
REMEDIES: tuple[tuple[str, str], ...] = (
    ("people", "staff.do.people"),
    ("camera", "staff.do.camera"),
    ("barcode", "staff.do.barcode"),
    ("printer", "staff.do.printer"),
)
REMEDY_OTHERWISE = "staff.do.other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One hour of a zone's chart: how many stays ended in it."""

    hour_at: int
    stays: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything on the staff page at one moment; `queues` are the zones in which a till stands."""

    at: int
    calls: tuple[Call, ...]
    items: tuple[Item, ...]
    zones: tuple[ZoneTraffic, ...]
    hours: tuple[HourTraffic, ...]
    footfall: Footfall
    health: Health
    queues: frozenset[str] = frozenset()

    @property
    def low(self) -> int:
        """Return how many products run low, ran out or must be counted again."""
        return sum(each.state in ("recount", "out", "low") for each in self.items)

    @property
    def never(self) -> int:
        """Return how many products nobody has counted yet."""
        return sum(each.state == "never" for each in self.items)

    @property
    def fine(self) -> int:
        """Return of how many products there is enough."""
        return len(self.items) - self.low - self.never

    @property
    def urgent(self) -> tuple[Item, ...]:
        """Return the products that staff should see to first, a few of them."""
        return self.items[: min(self.low, ITEMS_SHOWN_MAX)]

    @property
    def unwell(self) -> tuple[DeviceState, ...]:
        """Return the devices that need attention."""
        return tuple(each for each in self.health.devices if each.state != "ok")

    @property
    def devices(self) -> tuple[DeviceState, ...]:
        """Return all devices, those that need attention first."""
        return tuple(
            sorted(self.health.devices, key=lambda each: (each.state == "ok", each.device))
        )

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return why the store is unwell, besides what its unwell devices say in their own line."""
        said = {f"device {each.device} is {each.state}: {each.reason}" for each in self.unwell}
        return tuple(each for each in self.health.reasons if each not in said)

    @property
    def mark(self) -> str:
        """Return what changes when staff should see it at once, unlike ages and counters."""
        packed = msgspec.msgpack.encode((self.calls, self.items, self.zones, self.health.devices))
        return hashlib.blake2b(packed, digest_size=8).hexdigest()

    def bars(self, zone: str) -> list[Bar]:
        """Return the last CHART_HOURS of a zone, those without a stay too."""
        this_hour = traffic.hour_of(self.at)
        stays = {each.hour_at: each.stays for each in self.hours if each.zone == zone}
        starts = range(this_hour - (CHART_HOURS - 1) * HOUR_US, this_hour + 1, HOUR_US)
        return [Bar(hour_at=start, stays=stays.get(start, 0)) for start in starts]

    def last_hour(self, zone: str) -> int | None:
        """Return in which of these hours the last stay in a zone ended, None for none."""
        hours = (each.hour_at for each in self.hours if each.zone == zone and each.stays)
        return max(hours, default=None)

    def has_stays(self, zone: str) -> bool:
        """Tell whether the chart of a zone would show anything."""
        return any(each.zone == zone and each.stays for each in self.hours)

    @property
    def stays_max(self) -> int:
        """Return the highest bar of all zones, at least 1, so that the charts compare."""
        return max((each.stays for each in self.hours), default=1) or 1


def look(store: Store) -> Board:
    """Read from the database everything that the staff page shows."""
    connection = store.database.reader()
    at = store.clock.now().at
    day_began_at = store.day_began_at(at)
    return Board(
        at=at,
        calls=tuple(calls.waiting(connection)),
        items=tuple(items(connection)),
        zones=tuple(traffic.zones(connection, at, day_began_at)),
        hours=tuple(traffic.hours(connection, at - (CHART_HOURS - 1) * HOUR_US)),
        footfall=traffic.footfall(connection, day_began_at),
        health=store.health(),
        queues=frozenset(till.zone for till in store.tills.values()),
    )


def remedy(driver: str) -> str:
    """Return the text key of what staff can do about a device."""
    return next((key for part, key in REMEDIES if part in driver), REMEDY_OTHERWISE)
