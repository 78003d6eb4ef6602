"""The tables of headquarters: hourly figures, people who may sign in, API keys."""

from cloud_sync.database.migrations import Migration

FIGURES = """
-- One row an hour (µs UTC at its beginning) and channel; store is empty for events without one.
-- Only sums stand here, so that the order of arrival does not matter.
CREATE TABLE store_hour (
    shard smallint NOT NULL,
    tenant text NOT NULL,
    store text NOT NULL,
    hour bigint NOT NULL,
    figure text NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (shard, tenant, store, hour, figure)
);
CREATE INDEX store_hour_by_tenant ON store_hour (tenant, hour);
"""

PEOPLE = """
CREATE TABLE console_user (
    tenant text NOT NULL,
    name text NOT NULL,
    password text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, name)
);

-- token is the SHA-256 of what stands in the cookie, so that a copy of this table opens nothing.
CREATE TABLE console_sign_in (
    token bytea PRIMARY KEY,
    tenant text NOT NULL,
    name text NOT NULL,
    csrf text NOT NULL,
    seen_until timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    FOREIGN KEY (tenant, name) REFERENCES console_user (tenant, name) ON DELETE CASCADE
);

CREATE TABLE console_attempt (
    tenant text NOT NULL,
    name text NOT NULL,
    failed integer NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE api_key (
    tenant text NOT NULL,
    key_id text NOT NULL,
    source text NOT NULL,
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    PRIMARY KEY (tenant, key_id)
);
"""

# An API key may be allowed to have members' tokens signed, which open doors: no web shop needs it.
MEMBER_TOKENS = """
ALTER TABLE api_key ADD COLUMN issues_tokens boolean NOT NULL DEFAULT false;

-- When (µs UTC) a member's app may be given as many tokens as ever: see member_tokens.py.
CREATE TABLE token_pace (
    tenant text NOT NULL,
    member uuid NOT NULL,
    free_at bigint NOT NULL,
    PRIMARY KEY (tenant, member)
);
"""

# Table → its distribution column, for the list in tables.py; empty: each machine holds it whole.
DISTRIBUTION: dict[str, str] = {
    "store_hour": "shard",
    "console_user": "",
    "console_sign_in": "",
    "console_attempt": "",
    "api_key": "",
    "token_pace": "member",
}
WITHOUT_TENANT = frozenset({"console_sign_in"})

MIGRATIONS: tuple[Migration, ...] = (
    Migration(number=200, name="figures", sql=FIGURES),
    Migration(number=201, name="people and keys", sql=PEOPLE),
    Migration(number=202, name="member tokens", sql=MEMBER_TOKENS),
)
