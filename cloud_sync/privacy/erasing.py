"""Erasing a shopper: at once for everybody who asks the database, then from its old rows.

The order matters, since workers go on meanwhile:

1. the marks are committed: from then on the watch keeps every event of the shopper out;
2. each fold that began before is waited for, by the locks that folds hold;
3. all that was ever folded, decided and told goes in one transaction, under the shopper's lock;
4. every store of the tenant is told, by an item of its downlink that nothing replaces;
5. the ledger is searched, day by day, and each event of the shopper made blank (scrub.py).
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

from psycopg import Connection, sql

from cloud_sync.database import Database, arrays, retried
from cloud_sync.database.migrations_retention import KNOWN_SINCE
from cloud_sync.flow import queue
from cloud_sync.privacy.kept_apart import Kept, KeptApart
from cloud_sync.privacy.traces import TRACES, Trace
from cloud_sync.publisher import put
from cloud_sync.review.records import mentioning
from cloud_sync.shoppers.atoms.interests import PAIRED_PRODUCTS_MAX
from cloud_sync.shoppers.graph.identity import Key, lock, members_of, shoppers_of
from cloud_sync.shoppers.graph.regroup import COMPONENT_MAX, regroup
from wire.erasures import SALT_BYTES, mark_of
from wire.identifiers import CLAIMABLE_KINDS, Identifier, identifier_id
from wire.messages import Change
from wire.views import ErasureView, encode_view

ERASURE_BYTES = 8
STORES_TOLD_AT_ONCE = 50
# Where nothing was folded of somebody, the ledger is searched this far back, and where something
# was, so much further than its first day: a clock may lie.
SEARCHED_DAYS_MIN = 2
# An event is folded at once, or when a backlog is: who is known since some day was not before this.
FOLDED_LATE_DAYS = 30
EPOCH = date(1970, 1, 1)
# Joins may bring others while somebody is being erased; each round takes those in.
ROUNDS_MAX = 10


class NobodyError(LookupError):
    """The shopper ID is none that this tenant knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for: one that is carried out again brings its salt, and its marks."""

    tenant: str
    erasure: str
    erased_at: int
    asked_by: str
    salt: bytes = b""
    marks: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One erasure: when it took effect (µs UTC), and how many rows of the tables went."""

    tenant: str
    erasure: str
    erased_at: int
    rows: int


def identifiers_of(connection: Connection, tenant: str, shopper: str) -> list[Identifier]:
    """Return the identifiers of a shopper, given by any shopper ID ever shown.

    Raises NobodyError for one that is not known, or no more.
    """
    found = shoppers_of(connection, [(tenant, shopper)])
    if not found:
        raise NobodyError(f"{shopper}: no shopper of {tenant} has or had this ID, or was erased")
    key = (tenant, found[tenant, shopper])
    return members_of(connection, [key])[key]


def erase(
    database: Database,
    apart: KeptApart,
    tenant: str,
    identifiers: Sequence[Identifier],
    now: int,
    *,
    asked_by: str,
) -> Erasure:
    """Erase the shopper whom identifiers name, with all that is joined to them.

    Whoever is not known is erased as well: a store that is offline may know them. `asked_by` says
    who asked, in the tenant's own words. Call `scrub.finish` afterwards, or leave it to the chore.

    Raises KeptApartError, with nothing done, where the list of erasures cannot be written.
    """
    order = Order(
        tenant=tenant,
        erasure=secrets.token_hex(ERASURE_BYTES),
        erased_at=now,
        asked_by=asked_by,
    )
    return carry_out(database, apart, order, set(identifiers))


def carry_out(
    database: Database, apart: KeptApart, order: Order, named: set[Identifier]
) -> Erasure:
    """Carry out an erasure, a new one or one that a restored database does not know."""
    rows = 0
    for _ in range(ROUNDS_MAX):
        everyone = retried(
            lambda: database.shopper(order.tenant),
            partial(_mark, apart=apart, order=order, named=named),
        )
        _wait_for_folds(database)
        gone = retried(
            lambda: database.shopper(order.tenant),
            partial(_delete, order=order, everyone=everyone),
        )
        rows += gone.rows
        if gone.members <= everyone:
            break
        named = gone.members | everyone
    tell_stores(database)
    return Erasure(tenant=order.tenant, erasure=order.erasure, erased_at=order.erased_at, rows=rows)


def tell_stores(database: Database) -> int:
    """Put erasures on the downlinks of stores that were not told yet; returns how many were."""
    told = 0
    while part := retried(lambda: database.shopper(""), _tell_some):
        told += part
    return told


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gone:
    members: set[Identifier]
    rows: int


def _mark(
    connection: Connection, *, apart: KeptApart, order: Order, named: set[Identifier]
) -> set[Identifier]:
    """Keep the marks of identifiers and of all that are joined to them; return all of these."""
    tenant, erasure, now = order.tenant, order.erasure, order.erased_at
    everyone = named | joined(connection, tenant, named)
    everyone |= mentioning(connection, tenant, everyone)
    row = connection.execute(
        "INSERT INTO erasure_tenant AS kept (tenant, salt, changes) VALUES (%(tenant)s, %(new)s, 1)"
        " ON CONFLICT (tenant) DO UPDATE SET changes = kept.changes + 1,"
        " salt = CASE WHEN %(given)s THEN excluded.salt ELSE kept.salt END RETURNING salt, changes",
        {
            "tenant": tenant,
            "new": order.salt or secrets.token_bytes(SALT_BYTES),
            "given": bool(order.salt),
        },
    ).fetchone()
    salt, change = row or (b"", 0)
    marks = sorted(order.marks | {mark_of(each, bytes(salt)) for each in everyone})
    # Before the commit: whoever is erased stands in the list, also if this is never answered.
    apart.add(
        Kept(
            tenant=tenant,
            erasure=erasure,
            erased_at=now,
            asked_by=order.asked_by,
            salt=bytes(salt).hex(),
            marks=tuple(each.hex() for each in marks),
        )
    )
    connection.execute(
        "INSERT INTO erasure AS kept (tenant, erasure, erased_at, asked_by, since, pending)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (tenant, erasure)"
        " DO UPDATE SET since = least(kept.since, excluded.since), pending = excluded.pending,"
        # Whoever was joined meanwhile is searched for as well, if the search had ended already.
        " finished_at = NULL, wiped_at = NULL",
        (
            tenant,
            erasure,
            now,
            order.asked_by,
            first_day(connection, tenant, everyone, now),
            sorted(each.value for each in everyone),
        ),
    )
    connection.execute(
        "INSERT INTO erasure_mark (tenant, mark, erasure, erased_at, change)"
        " SELECT %s, mark, %s, %s, %s FROM unnest(%s::bytea[]) AS mark ON CONFLICT DO NOTHING",
        (tenant, erasure, now, change, marks),
    )
    connection.execute(
        "INSERT INTO erasure_store (tenant, store, erasure)"
        " SELECT tenant, store, %s FROM store_twin WHERE tenant = %s"
        " UNION SELECT tenant, store, %s FROM downlink WHERE tenant = %s ON CONFLICT DO NOTHING",
        (erasure, tenant, erasure, tenant),
    )
    return everyone


def joined(connection: Connection, tenant: str, named: set[Identifier]) -> set[Identifier]:
    """Return all identifiers of the shoppers whom these name; none of who is not known."""
    keys = [(tenant, identifier_id(each)) for each in named]
    shoppers = {(tenant, shopper) for shopper in shoppers_of(connection, keys).values()}
    owned = members_of(connection, sorted(shoppers)) if shoppers else {}
    return {each for identifiers in owned.values() for each in identifiers}


def first_day(connection: Connection, tenant: str, everyone: set[Identifier], now: int) -> date:
    """Return the first day on which the ledger may hold something of these identifiers.

    Of what somebody may have typed before it was proven, and of who was known before it was noted
    since when, all days are searched.
    """
    if any(each.kind in CLAIMABLE_KINDS for each in everyone):
        return date.min
    atoms = arrays.plain(sorted(map(identifier_id, everyone)))
    row = connection.execute(
        "SELECT (SELECT min(day) FROM atom_act WHERE tenant = %(tenant)s"
        "  AND atom = ANY(%(atoms)s::uuid[])),"
        " to_timestamp(min(since) / 1000000.0), min(since) / 1000000.0 <= coalesce((SELECT"
        "  extract(epoch FROM applied_at) FROM schema_migration WHERE number = %(noted)s), 0)"
        " FROM identifier WHERE tenant = %(tenant)s AND identifier = ANY(%(atoms)s::uuid[])",
        {"tenant": tenant, "atoms": atoms, "noted": KNOWN_SINCE},
    ).fetchone()
    acted, since, is_older = row or (None, None, None)
    if is_older:
        return date.min
    found = [datetime.fromtimestamp(now / 1_000_000, UTC).date()]
    if acted is not None:
        found.append(EPOCH + timedelta(days=acted))
    if since is not None:
        found.append(since.astimezone(UTC).date() - timedelta(days=FOLDED_LATE_DAYS))
    behind = connection.execute(
        "SELECT min(shard_fold.day) FROM shard_fold JOIN shard_head USING (shard)"
        " WHERE shard_head.position > shard_fold.position"
    ).fetchone()
    if behind and behind[0] is not None:
        found.append(behind[0])
    return min(found) - timedelta(days=SEARCHED_DAYS_MIN)


def _wait_for_folds(database: Database) -> None:
    """Wait until each fold that may not know the newest marks has ended."""
    with database.ledger(0) as connection:
        connection.execute("SELECT FROM shard_fold ORDER BY shard FOR UPDATE")


def _delete(connection: Connection, *, order: Order, everyone: set[Identifier]) -> _Gone:
    """Delete all rows of these identifiers, and of those that were joined to them meanwhile."""
    tenant = order.tenant
    keys = [(tenant, identifier_id(each)) for each in everyone]
    shoppers: set[Key] = set()
    while (now := {(tenant, each) for each in shoppers_of(connection, keys).values()}) != shoppers:
        lock(connection, now)
        shoppers = now
    members = everyone | joined(connection, tenant, everyone)
    atoms = sorted(map(identifier_id, members))
    named = named_by(connection, tenant, members)
    components = _components(connection, named)
    _uncount_pairs(connection, named)
    queue.take_back(connection, tenant, atoms)
    rows = sum(connection.execute(_deletion(trace), named).rowcount for trace in TRACES)
    _choose_anew(connection, tenant, components)
    connection.execute(
        "UPDATE erasure SET rows = rows + %s WHERE tenant = %s AND erasure = %s",
        (rows, tenant, order.erasure),
    )
    return _Gone(members=members, rows=rows)


def named_by(
    connection: Connection, tenant: str, members: Collection[Identifier]
) -> dict[str, object]:
    """Return all by which rows of the shopper with these identifiers are found (see traces.py)."""
    atoms = sorted(map(identifier_id, members))
    named: dict[str, object] = {
        "tenant": tenant,
        "atoms": arrays.plain(atoms),
        "hexes": arrays.plain(atoms),
        "values": arrays.plain(sorted(each.value.hex() for each in members)),
        "names": sorted(each.key for each in members),
    }
    coupons = connection.execute(
        "SELECT coupon FROM coupon WHERE tenant = %(tenant)s AND owner = ANY(%(atoms)s::uuid[])",
        named,
    ).fetchall()
    orders = connection.execute(
        "SELECT DISTINCT number || '@' || ltrim(place, '@') FROM atom_order"
        " WHERE tenant = %(tenant)s AND atom = ANY(%(atoms)s::uuid[])",
        named,
    ).fetchall()
    named["coupons"] = [coupon for (coupon,) in coupons]
    named["orders"] = [order for (order,) in orders]
    return named


def _components(connection: Connection, named: Mapping[str, object]) -> set[str]:
    """Return what components of others may be called after the shopper, and lock what says so."""
    rows = connection.execute(
        "SELECT identifier, component FROM identifier WHERE tenant = %(tenant)s"
        " AND identifier = ANY(%(atoms)s::uuid[]) ORDER BY identifier FOR UPDATE",
        named,
    )
    return {each.hex for row in rows for each in row if each is not None}


def _choose_anew(connection: Connection, tenant: str, components: Collection[str]) -> None:
    """Let those who are left of components that held the shopper be decided anew.

    A component is called after one of its identifiers, which may be one that went.
    """
    rows = connection.execute(
        "SELECT identifier FROM identifier WHERE tenant = %s AND component = ANY(%s::uuid[])",
        (tenant, arrays.plain(sorted(components))),
    )
    if left := {each.hex for (each,) in rows}:
        regroup(connection, tenant, left, at_most=len(left) + COMPONENT_MAX)


def _deletion(trace: Trace) -> sql.Composed:
    return sql.SQL("DELETE FROM {} WHERE tenant = %(tenant)s AND ").format(
        sql.Identifier(trace.table)
    ) + sql.SQL(trace.where)


def _uncount_pairs(connection: Connection, named: Mapping[str, object]) -> None:
    """Take the shopper out of how many looked at two products together, and forget empty pairs."""
    connection.execute(
        "WITH touched AS (SELECT atom, array_agg(product) AS products FROM atom_product"
        "  WHERE tenant = %(tenant)s AND atom = ANY(%(atoms)s::uuid[]) GROUP BY atom),"
        " pair AS (SELECT one, other, count(*) AS times FROM touched,"
        "  unnest(products) AS one, unnest(products) AS other"
        "  WHERE one <> other AND cardinality(products) <= %(products_max)s GROUP BY one, other),"
        " chosen AS (SELECT DISTINCT ON (pair.one, pair.other) held.product, held.other,"
        "   held.shard, times FROM pair JOIN product_pair AS held ON held.tenant = %(tenant)s"
        "   AND held.product = pair.one AND held.other = pair.other AND viewed_together > 0"
        "   ORDER BY pair.one, pair.other, viewed_together DESC)"
        " UPDATE product_pair AS held SET viewed_together = greatest(viewed_together - times, 0)"
        " FROM chosen WHERE held.tenant = %(tenant)s AND held.product = chosen.product"
        " AND held.other = chosen.other AND held.shard = chosen.shard",
        {**named, "products_max": PAIRED_PRODUCTS_MAX},
    )
    connection.execute(
        "DELETE FROM product_pair WHERE tenant = %(tenant)s AND viewed_together = 0"
        " AND bought_together = 0 AND product IN (SELECT product FROM atom_product"
        "  WHERE tenant = %(tenant)s AND atom = ANY(%(atoms)s::uuid[]))",
        named,
    )


def _tell_some(connection: Connection) -> int:
    untold = connection.execute(
        "SELECT tenant, store, erasure FROM erasure_store WHERE told_at IS NULL"
        " ORDER BY tenant, store, erasure LIMIT %s FOR UPDATE SKIP LOCKED",
        (STORES_TOLD_AT_ONCE,),
    ).fetchall()
    for tenant, store, erasure in untold:
        put(connection, tenant, store, [_item(connection, tenant, erasure)])
        connection.execute(
            "UPDATE erasure_store SET told_at = (extract(epoch FROM now()) * 1000000)::bigint"
            " WHERE tenant = %s AND store = %s AND erasure = %s",
            (tenant, store, erasure),
        )
    return len(untold)


def _item(connection: Connection, tenant: str, erasure: str) -> Change:
    row = connection.execute(
        "SELECT salt, erased_at, (SELECT array_agg(mark ORDER BY mark) FROM erasure_mark"
        " WHERE erasure_mark.tenant = erasure.tenant AND erasure_mark.erasure = erasure.erasure)"
        " FROM erasure JOIN erasure_tenant USING (tenant) WHERE tenant = %s AND erasure = %s",
        (tenant, erasure),
    ).fetchone()
    salt, erased_at, marks = row or (b"", 0, ())
    view = ErasureView(
        erasure=erasure, marks=tuple(map(bytes, marks)), salt=bytes(salt), erased_at=erased_at
    )
    return Change(table="erasure", key=erasure, value=encode_view(view))
