"""The tables of the flow back to other systems: who is due, what was told, and audiences."""

from cloud_sync.database.migrations import Migration
from cloud_sync.database.migrations_shoppers import partitions_of
from cloud_sync.database.sight import TENANT_ROLE, seen

# A connector tells one other system; paused_until and failures are about that system as a whole.
CONNECTORS = """
CREATE TABLE connector (
    tenant text NOT NULL,
    connector text NOT NULL,
    paused_until bigint NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    reason text NOT NULL DEFAULT '',
    sent bigint NOT NULL DEFAULT 0,
    sent_at bigint,
    PRIMARY KEY (tenant, connector)
);

-- Of whom a connector is to tell: a row a shopper, since only what holds now is told. `version`
-- grows with each reason to tell; dead_at is set when it was given up.
CREATE TABLE connector_due (
    tenant text NOT NULL,
    connector text NOT NULL,
    shopper uuid NOT NULL,
    version bigint NOT NULL,
    since bigint NOT NULL,
    due_at bigint NOT NULL,
    attempts integer NOT NULL,
    reason text NOT NULL DEFAULT '',
    dead_at bigint,
    PRIMARY KEY (tenant, shopper, connector)
) PARTITION BY HASH (shopper);
CREATE INDEX connector_due_next ON connector_due (tenant, connector, due_at) WHERE dead_at IS NULL;
CREATE INDEX connector_due_dead ON connector_due (tenant, connector, dead_at)
    WHERE dead_at IS NOT NULL;

-- What another system was told last of a shopper, as a checksum.
CREATE TABLE connector_told (
    tenant text NOT NULL,
    connector text NOT NULL,
    shopper uuid NOT NULL,
    checksum bytea NOT NULL,
    told_at bigint NOT NULL,
    PRIMARY KEY (tenant, shopper, connector)
) PARTITION BY HASH (shopper);
"""

AUDIENCES = """
CREATE TABLE audience (
    tenant text NOT NULL,
    audience text NOT NULL,
    about text NOT NULL,
    conditions jsonb NOT NULL,
    PRIMARY KEY (tenant, audience)
);
"""

SIGHT = "".join(
    seen(TENANT_ROLE, table)
    for table in ("connector", "connector_due", "connector_told", "audience")
)

# Table → its distribution column, for the list in tables.py.
DISTRIBUTION: dict[str, str] = {
    "connector": "",
    "connector_due": "shopper",
    "connector_told": "shopper",
    "audience": "",
}

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        number=480,
        name="connectors",
        sql=CONNECTORS + partitions_of("connector_due") + partitions_of("connector_told"),
    ),
    Migration(number=481, name="audiences", sql=AUDIENCES + SIGHT),
)
