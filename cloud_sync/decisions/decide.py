"""Deciding what each store may show to the shoppers that events have touched."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from msgspec import structs
from psycopg import Connection

from cloud_sync.catalogue import goods_of, sold_of
from cloud_sync.database import arrays
from cloud_sync.decisions.changes import StoreChange
from cloud_sync.decisions.coupons import (
    Coupon,
    coupons_of,
    given_back,
    issue,
    lease,
    write_leases,
)
from cloud_sync.decisions.offers import OFFER_RULES, candidates, open_coupons, propose
from cloud_sync.decisions.recommend import (
    Bestsellers,
    Neighbours,
    anchors,
    bestsellers_of,
    neighbours_of,
    recommend,
)
from cloud_sync.decisions.visits import left_of
from cloud_sync.shoppers.facts import DAY_US
from cloud_sync.shoppers.identity import Key, Members, identifier_id, lock, members_of, shoppers_of
from cloud_sync.shoppers.profile import Profile, profiles_of
from cloud_sync.shoppers.stage import stage_of
from wire.identifiers import Identifier
from wire.messages import Change
from wire.views import Because, CouponView, ShopperView, encode_view

# A store that has not seen a shopper for this long is told nothing more about them.
SEEN_DAYS = 30
# Shoppers decided together; more take several rounds.
SHOPPERS_MAX = 500
# A web cookie is never shown in a store, so no store is told of it.
SHOWN_IN_STORES = frozenset({"member", "phone", "email", "app"})

# Where a view is told: under which identifier, in which store.
_Place = tuple[Identifier, str]
_TITLES = {rule.offer: dict(rule.title) for rule in OFFER_RULES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the decisions about one shopper are made from.

    `left` are the stores that the shopper has left again; `sold` has the category of each product
    that is sold now, `brands` names the brand also of others.
    """

    tenant: str
    shopper: str
    profile: Profile
    coupons: Sequence[Coupon]
    left: Collection[str]
    neighbours: Neighbours
    bestsellers: Mapping[str, Bestsellers]
    sold: Mapping[str, str]
    brands: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was decided about one shopper: coupons issued and leased anew, a view a store."""

    issued: Sequence[Coupon]
    leased: Sequence[Coupon]
    views: Mapping[str, ShopperView]


def decide(
    connection: Connection, tenant: str, shoppers: Collection[str], now: int
) -> list[StoreChange]:
    """Decide about shoppers of a tenant at `now` (µs UTC) and return what stores are to be told.

    Older shopper IDs are resolved first. Coupons are issued and leased and the told views noted in
    the caller's transaction; a view is returned only if it differs from what the store was told,
    and taken back where the store should know it no more. The shoppers' rows are locked, so that
    the last to decide has seen what all others wrote.
    """
    changes: list[StoreChange] = []
    ordered = iter(sorted(set(shoppers)))
    while part := list(islice(ordered, SHOPPERS_MAX)):
        current = _locked(connection, {(tenant, shopper) for shopper in part})
        if current:
            changes.extend(_decide_locked(connection, tenant, sorted(current), now))
    return changes


def decide_one(known: Known, now: int) -> Decided:
    """Decide about one shopper: a pure function of what is known and the time."""
    profile = known.profile
    stores = [store for store, at in profile.stores.items() if at > now - SEEN_DAYS * DAY_US]
    if not profile.consented:
        bare = ShopperView(
            shopper=known.shopper, stage="awareness", because=Because(reason="no_consent")
        )
        return Decided(issued=(), leased=(), views=dict.fromkeys(stores, bare))
    issued = propose(known.tenant, known.shopper, profile, known.coupons, known.sold, now)
    shown = open_coupons([*known.coupons, *issued], profile, now)
    # Where the shopper is now; nowhere, when they have left.
    here = "" if profile.last_store in known.left else profile.last_store
    holding = [lease(given_back(each, known.left), here, now) for each in shown]
    new = {each.coupon for each in issued}
    staged = stage_of(profile, now)
    # To the day, without a count: otherwise each further look would be news to every store.
    first = staged.because[0]
    stage_because = Because(reason=first.reason, at=first.at // DAY_US * DAY_US)
    saved = tuple(sorted(product for product, facts in profile.products.items() if facts.saved))
    views = {
        store: ShopperView(
            shopper=known.shopper,
            stage=staged.stage,
            because=stage_because,
            coupons=tuple(_coupon_view(each, store, known) for each in holding),
            recommended=recommend(
                profile,
                known.neighbours,
                known.bestsellers.get(store, ()),
                known.sold,
                now,
                known.brands,
            ),
            saved=saved,
            consented=True,
            followed=tuple(profile.followed),
        )
        for store in stores
    }
    return Decided(
        issued=[each for each in holding if each.coupon in new],
        leased=[
            each
            for before, each in zip(shown, holding, strict=True)
            if each != before and each.coupon not in new
        ],
        views=views,
    )


def _coupon_view(coupon: Coupon, store: str, known: Known) -> CouponView:
    """Return a coupon as a store shows it: with the lease only where it is that store's."""
    ours = coupon.lease_store == store
    return CouponView(
        coupon=coupon.coupon,
        offer=coupon.offer,
        title=_TITLES.get(coupon.offer, {}),
        because=Because(
            reason=coupon.reason,
            product=coupon.product,
            category=known.sold.get(coupon.product, ""),
            at=coupon.because_at,
            channel=coupon.channel,
        ),
        product=coupon.product,
        brand=known.brands.get(coupon.product, ""),
        percent=coupon.percent,
        expires_at=coupon.expires_at,
        state=coupon.state,
        lease=coupon.lease if ours else "",
        lease_until=coupon.lease_until if ours else 0,
    )


def _locked(connection: Connection, asked: set[Key]) -> set[Key]:
    """Lock the current shoppers that these IDs resolve to and return them."""
    current: set[Key] = set()
    while asked:
        resolved = shoppers_of(connection, asked)
        wanted = {(tenant, shopper) for (tenant, _), shopper in resolved.items()}
        held = lock(connection, wanted)
        current |= held
        # What was joined to another shopper between the two statements is resolved anew.
        asked = wanted - held
    return current


def _decide_locked(
    connection: Connection, tenant: str, shoppers: Sequence[Key], now: int
) -> list[StoreChange]:
    members = members_of(connection, shoppers)
    decided: dict[Key, Decided] = {}
    for known in _known(connection, tenant, members, now):
        decided[tenant, known.shopper] = decide_one(known, now)
    issue(connection, [each for one in decided.values() for each in one.issued])
    write_leases(connection, [each for one in decided.values() for each in one.leased])
    views = {
        (identifier, store): view
        for key, one in decided.items()
        for identifier in members[key]
        if identifier.kind in SHOWN_IN_STORES
        for store, view in one.views.items()
    }
    everyone = [identifier for key in shoppers for identifier in members[key]]
    return _told(connection, tenant, everyone, views, now)


def _known(connection: Connection, tenant: str, members: Members, now: int) -> list[Known]:
    profiles = profiles_of(connection, members)
    coupons = coupons_of(connection, members)
    left = left_of(connection, members, now)
    near = neighbours_of(
        connection,
        {(tenant, each) for profile in profiles.values() for each in anchors(profile)},
    )
    stores = {store for profile in profiles.values() for store in profile.stores}
    best = bestsellers_of(connection, {(tenant, store) for store in stores})
    if not all(best.values()):
        best |= bestsellers_of(connection, [(tenant, "")])
    named = {each for profile in profiles.values() for each in candidates(profile)}
    named |= {each for profile in profiles.values() for each in profile.products}
    named |= {each.product for found in near.values() for each in found}
    named |= {product for found in best.values() for product, _ in found}
    named |= {each.product for issued in coupons.values() for each in issued}
    goods = goods_of(connection, tenant, named)
    sold, brands = sold_of(goods), {product: each.brand for product, each in goods.items()}
    neighbours = {product: found for (_, product), found in near.items()}
    bestsellers = {store: best[tenant, store] or best.get((tenant, ""), []) for store in stores}
    return [
        Known(
            tenant=tenant,
            shopper=key[1],
            profile=profiles[key],
            coupons=coupons[key],
            left=left[key],
            neighbours=neighbours,
            bestsellers=bestsellers,
            sold=sold,
            brands=brands,
        )
        for key in members
    ]


def _told(
    connection: Connection,
    tenant: str,
    everyone: Sequence[Identifier],
    views: Mapping[_Place, ShopperView],
    now: int,
) -> list[StoreChange]:
    """Note what stores are told and return what differs from what they were told before."""
    by_id = {identifier_id(each): each for each in everyone}
    rows = connection.execute(
        "SELECT identifier, store, checksum FROM shopper_view WHERE tenant = %s"
        " AND identifier = ANY(%s::uuid[])",
        (tenant, arrays.plain(by_id)),
    )
    before = {(by_id[each.hex], store): bytes(checksum) for each, store, checksum in rows}
    # Each view is the same under all identifiers of its shopper: encoded once a store and shopper.
    encoded = {(view.shopper, store): encode_view(view) for (_, store), view in views.items()}
    checksums = {place: _checksum(encoded[view.shopper, place[1]]) for place, view in views.items()}
    changed = sorted(place for place in views if before.get(place) != checksums[place])
    gone = sorted(place for place in before if place not in views)
    _note(connection, tenant, {place: checksums[place] for place in changed}, gone)
    return [
        *(
            _change(tenant, place, encode_view(structs.replace(views[place], decided_at=now)))
            for place in changed
        ),
        *(_change(tenant, place, None) for place in gone),
    ]


def _note(
    connection: Connection,
    tenant: str,
    changed: Mapping[_Place, bytes],
    gone: Sequence[_Place],
) -> None:
    if changed:
        connection.execute(
            "INSERT INTO shopper_view (tenant, identifier, store, checksum)"
            " SELECT %s, * FROM unnest(%s::uuid[], %s::text[], %s::bytea[])"
            " ON CONFLICT (tenant, identifier, store) DO UPDATE SET checksum = excluded.checksum",
            (tenant, *_columns(list(changed)), list(changed.values())),
        )
    if gone:
        with connection.cursor() as cursor:
            cursor.executemany(
                "DELETE FROM shopper_view WHERE tenant = %s AND identifier = %s AND store = %s",
                [(tenant, identifier_id(identifier), store) for identifier, store in gone],
            )


def _columns(places: Sequence[_Place]) -> tuple[str, str]:
    return (
        arrays.plain(identifier_id(identifier) for identifier, _ in places),
        arrays.texts(store for _, store in places),
    )


def _change(tenant: str, place: _Place, value: bytes | None) -> StoreChange:
    identifier, store = place
    change = Change(table="shopper", key=identifier.key, value=value)
    return StoreChange(tenant=tenant, store=store, change=change)


def _checksum(value: bytes) -> bytes:
    return hashlib.blake2b(value, digest_size=8).digest()
