"""Folding events into shoppers: identities are joined, atoms grow, touched shoppers are named."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import Connection

from cloud_sync.database import arrays
from cloud_sync.intake.ledger import LedgerEvent
from cloud_sync.shoppers.atoms.acts import Timed, gather, time_of
from cloud_sync.shoppers.atoms.by_kind import by_kind, of_kinds
from cloud_sync.shoppers.atoms.facts import PRODUCT, Facts, write
from cloud_sync.shoppers.graph.identity import (
    Key,
    Link,
    append_links,
    recognised,
    register,
    shoppers_of,
)
from cloud_sync.shoppers.graph.joining import join
from cloud_sync.shoppers.profiles.spending import fold_spent
from cloud_sync.shoppers.trade.given_back import give_back
from cloud_sync.shoppers.trade.order_facts import gather_order
from cloud_sync.shoppers.trade.orders import order_key, teller_of
from cloud_sync.shoppers.trade.settling import Settled, settle
from wire.events import CouponClaimed, CouponRedeemed, PointsSpent, Purchased
from wire.identifiers import Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Whom a fold concerned: (tenant, shopper ID) of all shoppers touched.

    `live` are those that a live event touched, to be answered now; `stores` the (tenant, store)
    that sent events. `told` says that something was put on a downlink.
    """

    touched: set[Key]
    live: set[Key]
    stores: set[tuple[str, str]]
    told: bool = False


# What an order may say of coupons; a till takes fewer off one.
DISCOUNTS_MAX = 50
_ABOUT_COUPONS = (CouponClaimed, CouponRedeemed, Purchased)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CouponAct:
    tenant: str
    coupon: str
    act: str
    source: str
    reference: str
    occurred_at: int
    shard: int
    position: int


def fold(
    connection: Connection,
    shard: int,
    epoch: int,
    events: Sequence[LedgerEvent],
    settled: Settled | None = None,
) -> Folded:
    """Fold events of one shard into shoppers, within the caller's transaction.

    The caller hands in each position once, by moving the shard's fold position in the same
    transaction, and checks there that `epoch` is still the shard's. Every worker takes its locks in
    the same order: orders, identifiers, facts, coupon acts, joined shopper IDs. A deadlock that is
    left undoes the transaction, to be repeated whole. `settled` is what the events change about
    orders, where the caller has asked already.
    """
    orders = settle(connection, events) if settled is None else settled
    del epoch  # checked by the commit of the fold position
    named = _Named()
    facts = Facts()
    for kind, those in by_kind(events).items():
        gather(facts, kind, named.atoms(those))
    for effect, times in orders.changes:
        gather_order(facts, effect, times)
    shoppers = register(connection, named.identifiers)
    append_links(connection, named.links)
    write(connection, facts, shard, events[-1].position)
    if spent := of_kinds(events, PointsSpent):
        fold_spent(connection, spent)
    owners = _write_coupon_acts(connection, of_kinds(events, *_ABOUT_COUPONS))
    owners |= give_back(connection, orders.given) | (orders.atoms - named.identifiers.keys())
    pairs = {((link.tenant, link.identifier), (link.tenant, link.other)) for link in named.links}
    apart = sorted(pair for pair in pairs if shoppers[pair[0]] != shoppers[pair[1]])
    if apart:
        join(connection, apart)
        shoppers = shoppers_of(connection, named.identifiers.keys() | owners)
    elif owners:
        shoppers |= shoppers_of(connection, owners)
    return Folded(
        touched={(tenant, shopper) for (tenant, _), shopper in shoppers.items()},
        live={(key[0], shoppers[key]) for key in named.live | owners},
        stores={(each.tenant, each.store) for each in events if each.store is not None},
    )


class _Named:
    """Whom events name: all identifiers and links, and the atoms of live events."""

    def __init__(self) -> None:
        self.identifiers: dict[Key, Identifier] = {}
        self.links: list[Link] = []
        self.live: set[Key] = set()
        self._known: dict[tuple[str, tuple[Identifier, ...]], tuple[str, ...]] = {}

    def atoms(self, those: Iterable[Timed]) -> list[tuple[Timed, str]]:
        """Return those events that name somebody, each with its atom, the strongest it names."""
        found: list[tuple[Timed, str]] = []
        for told in those:
            each = told[0]
            identifiers = each.event.identifiers
            if not identifiers:
                continue
            ids = self._known.get((each.tenant, identifiers))
            if ids is None:
                ids = self._get_to_know(each)
            if not ids:
                continue
            if len(ids) > 1:
                self.links.extend(_links(each, ids))
            if each.live:
                self.live.add((each.tenant, ids[0]))
            found.append((told, ids[0]))
        return found

    def _get_to_know(self, ledger: LedgerEvent) -> tuple[str, ...]:
        named = recognised(ledger.event)
        for key, identifier in named.items():
            self.identifiers[ledger.tenant, key] = identifier
        ids = self._known[ledger.tenant, ledger.event.identifiers] = tuple(named)
        return ids


def _links(ledger: LedgerEvent, named: Sequence[str]) -> list[Link]:
    """Return the links of an event: each weaker identifier with the strongest."""
    return [
        Link(
            tenant=ledger.tenant,
            identifier=weaker,
            other=named[0],
            shard=ledger.shard,
            position=ledger.position,
            evidence=ledger.event.kind,
            source=ledger.store or ledger.source,
            occurred_at=time_of(ledger),
        )
        for weaker in named[1:]
    ]


def _coupon_acts(ledger: LedgerEvent) -> list[_CouponAct]:
    """Return what an event says about coupons, told apart by place and order.

    Without an order the position tells two redemptions apart: both are kept, as a conflict. An
    order names those that came off it, also one redeemed at a kiosk before there was an order.
    """
    match ledger.event.body:
        case CouponClaimed(coupon=coupon):
            order, said = "", [(coupon, "claimed")]
        case CouponRedeemed(coupon=coupon, order=order):
            said = [(coupon, "redeemed")]
        case Purchased(order=order, discounts=discounts):
            said = [(each.coupon, "spent") for each in discounts[:DISCOUNTS_MAX]]
        case _:
            return []
    name, place = order_key(order, teller_of(ledger)) if order else ("", teller_of(ledger))
    return [
        _CouponAct(
            tenant=ledger.tenant,
            coupon=coupon,
            act=act,
            source=place,
            reference=name[:64] or f"{ledger.shard}:{ledger.position}",
            occurred_at=time_of(ledger),
            shard=ledger.shard,
            position=ledger.position,
        )
        for coupon, act in said
        if PRODUCT.fullmatch(coupon)
    ]


def _first(act: _CouponAct) -> tuple[int, int, int]:
    """Sort what tells of the same act: the first stands for all, in whatever order they came."""
    return act.occurred_at, act.shard, act.position


def _write_coupon_acts(connection: Connection, events: Sequence[LedgerEvent]) -> set[Key]:
    """Keep what events say of coupons, each once, and return the owners of the coupons."""
    acts = [act for each in events for act in _coupon_acts(each)]
    if not acts:
        return set()
    once = {
        (each.tenant, each.coupon, each.act, each.source, each.reference): each
        for each in sorted(acts, key=_first, reverse=True)
    }
    ordered = [once[key] for key in sorted(once)]
    connection.execute(
        "INSERT INTO coupon_act AS held (tenant, coupon, act, source, reference, occurred_at,"
        " shard, position) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[],"
        " %s::text[], %s::bigint[], %s::smallint[], %s::bigint[])"
        " ON CONFLICT (tenant, coupon, act, source, reference) DO UPDATE SET"
        " occurred_at = excluded.occurred_at, shard = excluded.shard, position = excluded.position"
        " WHERE (excluded.occurred_at, excluded.shard, excluded.position)"
        "  < (held.occurred_at, held.shard, held.position)",
        (
            arrays.texts(each.tenant for each in ordered),
            arrays.texts(each.coupon for each in ordered),
            arrays.plain(each.act for each in ordered),
            arrays.texts(each.source for each in ordered),
            arrays.texts(each.reference for each in ordered),
            arrays.numbers(each.occurred_at for each in ordered),
            arrays.numbers(each.shard for each in ordered),
            arrays.numbers(each.position for each in ordered),
        ),
    )
    rows = connection.execute(
        "SELECT DISTINCT asked.tenant, found.owner"
        " FROM unnest(%s::text[], %s::text[]) AS asked(tenant, code)"
        " CROSS JOIN LATERAL (SELECT owner FROM coupon WHERE coupon.tenant = asked.tenant"
        "  AND coupon.coupon = asked.code OFFSET 0) AS found",
        (
            arrays.texts(each.tenant for each in ordered),
            arrays.texts(each.coupon for each in ordered),
        ),
    )
    return {(tenant, owner.hex) for tenant, owner in rows}
