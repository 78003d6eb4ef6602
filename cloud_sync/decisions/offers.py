"""Which coupons a shopper is offered: goods looked at, dwelt at or saved, but not bought."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cloud_sync.decisions.coupons import Coupon, coupon_code
from cloud_sync.shoppers.atoms.facts import DAY_US
from cloud_sync.shoppers.profiles.profile import Profile
from cloud_sync.shoppers.trade.given_back import AGAIN

# A product bought within this time is not offered, and one offered is not offered again.
NOT_BOUGHT_DAYS = 30
NOT_OFFERED_DAYS = 30
DWELL_MS_MIN = 15_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRule:
    """An offer: `percent` off one product that `looked_at` names, explained by `reason`.

    `looked_at` says for each product when the shopper last showed interest; it counts for `days`.
    The coupon expires after `expires_days`; the next of this offer comes `rest_days` after the
    last at the earliest.
    """

    offer: str
    reason: str
    channel: str
    title: Mapping[str, str]
    percent: int
    looked_at: Callable[[Profile], Mapping[str, int]]
    days: int = 14
    expires_days: int = 14
    rest_days: int = 7


def viewed_online(profile: Profile) -> dict[str, int]:
    """Return the products that were opened in the web shop, and when."""
    seen = ((product, facts.viewed_online_at) for product, facts in profile.products.items())
    return {product: at for product, at in seen if at}


def dwelt(profile: Profile) -> dict[str, int]:
    """Return the products before which the shopper stood for long enough, and when."""
    return {
        product: facts.dwelt_at
        for product, facts in profile.dwelt.items()
        if facts.dwell_ms >= DWELL_MS_MIN
    }


def saved(profile: Profile) -> dict[str, int]:
    """Return the products on the shopper's list, and since when."""
    return {product: facts.saved_at for product, facts in profile.products.items() if facts.saved}


# In the order in which a product is given away when several rules name it.
OFFER_RULES: tuple[OfferRule, ...] = (
    OfferRule(
        offer="looked-online",
        reason="viewed_online",
        channel="web",
        title={"zh": "你在网店看过：立减10%", "en": "10% off what you looked at online"},
        percent=10,
        looked_at=viewed_online,
    ),
    OfferRule(
        offer="saved-before",
        reason="saved",
        channel="",
        title={"zh": "你收藏过：立减8%", "en": "8% off what you saved"},
        percent=8,
        looked_at=saved,
        days=60,
    ),
    OfferRule(
        offer="dwelt-before",
        reason="dwelled",
        channel="store",
        title={"zh": "你在货架前驻足过：立减5%", "en": "5% off what you stood before"},
        percent=5,
        looked_at=dwelt,
    ),
)


def open_coupons(coupons: Iterable[Coupon], profile: Profile, now: int) -> list[Coupon]:
    """Return the coupons that may be shown and used: at most one of each offer.

    A joined shopper may have brought two of one offer: a claimed one comes before one only
    offered, then the older; if one of them was redeemed, none of its time is shown any more. An
    offered coupon for something bought since is not shown either.
    """
    coupons = list(coupons)
    redeemed = [each for each in coupons if each.state == "redeemed"]
    usable = [
        each
        for each in coupons
        if each.state not in {"redeemed", "given_back"}
        and each.expires_at > now
        and not (each.state == "offered" and _bought_at(profile, each.product) > each.issued_at)
        and not any(
            used.offer == each.offer and used.expires_at > each.issued_at for used in redeemed
        )
    ]
    usable.sort(key=lambda each: (each.state != "claimed", each.issued_at, each.coupon))
    first: dict[str, Coupon] = {}
    for each in usable:
        first.setdefault(each.offer, each)
    return list(first.values())


def propose(
    tenant: str,
    shopper: str,
    profile: Profile,
    coupons: Sequence[Coupon],
    sold: Collection[str],
    now: int,
    rules: Sequence[OfferRule] = OFFER_RULES,
) -> list[Coupon]:
    """Return the new coupons of a shopper; `sold` are the products that can be sold.

    Nobody who has not consented is offered anything.
    """
    if not profile.consented:
        return []
    taken = {
        each.product
        for each in coupons
        if each.issued_at > now - NOT_OFFERED_DAYS * DAY_US or each.expires_at > now
    }
    issued: list[Coupon] = []
    busy = {each.offer for each in open_coupons(coupons, profile, now)}
    for rule in rules:
        earlier = [each for each in coupons if each.offer == rule.offer]
        rests = any(each.issued_at > now - rule.rest_days * DAY_US for each in earlier)
        if rule.offer in busy or rests:
            continue
        product = _newest(rule, profile, sold, taken, now)
        if product is None:
            continue
        taken.add(product)
        serials = [each.serial % AGAIN for each in earlier if each.owner == shopper]
        serial = 1 + max(serials, default=0)
        issued.append(
            Coupon(
                tenant=tenant,
                owner=shopper,
                coupon=coupon_code(tenant, shopper, rule.offer, serial),
                offer=rule.offer,
                serial=serial,
                product=product,
                reason=rule.reason,
                because_at=rule.looked_at(profile)[product],
                channel=rule.channel,
                percent=rule.percent,
                issued_at=now,
                expires_at=now + rule.expires_days * DAY_US,
            )
        )
    return issued


def candidates(profile: Profile, rules: Sequence[OfferRule] = OFFER_RULES) -> set[str]:
    """Return the products that any rule could offer."""
    return {product for rule in rules for product in rule.looked_at(profile)}


def _newest(
    rule: OfferRule, profile: Profile, sold: Collection[str], taken: Collection[str], now: int
) -> str | None:
    looked_at = {
        product: at
        for product, at in rule.looked_at(profile).items()
        if at > now - rule.days * DAY_US
        and product in sold
        and product not in taken
        and _bought_at(profile, product) <= now - NOT_BOUGHT_DAYS * DAY_US
    }
    return min(looked_at, key=lambda product: (-looked_at[product], product), default=None)


def _bought_at(profile: Profile, product: str) -> int:
    facts = profile.products.get(product)
    return 0 if facts is None else facts.bought_at
