"""A shopper's coupons at a kiosk: shown, claimed, and redeemed exactly once.

WalletError
├── UnknownCoupon     none of this shopper's
├── AlreadyRedeemed   it was used, here or elsewhere
├── Expired           its time is over
├── NoLease           the store may not redeem it without the cloud just now
└── VisitOver         the visit ended while the page was open
"""

from dataclasses import dataclass

import msgspec

from edge_agent import local_view
from edge_agent.clock import Instant, StoreTime
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery.recorder import Recorder, Writing
from edge_agent.visits import visits
from edge_agent.visits.visits import Visit
from wire.events import CouponClaimed, CouponRedeemed
from wire.identifiers import Identifier
from wire.views import CouponView


class WalletError(Exception):
    """A coupon cannot be used as asked; `text_key` names the sentence that the screen shows."""

    text_key = "wallet.error"


class UnknownCoupon(WalletError):
    """The coupon is none of the shopper's."""

    text_key = "wallet.unknown"


class AlreadyRedeemed(WalletError):
    """The coupon was used before, in this store or elsewhere."""

    text_key = "wallet.already_redeemed"


class Expired(WalletError):
    """The coupon's time is over."""

    text_key = "wallet.expired"


class NoLease(WalletError):
    """The store holds no lease for the coupon, or the lease has run out."""

    text_key = "wallet.no_lease"


class VisitOver(WalletError):
    """The visit ended while the page was still open, so nobody may act in its name."""

    text_key = "wallet.visit_over"


# How long after its redemption at a kiosk a coupon takes its benefit off an order at a till of the
# same store: counted to the moment at which the shopper is recognised there.
SPENDABLE_S_MAX = 86_400

_coupon_encoder = msgspec.msgpack.Encoder()
_coupon_decoder = msgspec.msgpack.Decoder(CouponView)
_identifiers_decoder = msgspec.msgpack.Decoder(tuple[Identifier, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """A coupon that was used here, when, and on which order (none yet at a kiosk)."""

    coupon: str
    offer: str
    lease: str
    order: str
    amount_cents: int
    currency: str
    redeemed_at: int


def coupons(connection: sqlite3.Connection, visit: Visit, at: int = 0) -> list[CouponView]:
    """Return the shopper's coupons with what happened to them in this store since.

    Those expired at the time `at` are left out; without a time none is. What was redeemed here and
    comes off at the till yet stands among them, although the cloud, which knows of the redemption,
    says nothing of it any more.
    """
    view = local_view.shopper(connection, visit.identifiers)
    told = () if view is None else view.coupons
    open_still = [each for each in told if not each.expires_at or each.expires_at > at]
    known = {each.coupon for each in told}
    pending = () if view is not None and not view.consented else spendable(connection, visit)
    redeemed = [each for each in pending if each.coupon not in known]
    return [_as_here(connection, coupon) for coupon in (*open_still, *redeemed)]


def claim(recorder: Recorder, clock: StoreTime, visit: Visit, coupon: str) -> CouponView:
    """Take a coupon; a second claim changes nothing and records nothing.

    Raises UnknownCoupon, AlreadyRedeemed, Expired or VisitOver.
    """

    def change(writing: Writing) -> CouponView:
        instant = clock.now()
        found = _usable(writing, instant, visit, coupon)
        if found.state != "claimed":
            writing.execute(
                "INSERT INTO claims (coupon, visit, claimed_at) VALUES (?, ?, ?)",
                (coupon, visit.visit, instant.at),
            )
            body = CouponClaimed(coupon=coupon, offer=found.offer)
            writing.append(visit.event(instant, body, brand=_brand(writing, found)))
            visits.touch(writing, instant, visit)
        return msgspec.structs.replace(found, state="claimed")

    return recorder.write(change)


def redeem(
    recorder: Recorder,
    clock: StoreTime,
    visit: Visit,
    coupon: str,
    order: str = "",
    amount_cents: int = 0,
    currency: str = "",
) -> Redemption:
    """Use a coupon, once and for ever.

    Guarantees: the check, the redemption and its event are one transaction, and the coupon is the
    redemption's primary key, so that neither two tabs nor two threads nor a store without its
    line can use it twice here; across stores only the holder of the lease may.

    Raises UnknownCoupon, AlreadyRedeemed, Expired, NoLease or VisitOver.
    """
    return recorder.write(
        lambda w: redeem_in(w, clock.now(), visit, coupon, order, amount_cents, currency)
    )


def redeem_in(
    writing: Writing,
    instant: Instant,
    visit: Visit,
    coupon: str,
    order: str = "",
    amount_cents: int = 0,
    currency: str = "",
) -> Redemption:
    """Use a coupon within the caller's transaction; see `redeem`."""
    found = redeemable(writing, instant, visit, coupon)
    redemption = Redemption(
        coupon=coupon,
        offer=found.offer,
        lease=found.lease,
        order=order,
        amount_cents=amount_cents,
        currency=currency,
        redeemed_at=instant.at,
    )
    insert_redemption(writing, visit, redemption, found)
    body = CouponRedeemed(
        coupon=coupon,
        offer=found.offer,
        lease=found.lease,
        order=order,
        amount_cents=amount_cents,
        currency=currency,
    )
    writing.append(visit.event(instant, body, brand=_brand(writing, found)))
    visits.touch(writing, instant, visit)
    return redemption


def spendable(connection: sqlite3.Connection, visit: Visit) -> list[CouponView]:
    """Return the coupons that this shopper redeemed at a kiosk and no order has had yet.

    Theirs are those redeemed under an identifier that they show now, at most SPENDABLE_S_MAX
    before they showed it.
    """
    since = (visit.named_at or visit.began_at) - SPENDABLE_S_MAX * 1_000_000
    rows = connection.execute(
        "SELECT benefit, identifiers FROM redemptions"
        " WHERE spent_at IS NULL AND redeemed_at >= ? AND benefit <> x'' ORDER BY redeemed_at",
        (since,),
    )
    shown = set(visit.identifiers)
    return [
        _coupon_decoder.decode(benefit)
        for benefit, identifiers in rows
        if shown & set(_identifiers_decoder.decode(identifiers))
    ]


def spend_in(writing: Writing, instant: Instant, coupon: str, order: str, off_cents: int) -> None:
    """Note on which order a redemption took its benefit off, once; raises AlreadyRedeemed."""
    cursor = writing.execute(
        "UPDATE redemptions SET spent_order = ?, spent_cents = ?, spent_at = ?"
        " WHERE coupon = ? AND spent_at IS NULL",
        (order, off_cents, instant.at, coupon),
    )
    if cursor.rowcount != 1:
        raise AlreadyRedeemed("another order has had the benefit of this coupon")


def redeemable(writing: Writing, instant: Instant, visit: Visit, coupon: str) -> CouponView:
    """Return the coupon if it may be redeemed here now; raises what `redeem` raises."""
    found = _usable(writing, instant, visit, coupon)
    if not found.lease or found.lease_until <= _now(writing, instant, visit):
        raise NoLease(f"no lease in force for a coupon of offer {found.offer}")
    return found


def insert_redemption(
    writing: Writing, visit: Visit, redemption: Redemption, coupon: CouponView
) -> None:
    """Write the redemption under its primary key; raises AlreadyRedeemed when there is one."""
    try:
        writing.execute(
            'INSERT INTO redemptions (coupon, offer, lease, "order", amount_cents, currency,'
            " visit, redeemed_at, benefit, identifiers, spent_order, spent_cents, spent_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                redemption.coupon,
                redemption.offer,
                redemption.lease,
                redemption.order,
                redemption.amount_cents,
                redemption.currency,
                visit.visit,
                redemption.redeemed_at,
                _coupon_encoder.encode(coupon),
                msgspec.msgpack.encode(visit.identifiers),
                redemption.order,
                redemption.amount_cents,
                redemption.redeemed_at if redemption.order else None,
            ),
        )
    except sqlite3.IntegrityError as error:
        raise AlreadyRedeemed("this coupon was used in this store") from error


def _usable(writing: Writing, instant: Instant, visit: Visit, coupon: str) -> CouponView:
    going_on = visits.current(writing.connection, visit.kiosk)
    if going_on is None or going_on.visit != visit.visit:
        raise VisitOver("the visit is over")
    for found in coupons(writing.connection, going_on):
        if found.coupon == coupon:
            break
    else:
        raise UnknownCoupon("no such coupon of this shopper in this store")
    if found.state == "redeemed":
        raise AlreadyRedeemed("this coupon was used before")
    if found.expires_at and found.expires_at <= _now(writing, instant, visit):
        raise Expired(f"a coupon of offer {found.offer} has expired")
    return found


def _brand(writing: Writing, coupon: CouponView) -> str:
    """Return the brand that a coupon concerns: its own, or that of its product."""
    return coupon.brand or local_view.brand(writing.connection, coupon.product)


def _now(writing: Writing, instant: Instant, visit: Visit) -> int:
    """Return the time, at least that of the cloud's last word: a clock set back extends nothing."""
    view = local_view.shopper(writing.connection, visit.identifiers)
    return instant.at if view is None else max(instant.at, view.decided_at)


def _as_here(connection: sqlite3.Connection, coupon: CouponView) -> CouponView:
    for table, state in (("redemptions", "redeemed"), ("claims", "claimed")):
        row = connection.execute(
            f"SELECT 1 FROM {table} WHERE coupon = ?",  # noqa: S608 (one of two constants)
            (coupon.coupon,),
        ).fetchone()
        if row is not None and coupon.state != "redeemed":
            return msgspec.structs.replace(coupon, state=state)
    return coupon
