"""All migrations of the cloud's database, in one list."""

from cloud_sync.database import (
    migrations_bank,
    migrations_console,
    migrations_doors,
    migrations_flow,
    migrations_fold,
    migrations_identity,
    migrations_intake,
    migrations_live,
    migrations_orders,
    migrations_people,
    migrations_privacy,
    migrations_retention,
    migrations_review,
    migrations_shoppers,
    migrations_sight,
)
from cloud_sync.database.migrations import Migration

# Intake counts from 1, shoppers from 100, console from 200, sight from 300, people from 380, fold
# from 390, identity from 400, the data bank from 420, doors from 440, privacy from 460, flow from
# 480, review from 500, orders from 530, live from 540, retention from 560.
MIGRATIONS: tuple[Migration, ...] = (
    *migrations_intake.MIGRATIONS,
    *migrations_shoppers.MIGRATIONS,
    *migrations_console.MIGRATIONS,
    *migrations_sight.MIGRATIONS,
    *migrations_people.MIGRATIONS,
    *migrations_fold.MIGRATIONS,
    *migrations_identity.MIGRATIONS,
    *migrations_bank.MIGRATIONS,
    *migrations_doors.MIGRATIONS,
    *migrations_privacy.MIGRATIONS,
    *migrations_flow.MIGRATIONS,
    *migrations_review.MIGRATIONS,
    *migrations_orders.MIGRATIONS,
    *migrations_live.MIGRATIONS,
    *migrations_retention.MIGRATIONS,
)
