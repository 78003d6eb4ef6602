"""By which column each table is spread over the machines of a hash-distributed PostgreSQL."""

from cloud_sync.database import (
    migrations_bank,
    migrations_console,
    migrations_doors,
    migrations_flow,
    migrations_identity,
    migrations_live,
    migrations_privacy,
    migrations_review,
    migrations_shoppers,
    migrations_sight,
)

# A small table that each machine holds whole.
EVERYWHERE = ""

# Table → its distribution column. Each primary key, unique constraint and foreign key contains it
# (checked against pg_catalog by a test, which also fails for a table that is missing here).
DISTRIBUTION: dict[str, str] = {
    "schema_migration": EVERYWHERE,
    "worker": EVERYWHERE,
    "chore": EVERYWHERE,
    "shard_lease": "shard",
    "shard_head": "shard",
    "shard_fold": "shard",
    "ledger": "shard",
    "stream": "shard",
    "stream_absent": "shard",
    "seen": "shard",
    "shopper_due": "shard",
    "quarantine": "shard",
    "downlink": "shard",
    "downlink_key": "shard",
    "store_twin": "shard",
    **migrations_shoppers.DISTRIBUTION,
    **migrations_console.DISTRIBUTION,
    **migrations_sight.DISTRIBUTION,
    **migrations_bank.DISTRIBUTION,
    **migrations_privacy.DISTRIBUTION,
    **migrations_flow.DISTRIBUTION,
    **migrations_identity.DISTRIBUTION,
    **migrations_doors.DISTRIBUTION,
    **migrations_live.DISTRIBUTION,
    **migrations_review.DISTRIBUTION,
}

# Tables of all tenants, whose keys name none: shards are shared, and the ledger's position is
# unique in its shard.
WITHOUT_TENANT = (
    frozenset({"schema_migration", "worker", "chore", "ledger"})
    | frozenset({"shard_lease", "shard_head", "shard_fold"})
    | migrations_console.WITHOUT_TENANT
)
