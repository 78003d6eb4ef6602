"""What a web shop or an app may show to a shopper, and redeeming a coupon there.

A channel is asked under the identifiers that it knows. Where they belong to different shoppers the
strongest kind counts; asking never joins anybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import structs
from psycopg import Connection

from cloud_sync.catalogue import Goods, goods_of, sold_of
from cloud_sync.decisions.coupons import Coupon, coupons_of
from cloud_sync.decisions.offers import OFFER_RULES, open_coupons
from cloud_sync.decisions.recommend import (
    anchors,
    ask_bestsellers,
    ask_neighbours,
    ask_topic_goods,
    recommend,
)
from cloud_sync.fleet.twins import SILENT_S
from cloud_sync.identity.linkage.confidence import allows_personal_offers, confidence_in
from cloud_sync.intake import ledger
from cloud_sync.intake.api_keys import ApiKey
from cloud_sync.intake.posted import PostedEvent, told_at
from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.graph.identity import lock, members_of, shoppers_of
from cloud_sync.shoppers.graph.joining import JoinError
from cloud_sync.shoppers.profiles.points import Standing
from cloud_sync.shoppers.profiles.profile import Profile, profiles_of
from cloud_sync.shoppers.profiles.stage import stage_of
from cloud_sync.shoppers.trade.orders import order_key
from wire.events import CouponRedeemed
from wire.identifiers import Identifier, identifier_id
from wire.topics import shard_of
from wire.views import SHARED_THING, Because, CouponView, Recommendation

# A coupon that was used stays on the shopper's list this long, as used.
USED_SHOWN_DAYS = 30

# A product that was never in a catalogue.
NO_GOODS = Goods(category="", brand="", sold=False)
_TITLES = {rule.offer: dict(rule.title) for rule in OFFER_RULES}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """What a channel may show to one shopper; nothing personal unless `consented`.

    `known` is False when no event ever named these identifiers. `held` names, for a coupon that
    cannot be redeemed now, the store that may be redeeming it without the cloud's knowledge.
    """

    shopper: str = ""
    known: bool = False
    consented: bool = False
    stage: str = "awareness"
    because: Because
    coupons: Sequence[CouponView] = ()
    held: Sequence[tuple[str, str]] = ()
    recommended: Sequence[Recommendation] = ()
    saved: Sequence[str] = ()
    followed: Sequence[str] = ()
    standing: Standing | None = None
    decided_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A wish to redeem a coupon for an order; a repeat has the same `event_id` and order."""

    coupon: str
    order: str
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """A coupon was redeemed, now or by an earlier request for the same order (`repeated`)."""

    coupon: str
    order: str
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NotUsed:
    """A coupon was not redeemed, and why: `unknown`, `redeemed`, `expired`, `held` or `event_id`.

    `held`: a store that is offline, `store`, may be redeeming it at this moment.
    """

    reason: str
    store: str = ""


def channel_view(
    connection: Connection, tenant: str, identifiers: Sequence[Identifier], now: int
) -> ChannelView:
    """Return what a channel may show to the shopper with these identifiers at `now` (µs UTC)."""
    shopper = _shopper_of(connection, tenant, identifiers)
    if shopper is None:
        return ChannelView(because=Because(reason="unknown"), decided_at=now)
    key = (tenant, shopper)
    members = members_of(connection, [key])
    profile = profiles_of(connection, members)[key]
    if not (profile.consented and allows_personal_offers(confidence_in(members[key]))):
        because = Because(reason=SHARED_THING if profile.shared else "no_consent")
        return ChannelView(
            shopper=shopper,
            known=True,
            because=because,
            standing=profile.standing,
            decided_at=now,
        )
    issued = coupons_of(connection, members)[key]
    shown = [*open_coupons(issued, profile, now), *_used_lately(issued, now)]
    near = ask_neighbours(connection, tenant, anchors(profile))()
    best = ask_bestsellers(connection, tenant, [""])()[""]
    topics = ask_topic_goods(connection, tenant, profile.followed)()
    named = {each.product for each in shown} | {product for product, _ in best}
    named |= {each.product for found in near.values() for each in found} | set(profile.products)
    named |= {product for found in topics.values() for product in found}
    goods = goods_of(connection, tenant, named)
    sold, brands = sold_of(goods), {product: each.brand for product, each in goods.items()}
    staged = stage_of(profile, now)
    return ChannelView(
        shopper=shopper,
        known=True,
        consented=True,
        stage=staged.stage,
        because=staged.because[0],
        coupons=[_coupon_view(each, goods.get(each.product, NO_GOODS)) for each in shown],
        held=[(each.coupon, each.lease_store) for each in shown if _is_held(connection, each, now)],
        recommended=recommend(profile, near, best, sold, now, brands, topics),
        saved=sorted(product for product, facts in profile.products.items() if facts.saved),
        followed=profile.followed,
        standing=profile.standing,
        decided_at=now,
    )


def redeem(
    connection: Connection, key: ApiKey, identifiers: Sequence[Identifier], use: Use, now: int
) -> Used | NotUsed:
    """Redeem a coupon of the shopper with these identifiers, within the caller's transaction.

    The event is appended to the ledger and the act written beside it, so that the next request
    finds the coupon used, however far the folds are; the folds take it off the kiosks. The
    shopper's row is locked meanwhile: of two requests at once one is told that it came second.

    A store that holds the coupon's lease and is online loses it through the downlink within a
    moment; what its shopper redeems there in this moment is recorded, too, and reported as a
    conflict (`coupons.conflicts`). A store that is offline cannot be told, so that its lease is
    respected: `held`.

    Raises JoinError when the shopper is being joined to another; repeat the transaction.
    """
    shopper = _shopper_of(connection, key.tenant, identifiers)
    if shopper is None:
        return NotUsed(reason="unknown")
    if not lock(connection, [(key.tenant, shopper)]):
        raise JoinError("the shopper was just joined to another one; ask again")
    members = members_of(connection, [(key.tenant, shopper)])
    profile = profiles_of(connection, members)[key.tenant, shopper]
    issued = coupons_of(connection, members)[key.tenant, shopper]
    coupon = next((each for each in issued if each.coupon == use.coupon), None)
    sure = allows_personal_offers(confidence_in(members[key.tenant, shopper]))
    if coupon is None or not (profile.consented and sure):
        return NotUsed(reason="unknown")
    if _was_used_for(connection, key, use):
        return Used(coupon=use.coupon, order=use.order, repeated=True)
    refused = _refusal(connection, coupon, issued, profile, now)
    if refused is not None:
        return refused
    return _append(connection, key, identifiers, coupon, use, now)


def _shopper_of(
    connection: Connection, tenant: str, identifiers: Sequence[Identifier]
) -> str | None:
    """Return the shopper whom the strongest of the known identifiers names."""
    ids = sorted(identifier_id(each) for each in identifiers)
    found = shoppers_of(connection, [(tenant, each) for each in ids])
    return next((found[tenant, each] for each in ids if (tenant, each) in found), None)


def _used_lately(coupons: Sequence[Coupon], now: int) -> list[Coupon]:
    since = now - USED_SHOWN_DAYS * DAY_US
    return [each for each in coupons if each.state == "redeemed" and each.issued_at > since]


def _coupon_view(coupon: Coupon, goods: Goods) -> CouponView:
    """Return a coupon as a channel shows it: without the lease, which is a store's."""
    return CouponView(
        coupon=coupon.coupon,
        offer=coupon.offer,
        title=_TITLES.get(coupon.offer, {}),
        because=Because(
            reason=coupon.reason,
            product=coupon.product,
            category=goods.category if goods.sold else "",
            at=coupon.because_at,
            channel=coupon.channel,
        ),
        product=coupon.product,
        brand=goods.brand,
        percent=coupon.percent,
        expires_at=coupon.expires_at,
        state=coupon.state,
    )


def _was_used_for(connection: Connection, key: ApiKey, use: Use) -> bool:
    order, place = order_key(use.order, key.source)
    row = connection.execute(
        "SELECT 1 FROM coupon_act WHERE tenant = %s AND coupon = %s AND act = 'redeemed'"
        " AND source = %s AND reference = %s",
        (key.tenant, use.coupon, place, order),
    ).fetchone()
    return row is not None


def _refusal(
    connection: Connection,
    coupon: Coupon,
    issued: Sequence[Coupon],
    profile: Profile,
    now: int,
) -> NotUsed | None:
    """Return why the coupon may not be redeemed, None when it may."""
    if coupon.state in {"redeemed", "given_back"}:
        return NotUsed(reason="redeemed")
    if coupon.expires_at <= now:
        return NotUsed(reason="expired")
    if coupon.coupon not in {each.coupon for each in open_coupons(issued, profile, now)}:
        return NotUsed(reason="unknown")
    if _is_held(connection, coupon, now):
        return NotUsed(reason="held", store=coupon.lease_store)
    return None


def _is_held(connection: Connection, coupon: Coupon, now: int) -> bool:
    """Tell whether a store that cannot be told anything now may redeem the coupon alone."""
    if coupon.state == "redeemed" or not coupon.lease_store or coupon.lease_until <= now:
        return False
    row = connection.execute(
        "SELECT 1 FROM store_twin WHERE shard = %s AND tenant = %s AND store = %s AND online"
        " AND seen_at > %s",
        (
            shard_of(coupon.tenant, coupon.lease_store),
            coupon.tenant,
            coupon.lease_store,
            now - SILENT_S * 1_000_000,
        ),
    ).fetchone()
    return row is None


def _append(
    connection: Connection,
    key: ApiKey,
    identifiers: Sequence[Identifier],
    coupon: Coupon,
    use: Use,
    now: int,
) -> Used | NotUsed:
    goods = goods_of(connection, key.tenant, [coupon.product]).get(coupon.product, NO_GOODS)
    said = CouponRedeemed(coupon=use.coupon, offer=coupon.offer, order=use.order)
    event = told_at(now, key.source, identifiers, said, goods.brand)
    posted = [PostedEvent(use.event_id, event)]
    kept = ledger.append_http(connection, key.tenant, key.source, key.key_id, posted)
    if not kept.accepted:
        return NotUsed(reason="event_id")
    # What the fold will write of this event, in the same form: there it is then already.
    order, place = order_key(use.order, key.source)
    connection.execute(
        "INSERT INTO coupon_act (tenant, coupon, act, source, reference, occurred_at, shard,"
        " position) SELECT %s, %s, 'redeemed', %s, %s, %s, shard, position FROM shard_head"
        " WHERE shard = %s",
        (
            key.tenant,
            use.coupon,
            place,
            order,
            now,
            shard_of(key.tenant, f"web-{key.source}"),
        ),
    )
    return Used(coupon=use.coupon, order=use.order, repeated=False)


def plain(view: ChannelView) -> dict[str, object]:
    """Return a view as it is written in JSON, times in µs UTC."""
    held = dict(view.held)
    return {
        "shopper": view.shopper,
        "known": view.known,
        "consented": view.consented,
        "stage": view.stage,
        "because": structs.asdict(view.because),
        "coupons": [_plain_coupon(each, held.get(each.coupon, "")) for each in view.coupons],
        "recommended": [
            {"product": each.product, "because": structs.asdict(each.because)}
            for each in view.recommended
        ],
        "saved": list(view.saved),
        "followed": list(view.followed),
        **_plain_standing(view.standing),
        "decided_at": view.decided_at,
    }


def _plain_standing(standing: Standing | None) -> dict[str, object]:
    """Return level and points; nothing of them where the tenant gives none."""
    if standing is None:
        return {}
    level = standing.level
    return {
        "level": None if level is None else {"level": level.level, "title": level.title},
        "points": {"earned": standing.earned, "left": standing.left},
    }


def _plain_coupon(coupon: CouponView, held_by: str) -> dict[str, object]:
    fields = structs.asdict(coupon)
    fields["because"] = structs.asdict(coupon.because)
    fields["held_by"] = held_by
    for name in ("lease", "lease_until"):
        del fields[name]
    return fields
