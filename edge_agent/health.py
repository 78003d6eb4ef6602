"""How the store's agent is: one picture, as a verdict with reasons and as Prometheus text.

Being offline is normal and no failure: events queue, and the screens are served from the store.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from edge_agent.clock import Instant
from edge_agent.database import outbox
from edge_agent.database.database import Database
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.limits import Limits
from edge_agent.delivery.losses import Losses
from edge_agent.delivery.recorder import Recorder
from wire.events import Clock
from wire.messages import DeviceState

State = Literal["ok", "degraded", "failed"]

# From this part of a limit on, the queue is called nearly full.
QUEUE_NEARLY_FULL = 0.8
# How long a loss is named among the reasons after it happened.
LOST_SHOWN_S = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the agent is at one moment.

    `queue_…` is what the cloud has not receipted, `kept_rows` what the file holds in all,
    `absent_rows` what was evicted, expired or damaged since the first day, `damaged_rows` the part
    of it whose bytes are kept aside. `refused` counts the writes that a full outbox turned away
    since the start, `unrecorded` the readings of each device that were not recorded, for that or
    another reason, `codes_read` how often each device read a code, a held one in every frame.
    Times are µs UTC, ages ms.
    """

    at: int
    state: State
    reasons: tuple[str, ...]
    link_up: bool
    head: int = 0
    watermark: int = 0
    queue_rows: int = 0
    queue_bytes: int = 0
    oldest_age_ms: int = 0
    kept_rows: int = 0
    absent_rows: int = 0
    damaged_rows: int = 0
    commits: int = 0
    writes: int = 0
    refused: int = 0
    unrecorded: Mapping[str, int] = field(default_factory=dict)
    codes_read: Mapping[str, int] = field(default_factory=dict)
    disk_free_bytes: int = 0
    clock: Clock = Clock.UNKNOWN
    devices: tuple[DeviceState, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    """What is wrong with the agent's own threads: failures want a restart, worries do not."""

    failures: tuple[str, ...] = ()
    worries: tuple[str, ...] = ()


WELL = Troubles()


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database says about the queue and the devices."""

    tail: outbox.Tail
    watermark: int
    queue: outbox.Queue
    damaged_rows: int
    devices: tuple[DeviceState, ...]


def snapshot(
    database: Database,
    recorder: Recorder,
    limits: Limits,
    now: Instant,
    *,
    link_up: bool,
    troubles: Troubles = WELL,
    losses: Mapping[str, Losses] = MappingProxyType({}),
    codes_read: Mapping[str, int] = MappingProxyType({}),
) -> Health:
    """Look at everything once; costs the same however much is queued.

    `losses` are the readings of each device that could not be recorded; `codes_read`: see Health.
    """
    free = shutil.disk_usage(database.path.parent).free
    try:
        stored = stored_in(database.reader())
    except sqlite3.Error as error:
        reason = f"the database cannot be read: {error}"
        return Health(
            at=now.at, state="failed", reasons=(reason, *troubles.failures), link_up=link_up
        )
    queue = stored.queue
    failures = (*_failures(database, recorder, limits, free), *troubles.failures)
    worries = (
        *_worries(database, stored, limits, now),
        *_lost(recorder, losses, now),
        *troubles.worries,
    )
    return Health(
        at=now.at,
        state="failed" if failures else "degraded" if worries else "ok",
        reasons=failures + worries,
        link_up=link_up,
        head=stored.tail.head,
        watermark=stored.watermark,
        queue_rows=queue.rows,
        queue_bytes=queue.size_bytes,
        oldest_age_ms=age_ms(queue.oldest_at, now),
        kept_rows=stored.tail.kept_rows,
        absent_rows=stored.tail.absent_rows,
        damaged_rows=stored.damaged_rows,
        commits=recorder.commits,
        writes=recorder.writes,
        refused=recorder.refused.count,
        unrecorded={name: each.count for name, each in losses.items()},
        codes_read=codes_read,
        disk_free_bytes=free,
        clock=now.quality,
        devices=stored.devices,
    )


def age_ms(recorded_at: int | None, now: Instant) -> int:
    """Return how long ago something was recorded, 0 for nothing or a clock that was set back."""
    return 0 if recorded_at is None else max(0, now.at - recorded_at) // 1_000


def healthz(health: Health) -> tuple[int, bytes]:
    """Return the HTTP status and JSON body of `/healthz`: 503 only when the agent has failed."""
    body = {"state": health.state, "reasons": health.reasons, "online": health.link_up}
    return 503 if health.state == "failed" else 200, msgspec.json.encode(body)


def prometheus(health: Health) -> bytes:
    """Return the text of `/metrics`."""
    registry = CollectorRegistry()
    registry.register(_Figures(health))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        health = self._health
        gauges = {
            "up": ("1 unless the agent has failed", health.state != "failed"),
            "link_up": ("1 while the store is online", health.link_up),
            "queue_rows": ("Events that the cloud has not receipted", health.queue_rows),
            "queue_bytes": ("Bytes of these events", health.queue_bytes),
            "oldest_age_seconds": ("Age of the oldest of them", health.oldest_age_ms / 1_000),
            "kept_rows": ("Events that the file holds in all", health.kept_rows),
            "head": ("Highest seq recorded in this stream", health.head),
            "watermark": ("Highest seq up to which the cloud holds all", health.watermark),
            "disk_free_bytes": ("Free space beside the database", health.disk_free_bytes),
            "clock_quality": ("0 unknown, 1 free-running, 2 synchronised", int(health.clock)),
        }
        counters = {
            "absent_rows": ("Events evicted, expired or damaged", health.absent_rows),
            "damaged_rows": ("Damaged events whose bytes are kept aside", health.damaged_rows),
            "commits": ("Commits since the agent's start", health.commits),
            "writes": ("Writes in these commits", health.writes),
            "refused_writes": ("Writes that a full outbox turned away", health.refused),
        }
        for name, (about, value) in gauges.items():
            yield GaugeMetricFamily(f"storebridge_edge_{name}", about, float(value))
        for name, (about, value) in counters.items():
            yield CounterMetricFamily(f"storebridge_edge_{name}", about, float(value))
        devices = GaugeMetricFamily(
            "storebridge_edge_device_ok", "1 while the device is ok", labels=("device", "driver")
        )
        for device in health.devices:
            devices.add_metric((device.device, device.driver), float(device.state == "ok"))
        yield devices
        by_device = {
            "unrecorded_readings": (
                "Readings that could not be recorded since the agent's start",
                health.unrecorded,
            ),
            "codes_read": (
                "Codes read since the agent's start, a held one in every frame",
                health.codes_read,
            ),
        }
        for name, (about, counts) in by_device.items():
            family = CounterMetricFamily(f"storebridge_edge_{name}", about, labels=("device",))
            for device_name, count in counts.items():
                family.add_metric((device_name,), float(count))
            yield family


def stored_in(connection: sqlite3.Connection) -> Stored:
    """Read what the database says about the queue and the devices."""
    tail = outbox.tail_of(connection)
    watermark, _ = outbox.receipted(connection, tail.number)
    devices = connection.execute(
        "SELECT device, driver, state, reason, since FROM device_states ORDER BY device"
    )
    return Stored(
        tail=tail,
        watermark=watermark,
        queue=outbox.queue(connection, tail),
        damaged_rows=connection.execute("SELECT ifnull(max(id), 0) FROM damaged").fetchone()[0],
        devices=tuple(DeviceState(*columns) for columns in devices),
    )


def _failures(
    database: Database, recorder: Recorder, limits: Limits, free_bytes: int
) -> Iterator[str]:
    if recorder.failure:
        yield recorder.failure
    if not recorder.running:
        yield "the recorder does not run"
    if database.damaged:
        yield "the database file is damaged: restart the agent, which salvages it"
    if free_bytes < limits.disk_free_bytes_min:
        yield f"the disk is nearly full: {free_bytes} B are free"


def _lost(recorder: Recorder, losses: Mapping[str, Losses], now: Instant) -> Iterator[str]:
    """Say what was lost in the last LOST_SHOWN_S; the figures keep the rest."""
    if _recent(recorder.refused, now):
        yield (
            f"the outbox was full and refused {recorder.refused.count} writes since the start: "
            "let the store go online, or raise the outbox's limits"
        )
    for name, each in losses.items():
        if _recent(each, now):
            yield f"device {name}: {each.count} readings were not recorded since the start"


def _recent(losses: Losses, now: Instant) -> bool:
    return losses.last_at is not None and abs(now.at - losses.last_at) < LOST_SHOWN_S * 1_000_000


def _worries(database: Database, stored: Stored, limits: Limits, now: Instant) -> Iterator[str]:
    if stored.tail.kept_rows > QUEUE_NEARLY_FULL * limits.rows_max:
        yield f"the outbox is nearly full: {stored.tail.kept_rows} of {limits.rows_max} rows"
    if stored.tail.kept_bytes > QUEUE_NEARLY_FULL * limits.bytes_max:
        yield f"the outbox is nearly full: {stored.tail.kept_bytes} of {limits.bytes_max} B"
    if database.salvaged is not None:
        lost = database.salvaged.lost_rows
        yield (
            f"the database was damaged and set aside as {database.salvaged.set_aside.name}; "
            f"{'an unknown number of' if lost is None else lost} events could not be read"
        )
    if now.quality is Clock.UNKNOWN:
        yield "the clock cannot be trusted: nothing expires until it is synchronised"
    for device in stored.devices:
        if device.state != "ok":
            yield f"device {device.device} is {device.state}: {device.reason}"
