"""Which products were of interest to the same people: counted in rounds, apart from the fold.

One look may form a pair with each product that its atom touched before, so that pairs cost more
than all else that follows from an event, and nobody waits for them: a recommendation may follow
some seconds later. What is new to an atom therefore waits in a table of its own.
"""

from collections.abc import Sequence

from psycopg import Connection

from cloud_sync.database import arrays

# Pairs grow with the square of the products of an atom: one that has touched more forms none.
PAIRED_PRODUCTS_MAX = 20
ATOMS_PER_ROUND_MAX = 1_000

# All that waits of some atoms is taken at once, in the one statement that reads what the atoms have
# touched: each two products of which one is new are then counted exactly once, in both directions.
_COUNT = """
WITH chosen AS (
    SELECT DISTINCT tenant, atom FROM (SELECT tenant, atom FROM interest_due
        LIMIT %s FOR UPDATE SKIP LOCKED) AS waiting
), taken AS (
    DELETE FROM interest_due USING chosen WHERE interest_due.tenant = chosen.tenant
        AND interest_due.atom = chosen.atom
    RETURNING interest_due.tenant, interest_due.atom, interest_due.product
), fresh AS (
    SELECT tenant, atom, array_agg(product) AS products FROM taken GROUP BY tenant, atom
), counted AS (
    INSERT INTO product_pair AS held
        (tenant, product, other, shard, viewed_together, bought_together)
    SELECT fresh.tenant, one, other, %s, count(*), 0
    FROM fresh
    CROSS JOIN LATERAL (SELECT array_agg(product) AS products FROM atom_product
        WHERE atom_product.tenant = fresh.tenant AND atom_product.atom = fresh.atom) AS touched
    CROSS JOIN LATERAL unnest(touched.products) AS one
    CROSS JOIN LATERAL unnest(touched.products) AS other
    WHERE cardinality(touched.products) BETWEEN 2 AND %s AND one <> other
        AND (one = ANY(fresh.products) OR other = ANY(fresh.products))
    GROUP BY fresh.tenant, one, other ORDER BY fresh.tenant, one, other
    ON CONFLICT (tenant, product, other, shard)
        DO UPDATE SET viewed_together = held.viewed_together + excluded.viewed_together
)
SELECT count(*) FROM fresh
"""


def let_wait(connection: Connection, fresh: Sequence[tuple[str, str, str]]) -> None:
    """Let (tenant, atom, product) wait that are new to their atoms, in the fold's transaction."""
    if not fresh:
        return
    tenants, atoms, products = zip(*fresh, strict=True)
    connection.execute(
        "INSERT INTO interest_due (tenant, atom, product)"
        " SELECT * FROM unnest(%s::text[], %s::uuid[], %s::text[]) ON CONFLICT DO NOTHING",
        (arrays.texts(tenants), arrays.plain(atoms), arrays.texts(products)),
    )


def count_some(connection: Connection, shard: int, rows_max: int = ATOMS_PER_ROUND_MAX) -> int:
    """Count the pairs of some atoms in the caller's transaction, and return of how many.

    `shard` names the delta that the pairs are added to, so that no other worker waits for it.
    """
    row = connection.execute(_COUNT, (rows_max, shard, PAIRED_PRODUCTS_MAX)).fetchone()
    return row[0] if row else 0
