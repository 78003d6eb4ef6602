"""The tables of identity, profiles, decisions and catalogue."""

from cloud_sync.database.migrations import Migration

# Tables that grow with shoppers are hash-partitioned from the start: splitting them later would
# mean to write every row again.
PARTITIONS = 8

# An identifier's id is 16 bytes: the rank of its kind, then a hash (see graph/identity.py).
# A shopper ID is the smallest id among its identifiers, so each shopper ID ever shown is also the
# id of an identifier, and stays resolvable after joins by looking that identifier up.
IDENTITY = """
CREATE TABLE identifier (
    tenant text NOT NULL,
    identifier uuid NOT NULL,
    kind text NOT NULL,
    value bytea NOT NULL,
    shopper uuid NOT NULL,
    PRIMARY KEY (tenant, identifier)
) PARTITION BY HASH (identifier);
CREATE INDEX identifier_by_shopper ON identifier (tenant, shopper);

-- Evidence that two identifiers belong together; nothing is ever taken out of it.
CREATE TABLE link (
    tenant text NOT NULL,
    identifier uuid NOT NULL,
    other uuid NOT NULL,
    shard smallint NOT NULL,
    position bigint NOT NULL,
    evidence text NOT NULL,
    source text NOT NULL,
    occurred_at bigint NOT NULL,
    PRIMARY KEY (tenant, identifier, other, shard, position)
) PARTITION BY HASH (identifier);
"""

# An atom is what one identifier's own events say; `atom` is the identifier's id. Each column
# merges by sum, maximum or minimum, so that the order of arrival does not matter.
ATOMS = """
CREATE TABLE atom_act (
    tenant text NOT NULL,
    atom uuid NOT NULL,
    day integer NOT NULL,
    act text NOT NULL,
    times bigint NOT NULL,
    amount bigint NOT NULL,
    first_at bigint NOT NULL,
    last_at bigint NOT NULL,
    PRIMARY KEY (tenant, atom, day, act)
) PARTITION BY HASH (atom);

CREATE TABLE atom_product (
    tenant text NOT NULL,
    atom uuid NOT NULL,
    product text NOT NULL,
    times bigint NOT NULL,
    views bigint NOT NULL,
    tries bigint NOT NULL,
    bought bigint NOT NULL,
    returned bigint NOT NULL,
    viewed_at bigint NOT NULL,
    viewed_online_at bigint NOT NULL,
    tried_at bigint NOT NULL,
    bought_at bigint NOT NULL,
    saved_mark bigint NOT NULL,
    PRIMARY KEY (tenant, atom, product)
) PARTITION BY HASH (atom);

CREATE TABLE atom_zone (
    tenant text NOT NULL,
    atom uuid NOT NULL,
    store text NOT NULL,
    zone text NOT NULL,
    plan integer NOT NULL,
    stays bigint NOT NULL,
    dwell_ms bigint NOT NULL,
    dwelt_at bigint NOT NULL,
    PRIMARY KEY (tenant, atom, store, zone, plan)
) PARTITION BY HASH (atom);

CREATE TABLE atom_money (
    tenant text NOT NULL,
    atom uuid NOT NULL,
    currency text NOT NULL,
    orders bigint NOT NULL,
    paid_cents bigint NOT NULL,
    refunded_cents bigint NOT NULL,
    PRIMARY KEY (tenant, atom, currency)
) PARTITION BY HASH (atom);

CREATE TABLE atom_store (
    tenant text NOT NULL,
    atom uuid NOT NULL,
    store text NOT NULL,
    seen_at bigint NOT NULL,
    PRIMARY KEY (tenant, atom, store)
) PARTITION BY HASH (atom);

CREATE TABLE store_product (
    tenant text NOT NULL,
    store text NOT NULL,
    product text NOT NULL,
    bought bigint NOT NULL,
    returned bigint NOT NULL,
    PRIMARY KEY (tenant, store, product)
);

-- In how many orders, and for how many atoms, two products stood together: a delta a shard, so
-- that two workers never wait for each other's popular pairs.
CREATE TABLE product_pair (
    tenant text NOT NULL,
    product text NOT NULL,
    other text NOT NULL,
    shard smallint NOT NULL,
    viewed_together bigint NOT NULL,
    bought_together bigint NOT NULL,
    PRIMARY KEY (tenant, product, other, shard)
);
"""

# Products that are new to an atom, until the pairs that they form are counted: see interests.py.
INTERESTS = """
CREATE TABLE interest_due (
    tenant text NOT NULL,
    atom uuid NOT NULL,
    product text NOT NULL,
    PRIMARY KEY (tenant, atom, product)
) PARTITION BY HASH (atom);
"""

# A coupon belongs to the identifier that was the shopper ID when it was issued, so that joins and
# splits carry coupons along without writing them. Its row says what was promised; what became of
# it is the fold of its acts.
COUPONS = """
CREATE TABLE coupon (
    tenant text NOT NULL,
    owner uuid NOT NULL,
    coupon text NOT NULL,
    offer text NOT NULL,
    serial integer NOT NULL,
    product text NOT NULL,
    reason text NOT NULL,
    because_at bigint NOT NULL,
    channel text NOT NULL,
    percent integer NOT NULL,
    issued_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    lease text NOT NULL DEFAULT '',
    lease_store text NOT NULL DEFAULT '',
    lease_until bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, owner, offer, serial)
) PARTITION BY HASH (owner);
CREATE INDEX coupon_by_code ON coupon (tenant, coupon);

-- Claims and redemptions as they were reported, once for each place and order. More than one
-- redemption of a coupon is a conflict (see decisions/coupons.py).
CREATE TABLE coupon_act (
    tenant text NOT NULL,
    coupon text NOT NULL,
    act text NOT NULL,
    source text NOT NULL,
    reference text NOT NULL,
    occurred_at bigint NOT NULL,
    shard smallint NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (tenant, coupon, act, source, reference)
);

-- What each store was last told under an identifier, as a checksum.
CREATE TABLE shopper_view (
    tenant text NOT NULL,
    identifier uuid NOT NULL,
    store text NOT NULL,
    checksum bytea NOT NULL,
    PRIMARY KEY (tenant, identifier, store)
) PARTITION BY HASH (identifier);
"""

CATALOGUE = """
CREATE TABLE product (
    tenant text NOT NULL,
    product text NOT NULL,
    name jsonb NOT NULL,
    about jsonb NOT NULL DEFAULT '{}',
    brand text NOT NULL,
    category text NOT NULL,
    price_cents bigint NOT NULL,
    currency text NOT NULL,
    image text NOT NULL DEFAULT '',
    low_stock integer NOT NULL DEFAULT 3,
    active boolean NOT NULL DEFAULT true,
    PRIMARY KEY (tenant, product)
);

-- store is empty for a plan that holds in every store without one of its own for that zone.
CREATE TABLE shelf_plan (
    tenant text NOT NULL,
    store text NOT NULL,
    zone text NOT NULL,
    plan integer NOT NULL,
    valid_from bigint NOT NULL,
    products text[] NOT NULL,
    PRIMARY KEY (tenant, store, zone, plan)
);

-- What each store was last told of the catalogue, as a checksum.
CREATE TABLE catalogue_view (
    tenant text NOT NULL,
    store text NOT NULL,
    view text NOT NULL,
    key text NOT NULL,
    checksum bytea NOT NULL,
    PRIMARY KEY (tenant, store, view, key)
);

-- members_consent: membership terms allow personal offers for whoever shows a member code.
CREATE TABLE tenant_setting (
    tenant text PRIMARY KEY,
    members_consent boolean NOT NULL
);
"""

# code_public_keys: what the tenant's codes are signed for; every store is told.
CODE_KEYS = """
ALTER TABLE tenant_setting
    ALTER COLUMN members_consent SET DEFAULT false,
    ADD COLUMN code_public_keys text[] NOT NULL DEFAULT '{}';
"""

# Visits of the last days, by the strongest identifier shown; left_at is 0 while one goes on.
VISITS = """
CREATE TABLE visit (
    tenant text NOT NULL,
    identifier uuid NOT NULL,
    store text NOT NULL,
    visit bytea NOT NULL,
    began_at bigint NOT NULL,
    left_at bigint NOT NULL,
    PRIMARY KEY (tenant, identifier, store, visit)
) PARTITION BY HASH (identifier);
"""

# followed_mark is twice the time of the last word, plus one if it was to follow.
BRANDS = """
CREATE TABLE atom_brand (
    tenant text NOT NULL,
    atom uuid NOT NULL,
    brand text NOT NULL,
    followed_mark bigint NOT NULL,
    PRIMARY KEY (tenant, atom, brand)
) PARTITION BY HASH (atom);
"""

# What a shopper will be shown at the next arrival, with the codes of the coupons in it.
PREPARED = """
CREATE TABLE prepared (
    tenant text NOT NULL,
    shopper uuid NOT NULL,
    view bytea NOT NULL,
    coupons text[] NOT NULL,
    prepared_at bigint NOT NULL,
    PRIMARY KEY (tenant, shopper)
) PARTITION BY HASH (shopper);
"""

# Table → its distribution column, for the list in tables.py.
DISTRIBUTION: dict[str, str] = {
    "identifier": "identifier",
    "link": "identifier",
    "atom_act": "atom",
    "atom_product": "atom",
    "atom_brand": "atom",
    "atom_zone": "atom",
    "atom_store": "atom",
    "store_product": "store",
    "product_pair": "product",
    "interest_due": "atom",
    "coupon": "owner",
    "coupon_act": "coupon",
    "shopper_view": "identifier",
    "visit": "identifier",
    "prepared": "shopper",
    "product": "",
    "shelf_plan": "",
    "catalogue_view": "store",
    "tenant_setting": "",
}

_PARTITIONED = (
    "identifier",
    "link",
    "atom_act",
    "atom_product",
    "atom_zone",
    "atom_money",
    "atom_store",
    "coupon",
    "shopper_view",
)


def partitions_of(table: str) -> str:
    """Return the SQL that creates the hash partitions of a table."""
    return "\n".join(
        f"CREATE TABLE {table}_{number} PARTITION OF {table}"
        f" FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number});"
        for number in range(PARTITIONS)
    )


MIGRATIONS: tuple[Migration, ...] = (
    Migration(number=100, name="identity", sql=IDENTITY),
    Migration(number=101, name="atoms", sql=ATOMS),
    Migration(number=102, name="coupons", sql=COUPONS),
    Migration(number=103, name="catalogue", sql=CATALOGUE),
    Migration(number=104, name="partitions", sql="\n".join(map(partitions_of, _PARTITIONED))),
    Migration(number=105, name="visits", sql=VISITS + partitions_of("visit")),
    Migration(number=106, name="interests", sql=INTERESTS + partitions_of("interest_due")),
    Migration(number=107, name="code_keys", sql=CODE_KEYS),
    Migration(number=108, name="brands", sql=BRANDS + partitions_of("atom_brand")),
    Migration(number=109, name="prepared", sql=PREPARED + partitions_of("prepared")),
)
