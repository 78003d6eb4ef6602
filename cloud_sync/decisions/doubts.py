"""Coupons of a shopper that was split: whether their reason is still the shopper's own doing."""

from collections.abc import Collection, Iterable, Sequence

from psycopg import Connection

from cloud_sync.database import arrays
from cloud_sync.decisions.coupons import Coupon
from cloud_sync.decisions.offers import OFFER_RULES
from cloud_sync.shoppers.profiles.profile import Profile

_LOOKED_AT = {rule.offer: rule.looked_at for rule in OFFER_RULES}


def without_reason(coupons: Iterable[Coupon], profile: Profile) -> list[Coupon]:
    """Return the doubtful coupons that this shopper would never have been offered.

    One that was claimed or redeemed stays: somebody was promised it and took the promise up.
    """
    return [
        each
        for each in coupons
        if each.doubtful
        and each.state == "offered"
        and each.offer in _LOOKED_AT
        and each.product not in _LOOKED_AT[each.offer](profile)
    ]


def settle(
    connection: Connection,
    tenant: str,
    coupons: Sequence[Coupon],
    withdrawn: Collection[str],
    now: int,
) -> None:
    """Withdraw coupons, given by their codes, and doubt none of `coupons` any more."""
    if not coupons:
        return
    connection.execute(
        "WITH gone AS (DELETE FROM coupon USING unnest(%s::uuid[], %s::text[]) AS old (owner, code)"
        "  WHERE coupon.tenant = %s AND coupon.owner = old.owner AND coupon.coupon = old.code"
        "  RETURNING coupon.*)"
        " INSERT INTO coupon_withdrawn (tenant, owner, coupon, offer, serial, product, reason,"
        " issued_at, withdrawn_at) SELECT tenant, owner, coupon, offer, serial, product, reason,"
        " issued_at, %s FROM gone",
        (
            arrays.plain(each.owner for each in coupons if each.coupon in withdrawn),
            arrays.texts(each.coupon for each in coupons if each.coupon in withdrawn),
            tenant,
            now,
        ),
    )
    connection.execute(
        "UPDATE coupon SET doubtful = false FROM unnest(%s::uuid[]) AS held (owner)"
        " WHERE coupon.tenant = %s AND coupon.owner = held.owner AND coupon.doubtful",
        (arrays.plain({each.owner for each in coupons}), tenant),
    )
