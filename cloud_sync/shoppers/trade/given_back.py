"""Coupons of orders of which all came back: given back as others, if they hold still."""

import hashlib
from collections.abc import Sequence

from psycopg import Connection

from cloud_sync.database import arrays
from cloud_sync.shoppers.graph.identity import Key
from cloud_sync.shoppers.trade.orders import GivenBack

# The serial of a coupon that is given back is that of the one that was spent, and this more.
AGAIN = 1_000_000


def give_back(connection: Connection, given: Sequence[GivenBack]) -> set[Key]:
    """Give coupons back to their owners, in the fold's transaction, and return the owners.

    The new coupon is for the same goods and expires when the old one would have. A coupon that came
    off another order, too, is not given back.
    """
    if not given:
        return set()
    ordered = sorted(given, key=lambda each: (each.tenant, each.coupon, each.place, each.order))
    rows = connection.execute(
        "SELECT held.tenant, held.owner, held.coupon, held.offer, held.serial, held.product,"
        " held.reason, held.because_at, held.channel, held.percent, held.expires_at, place, name,"
        " asked.at FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[])"
        " AS asked (tenant, code, place, name, at)"
        " CROSS JOIN LATERAL (SELECT * FROM coupon WHERE coupon.tenant = asked.tenant"
        "  AND coupon.coupon = asked.code OFFSET 0) AS held"
        " WHERE held.expires_at > asked.at AND NOT EXISTS (SELECT FROM coupon_act AS act"
        "  WHERE act.tenant = held.tenant AND act.coupon = held.coupon AND act.act = 'spent'"
        "  AND (act.source, act.reference) <> (place, left(name, 64)))",
        (
            arrays.texts(each.tenant for each in ordered),
            arrays.texts(each.coupon.replace("\0", "") for each in ordered),
            arrays.texts(each.place for each in ordered),
            arrays.texts(each.order for each in ordered),
            arrays.numbers(each.at for each in ordered),
        ),
    ).fetchall()
    owners: set[Key] = set()
    for tenant, owner, code, offer, serial, *promise, expires_at, place, name, at in rows:
        again = hashlib.blake2b(f"{code}/again".encode(), digest_size=10, person=b"coupon")
        connection.execute(
            "INSERT INTO coupon (tenant, owner, coupon, offer, serial, product, reason,"
            " because_at, channel, percent, issued_at, expires_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (
                *(tenant, owner, again.hexdigest(), offer, serial + AGAIN),
                *(*promise, at, expires_at),
            ),
        )
        connection.execute(
            "INSERT INTO coupon_act (tenant, coupon, act, source, reference, occurred_at, shard,"
            " position) VALUES (%s, %s, 'given_back', %s, %s, %s, 0, 0)"
            " ON CONFLICT (tenant, coupon, act, source, reference)"
            " DO UPDATE SET occurred_at = excluded.occurred_at",
            (tenant, code, place, name[:64], at),
        )
        owners.add((tenant, owner.hex))
    return owners
