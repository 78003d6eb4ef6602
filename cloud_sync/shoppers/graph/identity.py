"""Who is who: identifiers, the links between them, and the shopper ID they resolve to.

The graph is a fold over the log of links and of what was said about them (see joining.py): a
shopper is a connected set of identifiers, its ID the smallest id in the set. Both depend only on
what is in the log, never on the order in which it came.

Statements that look up many rows do so by a lateral query each: a join may be planned while the
tables are small, and then reads them whole for as long as the plan is kept.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from psycopg import Connection

from cloud_sync.database import arrays
from wire.events import Event
from wire.identifiers import (
    IDENTIFIER_RANKS,
    NEVER_IDENTIFIERS,
    VALUE_BYTES,
    Identifier,
    identifier_id,
)

# An event with more identifiers than this is no shopper but a list; its weakest are left out.
IDENTIFIERS_PER_EVENT_MAX = 8
# What so many events named is remembered: those of a store's members come again and again.
IDS_REMEMBERED_MAX = 50_000

Key = tuple[str, str]
"""A tenant and the id of an identifier or shopper, as 32 hexadecimal digits."""


NOBODY: Mapping[str, Identifier] = MappingProxyType({})

Members = Mapping[Key, Sequence[Identifier]]
"""Shoppers, by tenant and current shopper ID, with the identifiers of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Evidence that two identifiers of a tenant belong to one shopper."""

    tenant: str
    identifier: str
    other: str
    shard: int
    position: int
    evidence: str
    source: str
    occurred_at: int


def recognised(event: Event) -> Mapping[str, Identifier]:
    """Return what names a person among an event's identifiers, by id, the strongest first.

    What stands in a shop (kiosk, device, store) is left out, whoever sent it; so are kinds without
    a rank and values that are not keyed.
    """
    return _recognised(event.identifiers) if event.identifiers else NOBODY


@lru_cache(maxsize=IDS_REMEMBERED_MAX)
def _recognised(identifiers: tuple[Identifier, ...]) -> Mapping[str, Identifier]:
    named = {
        identifier_id(each): each
        for each in identifiers
        if each.kind in IDENTIFIER_RANKS
        and each.kind not in NEVER_IDENTIFIERS
        and len(each.value) == VALUE_BYTES
    }
    if len(named) > 1:
        named = {key: named[key] for key in sorted(named)[:IDENTIFIERS_PER_EVENT_MAX]}
    return MappingProxyType(named)


def register(connection: Connection, identifiers: Mapping[Key, Identifier]) -> dict[Key, str]:
    """Store identifiers that are not there yet, each as a shopper of its own.

    Returns the shopper ID of each identifier.
    """
    known = shoppers_of(connection, identifiers)
    fresh = sorted(key for key in identifiers if key not in known)
    if not fresh:
        return known
    connection.execute(
        "INSERT INTO identifier (tenant, identifier, kind, value, shopper)"
        " SELECT tenant, id, kind, value, id FROM"
        " unnest(%s::text[], %s::uuid[], %s::text[], %s::bytea[]) AS new(tenant, id, kind, value)"
        " ON CONFLICT DO NOTHING",
        (
            arrays.texts(tenant for tenant, _ in fresh),
            arrays.plain(each for _, each in fresh),
            arrays.plain(identifiers[key].kind for key in fresh),
            arrays.texts(f"\\x{identifiers[key].value.hex()}" for key in fresh),
        ),
    )
    # Another worker may have been first with one of them, and have joined it already.
    return known | shoppers_of(connection, fresh)


def append_links(connection: Connection, links: Sequence[Link]) -> None:
    """Append link events to the log; one that is there already is left as it is."""
    if not links:
        return
    connection.execute(
        "INSERT INTO link (tenant, identifier, other, shard, position, evidence, source,"
        " occurred_at) SELECT * FROM unnest(%s::text[], %s::uuid[], %s::uuid[], %s::smallint[],"
        " %s::bigint[], %s::text[], %s::text[], %s::bigint[]) ON CONFLICT DO NOTHING",
        (
            arrays.texts(each.tenant for each in links),
            arrays.plain(each.identifier for each in links),
            arrays.plain(each.other for each in links),
            arrays.numbers(each.shard for each in links),
            arrays.numbers(each.position for each in links),
            arrays.texts(each.evidence for each in links),
            arrays.texts(each.source for each in links),
            arrays.numbers(each.occurred_at for each in links),
        ),
    )


def shoppers_of(connection: Connection, keys: Collection[Key]) -> dict[Key, str]:
    """Return the shopper ID that each identifier, or older shopper ID, resolves to now."""
    if not keys:
        return {}
    rows = connection.execute(
        "SELECT asked.tenant, asked.id, found.shopper"
        " FROM unnest(%s::text[], %s::uuid[]) AS asked(tenant, id)"
        " CROSS JOIN LATERAL (SELECT shopper FROM identifier"
        "  WHERE identifier.tenant = asked.tenant AND identifier.identifier = asked.id OFFSET 0)"
        " AS found",
        (arrays.texts(tenant for tenant, _ in keys), arrays.plain(each for _, each in keys)),
    )
    return {(tenant, asked.hex): shopper.hex for tenant, asked, shopper in rows}


def members_of(connection: Connection, shoppers: Collection[Key]) -> dict[Key, list[Identifier]]:
    """Return the identifiers of each shopper, given by current shopper IDs, the strongest first."""
    return ask_members(connection, shoppers)()


def ask_members(
    connection: Connection, shoppers: Collection[Key]
) -> Callable[[], dict[Key, list[Identifier]]]:
    """Ask for `members_of`; the answer is read when it is called for."""
    rows = connection.execute(
        "SELECT asked.tenant, asked.id, found.kind, found.value"
        " FROM unnest(%s::text[], %s::uuid[]) AS asked(tenant, id)"
        " CROSS JOIN LATERAL (SELECT identifier, kind, value FROM identifier"
        "  WHERE identifier.tenant = asked.tenant AND identifier.shopper = asked.id OFFSET 0)"
        " AS found ORDER BY found.identifier",
        (
            arrays.texts(tenant for tenant, _ in shoppers),
            arrays.plain(each for _, each in shoppers),
        ),
    )

    def read() -> dict[Key, list[Identifier]]:
        found: dict[Key, list[Identifier]] = {key: [] for key in shoppers}
        for tenant, shopper, kind, value in rows:
            found[tenant, shopper.hex].append(Identifier(kind=kind, value=bytes(value)))
        return found

    return read


def atoms_of(members: Members) -> tuple[str, str, str]:
    """Return tenants, shopper IDs and ids of identifiers as three columns, a row an identifier."""
    rows = [(*key, identifier_id(each)) for key, owned in members.items() for each in owned]
    return (
        arrays.texts(tenant for tenant, _, _ in rows),
        arrays.plain(shopper for _, shopper, _ in rows),
        arrays.plain(atom for _, _, atom in rows),
    )


def merged(pairs: Iterable[tuple[Key, Key]]) -> dict[Key, Key]:
    """Return, for each key that is not the smallest of its connected set, the smallest one."""
    parent: dict[Key, Key] = {}

    def root(key: Key) -> Key:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return {key: root(key) for key in parent if root(key) != key}


def lock(connection: Connection, shoppers: Collection[Key]) -> set[Key]:
    """Lock the rows of these shopper IDs in sorted order; return those still current."""
    return ask_lock(connection, shoppers)()


def ask_lock(connection: Connection, shoppers: Collection[Key]) -> Callable[[], set[Key]]:
    """Ask for `lock`; the answer is read when it is called for."""
    ordered = sorted(shoppers)
    rows = connection.execute(
        "SELECT asked.tenant, asked.id, found.shopper"
        " FROM unnest(%s::text[], %s::uuid[]) AS asked(tenant, id)"
        " CROSS JOIN LATERAL (SELECT shopper FROM identifier"
        "  WHERE identifier.tenant = asked.tenant AND identifier.identifier = asked.id"
        "  FOR NO KEY UPDATE) AS found",
        (arrays.texts(tenant for tenant, _ in ordered), arrays.plain(each for _, each in ordered)),
    )
    return lambda: {(tenant, each.hex) for tenant, each, shopper in rows if each == shopper}
