"""The pages of headquarters with thousands of stores: how long each takes, drawn and all."""

import time
from collections.abc import Iterator

import psycopg

from benchmarks.funnel import BRANDS, TENANT, TODAY, seeded
from benchmarks.result import Goal, Result, percentile
from cloud_sync.catalogue import brands_of
from cloud_sync.cloud import Cloud
from cloud_sync.console import people
from cloud_sync.database import Database
from cloud_sync.reports import kept_paths
from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.profiles.stage_rules import STAGE_RULES
from cloud_sync.web.app import create_app
from wire.topics import SHARDS

PASSWORD = "correct horse battery"
EVENTS_PER_STORE = 10_000
GOAL_S = 1.0
PAGES = {
    "all stores": "/hq/",
    "a brand": "/hq/brands/brand-1",
    "moves of all": "/hq/funnel",
    "moves of a brand": "/hq/funnel?by=brand&key=brand-1",
    "every store's stages": "/hq/funnel?by=store",
}
_STORES = """
INSERT INTO store_twin (shard, tenant, store, session, online, stream, head, version, operator,
    changed_at, seen_at)
    SELECT n %% %(shards)s, %(tenant)s, 's' || n, 1, true, decode(md5('s' || n), 'hex'),
        %(events)s, '1.0', '', %(now)s, %(now)s FROM generate_series(0, %(stores)s - 1) AS n;
INSERT INTO stream (shard, tenant, store, stream, received, received_at)
    SELECT shard, tenant, store, stream, int8multirange(int8range(1, head + 1)), %(now)s
    FROM store_twin;
INSERT INTO store_hour (shard, tenant, store, hour, figure, operator, amount)
    SELECT shard, tenant, store, %(now)s / 3600000000 * 3600000000, figure, '', 7
    FROM store_twin, unnest(ARRAY['people_in', 'visits', 'scans', 'orders', 'paid_cents.CNY'])
        AS figure;
INSERT INTO brand_hour SELECT tenant, 'brand-' || n, %(now)s / 3600000000 * 3600000000,
    'p' || n, store, '', shard, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0
    FROM store_twin, generate_series(0, %(brands)s - 1) AS n WHERE (shard + n) %% 4 = 0;
INSERT INTO store_product SELECT tenant, store, 'p' || n, 3, 0
    FROM store_twin, generate_series(0, %(brands)s - 1) AS n;
ANALYZE
"""


def headquarters(
    *, stores: int = 5_000, shoppers: int = 1_000_000, runs: int = 5
) -> Iterator[Result]:
    """Measure each page over so many stores and shoppers, whose ways were counted before."""
    now = TODAY * DAY_US + DAY_US // 2
    with seeded(shoppers, stores=stores) as connection:
        _open(connection, stores, now)
        began_s = time.perf_counter()
        with connection.transaction():
            kept_paths.count(connection, TENANT, now, STAGE_RULES)
        yield Result(
            name=f"the ways of {shoppers:,} shoppers counted for every page",
            value=time.perf_counter() - began_s,
            unit="s",
        )
        # Also so few shoppers that each page would count them itself are read as they were kept.
        connection.execute("UPDATE funnel_count SET took_ms = greatest(took_ms, 1000)")
        database = Database(connection.info.dsn)
        cloud = Cloud(database=database, identifier_keys={}, secure=False, now=lambda: now)
        client = create_app(cloud).test_client()
        client.post("/hq/sign-in", data={"tenant": TENANT, "name": "li", "password": PASSWORD})
        for name, path in PAGES.items():
            seconds = []
            for _ in range(runs):
                began_s = time.perf_counter()
                answer = client.get(path)
                seconds.append(time.perf_counter() - began_s)
                if answer.status_code != 200:
                    raise RuntimeError(f"{path} answers {answer.status_code}")
            yield Result(
                name=f"headquarters: {name}, {stores:,} stores",
                value=percentile(seconds, 0.5),
                unit="s",
                goal=Goal(of="value", better="at most", number=GOAL_S),
                runs=runs,
            )
        database.close()


def _open(connection: psycopg.Connection, stores: int, now: int) -> None:
    values = {
        "tenant": TENANT,
        "stores": stores,
        "shards": SHARDS,
        "events": EVENTS_PER_STORE,
        "brands": BRANDS,
        "now": now,
    }
    for statement in _STORES.split(";\n"):
        connection.execute(statement.encode(), values)
    people.add_person(connection, TENANT, "li", PASSWORD)
    assert brands_of(connection, TENANT)
