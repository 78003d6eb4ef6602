"""Builders for the tests of shoppers: a database with the tables, and events that say little."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import cache, partial
from itertools import count

import psycopg
from psycopg import Connection, conninfo, sql

from cloud_sync.catalogue import import_catalogue
from cloud_sync.catalogue_file import SAMPLE, Catalogue, read_catalogue
from cloud_sync.database.database import Database, retried
from cloud_sync.database.migrations import migrate
from cloud_sync.database.schema import MIGRATIONS
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.fold import Folded, fold
from cloud_sync.shoppers.graph.identity import Key, shoppers_of
from wire.events import AnyBody, Event, Line, Purchased
from wire.identifiers import Identifier, identifier_id, key_identifier
from wire.topics import shard_of

KEY = b"a tenant's key for tests"
TENANT = "acme"
DAY = 86_400_000_000
NOW = 1_800_000_000_000_000
_positions = count(1)
_orders = count(1)


@cache
def migrated(server: str) -> str:
    """Return the DSN of a database with all tables, made once a run on that server."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE shoppers_for_tests"))
    dsn = conninfo.make_conninfo(server, dbname="shoppers_for_tests")
    migrate(dsn, MIGRATIONS)
    return dsn


@contextmanager
def rolled_back(server: str) -> Iterator[Connection]:
    """Give a connection in a transaction that leaves nothing behind."""
    with (
        psycopg.connect(migrated(server), autocommit=True) as connection,
        connection.transaction(force_rollback=True),
    ):
        yield connection


def member(code: str) -> Identifier:
    return key_identifier("member", code, key=KEY)


def web(cookie: str) -> Identifier:
    return key_identifier("web", cookie, key=KEY)


def phone(number: str) -> Identifier:
    return key_identifier("phone", number, key=KEY)


def email(address: str) -> Identifier:
    return key_identifier("email", address, key=KEY)


def app(number: str) -> Identifier:
    return key_identifier("app", number, key=KEY)


def happened(
    body: AnyBody,
    *identifiers: Identifier,
    store: str | None = "s0001",
    source: str = "shop",
    at: int = NOW,
    tenant: str = TENANT,
    zone: str = "shelf-a",
    live: bool = True,
    accepted_at: int | None = None,
) -> LedgerEvent:
    """Build an accepted event: of the web shop when `store` is None."""
    return LedgerEvent(
        shard=shard_of(tenant, store if store is not None else f"web-{source}"),
        position=next(_positions),
        day=date(2027, 1, 15),
        tenant=tenant,
        store=store,
        source=source if store is None else "store",
        stream=None if store is None else b"s" * 16,
        seq=None if store is None else 1,
        accepted_at=at + 1_000_000 if accepted_at is None else accepted_at,
        live=live,
        event=Event(
            occurred_at=at,
            mono_ms=0,
            boot=0,
            clock=2,
            device="d1",
            zone=zone,
            identifiers=identifiers,
            body=body,
        ),
    )


def order(*products: str, cents: int = 1000, currency: str = "CNY", number: str = "") -> Purchased:
    """Build an order: one of its own unless it is given a number."""
    lines = tuple(Line(product=each, quantity=1, amount_cents=cents) for each in products)
    return Purchased(
        order=number or f"o-{next(_orders)}",
        lines=lines,
        amount_cents=cents * len(products),
        currency=currency,
    )


def fold_all(connection: Connection, events: Sequence[LedgerEvent]) -> Folded:
    """Fold events shard by shard, as workers do, and return whom that concerned."""
    done = Folded(touched=set(), live=set(), stores=set())
    for shard in sorted({each.shard for each in events}):
        one = fold(connection, shard, 1, [each for each in events if each.shard == shard])
        done = replace(
            done,
            touched=done.touched | one.touched,
            live=done.live | one.live,
            stores=done.stores | one.stores,
        )
    return done


def at_once(database: Database, *parts: Sequence[LedgerEvent]) -> None:
    """Fold several lists of events at once, each by a worker of its own, an event a transaction."""
    ready = threading.Barrier(len(parts))

    def work(events: Sequence[LedgerEvent]) -> None:
        ready.wait()
        for event in events:
            retried(
                partial(database.ledger, event.shard),
                partial(fold, shard=event.shard, epoch=1, events=[event]),
            )

    with ThreadPoolExecutor(len(parts)) as pool:
        for done in [pool.submit(work, part) for part in parts]:
            done.result()


def shopper_of(connection: Connection, identifier: Identifier, tenant: str = TENANT) -> Key:
    """Return the key of the shopper that an identifier resolves to."""
    asked = (tenant, identifier_id(identifier))
    return (tenant, shoppers_of(connection, [asked])[asked])


def sell_sample(connection: Connection, tenant: str = TENANT) -> Catalogue:
    """Import the sample catalogue; membership terms consent."""
    catalogue = read_catalogue(SAMPLE)
    import_catalogue(connection, tenant, catalogue)
    return catalogue
