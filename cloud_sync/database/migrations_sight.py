"""Who sees what: the roles of those who look, the brands' own figures and shelves, the policies."""

from cloud_sync.database.migrations import Migration
from cloud_sync.database.sight import (
    BRAND,
    BRAND_ROLE,
    OPERATOR,
    OPERATOR_ROLE,
    ROLES,
    TENANT,
    TENANT_ROLE,
    seen,
)

# Roles belong to the whole server: another database may have made them, or an administrator, who
# then has granted them to us. A role that was just made is granted to its maker to be taken.
_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN NOINHERIT;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
WHEN insufficient_privilege THEN
    RAISE insufficient_privilege USING MESSAGE = 'the role {role} is missing, and ' || current_user
        || ' may not make it; let an administrator of the server run: {made} GRANT {all_roles} TO '
        || quote_ident(current_user);
END $$;
DO $$ BEGIN
    IF NOT pg_has_role(current_user, '{role}', 'SET') THEN
        GRANT {role} TO CURRENT_USER;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE insufficient_privilege USING MESSAGE = 'the role {role} is not granted to '
        || current_user || ', who may not do it; let an administrator of the server run: '
        || 'GRANT {all_roles} TO ' || quote_ident(current_user);
END $$;
"""
_ROLES = "".join(
    _ROLE.format(
        role=role,
        made=" ".join(f"CREATE ROLE {each} NOLOGIN;" for each in ROLES),
        all_roles=", ".join(ROLES),
    )
    for role in ROLES
)

# A sum of a store is kept apart by the operator whom its events name.
FIGURES = """
ALTER TABLE store_hour
    ADD COLUMN operator text NOT NULL DEFAULT '',
    DROP CONSTRAINT store_hour_pkey,
    ADD PRIMARY KEY (shard, tenant, store, hour, figure, operator);

-- Stays by what stood before those who stayed.
CREATE TABLE shelf_hour (
    shard smallint NOT NULL,
    tenant text NOT NULL,
    store text NOT NULL,
    zone text NOT NULL,
    plan integer NOT NULL,
    hour bigint NOT NULL,
    stays bigint NOT NULL,
    dwell_ms bigint NOT NULL,
    PRIMARY KEY (shard, tenant, store, zone, plan, hour)
);
CREATE INDEX shelf_hour_by_shelf ON shelf_hour (tenant, zone, plan, hour);

-- What happened to a brand's goods in an hour; product is empty for what concerns all of them.
CREATE TABLE brand_hour (
    shard smallint NOT NULL,
    tenant text NOT NULL,
    brand text NOT NULL,
    product text NOT NULL,
    store text NOT NULL,
    hour bigint NOT NULL,
    figure text NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (shard, tenant, brand, product, store, hour, figure)
);
CREATE INDEX brand_hour_by_brand ON brand_hour (tenant, brand, hour);

-- How many goods of a brand stand in a zone by a plan: made from shelf plans and products whenever
-- a catalogue comes. Where a store has that plan for itself, a row may say that it holds none.
CREATE TABLE brand_shelf (
    tenant text NOT NULL,
    brand text NOT NULL,
    zone text NOT NULL,
    plan integer NOT NULL,
    store text NOT NULL,
    goods integer NOT NULL,
    PRIMARY KEY (tenant, brand, zone, plan, store)
);
CREATE INDEX brand_shelf_by_store ON brand_shelf (tenant, brand, store);
"""

# Of all tenants, or with a condition on `shelf.tenant` of some.
FILL_SHELVES = """
WITH standing AS (
    SELECT shelf.tenant, product.brand, shelf.zone, shelf.plan, shelf.store, count(*) AS goods
    FROM shelf_plan AS shelf CROSS JOIN LATERAL unnest(shelf.products) AS held (product)
    JOIN product ON product.tenant = shelf.tenant AND product.product = held.product
    WHERE product.brand <> '' AND {condition}
    GROUP BY shelf.tenant, product.brand, shelf.zone, shelf.plan, shelf.store
)
INSERT INTO brand_shelf (tenant, brand, zone, plan, store, goods)
SELECT tenant, brand, zone, plan, store, goods FROM standing
UNION ALL
SELECT own.tenant, usual.brand, own.zone, own.plan, own.store, 0
FROM standing AS usual JOIN shelf_plan AS own USING (tenant, zone, plan)
WHERE usual.store = '' AND own.store <> '' AND NOT EXISTS (SELECT FROM product
    WHERE product.tenant = own.tenant AND product.product = ANY(own.products)
    AND product.brand = usual.brand)
ON CONFLICT (tenant, brand, zone, plan, store) DO UPDATE SET goods = excluded.goods
"""

# In how many orders an atom bought goods of a brand, and when last; and how many shoppers stand at
# which stage with a brand, by the last count, which rests for a while.
FUNNELS = """
ALTER TABLE atom_brand
    ADD COLUMN orders bigint NOT NULL DEFAULT 0,
    ADD COLUMN bought_at bigint NOT NULL DEFAULT 0;
CREATE TABLE brand_funnel (
    tenant text NOT NULL,
    brand text NOT NULL,
    stage text NOT NULL,
    shoppers bigint NOT NULL,
    counted_at bigint NOT NULL,
    rests_until timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (tenant, brand, stage)
);
"""

PEOPLE = """
ALTER TABLE console_user
    ADD COLUMN brand text NOT NULL DEFAULT '',
    ADD COLUMN operator text NOT NULL DEFAULT '',
    ADD CHECK (brand = '' OR operator = '');
"""

# How far each store's events are here. `again` is what an earlier stream owed and a later one
# recorded again, naming where it was.
_COUNTED = """
SELECT twin.shard, twin.tenant, twin.store, streams.* FROM store_twin AS twin CROSS JOIN LATERAL (
    SELECT max(received_at) AS received_at,
        sum(greatest(coalesce(upper(received) - 1, 0), CASE WHEN is_current THEN head ELSE 0 END)
            )::bigint AS top,
        sum((SELECT coalesce(sum(upper(part) - lower(part)), 0) FROM unnest(received) AS part)
            )::bigint AS accounted,
        sum((SELECT coalesce(sum(upper(part) - lower(part)), 0) FROM unnest(absent) AS part)
            )::bigint AS gone,
        sum(CASE
            WHEN is_current OR received = int8multirange(int8range(1, upper(received))) THEN 0
            ELSE (SELECT count(DISTINCT origin_seq) FROM ledger
                WHERE origin_stream = each.stream AND ledger.shard = twin.shard
                AND ledger.tenant = twin.tenant AND ledger.store = twin.store
                AND origin_seq < upper(received) AND NOT received @> origin_seq)
            END)::bigint AS again
    FROM (
        SELECT stream, received, absent, stream.received_at, stream = twin.stream AS is_current
        FROM stream WHERE stream.shard = twin.shard AND stream.tenant = twin.tenant
            AND stream.store = twin.store
        UNION ALL SELECT twin.stream, '{}', '{}', 0, true WHERE NOT EXISTS (
            SELECT FROM stream WHERE stream.shard = twin.shard AND stream.tenant = twin.tenant
                AND stream.store = twin.store AND stream.stream = twin.stream)
    ) AS each
) AS streams"""

# Whoever asks sees through the first view what they may see themselves. The second reads as its
# owner, hence its own conditions: the stores where a brand's goods stand or were sold, and how
# complete the data about them are. That is all that a brand learns of a store.
COUNTS = f"""
CREATE VIEW store_count WITH (security_invoker) AS {_COUNTED};
CREATE VIEW brand_store WITH (security_barrier) AS
SELECT counted.tenant, counted.store, counted.top AS head,
    counted.accounted - counted.gone + counted.again AS received
FROM ({_COUNTED}) AS counted
WHERE counted.tenant = {TENANT} AND (
    EXISTS (SELECT FROM brand_shelf AS shelf WHERE shelf.tenant = counted.tenant
        AND shelf.brand = {BRAND} AND shelf.goods > 0 AND (shelf.store = counted.store
            OR shelf.store = '' AND NOT EXISTS (SELECT FROM shelf_plan AS own
                WHERE own.tenant = counted.tenant AND own.store = counted.store
                AND own.zone = shelf.zone)))
    OR EXISTS (SELECT FROM store_product AS sold JOIN product USING (tenant, product)
        WHERE sold.tenant = counted.tenant AND sold.store = counted.store
        AND product.brand = {BRAND}));
"""  # noqa: S608 (settings and a query are put in, no values)

# What a tenant's own people see: all that is the tenant's, but no secret.
_TENANTS_WHOLE = (
    *("ledger", "stream", "stream_absent", "quarantine", "store_twin", "seen", "shopper_due"),
    *("downlink", "downlink_key", "store_hour", "shelf_hour", "brand_hour", "visit"),
    *("brand_shelf", "brand_funnel"),
    *("identifier", "link", "atom_act", "atom_product", "atom_brand", "atom_zone", "atom_money"),
    *("atom_store", "store_product", "product_pair", "interest_due", "coupon", "coupon_act"),
    *("shopper_view", "product", "shelf_plan", "catalogue_view", "tenant_setting"),
)
_TENANTS = {
    "console_user": "tenant, name, created_at, brand, operator",
    "api_key": "tenant, key_id, source, created_at, revoked_at",
}

_MY_GOODS = f"brand = {BRAND}"
# A subquery sees what its role sees: of `product` a brand's own goods, and so on.
_OF_MY_GOODS = "product IN (SELECT product FROM product)"
_TWO_OF_MY_GOODS = f"{_OF_MY_GOODS} AND other IN (SELECT product FROM product)"  # noqa: S608
# No subquery depends on the row, so that each is answered once for all rows.
_BEFORE_MY_GOODS = """
    (zone, plan) IN (SELECT zone, plan FROM brand_shelf WHERE store = '' AND goods > 0)
        AND (store, zone, plan) NOT IN (SELECT store, zone, plan FROM brand_shelf WHERE goods = 0)
    OR (store, zone, plan) IN (SELECT store, zone, plan FROM brand_shelf WHERE goods > 0)
"""
# What a brand sees: its goods, what happened to them, and its own relation to a shopper. Acts,
# money and stores of a shopper are of all brands together, so they stay out.
_BRANDS = {
    "product": _MY_GOODS,
    "brand_shelf": _MY_GOODS,
    "brand_hour": _MY_GOODS,
    "brand_funnel": _MY_GOODS,
    "shelf_hour": _BEFORE_MY_GOODS,
    "store_product": _OF_MY_GOODS,
    "product_pair": _TWO_OF_MY_GOODS,
    "atom_product": _OF_MY_GOODS,
    "atom_brand": _MY_GOODS,
    "atom_zone": _BEFORE_MY_GOODS,
    "coupon": _OF_MY_GOODS,
    "coupon_act": "coupon IN (SELECT coupon FROM coupon)",
}

_MY_STORES = "store IN (SELECT store FROM store_twin)"
# What a store operator sees: the stores that it runs, and what happened under it, also in a zone
# of somebody else's store. Of their events only how many there are.
_OPERATORS = {
    "store_twin": (f"operator = {OPERATOR}", ""),
    "store_hour": (f"operator = {OPERATOR}", ""),
    "stream": (_MY_STORES, ""),
    "quarantine": (_MY_STORES, "shard, tenant, store, count, replayed_at"),
    "ledger": (_MY_STORES, "shard, tenant, store, origin_stream, origin_seq"),
}

POLICIES = "".join(
    [
        *(seen(TENANT_ROLE, table) for table in _TENANTS_WHOLE),
        *(seen(TENANT_ROLE, table, columns=columns) for table, columns in _TENANTS.items()),
        *(seen(BRAND_ROLE, table, rows) for table, rows in _BRANDS.items()),
        *(seen(OPERATOR_ROLE, table, *sight) for table, sight in _OPERATORS.items()),
        f"GRANT SELECT ON store_count TO {TENANT_ROLE}, {OPERATOR_ROLE};\n",
        f"GRANT SELECT ON brand_store TO {BRAND_ROLE};\n",
    ]
)

# Table → its distribution column, for the list in tables.py.
DISTRIBUTION: dict[str, str] = {
    "shelf_hour": "shard",
    "brand_hour": "shard",
    "brand_shelf": "",
}

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        number=300,
        name="figures of brands",
        sql=";".join((FIGURES, FILL_SHELVES.format(condition="true"), FUNNELS, PEOPLE)),
    ),
    Migration(number=301, name="who sees what", sql=f"{_ROLES}{COUNTS}{POLICIES}"),
)
