"""Settling orders: what new events of orders change, given all that was told of them before."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import Connection

from cloud_sync.database import arrays
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.atoms.by_kind import Sorted, of_kinds
from cloud_sync.shoppers.trade.orders import (
    ABOUT_ORDERS,
    Effect,
    GivenBack,
    coupons_back,
    effects,
    order_key,
    teller_of,
)
from wire.codec import decode_event
from wire.events import CouponRedeemed, Purchased, Returned

# What is told of one order beyond this says nothing any more.
TOLD_PER_ORDER_MAX = 64

_Key = tuple[str, str]
# Day (as its ordinal), shard and position of an event in the ledger.
_Place = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What events of orders change: effects to add, effects said before to take back.

    `passed` are the positions of events that say nothing new of an order.
    """

    added: Sequence[Effect] = ()
    taken: Sequence[Effect] = ()
    given: Sequence[GivenBack] = ()
    passed: frozenset[int] = frozenset()

    @property
    def changes(self) -> Sequence[tuple[Effect, int]]:
        """Return each effect with how often it is added: once, or -1 where it is taken back."""
        return [*((each, 1) for each in self.added), *((each, -1) for each in self.taken)]

    @property
    def atoms(self) -> set[tuple[str, str]]:
        """Return (tenant, atom) of all whom these changes concern."""
        both = (*self.added, *self.taken)
        return {(each.ledger.tenant, each.atom) for each in both if each.atom is not None}


NOTHING = Settled()


def settle(connection: Connection, events: Sequence[LedgerEvent]) -> Settled:
    """Note what events of one shard tell of orders, and return what that changes.

    The orders' rows stay locked until the caller's transaction ends, so that of two workers that
    hear of the same order the second sees what the first made of it.
    """
    new: dict[_Key, list[LedgerEvent]] = defaultdict(list)
    added: list[Effect] = []
    for each in of_kinds(events, *ABOUT_ORDERS):
        if key := _key(each):
            new[key].append(each)
        else:
            added.extend(effects([each]))  # an order without a name is one by itself
    if not new:
        return Settled(added=added) if added else NOTHING
    earlier = _note(connection, new)
    found = _read(connection, earlier)
    taken: list[Effect] = []
    given: list[GivenBack] = []
    passed: set[int] = set()
    for key, fresh in new.items():
        old = [found[place] for place in earlier.get(key, ()) if place in found]
        told = [*old, *fresh] if key in earlier else old
        before, after = effects(old), effects(told)
        added.extend(each for each in after if each not in before)
        taken.extend(each for each in before if each not in after)
        known = coupons_back(old)
        given.extend(each for each in coupons_back(told) if each not in known)
        counted = {_place(each.ledger) for each in after}
        passed.update(
            each.position
            for each in fresh
            if type(each.event.body) is not CouponRedeemed and _place(each) not in counted
        )
    return Settled(added=added, taken=taken, given=given, passed=frozenset(passed))


def forget(connection: Connection, events: Sequence[LedgerEvent]) -> int:
    """Forget the orders of which these events tell, and return of how many somebody had told."""
    keys = sorted({key for each in of_kinds(events, *ABOUT_ORDERS) if (key := _key(each))})
    if not keys:
        return 0
    return connection.execute(
        "DELETE FROM order_told WHERE (tenant, order_key) IN"
        " (SELECT * FROM unnest(%s::text[], %s::text[]))",
        (arrays.texts(tenant for tenant, _ in keys), arrays.texts(order for _, order in keys)),
    ).rowcount


def counted_anew(
    events: Sorted, settled: Settled
) -> tuple[Sequence[LedgerEvent], Sequence[LedgerEvent]]:
    """Return the events of which figures are to be made, and those whose figures are taken back.

    Figures are told apart by shard, so what was counted in another one is taken back in this one.
    """
    if not (settled.passed or settled.taken):
        return events, ()
    ours = events[0].shard
    before = {_place(each.ledger): each.ledger for each in settled.taken}
    after = {_place(each.ledger): each.ledger for each in settled.added}
    told = of_kinds(events, Purchased, Returned)
    here = {_place(each) for each in told}
    rest = [each for each in told if each.position not in settled.passed]
    rest += [
        _in_shard(each, ours)
        for place, each in after.items()
        if place not in before and place not in here
    ]
    gone = [_in_shard(each, ours) for place, each in before.items() if place not in after]
    return events.instead((Purchased, Returned), rest), gone


def _in_shard(ledger: LedgerEvent, shard: int) -> LedgerEvent:
    fields = {name: getattr(ledger, name) for name in ledger.__struct_fields__}
    return LedgerEvent(**(fields | {"shard": shard}))


def _key(ledger: LedgerEvent) -> _Key | None:
    body = ledger.event.body
    if not isinstance(body, (Purchased, Returned, CouponRedeemed)) or not body.order:
        return None
    name, place = order_key(body.order, teller_of(ledger))
    return (ledger.tenant, f"{name}@{place}")


def _place(ledger: LedgerEvent) -> _Place:
    return (ledger.day.toordinal(), ledger.shard, ledger.position)


def _json(events: Sequence[LedgerEvent]) -> str:
    places = ",".join(f"[{day},{shard},{at}]" for day, shard, at in map(_place, events))
    return f"[{places}]"


def _note(
    connection: Connection, new: Mapping[_Key, Sequence[LedgerEvent]]
) -> dict[_Key, list[_Place]]:
    """Note where the ledger tells of these orders; returns what told of them before.

    An order of which enough was told already is left out.
    """
    keys = sorted(new)
    rows = connection.execute(
        "INSERT INTO order_told AS held (tenant, order_key, places)"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::jsonb[])"
        " ON CONFLICT (tenant, order_key) DO UPDATE SET places = held.places || excluded.places"
        " WHERE jsonb_array_length(held.places) < %s RETURNING tenant, order_key, places",
        (
            arrays.texts(tenant for tenant, _ in keys),
            arrays.texts(order for _, order in keys),
            arrays.texts(_json(new[key][:TOLD_PER_ORDER_MAX]) for key in keys),
            TOLD_PER_ORDER_MAX,
        ),
    )
    return {
        (tenant, order): [
            place
            for day, shard, position in places
            if (place := (day, shard, position)) not in {_place(e) for e in new[tenant, order]}
        ]
        for tenant, order, places in rows
    }


def _read(
    connection: Connection, earlier: Mapping[_Key, Sequence[_Place]]
) -> dict[_Place, LedgerEvent]:
    """Read events from the ledger by their places; one that is gone says nothing any more."""
    places = sorted({place for each in earlier.values() for place in each})
    if not places:
        return {}
    rows = connection.execute(
        "SELECT shard, position, day, tenant, store, source, stream, seq, accepted_at, live, row"
        " FROM unnest(%s::integer[], %s::smallint[], %s::bigint[]) AS asked (number, part, place)"
        " CROSS JOIN LATERAL (SELECT * FROM ledger WHERE day = date '0001-01-01' + number - 1"
        "  AND shard = part AND position = place OFFSET 0) AS held",
        (
            arrays.numbers(day for day, _, _ in places),
            arrays.numbers(shard for _, shard, _ in places),
            arrays.numbers(position for _, _, position in places),
        ),
        binary=True,
    )
    events = [LedgerEvent(*(*row[:-1], decode_event(row[-1]))) for row in rows]
    return {_place(each): each for each in events}
