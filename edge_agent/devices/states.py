"""How each device of the store is: ok, degraded or failed, since when and why."""

from collections.abc import Mapping

from edge_agent.clock import Instant
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.recorder import Writing
from edge_agent.places import Place, event_at
from hardware.readings import DeviceCondition
from wire.events import DeviceHealth
from wire.messages import DeviceState

REASON_CHARACTERS_MAX = 200


def every(connection: sqlite3.Connection) -> list[DeviceState]:
    """Return the state of every device, by name."""
    rows = connection.execute(
        "SELECT device, driver, state, reason, since FROM device_states ORDER BY device"
    )
    return [
        DeviceState(device=device, driver=driver, state=state, reason=reason, since=since)
        for device, driver, state, reason, since in rows
    ]


def note(
    writing: Writing,
    instant: Instant,
    place: Place,
    driver: str,
    condition: DeviceCondition,
    reason: str = "",
    figures: Mapping[str, int] | None = None,
) -> bool:
    """Note a device's state; an event only when it changed, which is what this returns."""
    reason = reason[:REASON_CHARACTERS_MAX]
    before = writing.connection.execute(
        "SELECT state, reason FROM device_states WHERE device = ?", (place.device,)
    ).fetchone()
    if before is not None and tuple(before) == (condition, reason):
        return False
    writing.execute(
        "INSERT OR REPLACE INTO device_states (device, driver, state, reason, since)"
        " VALUES (?, ?, ?, ?, ?)",
        (place.device, driver, condition, reason, instant.at),
    )
    body = DeviceHealth(state=condition, reason=reason, figures=dict(figures or {}))
    writing.append(event_at(place, instant, body))
    return True


def keep_only(writing: Writing, devices: frozenset[str]) -> None:
    """Forget devices that the configuration no longer names."""
    for state in every(writing.connection):
        if state.device not in devices:
            writing.execute("DELETE FROM device_states WHERE device = ?", (state.device,))
