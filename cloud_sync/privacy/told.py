"""What stores were told of shoppers, taken back when its time is over."""

from collections import defaultdict

from psycopg import Connection

from cloud_sync.publisher import put
from wire.messages import Change

# A store is told of somebody who comes; what it was told is taken back after this time, and told
# anew when they come again. A store itself keeps it `visits.personal_days_max` days.
VIEWS_KEPT_DAYS = 60
# A store that answered an erasure does it again if it comes back from a backup of its own.
ITEMS_KEPT_DAYS = 400
# One that has not answered may have been of a version that knew no erasures: it is told again.
TOLD_AGAIN_DAYS = 1
_BEFORE = "(extract(epoch FROM now() - make_interval(days => %s)) * 1000000)::bigint"


def forget_views(connection: Connection, rows_max: int) -> int:
    """Take back views that were told more than VIEWS_KEPT_DAYS ago; returns how many."""
    rows = connection.execute(
        "WITH old AS (SELECT tenant, identifier, store FROM shopper_view"  # noqa: S608 (a constant)
        f" WHERE told_at < {_BEFORE} ORDER BY told_at LIMIT %s FOR UPDATE SKIP LOCKED),"
        " gone AS (DELETE FROM shopper_view AS view USING old WHERE view.tenant = old.tenant"
        "  AND view.identifier = old.identifier AND view.store = old.store"
        "  RETURNING view.tenant, view.identifier, view.store)"
        " SELECT gone.tenant, store, kind, value FROM gone JOIN identifier"
        "  ON identifier.tenant = gone.tenant AND identifier.identifier = gone.identifier",
        (VIEWS_KEPT_DAYS, rows_max),
    ).fetchall()
    keys = [(tenant, store, f"{kind}:{value.hex()}") for tenant, store, kind, value in rows]
    return _take_back(connection, "shopper", keys)


def forget_items(connection: Connection, rows_max: int) -> int:
    """Take back erasures that a store has answered more than ITEMS_KEPT_DAYS ago."""
    rows = connection.execute(
        "SELECT tenant, store, key FROM downlink_key JOIN erasure_store USING (tenant, store)"  # noqa: S608
        " WHERE view = 'erasure' AND value IS NOT NULL AND erasure = key AND verdict = 'signed'"
        f" AND answered_at < {_BEFORE} LIMIT %s",
        (ITEMS_KEPT_DAYS, rows_max),
    ).fetchall()
    return _take_back(connection, "erasure", rows)


def tell_again(connection: Connection, rows_max: int) -> int:
    """Let erasures be told again that a store has not answered within TOLD_AGAIN_DAYS."""
    connection.execute(
        "UPDATE erasure_store SET told_at = NULL WHERE (tenant, store, erasure) IN (SELECT tenant,"  # noqa: S608
        f" store, erasure FROM erasure_store WHERE answered_at IS NULL AND told_at < {_BEFORE}"
        " LIMIT %s)",
        (TOLD_AGAIN_DAYS, rows_max),
    )
    return 0


def _take_back(connection: Connection, view: str, keys: list[tuple[str, str, str]]) -> int:
    by_store: dict[tuple[str, str], list[Change]] = defaultdict(list)
    for tenant, store, key in keys:
        by_store[tenant, store].append(Change(view, key, None))
    for tenant, store in sorted(by_store):
        put(connection, tenant, store, by_store[tenant, store])
    return len(keys)
