"""Which products were of interest to the same people: counted in rounds, apart from the fold.

One look may form a pair with each product that its atom touched before, so that pairs cost more
than all else that follows from an event, and nobody waits for them: a recommendation may follow
some seconds later. What is new to an atom therefore waits in a table of its own, a row for all that
one fold brought, named by the shard and position of its last event.
"""

from collections.abc import Mapping, Sequence
from functools import cache

from psycopg import Connection

from cloud_sync.database.fact_table import FactTable, Row, columns

# Pairs grow with the square of the products of an atom: one that has touched more forms none.
PAIRED_PRODUCTS_MAX = 20
ATOMS_PER_ROUND_MAX = 400

# All that waits of some atoms is taken at once, in the one statement that reads what the atoms have
# touched: each two products of which one is new are then counted exactly once, in both directions.
_COUNT = """
WITH chosen AS (
    SELECT DISTINCT tenant, atom FROM (SELECT tenant, atom FROM interest_due
        LIMIT %s FOR UPDATE SKIP LOCKED) AS waiting
), taken AS (
    DELETE FROM interest_due USING chosen WHERE interest_due.tenant = chosen.tenant
        AND interest_due.atom = chosen.atom
    RETURNING interest_due.tenant, interest_due.atom, interest_due.products
), fresh AS (
    SELECT tenant, atom, array_agg(product) AS products
    FROM taken CROSS JOIN LATERAL unnest(taken.products) AS product GROUP BY tenant, atom
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


def write(
    connection: Connection,
    table: FactTable,
    rows: Mapping[Row, Sequence[int]],
    shard: int,
    position: int,
) -> None:
    """Merge rows of atoms and products into their table; let those wait that are new to their atom.

    These hold no more than was just written.
    """
    if rows:
        connection.execute(_write(table), (*columns(table, rows), shard, position))


@cache
def _write(table: FactTable) -> bytes:
    return (
        f"WITH given AS MATERIALIZED (SELECT * FROM {table.given}),"  # noqa: S608 (names of tables)
        f" written AS ({table.upsert('given')} RETURNING tenant, atom, product, times)"
        " INSERT INTO interest_due (tenant, atom, shard, position, products)"
        " SELECT tenant, atom, %s, %s, array_agg(product)"
        " FROM written JOIN given USING (tenant, atom, product, times) GROUP BY tenant, atom"
    ).encode()


def count_some(connection: Connection, shard: int, rows_max: int = ATOMS_PER_ROUND_MAX) -> int:
    """Count the pairs of some atoms in the caller's transaction, and return of how many.

    `shard` names the delta that the pairs are added to, so that no other worker waits for it.
    """
    row = connection.execute(_COUNT, (rows_max, shard, PAIRED_PRODUCTS_MAX)).fetchone()
    return row[0] if row else 0
