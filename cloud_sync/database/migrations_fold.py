"""What makes folding cheap: fewer rows, and keys that an index compares quickly."""

from cloud_sync.database.migrations import Migration
from cloud_sync.database.sight import BRAND, BRAND_ROLE, TENANT_ROLE, seen

# All that one fold brought an atom for the first time is a row: see shoppers/atoms/interests.py.
INTERESTS = """
ALTER TABLE interest_due DROP CONSTRAINT interest_due_pkey;
ALTER TABLE interest_due
    ADD COLUMN shard smallint NOT NULL DEFAULT 0,
    ADD COLUMN position bigint NOT NULL DEFAULT 0,
    ADD COLUMN products text[] NOT NULL DEFAULT '{}';
CREATE TEMPORARY TABLE waiting ON COMMIT DROP AS
    SELECT tenant, atom, array_agg(product) AS products FROM interest_due GROUP BY tenant, atom;
DELETE FROM interest_due;
ALTER TABLE interest_due
    DROP COLUMN product,
    ALTER COLUMN shard DROP DEFAULT,
    ALTER COLUMN position DROP DEFAULT,
    ALTER COLUMN products DROP DEFAULT,
    ADD PRIMARY KEY (atom, tenant, shard, position);
INSERT INTO interest_due (tenant, atom, shard, position, products)
    SELECT tenant, atom, 0, 0, products FROM waiting;
"""

# An atom tells rows apart at once; a tenant, which stood first, is the same in nearly all of them,
# and being a text it made the index walk through a key to find what stands behind it.
_KEYS = {
    "atom_act": "atom, day, act, tenant",
    "atom_product": "atom, product, tenant",
    "atom_brand": "atom, brand, tenant",
    "atom_zone": "atom, plan, zone, store, tenant",
    "atom_money": "atom, currency, tenant",
    "atom_store": "atom, store, tenant",
}
KEYS = "".join(
    f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY ({key});\n"
    for table, key in _KEYS.items()
)

# A row holds all figures of a product in an hour: see reports/brand_hour.py.
_COUNTS = (
    *("views", "scans", "tries", "saves", "offers_shown", "claims", "redemptions"),
    *("orders", "pieces", "returned"),
)
_MONEY = ("paid_cents", "refunded_cents")
_SUMS = ", ".join(
    f"coalesce(sum(amount) FILTER (WHERE split_part(figure, '.', 1) = '{name}'), 0)::bigint"
    for name in (*_COUNTS, *_MONEY)
)
BRANDS = f"""
ALTER TABLE brand_hour RENAME TO brand_hour_before;
DROP INDEX brand_hour_by_brand;
CREATE TABLE brand_hour (
    tenant text NOT NULL,
    brand text NOT NULL,
    hour bigint NOT NULL,
    product text NOT NULL,
    store text NOT NULL,
    currency text NOT NULL,
    shard smallint NOT NULL,
    {", ".join(f"{name} bigint NOT NULL" for name in (*_COUNTS, *_MONEY))},
    PRIMARY KEY (tenant, brand, hour, product, store, currency, shard)
);
INSERT INTO brand_hour
    SELECT tenant, brand, hour, product, store, split_part(figure, '.', 2), shard, {_SUMS}
    FROM brand_hour_before GROUP BY tenant, brand, hour, product, store, 6, shard;
DROP TABLE brand_hour_before;
{seen(TENANT_ROLE, "brand_hour")}
{seen(BRAND_ROLE, "brand_hour", f"brand = {BRAND}")}
"""  # noqa: S608 (names of columns)

MIGRATIONS: tuple[Migration, ...] = (
    Migration(number=390, name="interests by fold", sql=INTERESTS),
    Migration(number=391, name="brands by hour in wide rows", sql=BRANDS),
    Migration(number=392, name="keys by atom", sql=KEYS),
)
