"""What screens show of a product beyond its texts: the files of a video."""

from cloud_sync.database.migrations import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        number=550, name="videos of products", sql="ALTER TABLE product ADD COLUMN video jsonb"
    ),
)
