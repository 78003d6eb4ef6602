"""How much memory a store's agent holds, cameras apart: with a long queue, and while it drains."""

import time
from collections.abc import Iterator

import requests

from benchmarks.outboxes import fill, many_rows
from benchmarks.processes import resident_mb
from benchmarks.receipts import ReceiptingCloud
from benchmarks.result import Goal, Result
from benchmarks.town import HOUR_US, TENANT, StoreParts, Town, a_town
from storebridge.demo.children import Child
from storebridge.demo.kiosk_client import KioskClient
from storebridge.ports import wait_until_open

START_TIMEOUT_S = 60.0
DRAIN_TIMEOUT_S = 120.0
MEMORY_MB_MAX = 60


def memory(
    *, queued: int = 1_000_000, drained: int = 50_000, at_rest_s: float = 3.0
) -> Iterator[Result]:
    """Measure an agent with a kiosk open and `queued` events, before and while it sends some."""
    with a_town(cloud=False) as town:
        store = town.stores[0]
        store.folder.mkdir()
        at = time.time_ns() // 1_000
        fill(store.outbox, many_rows(queued, at=at), recorded_at=at - HOUR_US)
        agent = town.agent(store)
        agent.start()
        try:
            at_rest_mb, most_mb = _measured(town, store, agent, drained, at_rest_s)
        finally:
            agent.end()
    yield Result(
        name=f"memory: agent with {queued:,} queued and a kiosk open",
        value=at_rest_mb,
        unit="MB",
        goal=Goal(of="value", better="at most", number=MEMORY_MB_MAX),
    )
    yield Result(
        name="memory: the most it ever had, while sending too",
        value=most_mb,
        unit="MB",
        goal=Goal(of="value", better="at most", number=MEMORY_MB_MAX),
    )


def _measured(
    town: Town, store: StoreParts, agent: Child, drained: int, at_rest_s: float
) -> tuple[float, float]:
    wait_until_open("127.0.0.1", store.port, timeout_s=START_TIMEOUT_S)
    agent.check()
    kiosk = KioskClient(store.kiosk_url)
    kiosk.start()
    requests.get(f"http://127.0.0.1:{store.port}/metrics", timeout=START_TIMEOUT_S)
    time.sleep(at_rest_s)
    pid = agent.pid
    if pid is None:
        agent.check()
        raise RuntimeError("the agent has ended")
    at_rest_mb, _ = resident_mb(pid)
    link = town.link("cloud")
    cloud = ReceiptingCloud(link, tenant=TENANT, store=store.name, take=drained)
    came = cloud.wait(timeout_s=DRAIN_TIMEOUT_S)
    _, most_mb = resident_mb(pid)
    link.close()
    kiosk.close()
    if not came:
        raise TimeoutError(f"{cloud.rows} of {drained} events came in {DRAIN_TIMEOUT_S:g} s")
    return at_rest_mb, most_mb
