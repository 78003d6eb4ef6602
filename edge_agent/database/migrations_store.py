"""The tables of the store half: local view, visits, wallet, stock, traffic, calls, answers.

Times are µs UTC. Nothing here holds a plain identifier: shoppers appear by their keyed ones.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite_utils

STORE_TABLES = (
    # What the cloud told this store; `view` is a key of VIEW_TABLES, `value` an encoded view.
    """
    CREATE TABLE local_view (
        view TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (view, key)
    )
    """,
    # One stay at a kiosk or till; `identifiers` is a msgpack array, empty for a visit nobody named.
    """
    CREATE TABLE visits (
        visit BLOB NOT NULL PRIMARY KEY, kiosk TEXT NOT NULL, zone TEXT NOT NULL,
        operator TEXT NOT NULL, identifiers BLOB NOT NULL, began_at INTEGER NOT NULL,
        touched_at INTEGER NOT NULL, named_at INTEGER, ended_at INTEGER,
        ended_by TEXT NOT NULL DEFAULT ''
    )
    """,
    "CREATE UNIQUE INDEX visits_open ON visits (kiosk) WHERE ended_at IS NULL",
    "CREATE INDEX visits_by_end ON visits (ended_at)",
    # What happened to coupons in this store; the primary keys are what makes it happen once.
    """
    CREATE TABLE claims (
        coupon TEXT NOT NULL PRIMARY KEY, visit BLOB NOT NULL, claimed_at INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE redemptions (
        coupon TEXT NOT NULL PRIMARY KEY, offer TEXT NOT NULL, lease TEXT NOT NULL,
        "order" TEXT NOT NULL, amount_cents INTEGER NOT NULL, currency TEXT NOT NULL,
        visit BLOB NOT NULL, redeemed_at INTEGER NOT NULL
    )
    """,
    # Products saved or taken off here, until the cloud's view was decided after it.
    """
    CREATE TABLE saves (
        subject TEXT NOT NULL, product TEXT NOT NULL, saved INTEGER NOT NULL,
        saved_at INTEGER NOT NULL, PRIMARY KEY (subject, product)
    )
    """,
    """
    CREATE TABLE stock (
        product TEXT NOT NULL PRIMARY KEY, quantity INTEGER NOT NULL,
        counted_at INTEGER, changed_at INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE zones_now (
        zone TEXT NOT NULL PRIMARY KEY, people INTEGER NOT NULL, seen_at INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE zone_hours (
        zone TEXT NOT NULL, hour_at INTEGER NOT NULL, stays INTEGER NOT NULL,
        dwell_ms INTEGER NOT NULL, people_max INTEGER NOT NULL, PRIMARY KEY (zone, hour_at)
    )
    """,
    """
    CREATE TABLE door_hours (
        line TEXT NOT NULL, hour_at INTEGER NOT NULL, people_in INTEGER NOT NULL,
        people_out INTEGER NOT NULL, PRIMARY KEY (line, hour_at)
    )
    """,
    """
    CREATE TABLE calls (
        call TEXT NOT NULL PRIMARY KEY, kiosk TEXT NOT NULL, zone TEXT NOT NULL,
        topic TEXT NOT NULL, asked_at INTEGER NOT NULL, answered_at INTEGER
    )
    """,
    "CREATE UNIQUE INDEX calls_open ON calls (kiosk) WHERE answered_at IS NULL",
    """
    CREATE TABLE answers (
        kiosk TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, at INTEGER NOT NULL,
        product TEXT NOT NULL, coupon TEXT NOT NULL, page TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE baskets (
        till TEXT NOT NULL, product TEXT NOT NULL, quantity INTEGER NOT NULL,
        added_at INTEGER NOT NULL, PRIMARY KEY (till, product)
    )
    """,
    """
    CREATE TABLE basket_coupons (
        till TEXT NOT NULL, coupon TEXT NOT NULL, added_at INTEGER NOT NULL,
        PRIMARY KEY (till, coupon)
    )
    """,
    """
    CREATE TABLE device_states (
        device TEXT NOT NULL PRIMARY KEY, driver TEXT NOT NULL, state TEXT NOT NULL,
        reason TEXT NOT NULL, since INTEGER NOT NULL
    )
    """,
)


def m002_store(tables: "sqlite_utils.Database") -> None:
    """Create the tables of the store half, within the caller's transaction."""
    for statement in STORE_TABLES:
        tables.execute(statement)


BENEFIT_COLUMNS = (
    # What a coupon redeemed at a kiosk takes off the next order of the same shopper, and which
    # order that was; `benefit` is the coupon's view, `identifiers` those of its visit.
    "ALTER TABLE redemptions ADD COLUMN benefit BLOB NOT NULL DEFAULT x''",
    "ALTER TABLE redemptions ADD COLUMN identifiers BLOB NOT NULL DEFAULT x'90'",
    "ALTER TABLE redemptions ADD COLUMN spent_order TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE redemptions ADD COLUMN spent_cents INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE redemptions ADD COLUMN spent_at INTEGER",
    "CREATE INDEX redemptions_unspent ON redemptions (redeemed_at) WHERE spent_at IS NULL",
)


def m003_benefits(tables: "sqlite_utils.Database") -> None:
    """Let a redemption take its benefit off a later order, once."""
    for statement in BENEFIT_COLUMNS:
        tables.execute(statement)


def m005_operator(tables: "sqlite_utils.Database") -> None:
    """Drop who runs the zone of a visit: the recorder names that in each event."""
    tables.execute("ALTER TABLE visits DROP COLUMN operator")


def m006_acts(tables: "sqlite_utils.Database") -> None:
    """Keep the acts that devices were asked for until they are done."""
    tables.execute(
        "CREATE TABLE acts (number INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL,"
        " name TEXT NOT NULL, value TEXT NOT NULL, duration_ms INTEGER NOT NULL,"
        " asked_at INTEGER NOT NULL)"
    )


MARKS = (
    # What shoppers marked here, by kind of mark, until the cloud's view was decided after it.
    """
    CREATE TABLE marks (
        kind TEXT NOT NULL, subject TEXT NOT NULL, thing TEXT NOT NULL, is_on INTEGER NOT NULL,
        marked_at INTEGER NOT NULL, PRIMARY KEY (kind, subject, thing)
    )
    """,
    "INSERT INTO marks SELECT 'saved', subject, product, saved, saved_at FROM saves",
    "DROP TABLE saves",
)


def m007_marks(tables: "sqlite_utils.Database") -> None:
    """Let more be marked than products that are saved."""
    for statement in MARKS:
        tables.execute(statement)


ORDERS = (
    # What was paid at a till; `lines` and `identifiers` are msgpack arrays as in its event.
    """
    CREATE TABLE orders (
        "order" TEXT NOT NULL PRIMARY KEY, till TEXT NOT NULL, zone TEXT NOT NULL,
        identifiers BLOB NOT NULL, lines BLOB NOT NULL, amount_cents INTEGER NOT NULL,
        currency TEXT NOT NULL, paid_at INTEGER NOT NULL
    )
    """,
    "CREATE INDEX orders_by_time ON orders (paid_at)",
    """
    CREATE TABLE order_returns (
        "order" TEXT NOT NULL, product TEXT NOT NULL, quantity INTEGER NOT NULL,
        refunded_cents INTEGER NOT NULL, returned_at INTEGER NOT NULL
    )
    """,
    'CREATE INDEX order_returns_by_order ON order_returns ("order")',
)


def m009_orders(tables: "sqlite_utils.Database") -> None:
    """Keep what was paid for a while, so that goods can come back."""
    for statement in ORDERS:
        tables.execute(statement)
