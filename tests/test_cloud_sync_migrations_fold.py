import psycopg

from cloud_sync.database.migrations import migrate
from cloud_sync.database.schema import MIGRATIONS
from cloud_sync.reports import brand_hour

HOUR = brand_hour.HOUR_US
ATOM = "01" * 16


def test_figures_and_waiting_interests_of_an_older_database_are_kept(postgres_dsn: str) -> None:
    migrate(postgres_dsn, [each for each in MIGRATIONS if each.number < 390])
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO brand_hour (shard, tenant, brand, product, store, hour, figure,"
                " amount) VALUES (%s, 'acme', 'maru', %s, 's1', %s, %s, %s)",
                [
                    (1, "a1", HOUR, "views", 2),
                    (2, "a1", HOUR, "views", 3),
                    (1, "a1", HOUR, "pieces", 4),
                    (1, "a1", HOUR, "paid_cents.CNY", 500),
                    (1, "a1", HOUR, "paid_cents.EUR", 60),
                    (1, "", HOUR, "orders", 1),
                ],
            )
            cursor.executemany(
                "INSERT INTO interest_due (tenant, atom, product) VALUES ('acme', %s, %s)",
                [(ATOM, "a1"), (ATOM, "a2")],
            )
        migrate(postgres_dsn, MIGRATIONS)
        found = brand_hour.totals(connection, "acme", "maru", 0, 2 * HOUR)
        waiting = connection.execute("SELECT tenant, atom, products FROM interest_due").fetchall()
    assert found.products == {
        "a1": {"views": 5, "pieces": 4, "paid_cents.CNY": 500, "paid_cents.EUR": 60},
        "": {"orders": 1},
    }
    assert [(tenant, atom.hex, sorted(goods)) for tenant, atom, goods in waiting] == [
        ("acme", ATOM, ["a1", "a2"])
    ]
