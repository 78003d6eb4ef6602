"""The cloud on a server of somebody's own, by a user that is no superuser."""

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner

from cloud_sync.database import Database, Sight
from cloud_sync.database.migrations import MigrationError, check_server
from storebridge.cli import app
from storebridge.postgres import EmbeddedPostgres

Migrate = Callable[[str, str], Result]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The DSN of a server that has seen no Storebridge yet: roles belong to the whole of it."""
    with tempfile.TemporaryDirectory(prefix="storebridge-own-") as folder:
        embedded = EmbeddedPostgres(Path(folder) / "postgres", settings={"fsync": "off"})
        yield embedded.start()
        embedded.stop()


@pytest.fixture
def migrate(server: str, tmp_path: Path) -> Migrate:
    """Runs `cloud migrate` as a user in a database."""

    def run(user: str, database: str) -> Result:
        dsn = make_conninfo(server, user=user, dbname=database)
        config = tmp_path / "cloud.toml"
        config.write_text(f'[database]\ndsn = "{dsn}"\n[web]\nsecure = false\n')
        return CliRunner().invoke(app, ["cloud", "migrate", str(config)])

    return run


def administer(server: str, *statements: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_a_user_without_rights_is_told_what_to_have_run_and_then_it_works(
    server: str, migrate: Migrate
):
    administer(server, 'CREATE ROLE "no-rights" LOGIN', 'CREATE DATABASE a OWNER "no-rights"')
    refused = migrate("no-rights", "a")
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1), refused.stderr
    advised = re.search(r"administrator of the server run: (.*?); what", refused.stderr)
    assert advised, refused.stderr
    administer(server, *advised[1].split("; "))
    assert migrate("no-rights", "a").exit_code == 0
    looking = Database(make_conninfo(server, user="no-rights", dbname="a"))
    with looking.seen_by(Sight(tenant="acme", brand="tea")) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("storebridge_brand",)
    looking.close()


def test_a_user_who_may_make_roles_needs_nobody_and_a_second_one_is_told_who_helps(
    server: str, migrate: Migrate
):
    roles = "storebridge_tenant, storebridge_brand, storebridge_operator"
    administer(
        server,
        "DROP DATABASE IF EXISTS a",
        f"DROP ROLE IF EXISTS {roles}",
        "CREATE ROLE first LOGIN CREATEROLE",
        "CREATE ROLE second LOGIN CREATEROLE",
        "CREATE DATABASE one OWNER first",
        "CREATE DATABASE two OWNER second",
    )
    assert migrate("first", "one").exit_code == 0
    refused = migrate("second", "two")
    assert refused.exit_code == 1
    assert f"administrator of the server run: GRANT {roles} TO second;" in refused.stderr
    administer(server, f"GRANT {roles} TO second")
    assert migrate("second", "two").exit_code == 0


def test_a_user_in_a_database_of_somebody_else_s_is_told_so_in_a_line(
    server: str, migrate: Migrate
):
    administer(server, "CREATE ROLE guest LOGIN", "CREATE DATABASE elsewhere")
    refused = migrate("guest", "elsewhere")
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "permission denied for schema public; what the user of database.dsn" in refused.stderr


def test_a_server_that_is_too_old_is_refused_by_its_name():
    with pytest.raises(MigrationError, match="the server is PostgreSQL 15: this needs 16 or newer"):
        check_server(15)
    check_server(16)
