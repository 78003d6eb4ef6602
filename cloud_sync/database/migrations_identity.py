"""The words about who is who, and what of them is in force."""

from cloud_sync.database.migrations import Migration
from cloud_sync.database.migrations_shoppers import partitions_of
from cloud_sync.database.sight import BRAND_ROLE, TENANT_ROLE, seen

# `component` is set where anything was said about an identifier or what it is linked with, by a
# person or the ladder of rules: it is the smallest identifier of all that are linked, whoever they
# belong to. Nearly all have none: theirs are the shopper's. `demoted` is a thing of many people;
# without a component it links nobody any more, so that those who use it are not looked through.
STATE = """
ALTER TABLE identifier
    ADD COLUMN component uuid,
    ADD COLUMN demoted boolean NOT NULL DEFAULT false;
CREATE INDEX identifier_by_component ON identifier (tenant, component)
    WHERE component IS NOT NULL;
"""

# What people and the ladder said, beside the links of events: nothing is changed or taken out.
# `other` is the zero id where one identifier is spoken of; of a pair it is the greater one.
WORDS = """
CREATE TABLE identity_word (
    tenant text NOT NULL,
    identifier uuid NOT NULL,
    other uuid NOT NULL,
    at bigint NOT NULL,
    word text NOT NULL,
    weight integer NOT NULL,
    because text NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (tenant, identifier, other, at, word, source)
) PARTITION BY HASH (identifier);

-- Identifiers of which new evidence came that could not be decided at once.
CREATE TABLE identity_due (
    tenant text NOT NULL,
    identifier uuid NOT NULL,
    PRIMARY KEY (tenant, identifier)
);
"""

# A coupon is doubtful when its shopper was split until it is decided about them again. Those whose
# reason turns out to be another's doing are withdrawn.
WITHDRAWN = """
ALTER TABLE coupon ADD COLUMN doubtful boolean NOT NULL DEFAULT false;
CREATE TABLE coupon_withdrawn (
    tenant text NOT NULL,
    owner uuid NOT NULL,
    coupon text NOT NULL,
    offer text NOT NULL,
    serial integer NOT NULL,
    product text NOT NULL,
    reason text NOT NULL,
    issued_at bigint NOT NULL,
    withdrawn_at bigint NOT NULL,
    PRIMARY KEY (tenant, owner, offer, serial, withdrawn_at)
) PARTITION BY HASH (owner);
"""

# Whether a key may be used to look at shoppers and to say who is one with whom.
KEYS = """
ALTER TABLE api_key ADD COLUMN about_shoppers boolean NOT NULL DEFAULT false;
"""

POLICIES = "".join(
    [
        *(seen(TENANT_ROLE, table) for table in ("identity_word", "identity_due")),
        seen(TENANT_ROLE, "coupon_withdrawn"),
        seen(BRAND_ROLE, "coupon_withdrawn", "product IN (SELECT product FROM product)"),
    ]
)

# Table → its distribution column, for the list in tables.py.
DISTRIBUTION: dict[str, str] = {
    "identity_word": "identifier",
    "identity_due": "identifier",
    "coupon_withdrawn": "owner",
}

MIGRATIONS: tuple[Migration, ...] = (
    Migration(number=400, name="who is contested", sql=STATE),
    Migration(number=401, name="words of identity", sql=WORDS + partitions_of("identity_word")),
    Migration(
        number=402,
        name="withdrawn coupons",
        sql=WITHDRAWN + partitions_of("coupon_withdrawn") + POLICIES,
    ),
    Migration(number=403, name="keys about shoppers", sql=KEYS),
)
