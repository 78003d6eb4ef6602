"""Orders stand in one table: what they are worth follows from its rows."""

from cloud_sync.database.migrations import Migration

# Money that was counted before orders had rows of their own stays as an order of nothing, so that
# nobody loses points. How many orders of a brand somebody made is counted from orders, too.
MONEY = """
INSERT INTO atom_order (tenant, atom, number, subject, day, place, currency, bought, returned,
    paid_cents, refunded_cents, bought_at)
SELECT tenant, atom, 'before:money', '', 0, '', currency, 0, 0,
    paid_cents - coalesce(known.paid, 0), refunded_cents - coalesce(known.refunded, 0), 0
FROM atom_money LEFT JOIN (
    SELECT tenant, atom, currency, sum(paid_cents)::bigint AS paid,
        sum(refunded_cents)::bigint AS refunded
    FROM atom_order WHERE subject = '' GROUP BY tenant, atom, currency
) AS known USING (tenant, atom, currency)
WHERE (paid_cents, refunded_cents) <> (coalesce(known.paid, 0), coalesce(known.refunded, 0));
DROP TABLE atom_money;
ALTER TABLE atom_brand DROP COLUMN orders, DROP COLUMN bought_at;
"""

MIGRATIONS: tuple[Migration, ...] = (Migration(number=530, name="orders in one place", sql=MONEY),)
