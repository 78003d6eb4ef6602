"""The ways of shoppers through the stages, kept so that no page has to look at all facts."""

from cloud_sync.database.migrations import Migration
from cloud_sync.database.sight import BRAND, BRAND_ROLE, TENANT_ROLE, seen

# All ways of one length under a key, or a part of them: see reports/kept_paths.py. They are packed
# already, so that compressing them would only make each page slower.
PATHS = f"""
CREATE TABLE funnel_path (
    tenant text NOT NULL,
    by_what text NOT NULL,
    key text NOT NULL,
    length integer NOT NULL,
    part integer NOT NULL,
    changes bytea NOT NULL,
    shoppers bytea NOT NULL,
    PRIMARY KEY (tenant, by_what, key, length, part)
);
ALTER TABLE funnel_path ALTER COLUMN changes SET STORAGE EXTERNAL,
    ALTER COLUMN shoppers SET STORAGE EXTERNAL;
CREATE TABLE funnel_count (
    tenant text PRIMARY KEY,
    counted_at bigint NOT NULL,
    took_ms bigint NOT NULL,
    rests_until timestamptz NOT NULL
);
DROP TABLE brand_funnel;
{seen(TENANT_ROLE, "funnel_path")}
{seen(TENANT_ROLE, "funnel_count")}
{seen(BRAND_ROLE, "funnel_path", f"by_what = 'brand' AND key = {BRAND}")}
{seen(BRAND_ROLE, "funnel_count", f"{BRAND} IS NOT NULL")}
"""

# Table → its distribution column, for the list in tables.py.
DISTRIBUTION: dict[str, str] = {"funnel_path": "", "funnel_count": ""}

MIGRATIONS: tuple[Migration, ...] = (Migration(number=540, name="ways through stages", sql=PATHS),)
