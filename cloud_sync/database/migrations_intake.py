"""The tables of intake: ledger, streams, leases, downlink, quarantine and twins."""

from cloud_sync.database.migrations import Migration

# The key's columns stand in the order of reading: one shard, upwards from a position; day stands
# in it because the table is partitioned by day.
LEDGER = """
CREATE TABLE ledger (
    day date NOT NULL,
    shard smallint NOT NULL,
    position bigint NOT NULL,
    accepted_at bigint NOT NULL,
    tenant text NOT NULL,
    store text,
    source text NOT NULL,
    stream bytea,
    seq bigint,
    live boolean NOT NULL,
    occurred_at bigint NOT NULL,
    kind smallint NOT NULL,
    row bytea NOT NULL,
    checksum bigint,
    origin_stream bytea,
    origin_seq bigint,
    origin_checksum bigint,
    PRIMARY KEY (shard, position, day)
) PARTITION BY RANGE (day);
-- An event's identity is (stream, seq, checksum), or that of its origin: asked for after a fork.
CREATE INDEX ledger_by_seq ON ledger (stream, seq) WHERE stream IS NOT NULL;
CREATE INDEX ledger_by_origin ON ledger (origin_stream, origin_seq)
    WHERE origin_stream IS NOT NULL;

-- The last position given in each shard. Its row lock makes positions visible in order.
CREATE TABLE shard_head (
    shard smallint PRIMARY KEY,
    position bigint NOT NULL DEFAULT 0,
    day date NOT NULL DEFAULT '2000-01-01'
);
INSERT INTO shard_head (shard) SELECT generate_series(0, 63);

-- How far each shard is folded into shoppers, and the day to begin to read at.
CREATE TABLE shard_fold (
    shard smallint PRIMARY KEY,
    position bigint NOT NULL DEFAULT 0,
    day date NOT NULL DEFAULT '2000-01-01',
    epoch bigint NOT NULL DEFAULT 0
);
INSERT INTO shard_fold (shard) SELECT generate_series(0, 63);

-- Shoppers whom old events touched, to be decided when the backlog is folded.
CREATE TABLE shopper_due (
    shard smallint NOT NULL,
    tenant text NOT NULL,
    shopper text NOT NULL,
    PRIMARY KEY (shard, tenant, shopper)
);

-- Ids of events that came over HTTP, kept for a stated time, so that a repeat is known.
CREATE TABLE seen (
    shard smallint NOT NULL,
    tenant text NOT NULL,
    source text NOT NULL,
    event_id text NOT NULL,
    seen_on date NOT NULL,
    key_id text NOT NULL,
    PRIMARY KEY (shard, tenant, source, event_id)
);
CREATE INDEX seen_by_day ON seen (seen_on);
"""

STREAMS = """
-- One outbox's life: which seqs are accounted for, with the chain checksum before the first and at
-- the last of each range (0: unknown), and which of them are absent for ever.
CREATE TABLE stream (
    shard smallint NOT NULL,
    tenant text NOT NULL,
    store text NOT NULL,
    stream bytea NOT NULL,
    received int8multirange NOT NULL DEFAULT '{}',
    befores bigint[] NOT NULL DEFAULT '{}',
    checksums bigint[] NOT NULL DEFAULT '{}',
    absent int8multirange NOT NULL DEFAULT '{}',
    forked boolean NOT NULL DEFAULT false,
    received_at bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (shard, tenant, store, stream)
);

-- What stores declared gone, for the reports.
CREATE TABLE stream_absent (
    shard smallint NOT NULL,
    tenant text NOT NULL,
    store text NOT NULL,
    stream bytea NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    reason text NOT NULL,
    declared_at bigint NOT NULL,
    PRIMARY KEY (shard, tenant, store, stream, first)
);
"""

DOWNLINK = """
-- How far each store's downlink is counted, and what the store has of it under the named owner.
CREATE TABLE downlink (
    shard smallint NOT NULL,
    tenant text NOT NULL,
    store text NOT NULL,
    revision bigint NOT NULL DEFAULT 0,
    owner bytea NOT NULL DEFAULT '',
    applied bigint NOT NULL DEFAULT -1,
    PRIMARY KEY (shard, tenant, store)
);
CREATE INDEX downlink_due ON downlink (shard) WHERE applied < revision;

-- The newest value of each key, with its revision; a removed key stays, without a value.
CREATE TABLE downlink_key (
    shard smallint NOT NULL,
    tenant text NOT NULL,
    store text NOT NULL,
    view text NOT NULL,
    key text NOT NULL,
    value bytea,
    revision bigint NOT NULL,
    PRIMARY KEY (shard, tenant, store, view, key)
);
CREATE INDEX downlink_key_by_revision ON downlink_key (shard, tenant, store, revision);
"""

LEASES = """
CREATE TABLE worker (
    worker bytea PRIMARY KEY,
    alive_until timestamptz NOT NULL
);

-- Who works on a shard, until when by the database's clock; epoch grows with each new owner.
CREATE TABLE shard_lease (
    shard smallint PRIMARY KEY,
    epoch bigint NOT NULL DEFAULT 0,
    worker bytea NOT NULL DEFAULT '',
    owner bytea NOT NULL DEFAULT '',
    leased_until timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO shard_lease (shard) SELECT generate_series(0, 63);
"""

QUARANTINE = """
CREATE TABLE quarantine (
    shard smallint NOT NULL,
    tenant text NOT NULL,
    store text NOT NULL,
    stream bytea NOT NULL,
    first bigint NOT NULL,
    count integer NOT NULL,
    part text NOT NULL,
    reason text NOT NULL,
    payload bytea NOT NULL,
    checksum bigint NOT NULL DEFAULT 0,
    quarantined_at bigint NOT NULL,
    replayed_at bigint,
    PRIMARY KEY (shard, tenant, stream, first, count)
);
CREATE INDEX quarantine_by_tenant ON quarantine (tenant, quarantined_at);
"""

TWINS = """
CREATE TABLE store_twin (
    shard smallint NOT NULL,
    tenant text NOT NULL,
    store text NOT NULL,
    session bigint NOT NULL DEFAULT 0,
    online boolean NOT NULL DEFAULT false,
    stream bytea NOT NULL DEFAULT '',
    head bigint NOT NULL DEFAULT 0,
    version text NOT NULL DEFAULT '',
    operator text NOT NULL DEFAULT '',
    changed_at bigint NOT NULL DEFAULT 0,
    seen_at bigint NOT NULL DEFAULT 0,
    beat_session bigint NOT NULL DEFAULT 0,
    beat_sent_at bigint NOT NULL DEFAULT 0,
    queue_rows bigint NOT NULL DEFAULT 0,
    queue_bytes bigint NOT NULL DEFAULT 0,
    oldest_age_ms bigint NOT NULL DEFAULT 0,
    absent_rows bigint NOT NULL DEFAULT 0,
    clock smallint NOT NULL DEFAULT 0,
    clock_offset_ms bigint,
    devices bytea NOT NULL DEFAULT '',
    PRIMARY KEY (shard, tenant, store)
);
CREATE INDEX store_twin_by_tenant ON store_twin (tenant, store);
"""

# A chore's row is the lease on it. `forgotten` of a downlink: removed keys up to this revision are
# known no more, so that a store that has applied less needs a snapshot.
CHORES = """
CREATE TABLE chore (
    chore text PRIMARY KEY,
    due_at timestamptz NOT NULL DEFAULT '-infinity',
    done_at timestamptz,
    forgotten bigint NOT NULL DEFAULT 0
);
ALTER TABLE downlink ADD COLUMN forgotten bigint NOT NULL DEFAULT 0;
CREATE INDEX downlink_key_removed ON downlink_key (shard, tenant, store, revision)
    WHERE value IS NULL;
"""

MIGRATIONS = (
    Migration(number=1, name="ledger", sql=LEDGER),
    Migration(number=2, name="leases", sql=LEASES),
    Migration(number=3, name="quarantine", sql=QUARANTINE),
    Migration(number=4, name="twins", sql=TWINS),
    Migration(number=5, name="streams", sql=STREAMS),
    Migration(number=6, name="downlink", sql=DOWNLINK),
    Migration(number=7, name="chores", sql=CHORES),
)
