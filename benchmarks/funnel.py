"""The funnel of many shoppers, counted from facts, beside the bare read of these facts."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks.result import Goal, Result, in_turns
from cloud_sync.database.migrations import migrate
from cloud_sync.database.schema import MIGRATIONS
from cloud_sync.reports import funnel as report
from cloud_sync.shoppers.profiles.stage_rules import STAGE_RULES
from storebridge.postgres import EmbeddedPostgres

TENANT = "acme"
TODAY = 20_786
DAYS = 120
STORES = 40
GOODS = 500
BRANDS = 20
# What every shopper did, by their number: deeds of some days, and of every third an order.
DEEDS_PER_SHOPPER = 4

# One statement a table, whatever the number of shoppers: md5 stands for the keyed identifiers.
_SEED = """
INSERT INTO product (tenant, product, name, brand, category, price_cents, currency)
SELECT %(tenant)s, 'p' || n, '{}', 'brand-' || n %% %(brands)s, 'things', 100, 'CNY'
FROM generate_series(0, %(goods)s - 1) AS n;
INSERT INTO identifier (tenant, identifier, kind, value, shopper)
SELECT %(tenant)s, md5(n::text)::uuid, 'member', decode(md5(n::text), 'hex'), md5(n::text)::uuid
FROM generate_series(1, %(shoppers)s) AS n;
INSERT INTO atom_act (tenant, atom, day, act, place, subject, times, amount, first_at, last_at)
SELECT %(tenant)s, md5(n::text)::uuid, %(today)s - (n * 7 + part * 31) %% %(days)s,
    (ARRAY['viewed', 'arrived', 'scanned', 'saved', 'tried'])[1 + (n + part) %% 5],
    CASE (n + part) %% 3 WHEN 0 THEN '@web' ELSE 's' || n %% %(stores)s END,
    CASE (n + part) %% 5 WHEN 1 THEN '' ELSE 'product:p' || (n * 13 + part) %% %(goods)s END,
    1, 0, 0, 0
FROM generate_series(1, %(shoppers)s) AS n, generate_series(1, %(deeds)s) AS part
ON CONFLICT DO NOTHING;
INSERT INTO atom_order (tenant, atom, number, subject, day, place, currency, bought, returned,
    paid_cents, refunded_cents, bought_at)
SELECT %(tenant)s, md5(n::text)::uuid, 'o' || n, subject, %(today)s - n %% %(days)s,
    's' || n %% %(stores)s, 'CNY', 1, 0, 100, 0, 1
FROM generate_series(1, %(shoppers)s, 3) AS n,
    LATERAL (VALUES (''), ('product:p' || n %% %(goods)s)) AS part (subject);
ANALYZE;
"""
_BARE = (
    "SELECT count(DISTINCT shopper), sum(times) FROM atom_act JOIN identifier"
    " ON identifier.tenant = atom_act.tenant AND identifier.identifier = atom_act.atom"
    " WHERE atom_act.tenant = %s"
)


def funnel(*, shoppers: int = 1_000_000, runs: int = 3) -> Iterator[Result]:
    """Count and let flow as many shoppers, as a whole and by brand."""
    with seeded(shoppers) as connection:

        def bare() -> float:
            return _timed(lambda: connection.execute(_BARE, (TENANT,)).fetchall())

        def flows(by: report.By, key: str = "") -> float:
            first = TODAY - 30
            return _timed(
                lambda: report.flows(connection, TENANT, first, TODAY, STAGE_RULES, by, key)
            )

        whole, read = in_turns(lambda: flows("whole"), bare, runs=runs)
        yield Result(
            name=f"flows of {shoppers:,} shoppers between two days",
            value=whole,
            unit="s",
            goal=Goal(of="ratio", better="at most", number=8),
            peer="the bare read of their facts",
            peer_value=read,
            runs=runs,
        )
        for by, key in (("store", "s1"), ("brand", "")):
            took, read = in_turns(lambda by=by, key=key: flows(by, key), bare, runs=runs)
            yield Result(
                name=f"the same of {'one store' if key else 'every brand'}",
                value=took,
                unit="s",
                peer="the bare read of all facts",
                peer_value=read,
                runs=runs,
            )


@contextmanager
def seeded(shoppers: int, *, stores: int = STORES) -> Iterator[psycopg.Connection]:
    """Give a database of so many shoppers, goods and facts in so many stores."""
    with tempfile.TemporaryDirectory(prefix="storebridge-funnel-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", settings={"fsync": "off"})
        dsn = server.start()
        try:
            migrate(dsn, MIGRATIONS)
            values = {
                "tenant": TENANT,
                "shoppers": shoppers,
                "today": TODAY,
                "days": DAYS,
                "stores": stores,
                "goods": GOODS,
                "brands": BRANDS,
                "deeds": DEEDS_PER_SHOPPER,
            }
            with psycopg.connect(dsn, autocommit=True) as connection:
                for statement in _SEED.split(";\n"):
                    if statement.strip():
                        connection.execute(statement.encode(), values)
                yield connection
        finally:
            server.stop()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
