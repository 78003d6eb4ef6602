"""Traffic: how many people are in each zone, how long they stay, and who passes the door."""

from dataclasses import dataclass

from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.recorder import Writing
from wire.messages import TillQueue

HOUR_US = 3_600_000_000
QUEUES_MAX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneTraffic:
    """People in a zone: `people` at `seen_at` (None: never counted), and the stays since a time.

    Staff who showed a badge are not among them. `waiting_since` is since when the one who has been
    there longest is there. `hour_*` covers the running hour, `today_*` the time since the store's
    day began.
    """

    zone: str
    people: int = 0
    seen_at: int | None = None
    waiting_since: int | None = None
    hour_stays: int = 0
    hour_dwell_s: int = 0
    today_stays: int = 0
    today_dwell_s: int = 0

    @property
    def mean_dwell_s(self) -> float:
        """Return how long a stay of today lasted on average, 0 without stays."""
        return self.today_dwell_s / self.today_stays if self.today_stays else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HourTraffic:
    """One hour of a zone, for a chart."""

    zone: str
    hour_at: int
    stays: int
    dwell_s: int
    people_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Footfall:
    """How many came in and went out since a time, and in which hour the last of them passed.

    `people_inside` is how many of them are still there; a counter may overlook somebody, and it
    never falls below 0.
    """

    people_in: int
    people_out: int
    people_inside: int
    last_hour_at: int | None = None


def zones(connection: sqlite3.Connection, at: int, day_began_at: int) -> list[ZoneTraffic]:
    """Return the traffic of every zone that was ever counted."""
    rows = connection.execute(
        "SELECT zone, people - staff, seen_at, waiting_since FROM zones_now"
        " UNION SELECT DISTINCT zone, 0, NULL, NULL FROM zone_hours"
        " WHERE zone NOT IN (SELECT zone FROM zones_now) ORDER BY zone"
    ).fetchall()
    return [
        ZoneTraffic(
            zone=zone,
            people=people,
            seen_at=seen_at,
            waiting_since=waiting_since,
            hour_stays=hour[0],
            hour_dwell_s=hour[1],
            today_stays=today[0],
            today_dwell_s=today[1],
        )
        for zone, people, seen_at, waiting_since in rows
        for hour in [_stays(connection, zone, hour_of(at), at)]
        for today in [_stays(connection, zone, day_began_at, at)]
    ]


def queues(
    connection: sqlite3.Connection, at: int, zones_of_tills: frozenset[str]
) -> tuple[TillQueue, ...]:
    """Return the queues at the tills whose zones are counted, at most QUEUES_MAX, by name."""
    if not zones_of_tills:
        return ()
    waiting = [each for each in zones(connection, at, hour_of(at)) if each.zone in zones_of_tills]
    return tuple(
        TillQueue(
            zone=each.zone,
            people=each.people,
            waited_s=0
            if each.waiting_since is None
            else max(0, at - each.waiting_since) // 1_000_000,
            stays=each.hour_stays,
            dwell_s=each.hour_dwell_s,
        )
        for each in waiting[:QUEUES_MAX]
    )


def hours(connection: sqlite3.Connection, since: int) -> list[HourTraffic]:
    """Return the hours of all zones from a time on, in order."""
    rows = connection.execute(
        "SELECT zone, hour_at, stays, dwell_ms, people_max FROM zone_hours WHERE hour_at >= ?"
        " ORDER BY hour_at, zone",
        (hour_of(since),),
    )
    return [
        HourTraffic(
            zone=zone,
            hour_at=hour_at,
            stays=stays,
            dwell_s=dwell_ms // 1_000,
            people_max=people_max,
        )
        for zone, hour_at, stays, dwell_ms, people_max in rows
    ]


def footfall(connection: sqlite3.Connection, since: int) -> Footfall:
    """Return how many people passed the counting lines from a time (its whole hour) on."""
    rows = connection.execute(
        "SELECT hour_at, sum(people_in), sum(people_out) FROM door_hours WHERE hour_at >= ?"
        " GROUP BY hour_at ORDER BY hour_at",
        (hour_of(since),),
    ).fetchall()
    inside = 0
    for _, came, went in rows:
        inside = max(0, inside + came - went)
    return Footfall(
        people_in=sum(came for _, came, _ in rows),
        people_out=sum(went for _, _, went in rows),
        people_inside=inside,
        last_hour_at=rows[-1][0] if rows else None,
    )


def hour_of(at: int) -> int:
    """Return when the hour (UTC) of a time began."""
    return at - at % HOUR_US


def people_in(connection: sqlite3.Connection, zone: str) -> int:
    """Return how many people, staff too, are in a zone as far as is known."""
    row = connection.execute("SELECT people FROM zones_now WHERE zone = ?", (zone,)).fetchone()
    return 0 if row is None else int(row[0])


def see(
    writing: Writing,
    zone: str,
    people: int,
    seen_at: int,
    waiting_since: int | None = None,
    *,
    staff: int = 0,
) -> None:
    """Note how many people are in a zone now, how many of them staff, and since when.

    That is since when the shopper who has been there longest is there.
    """
    writing.execute(
        "INSERT OR REPLACE INTO zones_now (zone, people, seen_at, waiting_since, staff)"
        " VALUES (?, ?, ?, ?, ?)",
        (zone, people, seen_at, waiting_since, staff),
    )


def add_stay(writing: Writing, zone: str, left_at: int, dwell_ms: int, people_max: int) -> None:
    """Count a stay that has ended, in the hour in which it ended."""
    writing.execute(
        "INSERT INTO zone_hours (zone, hour_at, stays, dwell_ms, people_max)"
        " VALUES (?, ?, 1, ?, ?) ON CONFLICT (zone, hour_at) DO UPDATE SET stays = stays + 1,"
        " dwell_ms = dwell_ms + excluded.dwell_ms,"
        " people_max = max(people_max, excluded.people_max)",
        (zone, hour_of(left_at), dwell_ms, people_max),
    )


def add_passage(writing: Writing, line: str, at: int, people_in: int, people_out: int) -> None:
    """Count people who passed a counting line."""
    writing.execute(
        "INSERT INTO door_hours (line, hour_at, people_in, people_out) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (line, hour_at) DO UPDATE SET people_in = people_in + excluded.people_in,"
        " people_out = people_out + excluded.people_out",
        (line, hour_of(at), people_in, people_out),
    )


def forget_old(writing: Writing, before: int) -> None:
    """Delete the hours before a time; the cloud keeps their history."""
    writing.execute("DELETE FROM zone_hours WHERE hour_at < ?", (before,))
    writing.execute("DELETE FROM door_hours WHERE hour_at < ?", (before,))


def _stays(connection: sqlite3.Connection, zone: str, since: int, until: int) -> tuple[int, int]:
    row = connection.execute(
        "SELECT coalesce(sum(stays), 0), coalesce(sum(dwell_ms), 0) FROM zone_hours"
        " WHERE zone = ? AND hour_at >= ? AND hour_at <= ?",
        (zone, hour_of(since), until),
    ).fetchone()
    return row[0], row[1] // 1_000
