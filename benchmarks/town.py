"""A small town for benchmarks: a real broker and PostgreSQL, a cloud worker, agents of stores."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import backlog
from cloud_sync.catalogue import import_catalogue
from cloud_sync.catalogue_file import SAMPLE, read_catalogue
from cloud_sync.database import Database
from cloud_sync.database.schema import MIGRATIONS
from storebridge.broker import BrokerUser, EmbeddedBroker, new_password
from storebridge.demo.children import Child, own_environ
from storebridge.ports import free_port
from storebridge.postgres import EmbeddedPostgres
from wire.link import Link
from wire.mqtt import MqttLink

TENANT = "maru"
KIOSK = "kiosk-1"
HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreParts:
    """Where one store of the town lives."""

    name: str
    folder: Path
    config: Path
    port: int

    @property
    def outbox(self) -> Path:
        """Return the file of its database."""
        return self.folder / "store.sqlite3"

    @property
    def kiosk_url(self) -> str:
        """Return the address of its kiosk."""
        return f"http://127.0.0.1:{self.port}/kiosk/{KIOSK}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """What runs: the broker always, the database where it was asked for."""

    folder: Path
    broker: EmbeddedBroker
    stores: tuple[StoreParts, ...]
    password: str = field(repr=False)
    dsn: str = ""

    def link(self, name: str, client_id: str = "") -> Link:
        """Return a link to the broker under the login `name`."""
        host, port = self.broker.host, self.broker.port
        return MqttLink(host, port, client_id or name, name, self.password)

    def agent(self, store: StoreParts) -> Child:
        """Return the agent of a store as a process, not yet started."""
        return self._child(store.name, "agent", "run", str(store.config))

    def worker(self, **settings: int) -> Child:
        """Return a cloud worker with these settings as a process, not yet started."""
        return self._child("cloud", "cloud", "run", str(self.worker_config(**settings)), "--no-web")

    def worker_config(self, **settings: int) -> Path:
        """Write the configuration of a cloud worker with these settings, and return its path."""
        config = self.folder / f"cloud-{len(settings)}.toml"
        _write(config, cloud_toml(self.dsn, self.broker.port, self.password, settings))
        return config

    @property
    def database_pid(self) -> int:
        """Return the process id of the database server."""
        return int((self.folder / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])

    def _child(self, name: str, *arguments: str) -> Child:
        log = self.folder / f"{name}.log"
        return Child(name, arguments, log=log, environ=own_environ())


@contextmanager
def a_town(*, stores: int = 1, cloud: bool = True) -> Iterator[Town]:
    """Start a broker and, with `cloud`, a database with tables and goods; end both afterwards."""
    with ExitStack() as ending:
        folder = Path(ending.enter_context(TemporaryDirectory(prefix="storebridge-bench-")))
        password = new_password()
        names = [f"s{number:04}" for number in range(1, stores + 1)]
        broker = EmbeddedBroker(folder / "broker", _users(names, password))
        ending.callback(broker.stop)
        broker.start()
        dsn = ""
        if cloud:
            postgres = EmbeddedPostgres(folder / "postgres")
            ending.callback(postgres.stop)
            dsn = postgres.start()
            fill_cloud(dsn)
        parts = []
        for name in names:
            store = StoreParts(
                name=name,
                folder=folder / name,
                config=folder / f"{name}.toml",
                port=free_port(),
            )
            _write(store.config, store_toml(store, broker.port, password))
            parts.append(store)
        yield Town(folder=folder, broker=broker, stores=tuple(parts), password=password, dsn=dsn)


@contextmanager
def running(child: Child) -> Iterator[Child]:
    """Run a process for the length of the block."""
    child.start()
    try:
        yield child
        child.check()
    finally:
        child.end()


def fill_cloud(dsn: str) -> None:
    """Create the tables, and put the sample goods on sale."""
    database = Database(dsn)
    database.migrate(MIGRATIONS)
    with database.shopper(TENANT) as connection:
        sample = read_catalogue(SAMPLE)
        import_catalogue(connection, TENANT, sample)
    database.close()


def store_toml(store: StoreParts, broker_port: int, password: str) -> str:
    """Return the configuration of a store without cameras."""
    return f"""
tenant = "{TENANT}"
store = "{store.name}"
identifier_key = "{backlog.KEY.hex()}"
folder = "{store.name}"
[broker]
port = {broker_port}
username = "{TENANT}-{store.name}"
password = "{password}"
[web]
port = {store.port}
[[zones]]
name = "shelf-a"
[[kiosks]]
name = "{KIOSK}"
zone = "shelf-a"
[[devices]]
name = "reader-1"
driver = "simulated"
zone = "shelf-a"
kiosk = "{KIOSK}"
"""


def cloud_toml(dsn: str, broker_port: int, password: str, worker: Mapping[str, int]) -> str:
    """Return the configuration of the cloud service."""
    settings = "\n".join(f"{name} = {value}" for name, value in worker.items())
    return f"""
[database]
dsn = "{dsn}"
[broker]
port = {broker_port}
username = "cloud"
password = "{password}"
[worker]
{settings}
[tenants.{TENANT}]
identifier_key = "{backlog.KEY.hex()}"
"""


def _users(names: list[str], password: str) -> list[BrokerUser]:
    return [
        BrokerUser(name="cloud", password=password, role="cloud"),
        *(
            BrokerUser(
                name=f"{TENANT}-{name}",
                password=password,
                role="store",
                tenant=TENANT,
                store=name,
            )
            for name in names
        ),
    ]


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
