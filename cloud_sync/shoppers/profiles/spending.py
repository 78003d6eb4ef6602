"""Spending points: only in the cloud, under the shopper's lock, so that none are spent twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from psycopg import Connection

from cloud_sync.database import arrays
from cloud_sync.intake import ledger
from cloud_sync.intake.api_keys import ApiKey
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.intake.posted import PostedEvent, told_at
from cloud_sync.shoppers.graph.identity import Key, lock, members_of, recognised, shoppers_of
from cloud_sync.shoppers.graph.joining import JoinError
from cloud_sync.shoppers.profiles.profile import profiles_of
from cloud_sync.shoppers.trade.orders import order_key, teller_of
from wire.events import PointsSpent
from wire.identifiers import Identifier, identifier_id

ORDER_CHARACTERS_MAX = 64
SPENT_MAX = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Points were spent for an order, now or by an earlier request for it (`repeated`)."""

    points: int
    left: int
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSpent:
    """Points were not spent, and why; `left` is how many there are."""

    reason: Literal["unknown", "too_few", "order", "event_id"]
    left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """A wish to spend points for an order; a repeat has the same order and event id."""

    points: int
    order: str
    event_id: str


def spend(
    connection: Connection, key: ApiKey, identifiers: Sequence[Identifier], wish: Spend, now: int
) -> Spent | NotSpent:
    """Spend points of the shopper with these identifiers, within the caller's transaction.

    The event is appended to the ledger, and the row that the fold will make of it written at once,
    so that the next request sees it. An order spends points once.

    Raises JoinError when the shopper is being joined to another; repeat the transaction.
    """
    shopper = _strongest(connection, key.tenant, identifiers)
    if shopper is None:
        return NotSpent(reason="unknown")
    if not lock(connection, [(key.tenant, shopper)]):
        raise JoinError("the shopper was just joined to another one; ask again")
    owner = (key.tenant, shopper)
    members = members_of(connection, [owner])
    standing = profiles_of(connection, members)[owner].standing
    if standing is None:
        return NotSpent(reason="unknown")
    reference, source = _order_of(wish.order, key.source)
    earlier = connection.execute(
        "SELECT points FROM point_spend WHERE tenant = %s AND atom = ANY(%s::uuid[])"
        " AND source = %s AND reference = %s",
        (key.tenant, arrays.plain(map(identifier_id, members[owner])), source, reference),
    ).fetchone()
    if earlier is not None:
        if earlier[0] != wish.points:
            return NotSpent(reason="order", left=standing.left)
        return Spent(points=wish.points, left=standing.left, repeated=True)
    if standing.left < wish.points:
        return NotSpent(reason="too_few", left=max(standing.left, 0))
    return _append(connection, key, identifiers, wish, standing.left, now)


def _append(
    connection: Connection,
    key: ApiKey,
    identifiers: Sequence[Identifier],
    wish: Spend,
    left: int,
    now: int,
) -> Spent | NotSpent:
    said = PointsSpent(order=wish.order, points=wish.points)
    event = told_at(now, key.source, identifiers, said)
    posted = [PostedEvent(wish.event_id, event)]
    if not ledger.append_http(connection, key.tenant, key.source, key.key_id, posted).accepted:
        return NotSpent(reason="event_id", left=left)
    atom = next(iter(recognised(event)))
    reference, source = _order_of(wish.order, key.source)
    _write(connection, [(key.tenant, atom, source, reference, wish.points, now)])
    return Spent(points=wish.points, left=left - wish.points, repeated=False)


def fold_spent(connection: Connection, events: Sequence[LedgerEvent]) -> None:
    """Keep what events say of points that were spent, once an order, within the fold."""
    rows = []
    for each in events:
        body = each.event.body
        if not isinstance(body, PointsSpent):
            continue
        atom = next(iter(recognised(each.event)), None)
        order, place = _order_of(body.order, teller_of(each))
        if atom is not None and order and body.points > 0:
            points = min(body.points, SPENT_MAX)
            rows.append((each.tenant, atom, place, order, points, each.event.occurred_at))
    if rows:
        _write(connection, rows)


def _order_of(order: str, teller: str) -> tuple[str, str]:
    """Return the name and the place of an order, by which what came back of it is found."""
    name, place = order_key(order, teller)
    return name[:ORDER_CHARACTERS_MAX], place


def _write(connection: Connection, rows: Sequence[tuple[str, str, str, str, int, int]]) -> None:
    first: dict[tuple[str, str, str, str], tuple[int, int]] = {}
    for tenant, atom, source, order, spent, at in rows:
        key = (tenant, atom, source, order)
        first[key] = min(first.get(key, (at, spent)), (at, spent))
    ordered = [(*key, spent, at) for key, (at, spent) in sorted(first.items())]
    tenants, atoms, sources, orders, points, times = zip(*ordered, strict=True)
    connection.execute(
        "INSERT INTO point_spend AS held (tenant, atom, source, reference, points, occurred_at)"
        " SELECT * FROM unnest(%s::text[], %s::uuid[], %s::text[], %s::text[], %s::bigint[],"
        " %s::bigint[]) ON CONFLICT (tenant, atom, source, reference) DO UPDATE SET"
        " points = excluded.points, occurred_at = excluded.occurred_at"
        " WHERE (excluded.occurred_at, excluded.points) < (held.occurred_at, held.points)",
        (
            arrays.texts(tenants),
            arrays.plain(atoms),
            arrays.texts(sources),
            arrays.texts(orders),
            arrays.numbers(points),
            arrays.numbers(times),
        ),
    )


def _strongest(
    connection: Connection, tenant: str, identifiers: Sequence[Identifier]
) -> str | None:
    ids = sorted(identifier_id(each) for each in identifiers)
    found: dict[Key, str] = shoppers_of(connection, [(tenant, each) for each in ids])
    return next((found[tenant, each] for each in ids if (tenant, each) in found), None)
