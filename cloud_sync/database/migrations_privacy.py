"""The tables of privacy: what shoppers allowed, who was erased, and which store has answered."""

from cloud_sync.database.migrations import Migration
from cloud_sync.database.migrations_shoppers import partitions_of
from cloud_sync.database.sight import TENANT_ROLE, seen

# mark is twice the time of the last word, plus one if it was to allow: the greater is the later.
# tenant_setting.terms: what the membership terms allow for members who have said nothing.
CONSENTS = """
CREATE TABLE atom_consent (
    tenant text NOT NULL,
    atom uuid NOT NULL,
    purpose text NOT NULL,
    mark bigint NOT NULL,
    version text NOT NULL,
    via text NOT NULL,
    place text NOT NULL,
    PRIMARY KEY (tenant, atom, purpose)
) PARTITION BY HASH (atom);
ALTER TABLE tenant_setting ADD COLUMN terms text[] NOT NULL DEFAULT '{offers,profiling}';
-- Whether what is prepared rests on the terms, which may change before it is shown.
ALTER TABLE prepared ADD COLUMN by_terms boolean NOT NULL DEFAULT true;
"""

# `changes` grows with each erasure of the tenant, so that a worker sees that there are new ones.
# `pending` holds the bytes that the ledger is still searched for, and is empty afterwards; all
# that stays of a shopper are the marks (see wire/erasures.py).
ERASURES = """
CREATE TABLE erasure_tenant (
    tenant text PRIMARY KEY,
    salt bytea NOT NULL,
    changes bigint NOT NULL DEFAULT 0
);
CREATE TABLE erasure (
    tenant text NOT NULL,
    erasure text NOT NULL,
    erased_at bigint NOT NULL,
    asked_by text NOT NULL,
    since date NOT NULL,
    pending bytea[] NOT NULL DEFAULT '{}',
    rows bigint NOT NULL DEFAULT 0,
    finished_at bigint,
    wiped_at bigint,
    PRIMARY KEY (tenant, erasure)
);
CREATE TABLE erasure_mark (
    tenant text NOT NULL,
    mark bytea NOT NULL,
    erasure text NOT NULL,
    erased_at bigint NOT NULL,
    change bigint NOT NULL,
    PRIMARY KEY (tenant, mark, erasure)
);
CREATE INDEX erasure_mark_by_change ON erasure_mark (tenant, change);

-- Which store was told to erase whom, and its signed receipt.
CREATE TABLE erasure_store (
    tenant text NOT NULL,
    store text NOT NULL,
    erasure text NOT NULL,
    told_at bigint,
    answered_at bigint,
    done_at bigint,
    rows bigint,
    signer bytea,
    signature bytea,
    verdict text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant, store, erasure)
);
CREATE INDEX erasure_store_untold ON erasure_store (tenant, store) WHERE told_at IS NULL;
-- The key that a store signed its first receipt with.
CREATE TABLE store_signer (
    tenant text NOT NULL,
    store text NOT NULL,
    signer bytea NOT NULL,
    since bigint NOT NULL,
    PRIMARY KEY (tenant, store)
);
-- It may ask for everything about a shopper, and have one erased.
ALTER TABLE api_key ADD COLUMN answers_rights boolean NOT NULL DEFAULT false;
"""

# A store is told nothing of somebody for longer than this says, unless they come again.
VIEWS = """
ALTER TABLE shopper_view ADD COLUMN told_at bigint NOT NULL
    DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
CREATE INDEX shopper_view_by_age ON shopper_view (told_at);
"""

SIGHT = "".join(
    (
        *(seen(TENANT_ROLE, table) for table in ("atom_consent", "erasure_store", "store_signer")),
        seen(
            TENANT_ROLE,
            "erasure",
            columns="tenant, erasure, erased_at, asked_by, rows, finished_at, wiped_at",
        ),
    )
)

# Table → its distribution column, for the list in tables.py; empty: each machine holds it whole.
DISTRIBUTION: dict[str, str] = {
    "atom_consent": "atom",
    "erasure_tenant": "",
    "erasure": "erasure",
    "erasure_mark": "mark",
    "erasure_store": "store",
    "store_signer": "store",
}

MIGRATIONS: tuple[Migration, ...] = (
    Migration(number=460, name="consents", sql=CONSENTS + partitions_of("atom_consent")),
    Migration(number=461, name="erasures", sql=ERASURES),
    Migration(number=462, name="age of views", sql=VIEWS),
    Migration(number=463, name="who sees consents and erasures", sql=SIGHT),
)
