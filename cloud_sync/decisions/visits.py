"""Which stores a shopper has left: there the right to redeem offline is given back at once.

A shopper may be on two visits of a store, as when a kiosk notices that its zone is empty after
the till has recognised them: a store is left when each visit there has ended.
"""

from collections.abc import Callable, Sequence

from psycopg import Connection

from cloud_sync.database import arrays
from cloud_sync.decisions.coupons import LEASE_S
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.atoms.by_kind import by_kind
from cloud_sync.shoppers.graph.identity import Key, Members, atoms_of, recognised
from wire.events import Arrival, VisitEnded

# An end by time-out says only that nobody touched the screen: the shopper may stand at a shelf.
NOT_LEFT_BY = frozenset({"time_out"})
VISIT_BYTES_MAX = 16
# Visits are forgotten after this time: a lease ends by itself long before.
KEPT_DAYS = 2


def note(connection: Connection, events: Sequence[LedgerEvent]) -> None:
    """Note the visits that begin or end by these events, in the caller's transaction.

    What is older than a lease can be changes nothing and costs nothing.
    """
    noted: dict[tuple[str, str, str, str], tuple[int, int]] = {}
    kinds = by_kind(events)
    for each, at in (*kinds.get(Arrival, ()), *kinds.get(VisitEnded, ())):
        body = each.event.body
        left = isinstance(body, VisitEnded) and body.by not in NOT_LEFT_BY
        if each.store is None or not (left or isinstance(body, Arrival)):
            continue
        if at < each.accepted_at - LEASE_S * 1_000_000:
            continue
        visit = each.event.visit[:VISIT_BYTES_MAX].hex()
        for atom in list(recognised(each.event))[:1]:
            key = (each.tenant, atom, each.store, visit)
            began_at, left_at = noted.get(key, (at, 0))
            noted[key] = (min(began_at, at), max(left_at, at if left else 0))
    if not noted:
        return
    rows = sorted(noted.items())
    connection.execute(
        "INSERT INTO visit AS known (tenant, identifier, store, visit, began_at, left_at)"
        " SELECT tenant, identifier, store, decode(visit, 'hex'), began_at, left_at FROM"
        " unnest(%s::text[], %s::uuid[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])"
        "  AS noted (tenant, identifier, store, visit, began_at, left_at)"
        " ON CONFLICT (tenant, identifier, store, visit) DO UPDATE SET"
        " began_at = least(known.began_at, excluded.began_at),"
        " left_at = greatest(known.left_at, excluded.left_at)",
        (
            arrays.texts(tenant for (tenant, _, _, _), _ in rows),
            arrays.plain(atom for (_, atom, _, _), _ in rows),
            arrays.texts(store for (_, _, store, _), _ in rows),
            arrays.plain(visit or '""' for (_, _, _, visit), _ in rows),
            arrays.numbers(began_at for _, (began_at, _) in rows),
            arrays.numbers(left_at for _, (_, left_at) in rows),
        ),
    )


def left_of(connection: Connection, members: Members, now: int) -> dict[Key, set[str]]:
    """Return the stores that shoppers, given with their identifiers, have left.

    A visit that is said to go on longer than a lease is over, too, without anything following.
    """
    return ask_left(connection, members, now)()


def ask_left(
    connection: Connection, members: Members, now: int
) -> Callable[[], dict[Key, set[str]]]:
    """Ask for `left_of`; the answer is read when it is called for."""
    rows = connection.execute(
        "SELECT asked.tenant, shopper, store"
        " FROM unnest(%s::text[], %s::uuid[], %s::uuid[]) AS asked (tenant, shopper, atom)"
        " CROSS JOIN LATERAL (SELECT store, left_at FROM visit WHERE visit.tenant = asked.tenant"
        "  AND visit.identifier = asked.atom AND began_at > %s OFFSET 0) AS held"
        " GROUP BY asked.tenant, shopper, store HAVING min(left_at) > 0",
        (*atoms_of(members), now - LEASE_S * 1_000_000),
    )

    def read() -> dict[Key, set[str]]:
        left: dict[Key, set[str]] = {key: set() for key in members}
        for tenant, shopper, store in rows:
            left[tenant, shopper.hex].add(store)
        return left

    return read


def forget_old(connection: Connection, rows_max: int) -> int:
    """Forget visits that began more than KEPT_DAYS ago; returns how many."""
    return connection.execute(
        "DELETE FROM visit WHERE (tenant, identifier, store, visit) IN"
        " (SELECT tenant, identifier, store, visit FROM visit WHERE began_at <"
        "  (extract(epoch FROM now() - make_interval(days => %s)) * 1000000)::bigint LIMIT %s)",
        (KEPT_DAYS, rows_max),
    ).rowcount
