"""The tables of records that are compared with each other, and of joins that are proposed."""

from cloud_sync.database.migrations import Migration
from cloud_sync.database.migrations_shoppers import partitions_of
from cloud_sync.database.sight import TENANT_ROLE, seen

# Times are µs UTC. What a record says is sealed under a key made from the tenant's; `keyed` are the
# keyed values of what was typed in it, by which an erasure finds it.
RECORDS = """
CREATE TABLE person_record (
    tenant text NOT NULL,
    identifier uuid NOT NULL,
    source text NOT NULL,
    kind text NOT NULL,
    value bytea NOT NULL,
    digest bytea NOT NULL,
    sealed bytea NOT NULL,
    keyed uuid[] NOT NULL,
    noted_at bigint NOT NULL,
    compared_at bigint,
    PRIMARY KEY (tenant, identifier, source)
) PARTITION BY HASH (identifier);
CREATE INDEX person_record_waiting ON person_record (tenant) WHERE compared_at IS NULL;
CREATE INDEX person_record_keyed ON person_record USING gin (keyed);
"""

# Two identifiers whose records may be one person's, the smaller first. `worth` is in cents of
# `because.worth.currency`; nobody is named in `because`, which says what speaks for it.
PROPOSALS = """
CREATE TABLE join_proposal (
    tenant text NOT NULL,
    one uuid NOT NULL,
    other uuid NOT NULL,
    proposal text NOT NULL,
    confidence text NOT NULL,
    chance double precision NOT NULL,
    worth bigint NOT NULL,
    because jsonb NOT NULL,
    made_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    state text NOT NULL DEFAULT 'open',
    decided_at bigint,
    decided_by text NOT NULL DEFAULT '',
    decided_because text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant, one, other)
) PARTITION BY HASH (one);
CREATE INDEX join_proposal_named ON join_proposal (tenant, proposal);
CREATE INDEX join_proposal_other ON join_proposal (tenant, other);
CREATE INDEX join_proposal_open ON join_proposal (tenant, worth) WHERE state = 'open';
CREATE INDEX join_proposal_decided ON join_proposal (tenant, decided_at);
"""

# How many proposals people are shown a day, and for how many days one stands.
LIMITS = """
ALTER TABLE tenant_setting
    ADD COLUMN reviews_a_day integer NOT NULL DEFAULT 50,
    ADD COLUMN review_days integer NOT NULL DEFAULT 14;
ALTER TABLE console_user ADD COLUMN reviews boolean NOT NULL DEFAULT false;
"""

POLICIES = "".join(seen(TENANT_ROLE, table) for table in ("person_record", "join_proposal"))

# Table → its distribution column, for the list in tables.py.
DISTRIBUTION: dict[str, str] = {"person_record": "identifier", "join_proposal": "one"}

MIGRATIONS: tuple[Migration, ...] = (
    Migration(number=500, name="records", sql=RECORDS + partitions_of("person_record")),
    Migration(
        number=501,
        name="proposals",
        sql=PROPOSALS + partitions_of("join_proposal") + POLICIES,
    ),
    Migration(number=502, name="review limits", sql=LIMITS),
)
