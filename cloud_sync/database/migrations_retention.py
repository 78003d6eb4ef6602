"""What retention needs to know of shoppers."""

from cloud_sync.database.migrations import Migration

# When an identifier became known (µs UTC). Of somebody who did nothing since, as a lone name of a
# membership list, nothing else says how long they are known; who is known already begins now.
SINCE = """
ALTER TABLE identifier ADD COLUMN since bigint NOT NULL
    DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
"""

MIGRATIONS: tuple[Migration, ...] = (Migration(number=560, name="known since", sql=SINCE),)
