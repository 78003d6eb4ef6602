"""The tables of the data bank: where and about what deeds were done, orders, the funnel's rules."""

from cloud_sync.database.migrations import Migration
from cloud_sync.database.migrations_shoppers import partitions_of
from cloud_sync.database.sight import BRAND, BRAND_ROLE, TENANT_ROLE, seen

# Place and subject of what was folded before are not known: it counts for the tenant as a whole.
# The orders of a day are then one order, since their numbers are not known either.
FUNNEL = f"""
ALTER TABLE atom_act
    ADD COLUMN place text NOT NULL DEFAULT '',
    ADD COLUMN subject text NOT NULL DEFAULT '',
    DROP CONSTRAINT atom_act_pkey,
    ADD PRIMARY KEY (atom, day, act, place, subject, tenant);

CREATE TABLE atom_order (
    tenant text NOT NULL,
    atom uuid NOT NULL,
    number text NOT NULL,
    subject text NOT NULL,
    day integer NOT NULL,
    place text NOT NULL,
    currency text NOT NULL,
    bought bigint NOT NULL,
    returned bigint NOT NULL,
    paid_cents bigint NOT NULL,
    refunded_cents bigint NOT NULL,
    bought_at bigint NOT NULL,
    PRIMARY KEY (atom, number, subject, day, place, currency, tenant)
) PARTITION BY HASH (atom);
{partitions_of("atom_order")}
INSERT INTO atom_order (tenant, atom, number, subject, day, place, currency, bought, returned,
    paid_cents, refunded_cents, bought_at)
SELECT tenant, atom, 'before:' || day, '', day, '', '', times, 0, amount, 0, last_at
FROM atom_act WHERE act = 'bought';

ALTER TABLE tenant_setting ADD COLUMN stage_rules jsonb;
{seen(TENANT_ROLE, "atom_order")}
"""  # noqa: S608 (constants are put in, no values)

# The vocabulary of interests: what goods and content are about. Content is what a channel shows
# that is no product: a film, a picture, an article.
TOPICS = f"""
ALTER TABLE product
    ADD COLUMN series text NOT NULL DEFAULT '',
    ADD COLUMN topics text[] NOT NULL DEFAULT '{{}}';
CREATE INDEX product_by_series ON product (tenant, series) WHERE series <> '';
CREATE INDEX product_by_topic ON product USING gin (topics);

CREATE TABLE content (
    tenant text NOT NULL,
    content text NOT NULL,
    form text NOT NULL,
    brand text NOT NULL,
    series text NOT NULL,
    topics text[] NOT NULL,
    PRIMARY KEY (tenant, content)
);
{seen(TENANT_ROLE, "content")}
{seen(BRAND_ROLE, "content", f"brand = {BRAND}")}
"""

OWN_TRAITS = "ALTER TABLE tenant_setting ADD COLUMN own_traits jsonb;"

# Points that were spent, once an order of a channel.
POINTS = f"""
ALTER TABLE tenant_setting ADD COLUMN point_rules jsonb;
CREATE TABLE point_spend (
    tenant text NOT NULL,
    atom uuid NOT NULL,
    source text NOT NULL,
    reference text NOT NULL,
    points bigint NOT NULL,
    occurred_at bigint NOT NULL,
    PRIMARY KEY (tenant, atom, source, reference)
) PARTITION BY HASH (atom);
{partitions_of("point_spend")}
{seen(TENANT_ROLE, "point_spend")}
"""

# Table → its distribution column, for the list in tables.py.
DISTRIBUTION: dict[str, str] = {"atom_order": "atom", "content": "", "point_spend": "atom"}

MIGRATIONS: tuple[Migration, ...] = (
    Migration(number=420, name="funnel", sql=FUNNEL),
    Migration(number=421, name="topics", sql=TOPICS),
    Migration(number=422, name="own traits", sql=OWN_TRAITS),
    Migration(number=423, name="points", sql=POINTS),
)
