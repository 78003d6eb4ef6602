"""What retention needs to know of shoppers."""

from cloud_sync.database.migrations import Migration

# When an identifier became known (µs UTC). Of somebody who did nothing since, as a lone name of a
# membership list, nothing else says how long they are known; who is known already begins now.
SINCE = """
ALTER TABLE identifier ADD COLUMN since bigint NOT NULL
    DEFAULT (extract(epoch FROM now()) * 1000000)::bigint;
"""

# On which days the ledger held something of the shopper: their partitions are written anew.
TOUCHED = """
ALTER TABLE erasure ADD COLUMN touched date[] NOT NULL DEFAULT '{}';
UPDATE erasure SET touched = ARRAY(SELECT generate_series(since, now()::date, '1 day')::date)
    WHERE wiped_at IS NULL;
"""

KNOWN_SINCE = 560
MIGRATIONS: tuple[Migration, ...] = (
    Migration(number=KNOWN_SINCE, name="known since", sql=SINCE),
    Migration(number=561, name="days that were searched", sql=TOUCHED),
)
