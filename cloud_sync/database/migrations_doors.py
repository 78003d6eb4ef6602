"""The tables of the doors: deliveries set aside, orders told, stock and prices by channel."""

from cloud_sync.database.migrations import Migration
from cloud_sync.database.migrations_shoppers import partitions_of
from cloud_sync.database.sight import BRAND_ROLE, TENANT_ROLE, seen

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

# Where the ledger tells of an order: `[day, shard, position]` of each event.
ORDERS = """
CREATE TABLE order_told (
    tenant text NOT NULL,
    order_key text NOT NULL,
    places jsonb NOT NULL,
    PRIMARY KEY (tenant, order_key)
) PARTITION BY HASH (order_key);
"""

# How far each import is: a file is known by its digest, rows are those of whole batches.
IMPORTS = """
CREATE TABLE import_run (
    tenant text NOT NULL,
    kind text NOT NULL,
    file text NOT NULL,
    how text NOT NULL,
    rows bigint NOT NULL DEFAULT 0,
    accepted bigint NOT NULL DEFAULT 0,
    repeated bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    rejects_bytes bigint NOT NULL DEFAULT 0,
    begun_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (tenant, kind, file, how)
);

-- By the last count that was imported; store is empty for what is sold online.
CREATE TABLE stock_level (
    tenant text NOT NULL,
    store text NOT NULL,
    product text NOT NULL,
    quantity bigint NOT NULL,
    counted_at bigint NOT NULL,
    PRIMARY KEY (tenant, store, product)
);
"""

# What one piece costs in a channel (a store, `store` for all stores, web, app) that differs from
# the catalogue's own price; and what prices each channel showed, hour by hour.
PRICES = """
CREATE TABLE product_price (
    tenant text NOT NULL,
    product text NOT NULL,
    channel text NOT NULL,
    price_cents bigint NOT NULL,
    PRIMARY KEY (tenant, product, channel)
);

CREATE TABLE price_shown (
    shard smallint NOT NULL,
    tenant text NOT NULL,
    product text NOT NULL,
    channel text NOT NULL,
    hour bigint NOT NULL,
    price_cents bigint NOT NULL,
    currency text NOT NULL,
    times bigint NOT NULL,
    first_at bigint NOT NULL,
    last_at bigint NOT NULL,
    PRIMARY KEY (shard, tenant, product, channel, hour, price_cents, currency)
);
CREATE INDEX price_shown_by_hour ON price_shown (tenant, hour);
"""

# What somebody typed and a code was sent to; nothing of it is plain.
CLAIMS = """
CREATE TABLE claim (
    tenant text NOT NULL,
    claim text NOT NULL,
    source text NOT NULL,
    kind text NOT NULL,
    value bytea NOT NULL,
    identifiers bytea NOT NULL,
    code bytea NOT NULL,
    made_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    proven_at bigint,
    PRIMARY KEY (tenant, value, claim)
);
CREATE INDEX claim_by_name ON claim (tenant, claim);
"""

# Table → its distribution column, for the list in tables.py.
DISTRIBUTION: dict[str, str] = {
    "refused_delivery": "webhook",
    "order_told": "order_key",
    "import_run": "file",
    "stock_level": "store",
    "product_price": "",
    "price_shown": "shard",
    "claim": "value",
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
    Migration(
        number=441,
        name="orders told",
        sql=ORDERS + partitions_of("order_told") + seen(TENANT_ROLE, "order_told"),
    ),
    Migration(
        number=442,
        name="imports",
        sql=IMPORTS + seen(TENANT_ROLE, "import_run") + seen(TENANT_ROLE, "stock_level"),
    ),
    Migration(number=444, name="claims", sql=CLAIMS),
    Migration(
        number=443,
        name="prices",
        sql=PRICES
        + seen(TENANT_ROLE, "product_price")
        + seen(TENANT_ROLE, "price_shown")
        + seen(BRAND_ROLE, "product_price", "product IN (SELECT product FROM product)")
        + seen(BRAND_ROLE, "price_shown", "product IN (SELECT product FROM product)"),
    ),
)
