"""Durable identity: resolving identifiers beside the bare statement, and the graph from its log."""

import hashlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
import psycopg
from psycopg import Connection
from scipy.sparse import coo_array  # type: ignore[import-untyped]
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

from benchmarks.result import Goal, Result, in_turns
from cloud_sync.database import Database, arrays
from cloud_sync.database.schema import MIGRATIONS
from cloud_sync.identity.components import components, number
from cloud_sync.shoppers.graph.identity import Key, Link, append_links, register, shoppers_of
from cloud_sync.shoppers.graph.joining import join
from storebridge.postgres import EmbeddedPostgres
from wire.identifiers import Identifier, kind_of_id

TENANT = "acme"
SHARD = 7
# Of the events some show two identifiers, and some of the identifiers are new.
LINKING_SHARE = 0.1
NEW_SHARE = 0.1
EVENTS_PER_BATCH = 5_000
# One statement an identifier is far slower: a part of a batch says enough.
ONE_BY_ONE = 500
LINKS_PER_SHOPPER = 3
READ_BYTES = 1 << 20
_positions = count(1)


def durable(
    *,
    identifiers: Sequence[int] = (100_000, 10_000_000),
    links: int = 1_000_000,
    runs: int = 5,
) -> Iterator[Result]:
    """Measure over tables of so many identifiers each, and a log of so many links."""
    for count_of in identifiers:
        with _database(count_of) as database:
            yield from _resolving(database, count_of, runs)
    yield from _rebuilding(links, runs)


def _resolving(database: Database, identifiers: int, runs: int) -> Iterator[Result]:
    batches = _batches(identifiers)
    ours, bare = in_turns(
        lambda: _speed(database, next(batches), _resolve),
        lambda: _speed(database, next(batches), _bare),
        runs=runs,
    )
    _, one_by_one = in_turns(
        lambda: 0.0,
        lambda: _speed(database, next(batches)[:ONE_BY_ONE], _one_by_one),
        runs=max(1, runs // 2),
    )
    name = f"identity: events resolved for good, {identifiers} identifiers known"
    least = 0.5 if identifiers < 1_000_000 else 0.8
    yield Result(
        name=name,
        value=ours,
        unit="a second",
        goal=Goal(of="ratio", better="at least", number=least),
        peer="the bare statement: insert or nothing, join",
        peer_value=bare,
        runs=runs,
    )
    yield Result(
        name=name,
        value=ours,
        unit="a second",
        goal=Goal(of="ratio", better="at least", number=4),
        peer="a statement an identifier",
        peer_value=one_by_one,
        runs=max(1, runs // 2),
    )


Batch = list[tuple[str, ...]]
"""The ids of the identifiers that each event shows, the strongest first."""


@contextmanager
def _database(identifiers: int) -> Iterator[Database]:
    """Give a database of apps, each with a cookie, that commits to the disk."""
    with tempfile.TemporaryDirectory(prefix="storebridge-durable-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        database = Database(server.start())
        try:
            database.migrate(MIGRATIONS)
            with psycopg.connect(database.dsn, autocommit=True) as connection:
                connection.execute(
                    "INSERT INTO identifier (tenant, identifier, kind, value, shopper)"
                    " SELECT %s, (kind.rank || substr(hash, 1, 30))::uuid, kind.name,"
                    " decode(hash, 'hex'), ('04' || substr(hash, 1, 30))::uuid"
                    " FROM (SELECT md5(at::text) AS hash FROM generate_series(1, %s) AS at) AS made"
                    " CROSS JOIN (VALUES ('04', 'app'), ('05', 'web')) AS kind (rank, name)"
                    " ORDER BY 2",
                    (TENANT, identifiers // 2),
                )
                connection.execute("VACUUM ANALYZE identifier")
                connection.execute("CHECKPOINT")
            _read_into_memory(Path(folder))
            yield database
        finally:
            database.close()
            server.stop()


def _read_into_memory(folder: Path) -> None:
    """Let the system have the files in memory: it is statements that are compared, not a disk."""
    for file in folder.glob("postgres/base/*/*"):
        with file.open("rb") as opened:
            while opened.read(READ_BYTES):
                pass


def _batches(identifiers: int) -> Iterator[Batch]:
    """Yield batches of events: most show what is known, some what is new, some two of a shopper."""
    chance = random.Random(1)
    people = fresh = identifiers // 2
    while True:
        batch: Batch = []
        for _ in range(EVENTS_PER_BATCH):
            at = chance.randrange(1, people + 1)
            is_new, links = chance.random() < NEW_SHARE, chance.random() < LINKING_SHARE
            fresh += is_new
            other = fresh if is_new else at
            shown = [_id("04", at), _id("05", other)] if links else [_id("04", other)]
            batch.append(tuple(shown))
        yield batch


def _id(rank: str, at: int) -> str:
    return rank + hashlib.md5(str(at).encode(), usedforsecurity=False).hexdigest()[:30]


def _identifiers(batch: Batch) -> dict[Key, Identifier]:
    return {
        (TENANT, each): Identifier(kind=kind_of_id(each), value=bytes.fromhex(each))
        for shown in batch
        for each in shown
    }


Work = Callable[[Connection, Batch, Mapping[Key, Identifier]], object]


def _speed(database: Database, batch: Batch, work: Work) -> float:
    """Return how many events a second are resolved, with the commit."""
    identifiers = _identifiers(batch)
    began = time.perf_counter()
    with database.ledger(SHARD) as connection:
        work(connection, batch, identifiers)
    return len(batch) / (time.perf_counter() - began)


def _resolve(connection: Connection, batch: Batch, identifiers: Mapping[Key, Identifier]) -> None:
    """Resolve a batch as the fold does: identifiers, links, joins."""
    links = [
        Link(
            tenant=TENANT,
            identifier=shown[1],
            other=shown[0],
            shard=SHARD,
            position=next(_positions),
            evidence="viewed",
            source="shop",
            occurred_at=position,
        )
        for position, shown in enumerate(batch)
        if len(shown) > 1
    ]
    shoppers = register(connection, identifiers)
    append_links(connection, links)
    pairs = {((TENANT, each.identifier), (TENANT, each.other)) for each in links}
    if apart := sorted(pair for pair in pairs if shoppers[pair[0]] != shoppers[pair[1]]):
        join(connection, apart)
        shoppers_of(connection, identifiers)


def _bare(connection: Connection, batch: Batch, identifiers: Mapping[Key, Identifier]) -> None:
    """Do the least that could be done with a set: insert or nothing, join; links are forgotten."""
    del batch
    columns = (
        arrays.texts(tenant for tenant, _ in identifiers),
        arrays.plain(each for _, each in identifiers),
        arrays.plain(each.kind for each in identifiers.values()),
        [each.value for each in identifiers.values()],
    )
    connection.execute(
        "INSERT INTO identifier (tenant, identifier, kind, value, shopper)"
        " SELECT tenant, id, kind, value, id FROM"
        " unnest(%s::text[], %s::uuid[], %s::text[], %s::bytea[]) AS new (tenant, id, kind, value)"
        " ON CONFLICT DO NOTHING",
        columns,
    )
    connection.execute(
        "SELECT asked.id, known.shopper FROM unnest(%s::text[], %s::uuid[]) AS asked (tenant, id)"
        " JOIN identifier AS known ON known.tenant = asked.tenant AND known.identifier = asked.id",
        columns[:2],
    ).fetchall()


def _one_by_one(
    connection: Connection, batch: Batch, identifiers: Mapping[Key, Identifier]
) -> None:
    del batch
    for (tenant, each), identifier in identifiers.items():
        connection.execute(
            "INSERT INTO identifier (tenant, identifier, kind, value, shopper)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (tenant, each, identifier.kind, identifier.value, each),
        )
        connection.execute(
            "SELECT shopper FROM identifier WHERE tenant = %s AND identifier = %s", (tenant, each)
        ).fetchone()


def _rebuilding(links: int, runs: int) -> Iterator[Result]:
    """Measure the graph of so many links, from the ids that stand in the log."""
    chance = np.random.default_rng(1)
    people = max(1, links // LINKS_PER_SHOPPER)
    ids = chance.integers(0, 2**64, size=(4 * people, 2), dtype=np.uint64)
    owners, others = chance.integers(0, people, links), chance.integers(people, 4 * people, links)
    ends = np.concatenate([ids[owners], ids[others]], axis=1)
    numbered = number(ends)
    graph = coo_array(
        (np.ones(links, dtype=np.int8), (numbered.one, numbered.other)),
        shape=(numbered.count, numbered.count),
    )

    def ours() -> float:
        began = time.perf_counter()
        found = number(ends)
        components(found.count, found.one, found.other)
        return time.perf_counter() - began

    def peer() -> float:
        began = time.perf_counter()
        connected_components(graph, directed=False)
        return time.perf_counter() - began

    took, scipys = in_turns(ours, peer, runs=max(1, runs // 2))
    yield Result(
        name=f"identity: the whole graph from a log of {links} links",
        value=took,
        unit="s",
        goal=Goal(of="ratio", better="at most", number=3),
        peer="scipy's connected_components, identifiers numbered before",
        peer_value=scipys,
        runs=max(1, runs // 2),
    )
