"""Real parts for the tests: a broker, a PostgreSQL, the data folder; each stopped by its handle."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from storebridge.broker import BrokerUser, EmbeddedBroker


class BrokerForTests(EmbeddedBroker):
    """An embedded broker with a cloud login and stores s0001 to s0009 of the tenant acme."""

    PASSWORD = "correct-horse"

    def __init__(self, folder: Path) -> None:
        cloud = BrokerUser(name="cloud", password=self.PASSWORD, role="cloud")
        stores = [
            BrokerUser(
                name=f"acme-s{n:04}",
                password=self.PASSWORD,
                role="store",
                tenant="acme",
                store=f"s{n:04}",
            )
            for n in range(1, 10)
        ]
        super().__init__(folder, [cloud, *stores])

    def restart(self) -> None:
        """Kill it as a power cut would and start it again on the same port."""
        self.kill()
        self.start()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerForTests]:
    """A real broker on a free port; `.host`, `.port`, `.kill()`, `.restart()`."""
    server = BrokerForTests(tmp_path / "broker")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The DSN of one real PostgreSQL for the whole run."""
    from storebridge.postgres import EmbeddedPostgres

    # Not below pytest's own folder: each run that starts closes it to other accounts again, and
    # a server started by root runs under one.
    with tempfile.TemporaryDirectory(prefix="storebridge-postgres-") as folder:
        # Without fsync databases come and go quickly; no test cuts this server's power.
        server = EmbeddedPostgres(Path(folder) / "postgres", settings={"fsync": "off"})
        dsn = server.start()
        yield dsn
        server.stop()


@contextmanager
def fresh_database(server: str, template: str = "template1") -> Iterator[str]:
    """A database of its own on the server, dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    yield psycopg.conninfo.make_conninfo(server, dbname=name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def postgres_dsn(postgres_server: str) -> Iterator[str]:
    """The DSN of a fresh, empty database, dropped after the test."""
    with fresh_database(postgres_server) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def cloud_template(postgres_server: str) -> str:
    """The name of a database with all tables of the cloud, to be copied."""
    from cloud_sync.database.migrations import migrate
    from cloud_sync.database.schema import MIGRATIONS

    name = "cloud_template"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    migrate(psycopg.conninfo.make_conninfo(postgres_server, dbname=name), MIGRATIONS)
    return name


@pytest.fixture
def cloud_dsn(postgres_server: str, cloud_template: str) -> Iterator[str]:
    """The DSN of a fresh database with all tables of the cloud, dropped after the test."""
    with fresh_database(postgres_server, cloud_template) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """The folder of real photos and clips; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("STOREBRIDGE_DATA", "../shared/data"))
    if not (folder / "README.md").exists():
        pytest.skip(f"no sample data at {folder}: set STOREBRIDGE_DATA to its folder")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Let a skipped test fail in CI, where everything that it could need is there."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which CI does not allow: {reason}"
    return report
