"""A database that was restored from a backup: whoever was erased since is erased again."""

from collections.abc import Sequence

from psycopg import Connection

from cloud_sync.database import Database
from cloud_sync.privacy import erasing, scrub
from cloud_sync.privacy.erasing import Order
from cloud_sync.privacy.kept_apart import Kept, KeptApart
from wire.erasures import mark_of
from wire.identifiers import Identifier

IDENTIFIERS_AT_ONCE = 20_000


def erase_again(database: Database, apart: KeptApart) -> int:
    """Erase whoever stands in the list and not in the database's erasures; returns how many.

    To be called before anything is served or folded from a database.
    """
    listed = apart.all()
    if not listed:
        return 0
    with database.shopper("") as connection:
        known = set(connection.execute("SELECT tenant, erasure FROM erasure").fetchall())
    missing = [each for each in listed if (each.tenant, each.erasure) not in known]
    for tenant in sorted({each.tenant for each in missing}):
        mine = [each for each in missing if each.tenant == tenant]
        with database.shopper(tenant) as connection:
            found = _found(connection, tenant, mine)
        for each in mine:
            order = Order(
                tenant=tenant,
                erasure=each.erasure,
                erased_at=each.erased_at,
                asked_by=each.asked_by,
                salt=bytes.fromhex(each.salt),
                marks=frozenset(map(bytes.fromhex, each.marks)),
            )
            erasing.carry_out(database, apart, order, found[each.erasure])
    if missing:
        scrub.finish(database)
        erasing.tell_stores(database)
    return len(missing)


def _found(
    connection: Connection, tenant: str, missing: Sequence[Kept]
) -> dict[str, set[Identifier]]:
    """Return which identifiers of the tables bear the marks of erasures, by erasure."""
    found: dict[str, set[Identifier]] = {each.erasure: set() for each in missing}
    marks = {(each.salt, mark): each.erasure for each in missing for mark in each.marks}
    salts = {each.salt: bytes.fromhex(each.salt) for each in missing}
    with connection.cursor(name="identifiers") as cursor:
        cursor.itersize = IDENTIFIERS_AT_ONCE
        cursor.execute("SELECT kind, value FROM identifier WHERE tenant = %s", (tenant,))
        for kind, value in cursor:
            identifier = Identifier(kind=kind, value=bytes(value))
            for salt, salt_bytes in salts.items():
                erasure = marks.get((salt, mark_of(identifier, salt_bytes).hex()))
                if erasure is not None:
                    found[erasure].add(identifier)
    return found
