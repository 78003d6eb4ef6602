"""Replaying the ledger: all that is folded from it, folded anew and held against what is there.

The copy is made in temporary tables, in a transaction that PostgreSQL lets write nothing else and
that sees one moment of the database, while the service goes on.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import Connection, sql

from cloud_sync.identity.links import RULES
from cloud_sync.intake import ledger
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.reports import price_shown
from cloud_sync.shoppers.atoms.facts import FACT_TABLES
from cloud_sync.shoppers.consent import consents
from cloud_sync.shoppers.fold import fold
from cloud_sync.shoppers.graph import words
from cloud_sync.shoppers.graph.regroup import regroup
from cloud_sync.shoppers.graph.second_look import look_again

EVENTS_PER_FOLD = 2_000
# All that is folded of shoppers, and the prices that were shown. How a pair was viewed together is
# counted by a chore of its own, and in which shard's delta a pair was counted is chance, so pairs
# are compared by their sums; where an order is told of, whatever came first.
FOLDED = (
    *("identifier", "link", "coupon_act", "point_spend", "order_told", "atom_consent"),
    *("price_shown", *(table.name for table in FACT_TABLES)),
)
# What the ladder said has the time at which it was said, and what is due is soon done.
_ONLY_WRITTEN = ("interest_due", "identity_word", "identity_due", "prepared", "shopper_due")
# Not folded, but looked at: coupons are promised by decisions.
_TAKEN = ("coupon",)
_COMPARED = {
    "product_pair": "SELECT tenant, product, other, sum(bought_together)::bigint"
    " FROM {table} GROUP BY tenant, product, other HAVING sum(bought_together) <> 0",
    "order_told": "SELECT tenant, order_key, (SELECT jsonb_agg(place ORDER BY place)"
    " FROM jsonb_array_elements(places) AS place) FROM {table}",
}
# Columns that say when something was folded, which a replay does at another time.
_OF_THE_CLOCK = {"identifier": ("since",)}
# A row of which all was taken back says nothing; whether there is one follows from what of an order
# was told first.
_SAYING: Mapping[str, str] = {
    table.name: " OR ".join(
        f"{column} <> 0"
        for column in (*table.sums, *(each for each in table.latest if each.endswith("_mark")))
    )
    for table in FACT_TABLES
    if table.sums
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One table as it is and as the replay made it: how many rows, and the digest of them all."""

    table: str
    rows: int
    digest: str
    replayed_rows: int
    replayed_digest: str

    @property
    def is_same(self) -> bool:
        """Tell whether the replay made the same rows."""
        return (self.rows, self.digest) == (self.replayed_rows, self.replayed_digest)


def replay(dsn: str, told: Callable[[int], None] = lambda _: None) -> list[Compared]:
    """Fold the ledger anew as far as it is folded, and compare every table.

    `told` is called with how many events were folded since the last call. Nothing is changed.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        columns = {table: _columns(connection, table) for table in FOLDED}
        for table in (*FOLDED, *_ONLY_WRITTEN, *_TAKEN):
            connection.execute(
                sql.SQL("CREATE TEMP TABLE {0} (LIKE public.{0} INCLUDING ALL)").format(
                    sql.Identifier(table)
                )
            )
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            _take(connection)
            for shard, position in connection.execute(
                "SELECT shard, position FROM shard_fold WHERE position > 0 ORDER BY shard"
            ).fetchall():
                for events in _folded(connection, shard, position):
                    fold(connection, shard, 0, events)
                    consents.note(connection, events)
                    price_shown.fold(connection, events)
                    told(len(events))
            _say_again(connection)
            return [_compare(connection, table, columns[table]) for table in FOLDED]


def _take(connection: Connection) -> None:
    """Take over what is no fold of the ledger: coupons, and what people said of who is who."""
    for table in _TAKEN:
        connection.execute(
            sql.SQL("INSERT INTO pg_temp.{0} SELECT * FROM public.{0}").format(
                sql.Identifier(table)
            )
        )
    connection.execute(
        "INSERT INTO pg_temp.identity_word SELECT * FROM public.identity_word WHERE source <> %s",
        (RULES,),
    )


def _say_again(connection: Connection) -> None:
    """Let what people said be heard, and look again at what is kept apart, as the chore does."""
    tenants = connection.execute("SELECT DISTINCT tenant FROM pg_temp.identity_word").fetchall()
    for (tenant,) in sorted(tenants):
        for word in words.read_persons(connection, tenant):
            regroup(connection, tenant, words.about(word))
    while look_again(connection, EVENTS_PER_FOLD):
        pass


def count_folded(connection: Connection) -> int:
    """Return how many events a replay folds at most."""
    row = connection.execute("SELECT coalesce(sum(position), 0)::bigint FROM shard_fold").fetchone()
    return row[0] if row else 0


def _folded(connection: Connection, shard: int, until: int) -> Iterator[list[LedgerEvent]]:
    """Yield the events of a shard that were folded, without those that were set aside."""
    aside = {
        position
        for (position,) in connection.execute(
            "SELECT first FROM quarantine WHERE shard = %s AND part = 'fold'", (shard,)
        )
    }
    after = 0
    while after < until:
        events = ledger.read(connection, shard, after, EVENTS_PER_FOLD)
        if not events:
            return
        after = events[-1].position
        some = [each for each in events if each.position <= until and each.position not in aside]
        if some:
            yield some


def _compare(connection: Connection, table: str, columns: str) -> Compared:
    rows, digest = _digest(connection, "public", table, columns)
    replayed_rows, replayed_digest = _digest(connection, "pg_temp", table, columns)
    return Compared(
        table=table,
        rows=rows,
        digest=digest,
        replayed_rows=replayed_rows,
        replayed_digest=replayed_digest,
    )


def _digest(connection: Connection, schema: str, table: str, columns: str) -> tuple[int, str]:
    """Return how many rows a table has, and a digest that their order has no part in."""
    saying = _SAYING.get(table, "true")
    every = f"SELECT {columns} FROM {{table}} WHERE {saying}"  # noqa: S608 (from pg_catalog)
    chosen = _COMPARED.get(table, every)
    row = connection.execute(
        (
            "SELECT count(*), coalesce(sum(hashtextextended(each::text, 0)::numeric), 0)::text,"  # noqa: S608
            " coalesce(sum(hashtextextended(each::text, 1)::numeric), 0)::text"
            f" FROM ({chosen.format(table=f'{schema}.{table}')}) AS each"
        ).encode()
    ).fetchone()
    count, one, other = row or (0, "0", "0")
    mask = 2**64 - 1
    return count, f"{int(one) & mask:016x}{int(other) & mask:016x}"


def _columns(connection: Connection, table: str) -> str:
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND NOT attisdropped AND attname <> ALL(%s) ORDER BY attname",
        (f"public.{table}", list(_OF_THE_CLOCK.get(table, ()))),
    )
    return ", ".join(name for (name,) in rows)
