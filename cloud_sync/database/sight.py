"""Who looks at the database, and what the database lets each of them see.

A page never reads as the owner of the tables. Its transaction takes a role that may only read, and
says for which tenant, brand or operator; PostgreSQL's row-level security does the rest, so that a
statement that forgets a condition shows nothing of others. Who says nothing sees nothing.
"""

from dataclasses import dataclass

from psycopg import Connection

TENANT_ROLE = "storebridge_tenant"
BRAND_ROLE = "storebridge_brand"
OPERATOR_ROLE = "storebridge_operator"
ROLES = (TENANT_ROLE, BRAND_ROLE, OPERATOR_ROLE)

# What a transaction says of itself. A setting that was made in an earlier transaction comes back
# as an empty text, which must not match the rows of no brand: hence nullif.
TENANT = "nullif(current_setting('storebridge.tenant', true), '')"
BRAND = "nullif(current_setting('storebridge.brand', true), '')"
OPERATOR = "nullif(current_setting('storebridge.operator', true), '')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One who looks: a tenant's own people, or one of its brands, or one of its store operators."""

    tenant: str
    brand: str = ""
    operator: str = ""

    def __post_init__(self) -> None:
        """Refuse a sight that would be two at once."""
        if self.brand and self.operator:
            raise ValueError("a sight is a brand's or a store operator's, not both")

    @property
    def role(self) -> str:
        """Return the role in which this one reads."""
        if self.brand:
            return BRAND_ROLE
        return OPERATOR_ROLE if self.operator else TENANT_ROLE


def take(connection: Connection, sight: Sight) -> None:
    """Let the caller's transaction read as this one, and write nothing, until it ends."""
    connection.execute(
        "SELECT set_config('role', %s, true), set_config('transaction_read_only', 'on', true),"
        " set_config('storebridge.tenant', %s, true), set_config('storebridge.brand', %s, true),"
        " set_config('storebridge.operator', %s, true)",
        (sight.role, sight.tenant, sight.brand, sight.operator),
    )


def seen(role: str, table: str, rows: str = "true", columns: str = "") -> str:
    """Return the SQL that lets a role see `rows` of a table that are its tenant's.

    A migration that makes a table says by this who may see it; a table of which none says so is
    seen by nobody. `columns` leaves out the others.
    """
    granted = f"({columns})" if columns else ""
    return (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;\n"
        f"CREATE POLICY {role} ON {table} FOR SELECT TO {role}"
        f" USING ({table}.tenant = {TENANT} AND ({rows}));\n"
        f"GRANT SELECT {granted} ON {table} TO {role};\n"
    )
