"""All migrations of the cloud's database, in one list."""

from cloud_sync.database import (
    migrations_console,
    migrations_intake,
    migrations_people,
    migrations_shoppers,
    migrations_sight,
)
from cloud_sync.database.migrations import Migration

# Intake counts from 1, shoppers from 100, console from 200, sight from 300, people from 380.
MIGRATIONS: tuple[Migration, ...] = (
    *migrations_intake.MIGRATIONS,
    *migrations_shoppers.MIGRATIONS,
    *migrations_console.MIGRATIONS,
    *migrations_sight.MIGRATIONS,
    *migrations_people.MIGRATIONS,
)
