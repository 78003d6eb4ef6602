"""Telling the stores what was decided: only what differs from what each was told before."""

import hashlib
from collections.abc import Callable, Mapping, Sequence

from msgspec import structs
from psycopg import Connection

from cloud_sync.database import arrays
from cloud_sync.decisions.changes import StoreChange
from cloud_sync.shoppers.graph.identity import Members
from wire.identifiers import Identifier, identifier_id
from wire.messages import Change
from wire.views import ShopperView, encode_view

# Where a view is told: under which identifier, in which store.
Place = tuple[Identifier, str]


def ask_told(
    connection: Connection, tenant: str, members: Members
) -> Callable[[], dict[Place, bytes]]:
    """Ask for the checksums of what stores were told of these shoppers before."""
    by_id = {identifier_id(each): each for owned in members.values() for each in owned}
    rows = connection.execute(
        "SELECT identifier, store, checksum FROM shopper_view WHERE tenant = %s"
        " AND identifier = ANY(%s::uuid[])",
        (tenant, arrays.plain(by_id)),
    )
    return lambda: {(by_id[each.hex], store): bytes(checksum) for each, store, checksum in rows}


def tell(
    connection: Connection,
    tenant: str,
    before: Mapping[Place, bytes],
    views: Mapping[Place, ShopperView],
    now: int,
) -> list[StoreChange]:
    """Note what stores are told and return what differs from what they were told before."""
    # Each view is the same under all identifiers of its shopper: encoded once a store and shopper.
    encoded = {(view.shopper, store): encode_view(view) for (_, store), view in views.items()}
    checksums = {place: checksum(encoded[view.shopper, place[1]]) for place, view in views.items()}
    changed = sorted(place for place in views if before.get(place) != checksums[place])
    gone = sorted(place for place in before if place not in views)
    note(connection, tenant, {place: checksums[place] for place in changed}, gone)
    return [
        *(
            _change(tenant, place, encode_view(structs.replace(views[place], decided_at=now)))
            for place in changed
        ),
        *(_change(tenant, place, None) for place in gone),
    ]


def note(
    connection: Connection,
    tenant: str,
    changed: Mapping[Place, bytes],
    gone: Sequence[Place] = (),
) -> None:
    """Note what stores are told, by its checksum, and what they are told to forget."""
    if changed:
        connection.execute(
            "INSERT INTO shopper_view (tenant, identifier, store, checksum)"
            " SELECT %s, * FROM unnest(%s::uuid[], %s::text[], %s::bytea[])"
            " ON CONFLICT (tenant, identifier, store) DO UPDATE SET checksum = excluded.checksum,"
            " told_at = excluded.told_at",
            (tenant, *_columns(list(changed)), list(changed.values())),
        )
    if gone:
        with connection.cursor() as cursor:
            cursor.executemany(
                "DELETE FROM shopper_view WHERE tenant = %s AND identifier = %s AND store = %s",
                [(tenant, identifier_id(identifier), store) for identifier, store in gone],
            )


def _columns(places: Sequence[Place]) -> tuple[str, str]:
    return (
        arrays.plain(identifier_id(identifier) for identifier, _ in places),
        arrays.texts(store for _, store in places),
    )


def _change(tenant: str, place: Place, value: bytes | None) -> StoreChange:
    identifier, store = place
    change = Change(table="shopper", key=identifier.key, value=value)
    return StoreChange(tenant=tenant, store=store, change=change)


def checksum(value: bytes) -> bytes:
    """Return by what a view is known that a store was told."""
    return hashlib.blake2b(value, digest_size=8).digest()
