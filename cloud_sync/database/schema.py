"""All migrations of the cloud's database, in one list."""

from cloud_sync.database import (
    migrations_console,
    migrations_doors,
    migrations_intake,
    migrations_shoppers,
    migrations_sight,
)
from cloud_sync.database.migrations import Migration

# Intake counts from 1, shoppers from 100, console from 200, sight from 300, doors from 440.
MIGRATIONS: tuple[Migration, ...] = (
    *migrations_intake.MIGRATIONS,
    *migrations_shoppers.MIGRATIONS,
    *migrations_console.MIGRATIONS,
    *migrations_sight.MIGRATIONS,
    *migrations_doors.MIGRATIONS,
)
