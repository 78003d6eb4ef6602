"""Numbered steps that bring an empty or older database to the tables of this version."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

CREATE_ATTEMPTS_MAX = 10
SERVER_VERSION_MIN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step: its number (never used again), its name and the SQL, free of parameters."""

    number: int
    name: str
    sql: str


class MigrationError(Exception):
    """The steps contradict each other or the database."""


def migrate(dsn: str, migrations: Sequence[Migration]) -> list[Migration]:
    """Apply the steps that the database has not seen, in order, and return them.

    Safe when several processes start at once: each step commits with its line in
    `schema_migration`, whose primary key lets one of them through and makes the others wait.
    """
    steps = sorted(migrations, key=lambda step: step.number)
    _check(steps)
    with psycopg.connect(dsn, autocommit=True) as connection:
        check_server(connection.info.server_version // 10_000)
        _create_list(connection)
        return [step for step in steps if _apply(connection, step)]


def check_server(version: int) -> None:
    """Refuse a server that is older than what the steps need; takes its major version."""
    if version < SERVER_VERSION_MIN:
        raise MigrationError(
            f"the server is PostgreSQL {version}: this needs {SERVER_VERSION_MIN} or newer; "
            "name another by database.dsn, or none for the one that comes with the package"
        )


def _check(steps: Sequence[Migration]) -> None:
    for step, following in itertools.pairwise(steps):
        if step.number == following.number:
            raise MigrationError(
                f"migration {step.number} exists twice: {step.name!r} and {following.name!r}; "
                "give the newer one the next free number"
            )


def _create_list(connection: psycopg.Connection) -> None:
    for _ in range(CREATE_ATTEMPTS_MAX):
        try:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_migration ("
                "number integer PRIMARY KEY, name text NOT NULL,"
                "applied_at timestamptz NOT NULL DEFAULT now())"
            )
        except (
            psycopg.errors.UniqueViolation,
            psycopg.errors.DuplicateTable,
            psycopg.errors.DuplicateObject,
        ):
            # IF NOT EXISTS looks before it leaps: another process leapt in between.
            continue
        return
    raise MigrationError("the table schema_migration cannot be created; look at the server's log")


def _apply(connection: psycopg.Connection, step: Migration) -> bool:
    with connection.transaction():
        claimed = connection.execute(
            "INSERT INTO schema_migration (number, name) VALUES (%s, %s)"
            " ON CONFLICT DO NOTHING RETURNING number",
            (step.number, step.name),
        ).fetchone()
        if claimed is None:
            _check_name(connection, step)
            return False
        connection.execute(step.sql.encode())
    return True


def _check_name(connection: psycopg.Connection, step: Migration) -> None:
    row = connection.execute(
        "SELECT name FROM schema_migration WHERE number = %s", (step.number,)
    ).fetchone()
    if row is not None and row[0] != step.name:
        raise MigrationError(
            f"the database has seen migration {step.number} as {row[0]!r}, not {step.name!r}; "
            "use the version of the program that made it, or a newer one"
        )
