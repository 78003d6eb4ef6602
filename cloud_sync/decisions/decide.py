"""Deciding what each store may show to the shoppers that events have touched."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from psycopg import Connection

from cloud_sync.catalogue import goods_of, sold_of
from cloud_sync.decisions import doubts
from cloud_sync.decisions.changes import StoreChange
from cloud_sync.decisions.coupons import (
    Coupon,
    ask_coupons,
    given_back,
    issue,
    lease,
    write_leases,
)
from cloud_sync.decisions.doubts import without_reason
from cloud_sync.decisions.offers import OFFER_RULES, candidates, open_coupons, propose
from cloud_sync.decisions.prepared import prepare
from cloud_sync.decisions.recommend import (
    Bestsellers,
    Neighbours,
    TopicGoods,
    anchors,
    ask_topic_goods,
    recommend_to,
    taste_of,
)
from cloud_sync.decisions.telling import ask_told, tell
from cloud_sync.decisions.trends import Trends
from cloud_sync.decisions.visits import ask_left
from cloud_sync.flow import queue
from cloud_sync.identity.linkage.confidence import (
    Confidence,
    allows_personal_offers,
    confidence_in,
)
from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.graph.identity import Key, Members, ask_lock, ask_members, shoppers_of
from cloud_sync.shoppers.profiles.profile import Profile, ask_profiles
from cloud_sync.shoppers.profiles.stage import stage_of
from wire.identifiers import Identifier, identifier_id
from wire.views import SHARED_THING, Because, CouponView, ShopperView

# A store that has not seen a shopper for this long is told nothing more about them.
SEEN_DAYS = 30
# Shoppers decided together; more take several rounds.
SHOPPERS_MAX = 500
# A web cookie is never shown in a store, so no store is told of it.
SHOWN_IN_STORES = frozenset({"member", "phone", "email", "app"})

_TITLES = {rule.offer: dict(rule.title) for rule in OFFER_RULES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the decisions about one shopper are made from.

    `confidence` is how sure it is who the shopper is, None where that was only typed. `left` are
    the stores that the shopper has left again; `sold` has the category of each product
    that is sold now, `brands` names the brand also of others. `topic_goods` are the goods of the
    series and topics that are followed.
    """

    tenant: str
    shopper: str
    profile: Profile
    confidence: Confidence | None
    coupons: Sequence[Coupon]
    left: Collection[str]
    neighbours: Neighbours
    bestsellers: Mapping[str, Bestsellers]
    sold: Mapping[str, str]
    brands: Mapping[str, str]
    topic_goods: TopicGoods = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was decided about one shopper: coupons issued and leased anew, a view a store.

    `next` is the view of a store that they enter next, without a lease; None without consent.
    `by_terms` tells that the consent is that of the tenant's terms. `withdrawn` are the codes of
    coupons that were another's doing.
    """

    issued: Sequence[Coupon]
    leased: Sequence[Coupon]
    views: Mapping[str, ShopperView]
    next: ShopperView | None = None
    by_terms: bool = True
    withdrawn: Collection[str] = ()


def decide(
    connection: Connection,
    tenant: str,
    shoppers: Collection[str],
    now: int,
    trends: Trends | None = None,
) -> list[StoreChange]:
    """Decide about shoppers of a tenant at `now` (µs UTC) and return what stores are to be told.

    `trends` remembers between calls what goes with what and what sells; without it all is asked.
    Older shopper IDs are resolved first. Coupons are issued and leased and the told views noted in
    the caller's transaction; a view is returned only if it differs from what the store was told,
    and taken back where the store should know it no more. The shoppers' rows are locked, so that
    the last to decide has seen what all others wrote.
    """
    changes: list[StoreChange] = []
    ordered = iter(sorted(set(shoppers)))
    while part := list(islice(ordered, SHOPPERS_MAX)):
        members = _locked(connection, {(tenant, shopper) for shopper in part})
        if members:
            changes.extend(_decide_locked(connection, tenant, members, now, trends or Trends()))
    return changes


def decide_one(known: Known, now: int) -> Decided:
    """Decide about one shopper: a pure function of what is known and the time."""
    profile = known.profile
    stores = [store for store, at in profile.stores.items() if at > now - SEEN_DAYS * DAY_US]
    if not (profile.consented and allows_personal_offers(known.confidence)):
        return Decided(issued=(), leased=(), views=dict.fromkeys(stores, _bare_view(known)))
    withdrawn = {each.coupon for each in without_reason(known.coupons, profile)}
    own = [each for each in known.coupons if each.coupon not in withdrawn]
    issued = propose(known.tenant, known.shopper, profile, own, known.sold, now)
    shown = open_coupons([*own, *issued], profile, now)
    # Where the shopper is now; nowhere, when they have left.
    here = "" if profile.last_store in known.left else profile.last_store
    # Nor is a right to redeem kept that another, split off since, had got.
    strange = {each.lease_store for each in shown if each.doubtful} - profile.stores.keys()
    left = {*known.left, *strange}
    holding = [lease(given_back(each, left), here, now) for each in shown]
    new = {each.coupon for each in issued}
    staged = stage_of(profile, now)
    # To the day, without a count: otherwise each further look would be news to every store.
    first = staged.because[0]
    stage_because = Because(reason=first.reason, at=first.at // DAY_US * DAY_US)
    saved = tuple(sorted(product for product, facts in profile.products.items() if facts.saved))
    taste = taste_of(profile, known.neighbours, known.sold, now)

    def view_in(store: str, bestsellers: Bestsellers) -> ShopperView:
        return ShopperView(
            shopper=known.shopper,
            stage=staged.stage,
            because=stage_because,
            coupons=tuple(_coupon_view(each, store, known) for each in holding),
            recommended=recommend_to(
                profile, taste, bestsellers, known.sold, known.brands, known.topic_goods
            ),
            saved=saved,
            consented=True,
            followed=tuple(profile.followed),
            level=_level(profile),
            points=_points(profile),
        )

    return Decided(
        issued=[each for each in holding if each.coupon in new],
        leased=[
            each
            for before, each in zip(shown, holding, strict=True)
            if each != before and each.coupon not in new
        ],
        views={store: view_in(store, known.bestsellers.get(store, ())) for store in stores},
        # What sells in a store that was never entered is not known here.
        next=view_in("", known.bestsellers.get(profile.last_store, ())),
        by_terms=profile.by_terms,
        withdrawn=withdrawn,
    )


def _bare_view(known: Known) -> ShopperView:
    """Return what a store may show to a shopper without consent: what they own, and why no more."""
    profile = known.profile
    return ShopperView(
        shopper=known.shopper,
        stage="awareness",
        because=Because(reason=SHARED_THING if profile.shared else "no_consent"),
        level=_level(profile),
        points=_points(profile),
    )


def _level(profile: Profile) -> dict[str, str]:
    standing = profile.standing
    return dict(standing.level.title) if standing and standing.level else {}


def _points(profile: Profile) -> int | None:
    return None if profile.standing is None else profile.standing.left


def _coupon_view(coupon: Coupon, store: str, known: Known) -> CouponView:
    """Return a coupon as a store shows it: with the lease only where it is that store's."""
    ours = bool(store) and coupon.lease_store == store
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


def _locked(connection: Connection, asked: set[Key]) -> Members:
    """Lock the current shoppers that these IDs resolve to; return them with their identifiers."""
    members: dict[Key, list[Identifier]] = {}
    wanted = asked
    while wanted:
        # The second statement sees what the first one waited for.
        locked, found = ask_lock(connection, wanted), ask_members(connection, wanted)
        held = locked()
        members |= {key: owned for key, owned in found().items() if key in held}
        # What was joined to another shopper is resolved anew.
        current = shoppers_of(connection, wanted - held)
        wanted = {(tenant, shopper) for (tenant, _), shopper in current.items()}
    return {key: members[key] for key in sorted(members)}


def _decide_locked(
    connection: Connection, tenant: str, members: Members, now: int, trends: Trends
) -> list[StoreChange]:
    told = ask_told(connection, tenant, members)
    known = _known(connection, tenant, members, now, trends)
    decided = {(tenant, each.shopper): decide_one(each, now) for each in known}
    doubtful = [each for one in known for each in one.coupons if each.doubtful]
    withdrawn = {code for one in decided.values() for code in one.withdrawn}
    doubts.settle(connection, tenant, doubtful, withdrawn, now)
    issue(connection, [each for one in decided.values() for each in one.issued])
    write_leases(connection, [each for one in decided.values() for each in one.leased])
    coming = {shopper: each.next for (_, shopper), each in decided.items()}
    by_terms = {shopper for (_, shopper), each in decided.items() if each.by_terms}
    prepare(connection, tenant, coming, by_terms, now)
    atoms = [identifier_id(each) for owned in members.values() for each in owned]
    queue.put(connection, tenant, list(coming), now, joined=atoms)
    views = {
        (identifier, store): view
        for key, one in decided.items()
        for identifier in members[key]
        if identifier.kind in SHOWN_IN_STORES
        for store, view in one.views.items()
    }
    return tell(connection, tenant, told(), views, now)


def _known(
    connection: Connection, tenant: str, members: Members, now: int, trends: Trends
) -> list[Known]:
    # All is asked before the first answer is read, as far as nothing waits for another answer.
    asked_profiles = ask_profiles(connection, members)
    asked_coupons = ask_coupons(connection, members)
    asked_left = ask_left(connection, members, now)
    profiles, coupons, left = asked_profiles(), asked_coupons(), asked_left()
    latest = {each for profile in profiles.values() for each in anchors(profile)}
    entered = {store for profile in profiles.values() for store in profile.stores}
    asked_near = trends.ask_neighbours(connection, tenant, latest, now)
    asked_best = trends.ask_bestsellers(connection, tenant, entered, now)
    asked_topics = ask_topic_goods(
        connection, tenant, {each for profile in profiles.values() for each in profile.followed}
    )
    neighbours, bestsellers, topic_goods = asked_near(), asked_best(), asked_topics()
    named = {each for profile in profiles.values() for each in candidates(profile)}
    named |= {each for profile in profiles.values() for each in profile.products}
    named |= {each.product for found in neighbours.values() for each in found}
    named |= {product for found in bestsellers.values() for product, _ in found}
    named |= {product for found in topic_goods.values() for product in found}
    named |= {each.product for issued in coupons.values() for each in issued}
    goods = goods_of(connection, tenant, named)
    sold, brands = sold_of(goods), {product: each.brand for product, each in goods.items()}
    return [
        Known(
            tenant=tenant,
            shopper=key[1],
            profile=profiles[key],
            confidence=confidence_in(members[key]),
            coupons=coupons[key],
            left=left[key],
            neighbours=neighbours,
            bestsellers=bestsellers,
            sold=sold,
            brands=brands,
            topic_goods=topic_goods,
        )
        for key in members
    ]
