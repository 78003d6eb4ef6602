"""Orders that did not come back: what the act `bought` counts, wherever it is counted.

What was refunded is known by the number of its order, and may have come back in another store, on
another day, under another identifier of the shopper. So orders are looked at together, when they
are read: an order of which all that was paid was refunded counts no more, and what was refunded of
another lessens its amount.
"""

# All rows of the orders of shoppers who are asked for by their identifiers, `atoms`, for a WITH;
# and of these the orders as wholes.
ORDERED = """ordered AS (
    SELECT asked.tenant, asked.shopper, told.*
    FROM unnest(%(tenants)s::text[], %(shoppers)s::uuid[], %(atoms)s::uuid[])
        AS asked (tenant, shopper, atom)
    CROSS JOIN LATERAL (SELECT number, subject, place, day, currency, bought, returned, paid_cents,
        refunded_cents, bought_at FROM atom_order AS fact
        WHERE fact.tenant = asked.tenant AND fact.atom = asked.atom OFFSET 0) AS told
)"""
ORDERS = "SELECT * FROM ordered WHERE subject = ''"


def kept_orders(rows: str, owner: str) -> str:
    """Return the SQL of orders that count: `owner`, place, day, times, amount, bought_at.

    `rows` gives rows of atom_order with the columns `owner`; those of one owner and number, which
    are as far as anybody knows one order, are looked at together. A number that was given twice
    stands for several orders: a refund then lessens the latest.
    """
    return f"""
SELECT {owner}, place, day, bought AS times, paid_cents - lessened AS amount, bought_at FROM (
    SELECT {owner}, place, day, bought, paid_cents, bought_at,
        sum(returned) OVER whole AS came_back,
        sum(refunded_cents) OVER whole >= sum(paid_cents) OVER whole AS is_paid_back,
        CASE WHEN row_number() OVER (PARTITION BY {owner}, number
            ORDER BY bought = 0, day DESC, place) = 1
            THEN sum(refunded_cents) OVER whole ELSE 0 END AS lessened
    FROM ({rows}) AS each_row WINDOW whole AS (PARTITION BY {owner}, number)
) AS numbered WHERE bought > 0 AND NOT (came_back > 0 AND is_paid_back)
"""  # noqa: S608 (statements and names are put together, no values)
