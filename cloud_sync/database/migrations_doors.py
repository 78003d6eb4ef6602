"""The tables of the doors: deliveries set aside, orders told, stock and prices by channel."""

from cloud_sync.database.migrations import Migration
from cloud_sync.database.sight import TENANT_ROLE, seen

# What another system delivered and nobody could read, sealed under the tenant's key.
REFUSED = """
CREATE TABLE refused_delivery (
    tenant text NOT NULL,
    webhook text NOT NULL,
    delivery text NOT NULL,
    reason text NOT NULL,
    sealed bytea NOT NULL,
    refused_at bigint NOT NULL,
    replayed_at bigint,
    PRIMARY KEY (tenant, webhook, delivery)
);
"""

# Table → its distribution column, for the list in tables.py.
DISTRIBUTION: dict[str, str] = {
    "refused_delivery": "webhook",
}

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        number=440,
        name="refused deliveries",
        sql=REFUSED
        + seen(
            TENANT_ROLE,
            "refused_delivery",
            columns="tenant, webhook, delivery, reason, refused_at, replayed_at",
        ),
    ),
)
