"""What a shopper will be shown at the next arrival, prepared when they last did something.

Whoever arrives is answered from this at once; the fold of the arrival decides anew. A prepared view
belongs to no store: it holds no lease, and the reason that names the arrival itself gets its time
when that comes. It is written in the transaction of the decision that it comes from, under the
shopper's lock, so that it is as new as the newest fold.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from msgspec.structs import replace
from psycopg import Connection

from cloud_sync.database import arrays
from cloud_sync.decisions.coupons import Coupon, lease
from cloud_sync.shoppers.atoms.facts import DAY_US
from wire.views import CouponView, ShopperView, decode_view, encode_view

# The stages and recommendations of an older one may not hold any more.
PREPARED_DAYS = 7
# What is the same as before is written again only after so long, to be good for as many days again.
WRITTEN_AGAIN_US = DAY_US


class Asked(NamedTuple):
    """An identifier that arrives in a store; `epoch` is that of the lease of the store's shard."""

    shard: int
    epoch: int
    tenant: str
    store: str
    atom: str


class Found(NamedTuple):
    """What is prepared for who arrives; `told` is the checksum of what the store knows."""

    view: ShopperView
    coupons: list[Coupon]
    told: bytes


def prepare(
    connection: Connection,
    tenant: str,
    views: Mapping[str, ShopperView | None],
    by_terms: Collection[str],
    now: int,
) -> None:
    """Keep what shoppers, given by current shopper ID, will be shown; they are locked.

    Nothing is kept of who did not consent, given without a view. Of those whose consent is that
    of the tenant's terms (`by_terms`) it is asked again at the arrival whether these allow it.
    """
    forget(connection, tenant, [shopper for shopper, view in views.items() if view is None])
    shown = {shopper: view for shopper, view in views.items() if view is not None}
    if not shown:
        return
    ordered = sorted(shown)
    connection.execute(
        "INSERT INTO prepared (tenant, shopper, view, coupons, prepared_at, by_terms)"
        " SELECT %s, shopper, view, string_to_array(coupons, ' '), %s, by_terms"
        " FROM unnest(%s::uuid[], %s::bytea[], %s::text[], %s::boolean[])"
        "  AS new (shopper, view, coupons, by_terms)"
        " ON CONFLICT (tenant, shopper) DO UPDATE SET view = excluded.view,"
        " coupons = excluded.coupons, prepared_at = excluded.prepared_at,"
        " by_terms = excluded.by_terms"
        " WHERE (prepared.view, prepared.coupons, prepared.by_terms) IS DISTINCT FROM"
        "  (excluded.view, excluded.coupons, excluded.by_terms)"
        " OR prepared.prepared_at < excluded.prepared_at - %s",
        (
            tenant,
            now,
            arrays.plain(ordered),
            [encode_view(shown[shopper]) for shopper in ordered],
            arrays.texts(
                " ".join(each.coupon for each in shown[shopper].coupons) for shopper in ordered
            ),
            [shopper in by_terms for shopper in ordered],
            WRITTEN_AGAIN_US,
        ),
    )


def forget(connection: Connection, tenant: str, shoppers: Collection[str]) -> None:
    """Keep nothing for the next arrival of these shoppers."""
    if shoppers:
        connection.execute(
            "DELETE FROM prepared WHERE tenant = %s AND shopper = ANY(%s::uuid[])",
            (tenant, arrays.plain(sorted(shoppers))),
        )


def ask(
    connection: Connection, asked: Sequence[Asked], now: int
) -> Callable[[], dict[Asked, Found | None]]:
    """Ask what is prepared for those who arrive, and lock it; read when it is called for.

    It waits for nobody: None is said of those on whom another transaction works, of those for whose
    store one puts something, and of those whose shard has another owner. Waiting for a store's
    downlink would hold up all stores of this worker, and the lease that it has locked, for as long.
    """
    columns = {
        "shards": arrays.numbers(each.shard for each in asked),
        "epochs": arrays.numbers(each.epoch for each in asked),
        "tenants": arrays.texts(each.tenant for each in asked),
        "stores": arrays.texts(each.store for each in asked),
        "atoms": arrays.plain(each.atom for each in asked),
        "since": now - PREPARED_DAYS * DAY_US,
    }
    # The second statement sees what the transactions that held the locks before have written.
    locked = connection.execute(_LOCK, columns)
    rows = connection.execute(_FIND, columns)

    def read() -> dict[Asked, Found | None]:
        held = set(locked)
        found: dict[Asked, Found | None] = {}
        first: dict[tuple[str, UUID], Asked] = {}
        for place, shopper, packed, told, *coupon in rows:
            who = asked[place - 1]
            if first.setdefault((who.tenant, shopper), who) != who:
                continue  # they arrive in two places at once: the fold says where they are
            if (place, shopper) not in held:
                found[who] = None
                continue
            ready = found.get(who) or _found(packed, told)
            if ready is None:
                continue
            found[who] = ready
            if coupon[0] is not None:
                ready.coupons.append(_coupon(who.tenant, coupon))
        return found

    return read


def arrived(found: Found, store: str, now: int) -> tuple[ShopperView, list[Coupon]]:
    """Return what a store shows to who arrives there, and the coupons that are leased for it."""
    usable = {each.coupon: each for each in found.coupons if each.expires_at > now}
    held = {code: lease(each, store, now) for code, each in usable.items()}
    because = found.view.because
    if because.reason == "seen":
        because = replace(because, at=now // DAY_US * DAY_US)
    view = replace(
        found.view,
        because=because,
        coupons=tuple(
            _leased(each, held[each.coupon], store)
            for each in found.view.coupons
            if each.coupon in held
        ),
    )
    return view, [each for code, each in held.items() if each != usable[code]]


def _leased(view: CouponView, coupon: Coupon, store: str) -> CouponView:
    if coupon.lease_store != store:
        return view
    return replace(view, lease=coupon.lease, lease_until=coupon.lease_until)


def _found(packed: bytes, told: bytes | None) -> Found | None:
    view = decode_view(packed)
    return Found(view, [], bytes(told or b"")) if isinstance(view, ShopperView) else None


def _coupon(tenant: str, row: Sequence[Any]) -> Coupon:
    owner, *rest = row
    return Coupon(tenant=tenant, owner=owner.hex, **dict(zip(_COUPON, rest, strict=True)))


_COUPON = (
    "coupon",
    "offer",
    "serial",
    "product",
    "reason",
    "because_at",
    "channel",
    "percent",
    "issued_at",
    "expires_at",
    "lease",
    "lease_store",
    "lease_until",
)
_ASKED = """
FROM unnest(%(shards)s::smallint[], %(epochs)s::bigint[], %(tenants)s::text[], %(stores)s::text[],
    %(atoms)s::uuid[]) WITH ORDINALITY AS asked (shard, epoch, tenant, store, atom, place)
CROSS JOIN LATERAL (SELECT shopper FROM identifier
    WHERE identifier.tenant = asked.tenant AND identifier.identifier = asked.atom OFFSET 0) AS known
"""
_LOCK = f"""
SELECT place, known.shopper {_ASKED}
CROSS JOIN LATERAL (SELECT FROM shard_lease WHERE shard_lease.shard = asked.shard
    AND shard_lease.epoch = asked.epoch FOR SHARE) AS owned
CROSS JOIN LATERAL (SELECT tenant FROM downlink WHERE downlink.shard = asked.shard
    AND downlink.tenant = asked.tenant AND downlink.store = asked.store
    FOR NO KEY UPDATE SKIP LOCKED) AS line
CROSS JOIN LATERAL (SELECT FROM identifier AS root WHERE root.tenant = line.tenant
    AND root.identifier = known.shopper AND root.shopper = known.shopper
    FOR NO KEY UPDATE SKIP LOCKED) AS held
""".encode()  # noqa: S608 (constants are put together)
_FIND = f"""
SELECT place, known.shopper, ready.view, told.checksum, owner,
    {", ".join(f"held.{name}" for name in _COUPON)} {_ASKED}
CROSS JOIN LATERAL (SELECT view, coupons FROM prepared WHERE prepared.tenant = asked.tenant
    AND prepared.shopper = known.shopper AND prepared_at > %(since)s AND (NOT by_terms OR EXISTS
        (SELECT FROM tenant_setting WHERE tenant_setting.tenant = asked.tenant
        AND members_consent AND 'offers' = ANY(terms))) OFFSET 0) AS ready
LEFT JOIN LATERAL (SELECT checksum FROM shopper_view WHERE shopper_view.tenant = asked.tenant
    AND shopper_view.identifier = asked.atom AND shopper_view.store = asked.store OFFSET 0)
    AS told ON true
LEFT JOIN LATERAL (SELECT * FROM coupon WHERE coupon.tenant = asked.tenant
    AND coupon.coupon = ANY(ready.coupons) AND NOT EXISTS (SELECT FROM coupon_act
        WHERE coupon_act.tenant = asked.tenant AND coupon_act.coupon = coupon.coupon
        AND act IN ('redeemed', 'spent')) OFFSET 0) AS held ON true
""".encode()  # noqa: S608
