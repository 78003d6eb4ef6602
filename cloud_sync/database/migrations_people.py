"""What headquarters knows of the people in stores now."""

from cloud_sync.database.migrations import Migration

# The queues at a store's tills as its last heartbeat told them; whoever sees the twin sees them.
QUEUES = """
ALTER TABLE store_twin ADD COLUMN queues bytea NOT NULL DEFAULT '';
"""

MIGRATIONS: tuple[Migration, ...] = (Migration(number=380, name="queues", sql=QUEUES),)
