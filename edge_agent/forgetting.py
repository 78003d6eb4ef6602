"""What the store forgets in time of visits: claims, redemptions, marks, calls and orders.

Nothing goes before the cloud has receipted the events that it rests on, and no claim or redemption
of a coupon that a screen here could still show: it would be offered a second time.
"""

import msgspec

from edge_agent import local_view
from edge_agent.clock import Instant
from edge_agent.database import outbox
from edge_agent.database.database import Database
from edge_agent.database.sqlite import sqlite3
from edge_agent.delivery import retention
from edge_agent.delivery.recorder import Recorder, Writing
from edge_agent.devices import reads
from edge_agent.till import orders
from edge_agent.visits import traffic, visits
from wire.events import Clock
from wire.views import CouponView

DAY_US = 86_400_000_000
# Rows of one table that one round forgets, so that a recording waits a few milliseconds at most;
# the others go in the next rounds.
FORGOTTEN_MAX = 1_000

_coupon_decoder = msgspec.msgpack.Decoder(CouponView)

_FORGET = (
    "DELETE FROM marks WHERE rowid IN (SELECT rowid FROM marks WHERE marked_at < ? LIMIT ?)",
    "DELETE FROM calls WHERE rowid IN (SELECT rowid FROM calls WHERE answered_at < ? LIMIT ?)",
)

_FORGET_PERSONS = tuple(
    f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {column} < ? LIMIT ?)"  # noqa: S608 (constants)
    for table, column in (
        ("marks", "marked_at"),
        ("claims", "claimed_at"),
        ("redemptions", "redeemed_at"),
        ("orders", "paid_at"),
        ("visits", "ended_at"),
    )
)


def forget(
    recorder: Recorder, database: Database, now: Instant, visits_days: int, traffic_days: int
) -> None:
    """Forget what is older than so many days; nothing while the clock cannot be trusted."""
    if now.quality is Clock.UNKNOWN:
        return
    reader = database.reader()
    before = now.at - visits_days * DAY_US
    known_before = min(before, _receipted_before(reader, now))
    showing = _showing(reader) if _any_coupon(reader, known_before) else frozenset()
    claims = _claims(reader, known_before, showing)
    redemptions = _redemptions(reader, known_before, showing)

    def change(writing: Writing) -> None:
        visits.forget_old(writing, before, FORGOTTEN_MAX)
        orders.forget_old(writing, known_before, FORGOTTEN_MAX)
        traffic.forget_old(writing, now.at - traffic_days * DAY_US)
        reads.forget_old(writing, now.at)
        for statement in _FORGET:
            writing.execute(statement, (known_before, FORGOTTEN_MAX))
        for table, coupons in (("claims", claims), ("redemptions", redemptions)):
            for coupon in coupons:
                writing.execute(f"DELETE FROM {table} WHERE coupon = ?", (coupon,))  # noqa: S608 (one of two constants)

    recorder.write(change)


def forget_persons(recorder: Recorder, database: Database, now: Instant, days_max: int) -> None:
    """Forget what is known of shoppers for longer than so many days, whatever it rests on.

    A store that is not reached keeps nothing of somebody who was erased for longer than this.
    Nothing while the clock cannot be trusted.
    """
    if now.quality is Clock.UNKNOWN:
        return
    before = now.at - days_max * DAY_US
    views = local_view.shoppers_before(database.reader(), before)[:FORGOTTEN_MAX]

    def change(writing: Writing) -> None:
        for key in views:
            writing.execute("DELETE FROM local_view WHERE view = 'shopper' AND key = ?", (key,))
        for statement in _FORGET_PERSONS:
            writing.execute(statement, (before, FORGOTTEN_MAX))

    if views or any(_any(database.reader(), query, before) for query in _FORGET_PERSONS):
        recorder.write(change)


def _any(connection: sqlite3.Connection, deletion: str, before: int) -> bool:
    """Tell whether a deletion would find something."""
    inner = deletion[deletion.index("(") + 1 : deletion.rindex(")")]
    return connection.execute(inner, (before, 1)).fetchone() is not None


def _receipted_before(connection: sqlite3.Connection, now: Instant) -> int:
    """Return the time before which the cloud holds everything that was recorded."""
    waiting_at = retention.oldest_unreceived_at(connection, outbox.tail_of(connection))
    return now.at if waiting_at is None else waiting_at


def _any_coupon(connection: sqlite3.Connection, before: int) -> bool:
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM claims WHERE claimed_at < ?1)"
        " OR EXISTS (SELECT 1 FROM redemptions WHERE redeemed_at < ?1)",
        (before,),
    ).fetchone()
    return bool(row[0])


def _showing(connection: sqlite3.Connection) -> frozenset[str]:
    """Return the coupons that the cloud's views here do not call redeemed."""
    return frozenset(
        coupon.coupon
        for view in local_view.shoppers(connection)
        for coupon in view.coupons
        if coupon.state != "redeemed"
    )


def _claims(connection: sqlite3.Connection, before: int, showing: frozenset[str]) -> list[str]:
    rows = connection.execute("SELECT coupon FROM claims WHERE claimed_at < ?", (before,))
    return [coupon for (coupon,) in rows if coupon not in showing][:FORGOTTEN_MAX]


def _redemptions(connection: sqlite3.Connection, before: int, showing: frozenset[str]) -> list[str]:
    """Return the redemptions whose coupon is shown here no more, and has expired if it ever does.

    The expiry guards against a cloud that comes back from a backup without the redemption.
    """
    rows = connection.execute(
        "SELECT coupon, benefit FROM redemptions WHERE redeemed_at < ?", (before,)
    )
    over = [
        coupon
        for coupon, benefit in rows
        if coupon not in showing and _expires_at(benefit) < before
    ]
    return over[:FORGOTTEN_MAX]


def _expires_at(benefit: bytes) -> int:
    return _coupon_decoder.decode(benefit).expires_at if benefit else 0
