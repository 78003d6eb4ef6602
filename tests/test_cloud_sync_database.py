import threading
from collections.abc import Iterator

import psycopg
import pytest

from cloud_sync.database import Database, retried
from cloud_sync.database.migrations import Migration, MigrationError, migrate
from cloud_sync.database.schema import MIGRATIONS
from cloud_sync.database.tables import DISTRIBUTION, EVERYWHERE, WITHOUT_TENANT


@pytest.fixture
def database(cloud_dsn: str) -> Iterator[Database]:
    database = Database(cloud_dsn)
    yield database
    database.close()


def test_two_processes_may_migrate_at_once(postgres_dsn: str) -> None:
    slow = Migration(number=9_999, name="slow", sql="SELECT pg_sleep(0.2)")
    applied: list[list[Migration]] = []
    threads = [
        threading.Thread(target=lambda: applied.append(migrate(postgres_dsn, [*MIGRATIONS, slow])))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(applied) == 4
    assert sorted(step.number for steps in applied for step in steps) == sorted(
        step.number for step in [*MIGRATIONS, slow]
    )
    assert migrate(postgres_dsn, MIGRATIONS) == []


def test_a_migration_that_fails_leaves_nothing_and_may_be_tried_again(postgres_dsn: str) -> None:
    broken = Migration(number=1, name="a", sql="CREATE TABLE a (x int); SELECT 1/0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(postgres_dsn, [broken])
    mended = Migration(number=1, name="a", sql="CREATE TABLE a (x int)")
    assert migrate(postgres_dsn, [mended]) == [mended]


def test_a_number_used_twice_or_renamed_is_refused(postgres_dsn: str) -> None:
    first = Migration(number=1, name="a", sql="SELECT 1")
    second = Migration(number=1, name="b", sql="SELECT 1")
    with pytest.raises(MigrationError, match="exists twice: 'a' and 'b'"):
        migrate(postgres_dsn, [first, second])
    migrate(postgres_dsn, [first])
    with pytest.raises(MigrationError, match="seen migration 1 as 'a', not 'b'"):
        migrate(postgres_dsn, [second])


def test_every_table_is_distributed_and_every_key_contains_its_column(database: Database) -> None:
    with database.ledger(0) as connection:
        tables = {
            name
            for (name,) in connection.execute(
                "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p')"
                " AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
            )
        }
        keys = connection.execute(
            "SELECT t.relname, i.relname, array_agg(a.attname::text) FROM pg_index x"
            " JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid"
            " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY(x.indkey)"
            " WHERE x.indisunique AND NOT t.relispartition"
            " AND t.relnamespace = 'public'::regnamespace GROUP BY 1, 2"
        ).fetchall()
        foreign = connection.execute(
            "SELECT t.relname, o.relname,"
            " ARRAY(SELECT attname::text FROM pg_attribute"
            "   WHERE attrelid = t.oid AND attnum = ANY(c.conkey)),"
            " ARRAY(SELECT attname::text FROM pg_attribute"
            "   WHERE attrelid = o.oid AND attnum = ANY(c.confkey))"
            " FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid"
            " JOIN pg_class o ON o.oid = c.confrelid WHERE c.contype = 'f'"
        ).fetchall()
    assert tables == set(DISTRIBUTION)
    for table, key, columns in keys:
        column = DISTRIBUTION[table]
        assert column == EVERYWHERE or column in columns, f"{key} of {table} lacks {column}"
        assert table in WITHOUT_TENANT or "tenant" in columns, f"{key} of {table} lacks tenant"
    for table, other, columns, other_columns in foreign:
        column, other_column = DISTRIBUTION[table], DISTRIBUTION[other]
        assert other_column == EVERYWHERE or (
            column in columns and other_column in other_columns
        ), f"a foreign key of {table} to {other} crosses machines"


def test_no_table_has_a_trigger(database: Database) -> None:
    with database.ledger(0) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"
        ).fetchone()
    assert row == (0,)


def test_a_deadlock_is_met_by_repeating_the_transaction(database: Database) -> None:
    with database.ledger(0) as connection:
        connection.execute(
            "CREATE TABLE t (k int PRIMARY KEY, n int); INSERT INTO t VALUES (1,0),(2,0)"
        )
    both_hold = threading.Barrier(2)
    runs: list[int] = []

    def add(first: int, second: int) -> None:
        def work(connection: psycopg.Connection) -> None:
            runs.append(first)
            connection.execute("UPDATE t SET n = n + 1 WHERE k = %s", (first,))
            if len(runs) <= 2:
                both_hold.wait(timeout=10)
            connection.execute("UPDATE t SET n = n + 1 WHERE k = %s", (second,))

        retried(lambda: database.ledger(0), work)

    threads = [threading.Thread(target=add, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs) == 3
    with database.ledger(0) as connection:
        assert connection.execute("SELECT n FROM t").fetchall() == [(2,), (2,)]


def test_a_broken_connection_is_not_given_out_again(database: Database) -> None:
    with database.ledger(0) as connection:
        pid = connection.info.backend_pid
    with psycopg.connect(database.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    with pytest.raises(psycopg.OperationalError), database.ledger(0) as connection:
        connection.execute("SELECT 1")
    with database.ledger(0) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_who_raises_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero), database.ledger(3) as connection:
        connection.execute("UPDATE shard_head SET position = 5 WHERE shard = 3; SELECT 1/0")
    with database.ledger(3) as connection:
        row = connection.execute("SELECT position FROM shard_head WHERE shard = 3").fetchone()
    assert row == (0,)


def test_a_fold_plans_once_by_key_and_a_connection_is_planned_back_for_others(
    cloud_dsn: str,
) -> None:
    database = Database(cloud_dsn, connections_max=1)

    def settings(connection: psycopg.Connection) -> list[str]:
        names = ("plan_cache_mode", "enable_seqscan")
        found = [connection.execute("SELECT current_setting(%s)", (name,)) for name in names]
        return [value for rows in found for (value,) in rows.fetchall()]

    with database.pipelined(0) as connection:
        assert settings(connection) == ["force_generic_plan", "off"]
    with database.shopper("acme") as connection:
        assert settings(connection) == ["auto", "on"]
    with database.question(0) as connection:
        assert settings(connection) == ["force_generic_plan", "off"]
        opened = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        ).fetchone()
    assert opened == (1,)
    database.close()
