"""Builders for tests that walk the road: a cloud with its worker and API, and what it holds."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import requests

from cloud_sync.cloud import wall_time
from cloud_sync.config import CloudConfig, from_table
from cloud_sync.database import Database
from cloud_sync.intake import ledger
from cloud_sync.intake.api_keys import create_key
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.workers.worker import Worker
from edge_agent.web import WebServer
from storebridge.assembly import build_cloud_web, build_worker
from tests.conftest import BrokerForTests
from tests.shopper_builders import KEY, TENANT, sell_sample
from wire.topics import shard_of

WAIT_S = 60.0


def wait_until(true: Callable[[], object], what: str, timeout_s: float = WAIT_S) -> None:
    """Wait until something comes true; fails when it does not in time."""
    ends = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < ends, f"waited {timeout_s:.0f} s for {what}"
        time.sleep(0.02)


@dataclass(frozen=True)
class CloudParts:
    """A running cloud: a worker at a real broker, and the API that a web shop posts to."""

    database: Database
    worker: Worker
    web: WebServer
    api_key: str
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    def browsed(self, member: str, product: str) -> None:
        """Let a signed-in member look at a product in the web shop."""
        event = {
            "event_id": f"viewed-{next(self._ids)}",
            "kind": "viewed",
            "occurred_at": wall_time(),
            "identifiers": [{"kind": "member", "value": member}],
            "body": {"product": product},
        }
        answer = requests.post(
            f"http://{self.web.host}:{self.web.port}/v1/events",
            data=json.dumps({"events": [event]}),
            headers={"Authorization": f"Bearer {self.api_key}"},
            timeout=WAIT_S,
        )
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1), answer.text

    def events(self, store: str, *kinds: str) -> list[LedgerEvent]:
        """What the ledger holds of a store, in its order; of these kinds, or of all."""
        shard = shard_of(TENANT, store)
        with self.database.ledger(shard) as connection:
            found = ledger.read(connection, shard, 0)
        return [
            each
            for each in found
            if each.store == store and (not kinds or each.event.kind in kinds)
        ]


def cloud_config(broker: BrokerForTests) -> CloudConfig:
    """The configuration of a cloud at a broker; its pages get any free port."""
    login = {"username": "cloud", "password": broker.PASSWORD}
    return from_table(
        {
            "broker": {"host": broker.host, "port": broker.port, **login},
            "web": {"port": 0, "secure": False},
            "tenants": {TENANT: {"identifier_key": KEY.hex()}},
        },
        {},
    )


@contextmanager
def a_cloud(dsn: str, broker: BrokerForTests) -> Iterator[CloudParts]:
    """A cloud that sells the sample catalogue, and whose members have consented."""
    config, database = cloud_config(broker), Database(dsn)
    with database.shopper(TENANT) as connection:
        sell_sample(connection)
        key = create_key(connection, TENANT, "web")
    worker, web = build_worker(config, database), build_cloud_web(config, database)
    worker.start()
    web.start()
    try:
        yield CloudParts(database, worker, web, key)
    finally:
        web.close()
        worker.close()
        database.close()
