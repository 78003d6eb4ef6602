"""From a code held to a reader to the coupon in the browser's hands, beside its bare parts."""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from benchmarks import backlog
from benchmarks.echo import Pinging
from benchmarks.enqueue import bare_queue
from benchmarks.outboxes import fill, many_rows
from benchmarks.processes import ROOT
from benchmarks.producers import an_event
from benchmarks.result import Goal, Result, percentile
from benchmarks.screen import Screen
from benchmarks.town import HOUR_US, TENANT, StoreParts, Town, a_town, running
from cloud_sync import catalogue
from cloud_sync.database import Database
from cloud_sync.intake.ledger import append_http
from cloud_sync.intake.posted import PostedEvent
from storebridge.ports import wait_until_open
from wire.codec import encode_event
from wire.events import Event, Viewed
from wire.identifiers import key_identifier
from wire.topics import shard_of

START_TIMEOUT_S = 60.0
END_TIMEOUT_S = 20.0
QUIET_TIMEOUT_S = 300.0
QUIET_POLL_S = 0.2
# Shoppers come no faster than this: a screen is drawn at most 40 times a second.
PAUSE_S_MIN, PAUSE_S_MAX = 0.12, 0.2
# What was received, before its receipt; then what follows from it.
CLOUD_COMMITS = 2
POSTED_AT_ONCE = 1_000
BARE = "bare ping-pong at QoS 1, edge commit and two cloud commits"


@dataclass(slots=True)
class _Seconds:
    """How long each scan took, in both cases, and each of the bare parts in between."""

    empty: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    ping: list[float] = field(default_factory=list)
    edge: list[float] = field(default_factory=list)
    cloud: list[float] = field(default_factory=list)

    @property
    def bare(self) -> list[float]:
        """Return the bare parts together, each time they were measured."""
        return [sum(parts) for parts in zip(self.ping, self.edge, self.cloud, strict=True)]


def latency(
    *, scans: int = 150, queued: int = 1_000_000, turns: int = 2, warm_up: int = 20
) -> Iterator[Result]:
    """Measure `scans` a turn, in turns with an empty outbox and with `queued` events behind."""
    took = _Seconds()
    with a_town(stores=3) as town:
        empty, busy, bare = town.stores
        at = time.time_ns() // 1_000 - HOUR_US
        busy.folder.mkdir()
        fill(busy.outbox, many_rows(queued, at=at), recorded_at=at)
        codes = iter(_members(town, 2 * turns * (scans + warm_up)))
        with running(town.worker()), _bare_parts(town, bare, took) as measure_bare:
            for _ in range(turns):
                _wait_until_quiet(town)
                with _store(empty) as scan:
                    for _ in range(warm_up):
                        scan(next(codes))
                    for _ in range(scans):
                        measure_bare()
                        took.empty.append(scan(next(codes)))
                with _store(busy) as scan:
                    for _ in range(warm_up):
                        scan(next(codes))
                    took.busy += [scan(next(codes)) for _ in range(scans)]
    yield from _results(took, queued)


def _results(took: _Seconds, queued: int) -> Iterator[Result]:
    runs = len(took.empty)
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        yield Result(
            name=f"latency: scan to coupon, {name}",
            value=percentile(took.empty, share) * 1_000,
            unit="ms",
            goal=Goal(of="ratio", better="at most", number=3),
            peer=BARE,
            peer_value=percentile(took.bare, share) * 1_000,
            runs=runs,
        )
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        yield Result(
            name=f"latency: scan to coupon with {queued:,} behind it, {name}",
            value=percentile(took.busy, share) * 1_000,
            unit="ms",
            goal=Goal(of="ratio", better="at most", number=2) if name == "p99" else None,
            peer="the same with an empty outbox",
            peer_value=percentile(took.empty, share) * 1_000,
            runs=runs,
        )
    parts = {"ping-pong": took.ping, "edge commit": took.edge, "cloud commits": took.cloud}
    for part, seconds in parts.items():
        yield Result(
            name=f"latency: bare {part}, p50",
            value=percentile(seconds, 0.5) * 1_000,
            unit="ms",
            runs=runs,
        )


def _members(town: Town, count: int) -> list[str]:
    """Make members known who looked at something online; returns the codes on their cards."""
    database = Database(town.dsn)
    with database.shopper(TENANT) as connection:
        goods = [each.product for each in catalogue.products_of(connection, TENANT)]
    at = time.time_ns() // 1_000 - HOUR_US
    posted = [
        PostedEvent(
            event_id=f"look-{number}",
            event=Event(
                occurred_at=at + number,
                mono_ms=0,
                boot=0,
                clock=2,
                device="web",
                zone="",
                identifiers=(key_identifier("member", _code(number), key=backlog.KEY),),
                body=Viewed(product=goods[number % len(goods)]),
            ),
        )
        for number in range(count)
    ]
    for first in range(0, count, POSTED_AT_ONCE):
        some = posted[first : first + POSTED_AT_ONCE]
        with database.ledger(shard_of(TENANT, "web-shop")) as connection:
            append_http(connection, TENANT, "shop", "benchmark", some)
    database.close()
    return [f"sb:m:{_code(number)}" for number in range(count)]


def _code(number: int) -> str:
    return f"L{number:08}"


def _wait_until_quiet(town: Town) -> None:
    """Wait until the cloud has folded and decided all that it received."""
    until_s = time.monotonic() + QUIET_TIMEOUT_S
    with psycopg.connect(town.dsn, autocommit=True) as connection:
        query = (
            "SELECT EXISTS (SELECT FROM shopper_due) OR EXISTS (SELECT FROM shard_head"
            " JOIN shard_fold USING (shard) WHERE shard_head.position > shard_fold.position)"
        )
        while connection.execute(query).fetchone() != (False,):
            if time.monotonic() > until_s:
                raise TimeoutError(f"the cloud is still busy after {QUIET_TIMEOUT_S:g} s")
            time.sleep(QUIET_POLL_S)


@contextmanager
def _store(store: StoreParts) -> Iterator[Callable[[str], float]]:
    """Run a store with its kiosk open; gives what holds a code to its reader.

    That returns after how many seconds the last byte of the coupon was there.
    """
    rng = random.Random(1)
    agent = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.fed_agent", str(store.config)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    try:
        if not wait_until_open("127.0.0.1", store.port, timeout_s=START_TIMEOUT_S):
            raise TimeoutError(f"the agent does not answer within {START_TIMEOUT_S:g} s")
        screen = Screen(store.kiosk_url)
        screen.open()

        def scan(code: str) -> float:
            time.sleep(rng.uniform(PAUSE_S_MIN, PAUSE_S_MAX))
            seen = screen.offered
            began_s = time.perf_counter()
            print(code, file=agent.stdin)
            return screen.wait_for_offer(seen) - began_s

        yield scan
        screen.close()
    finally:
        agent.communicate(timeout=END_TIMEOUT_S)


@contextmanager
def _bare_parts(town: Town, store: StoreParts, took: _Seconds) -> Iterator[Callable[[], None]]:
    """Give what measures each of the bare parts once."""
    at = (town.broker.host, town.broker.port, town.password, store.name)
    row = encode_event(an_event(1))
    echo = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.echo", *map(str, at)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if echo.stdout is not None:
        echo.stdout.readline()
    pinging = Pinging(*at)
    with bare_queue(town.folder / "bare.sqlite3") as insert, _bare_cloud(town.dsn) as commit:

        def measure() -> None:
            took.ping.append(pinging.ping_s(row))
            took.edge.append(_timed(lambda: insert(row)))
            took.cloud.append(_timed(lambda: [commit(row) for _ in range(CLOUD_COMMITS)]))

        yield measure
    pinging.close()
    echo.communicate(timeout=END_TIMEOUT_S)


@contextmanager
def _bare_cloud(dsn: str) -> Iterator[Callable[[bytes], None]]:
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE bare (id bigserial PRIMARY KEY, row bytea)")
        connection.commit()

        def commit(row: bytes) -> None:
            connection.execute("INSERT INTO bare (row) VALUES (%s)", (row,))
            connection.commit()

        yield commit


def _timed(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s
