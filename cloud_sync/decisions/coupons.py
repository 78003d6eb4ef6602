"""Coupons: what was promised to whom, what became of it, and which store may redeem it alone.

A coupon's row holds the promise; its state is the fold of its acts, whichever came first: redeemed
if it was redeemed anywhere or came off an order, else claimed if it was claimed anywhere, else
offered. One that came off an order of which all came back is given back: as another coupon, since
stores remember what they redeemed (see `shoppers/trade/given_back.py`).
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from psycopg import Connection, Cursor

from cloud_sync.database import arrays
from cloud_sync.shoppers.graph.identity import Key, Members, atoms_of

# given_back: spent on an order of which all came back; another stands in its place.
CouponState = Literal["offered", "claimed", "redeemed", "given_back"]

# A store that holds a lease redeems without asking, and nobody else may before it runs out or the
# shopper has left: long enough for a visit with the line cut, short enough that the next store need
# not wait long when nothing says that they left.
LEASE_S = 2 * 3600
# A lease's name tells it from the other leases of its coupon, for which 32 bits are plenty; it
# stands in each redemption beside the coupon's own code.
LEASE_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """One coupon with its state; `owner` is the shopper ID for which it was issued.

    `lease` names the right of `lease_store` to redeem it without the cloud until `lease_until`.
    `doubtful` is one whose shopper was split since (see doubts.py).
    """

    tenant: str
    owner: str
    coupon: str
    offer: str
    serial: int
    product: str
    reason: str
    because_at: int
    channel: str
    percent: int
    issued_at: int
    expires_at: int
    lease: str = ""
    lease_store: str = ""
    lease_until: int = 0
    state: CouponState = "offered"
    doubtful: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """One redemption as it was reported: by which store or channel, for which order, when.

    The order of one redeemed at a kiosk is that from which the till took it off later, empty while
    there is none.
    """

    source: str
    order: str
    occurred_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A coupon that was redeemed more than once; the first redemption stands."""

    coupon: str
    redemptions: tuple[Redemption, ...]


def coupon_code(tenant: str, owner: str, offer: str, serial: int) -> str:
    """Return the code of a coupon: the same promise made twice has the same code."""
    promise = f"{tenant}/{owner}/{offer}/{serial}".encode()
    return hashlib.blake2b(promise, digest_size=10, person=b"coupon").hexdigest()


def coupons_of(connection: Connection, members: Members) -> dict[Key, list[Coupon]]:
    """Return all coupons of shoppers, given with their identifiers, oldest first.

    Those that were issued under an older ID of the shopper are among them.
    """
    return ask_coupons(connection, members)()


def ask_coupons(connection: Connection, members: Members) -> Callable[[], dict[Key, list[Coupon]]]:
    """Ask for `coupons_of`; the answer is read when it is called for."""
    rows = connection.execute(
        "SELECT asked.shopper, asked.tenant, owner, held.coupon, offer, serial, product, reason,"
        " because_at, channel, percent, issued_at, expires_at, lease, lease_store, lease_until,"
        " doubtful,"
        " ARRAY(SELECT DISTINCT act FROM coupon_act WHERE coupon_act.tenant = asked.tenant"
        "  AND coupon_act.coupon = held.coupon)"
        " FROM unnest(%s::text[], %s::uuid[], %s::uuid[]) AS asked(tenant, shopper, atom)"
        " CROSS JOIN LATERAL (SELECT * FROM coupon WHERE coupon.tenant = asked.tenant"
        "  AND coupon.owner = asked.atom OFFSET 0) AS held"
        " ORDER BY issued_at, held.coupon",
        atoms_of(members),
    )
    return lambda: _coupons(members, rows)


def _coupons(members: Members, rows: Cursor) -> dict[Key, list[Coupon]]:
    found: dict[Key, list[Coupon]] = {key: [] for key in members}
    for shopper, tenant, owner, code, offer, serial, product, reason, at, *rest in rows:
        channel, percent, issued_at, expires_at, lease, lease_store, lease_until, *more = rest
        doubtful, acts = more
        found[tenant, shopper.hex].append(
            Coupon(
                tenant=tenant,
                owner=owner.hex,
                coupon=code,
                offer=offer,
                serial=serial,
                product=product,
                reason=reason,
                because_at=at,
                channel=channel,
                percent=percent,
                issued_at=issued_at,
                expires_at=expires_at,
                lease=lease,
                lease_store=lease_store,
                lease_until=lease_until,
                state=_state(acts),
                doubtful=doubtful,
            )
        )
    return found


def issue(connection: Connection, coupons: Sequence[Coupon]) -> None:
    """Store new coupons; a promise that is there already is left as it is."""
    if not coupons:
        return
    ordered = sorted(coupons, key=lambda each: (each.tenant, each.owner, each.offer, each.serial))
    connection.execute(
        "INSERT INTO coupon (tenant, owner, coupon, offer, serial, product, reason, because_at,"
        " channel, percent, issued_at, expires_at, lease, lease_store, lease_until)"
        " SELECT * FROM unnest(%s::text[], %s::uuid[], %s::text[], %s::text[], %s::integer[],"
        " %s::text[], %s::text[], %s::bigint[], %s::text[], %s::integer[], %s::bigint[],"
        " %s::bigint[], %s::text[], %s::text[], %s::bigint[]) ON CONFLICT DO NOTHING",
        (
            arrays.texts(each.tenant for each in ordered),
            arrays.plain(each.owner for each in ordered),
            arrays.plain(each.coupon for each in ordered),
            arrays.texts(each.offer for each in ordered),
            arrays.numbers(each.serial for each in ordered),
            arrays.texts(each.product for each in ordered),
            arrays.texts(each.reason for each in ordered),
            arrays.numbers(each.because_at for each in ordered),
            arrays.texts(each.channel for each in ordered),
            arrays.numbers(each.percent for each in ordered),
            arrays.numbers(each.issued_at for each in ordered),
            arrays.numbers(each.expires_at for each in ordered),
            arrays.texts(each.lease for each in ordered),
            arrays.texts(each.lease_store for each in ordered),
            arrays.numbers(each.lease_until for each in ordered),
        ),
    )


def lease(coupon: Coupon, store: str, now: int) -> Coupon:
    """Return the coupon as leased to `store` at `now`, unless another store holds a lease still.

    A lease of the same store is prolonged when less than half of it is left; it never outlasts the
    coupon.
    """
    until = min(now + LEASE_S * 1_000_000, coupon.expires_at)
    held = coupon.lease_until > now
    if not store or (held and coupon.lease_store != store):
        return coupon
    if held and coupon.lease_until - now > LEASE_S * 1_000_000 // 2:
        return coupon
    if coupon.lease_store == store and coupon.lease_until >= until:
        return coupon
    right = f"{coupon.coupon}/{store}/{until}".encode()
    name = hashlib.blake2b(right, digest_size=LEASE_BYTES, person=b"lease").hexdigest()
    return replace(coupon, lease=name, lease_store=store, lease_until=until)


def given_back(coupon: Coupon, left: Collection[str]) -> Coupon:
    """Return the coupon without its lease where that is of a store that its shopper has left."""
    if coupon.lease_store not in left:
        return coupon
    return replace(coupon, lease="", lease_store="", lease_until=0)


def write_leases(connection: Connection, coupons: Sequence[Coupon]) -> None:
    """Store the leases of coupons; the caller holds the lock of their shoppers."""
    if not coupons:
        return
    connection.execute(
        "UPDATE coupon SET lease = held.lease, lease_store = held.store, lease_until = held.until"
        " FROM unnest(%s::text[], %s::uuid[], %s::text[], %s::integer[], %s::text[], %s::text[],"
        "  %s::bigint[]) AS held (tenant, owner, offer, serial, lease, store, until)"
        " WHERE coupon.tenant = held.tenant AND coupon.owner = held.owner"
        " AND coupon.offer = held.offer AND coupon.serial = held.serial",
        (
            arrays.texts(each.tenant for each in coupons),
            arrays.plain(each.owner for each in coupons),
            arrays.texts(each.offer for each in coupons),
            arrays.numbers(each.serial for each in coupons),
            arrays.texts(each.lease for each in coupons),
            arrays.texts(each.lease_store for each in coupons),
            arrays.numbers(each.lease_until for each in coupons),
        ),
    )


def conflicts(connection: Connection, tenant: str, limit: int = 1000) -> list[Conflict]:
    """Return the coupons that were redeemed, or came off an order, more than once, latest first.

    The same order reported twice by the same store or channel is one redemption.
    """
    rows = connection.execute(
        "SELECT act.coupon, act, source, reference, occurred_at,"
        " reference = shard || ':' || position"
        " FROM (SELECT coupon, max(occurred_at) AS latest_at FROM coupon_act WHERE tenant = %s"
        "  AND act IN ('redeemed', 'spent') GROUP BY coupon HAVING"
        "  count(*) FILTER (WHERE act = 'redeemed') > 1"
        "  OR count(*) FILTER (WHERE act = 'spent') > 1"
        "  ORDER BY latest_at DESC, coupon LIMIT %s) AS twice"
        " JOIN coupon_act AS act ON act.tenant = %s AND act.coupon = twice.coupon"
        " WHERE act IN ('redeemed', 'spent')"
        " ORDER BY latest_at DESC, act.coupon, occurred_at, source, reference",
        (tenant, limit, tenant),
    )
    acts: dict[str, list[_Act]] = {}
    for coupon, *act in rows:
        acts.setdefault(coupon, []).append(_Act(*act))
    return [Conflict(coupon=code, redemptions=redemptions_of(acts[code])) for code in acts]


class _Act(NamedTuple):
    """A redemption or an order it came off; without an order, `reference` is a ledger position."""

    act: str
    source: str
    reference: str
    occurred_at: int
    without_order: bool


def redemptions_of(acts: Sequence[_Act]) -> tuple[Redemption, ...]:
    """Return the redemptions that these acts of one coupon, in their order, tell of.

    A redemption without an order had the first order of its store that no other one names; an
    order that is left over is a redemption by itself.
    """
    orders = [each for each in acts if each.act == "spent"]
    named = {(each.source, each.reference) for each in acts if each.act == "redeemed"}
    free = [each for each in orders if (each.source, each.reference) not in named]
    found: list[Redemption] = []
    for each in acts:
        if each.act != "redeemed":
            continue
        order = "" if each.without_order else each.reference
        if each.without_order:
            spent = next((one for one in free if one.source == each.source), None)
            if spent is not None:
                free.remove(spent)
                order = spent.reference
        found.append(Redemption(source=each.source, order=order, occurred_at=each.occurred_at))
    found += [
        Redemption(source=one.source, order=one.reference, occurred_at=one.occurred_at)
        for one in free
    ]
    return tuple(sorted(found, key=lambda each: (each.occurred_at, each.source, each.order)))


def _state(acts: Collection[str]) -> CouponState:
    if "given_back" in acts:
        return "given_back"
    if "redeemed" in acts or "spent" in acts:
        return "redeemed"
    return "claimed" if "claimed" in acts else "offered"
