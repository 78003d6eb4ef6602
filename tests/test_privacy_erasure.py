"""Nothing is left of who was forgotten: a person with marks of their own goes the whole road.

A real store's program, a real broker and a real PostgreSQL; afterwards every byte of every file of
theirs is searched, and that of a backup that is brought back. That the search would find something
is shown by searching before.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

import psycopg
import pytest
import requests
from psycopg import sql
from sqlite_utils.utils import sqlite3
from typer.testing import CliRunner

from cloud_sync.cloud import wall_time
from cloud_sync.database.migrations import migrate
from cloud_sync.database.schema import MIGRATIONS
from storebridge.cli import app
from storebridge.ports import wait_until_open
from storebridge.postgres import EmbeddedPostgres, create_database
from tests.camera_servers import free_port
from tests.cloud_parts import WAIT_S, CloudParts, a_cloud, wait_until
from tests.conftest import BrokerForTests
from tests.shopper_builders import KEY, TENANT
from wire.identifiers import identifier_id, key_identifier

STORE = "s0001"
TEA = "6901234000016"
PLAIN = f"CANARY-{secrets.token_hex(6).upper()}"
PRODUCT = f"own-goods-{secrets.token_hex(6)}"
SEARCHED = f"words nobody else types {secrets.token_hex(6)}"
CANARY = key_identifier("member", PLAIN, key=KEY)
BYSTANDER = key_identifier("member", "BYSTANDER-1", key=KEY)
TOKEN = secrets.token_hex(16)


def needles(who: str = "canary") -> Mapping[str, bytes]:
    """What must be nowhere, in each form in which it is written; of the other one, what stays."""
    identifier = CANARY if who == "canary" else BYSTANDER
    atom = identifier_id(identifier)
    named = {
        "keyed": identifier.value,
        "keyed in words": identifier.value.hex().encode(),
        "atom": bytes.fromhex(atom),
        "atom in words": atom.encode(),
        "atom as PostgreSQL writes it": str(UUID(hex=atom)).encode(),
    }
    if who != "canary":
        return named
    said = {"plain": PLAIN, "product": PRODUCT, "search": SEARCHED}
    return {**named, **{name: text.encode() for name, text in said.items()}}


def tables_by_file(connection: psycopg.Connection) -> dict[str, str]:
    """The names of the database's tables and indices by that of their file."""
    rows = connection.execute(
        "SELECT pg_relation_filepath(oid), relname FROM pg_class WHERE relfilenode <> 0"
        " OR relkind IN ('r', 'i', 't')"
    )
    return {str(path): name for path, name in rows if path}


def found_in(
    folder: Path, sought: Mapping[str, bytes], tables: Mapping[str, str] = MappingProxyType({})
) -> set[tuple[str, str]]:
    """Which of these stand in which files below a folder; of tables by their names."""
    found = set()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            content, at = path.read_bytes(), path.relative_to(folder).as_posix()
            found |= {
                (tables.get(path.as_posix().partition("postgres/")[2], at), name)
                for name, needle in sought.items()
                if needle in content
            }
    return found


@dataclass
class Road:
    """What stands along the road, and what was found there before and after."""

    root: Path
    config: Path
    before: set[tuple[str, str]] = field(default_factory=set)
    after: set[tuple[str, str]] = field(default_factory=set)
    receipts: list[Mapping[str, object]] = field(default_factory=list)
    forgotten: Mapping[str, object] = field(default_factory=dict)
    exported: Mapping[str, object] = field(default_factory=dict)
    exported_after: Mapping[str, object] = field(default_factory=dict)
    bystander: set[tuple[str, str]] = field(default_factory=set)
    restored: set[tuple[str, str]] = field(default_factory=set)
    restored_before: set[tuple[str, str]] = field(default_factory=set)
    tables_of_restored: dict[str, int] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)

    def run(self, *words: str, exit_code: int = 0) -> object:
        """Run a command of ours, and return what it printed."""
        done = CliRunner().invoke(app, [*words, "--json"])
        assert done.exit_code == exit_code, (done.output, done.exception)
        return json.loads(done.stdout)


def store_config(folder: Path, broker: BrokerForTests, web_port: int) -> Path:
    path = folder / "store.toml"
    path.write_text(
        f'tenant = "{TENANT}"\nstore = "{STORE}"\nidentifier_key = "{KEY.hex()}"\n'
        'languages = ["en", "zh"]\n'
        f'[broker]\nport = {broker.port}\nusername = "{TENANT}-{STORE}"\n'
        f'password = "{broker.PASSWORD}"\nkeepalive_s = 5\n'
        f"[web]\nport = {web_port}\n[codes]\ndebounce_s = 0.0\n"
        '[[zones]]\nname = "shelf-a"\n[[kiosks]]\nname = "kiosk-1"\nzone = "shelf-a"\n'
        '[[devices]]\nname = "reader"\ndriver = "barcode-http"\nzone = "shelf-a"\n'
        f'kiosk = "kiosk-1"\noptions = {{ token = "{TOKEN}" }}\n',
        encoding="utf-8",
    )
    return path


def cloud_file(folder: Path, name: str, dsn: str) -> Path:
    path = folder / name
    path.write_text(
        f'[database]\ndsn = "{dsn}"\n[tenants.{TENANT}]\nidentifier_key = "{KEY.hex()}"\n',
        encoding="utf-8",
    )
    return path


def post(cloud: CloudParts, member: str, kind: str, **body: object) -> None:
    event = {
        "event_id": secrets.token_hex(8),
        "kind": kind,
        "occurred_at": wall_time(),
        "identifiers": [{"kind": "member", "value": member}],
        "body": body,
    }
    answer = requests.post(
        f"http://{cloud.web.host}:{cloud.web.port}/v1/events",
        data=json.dumps({"events": [event]}),
        headers={"Authorization": f"Bearer {cloud.api_key}"},
        timeout=WAIT_S,
    )
    assert answer.status_code == 200, answer.text


@dataclass(frozen=True)
class StoreProgram:
    """A store's program in a process of its own."""

    process: subprocess.Popen[bytes]
    url: str
    database: Path

    def scan(self, member: str) -> None:
        answer = requests.post(
            f"{self.url}/scanners/reader",
            data=f"sb:m:{member}".encode(),
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=WAIT_S,
        )
        assert answer.status_code == 204, answer.text

    def ask(self, query: str, *values: object) -> list[tuple]:
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            return connection.execute(query, values).fetchall()

    def knows(self, key: str) -> bool:
        rows = self.ask("SELECT 1 FROM local_view WHERE view = 'shopper' AND key = ?", key)
        return bool(rows)

    def waiting(self) -> int:
        ((rows,),) = self.ask("SELECT head - watermark FROM stream ORDER BY number DESC LIMIT 1")
        return rows

    def end(self) -> None:
        self.process.terminate()
        assert self.process.wait(20) == 0


def start_store(folder: Path, broker: BrokerForTests) -> StoreProgram:
    folder.mkdir()
    web_port = free_port()
    config = store_config(folder, broker, web_port)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "storebridge.store_program", str(config)], stdout=log, stderr=log
        )
    alive = lambda: process.poll() is None  # noqa: E731
    assert wait_until_open("127.0.0.1", web_port, timeout_s=60, alive=alive)
    database = folder / "store" / "store.sqlite3"
    return StoreProgram(process, f"http://127.0.0.1:{web_port}", database)


def given_to_postgres(folder: Path) -> None:
    """Let the account that a server started by root runs under have these files."""
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "pgserver", str(folder)], check=True)
    folder.chmod(0o700)


def live(road: Road, broker: BrokerForTests, cloud: CloudParts, store: StoreProgram) -> None:
    """Live through it: come, leave traces, be backed up, and come once more without a line."""
    for member in (PLAIN, "BYSTANDER-1"):
        post(cloud, member, "viewed", product=TEA)
        store.scan(member)
    post(cloud, PLAIN, "viewed", product=PRODUCT)
    post(cloud, PLAIN, "saved", product=PRODUCT)
    post(cloud, PLAIN, "searched", query=SEARCHED)
    store.scan(PLAIN)
    wait_until(lambda: store.knows(CANARY.key), "the view of the canary")
    wait_until(lambda: store.knows(BYSTANDER.key), "the view of the other one")
    wait_until(lambda: store.waiting() == 0, "the receipt of everything")
    whom = ["--tenant", TENANT, "--kind", "member", "--value", PLAIN]
    road.exported = road.run("shopper", "export", str(road.config), *whom)  # type: ignore[assignment]
    road.before = found_in(road.root, needles())
    back_up(cloud.database.dsn, road.root / "postgres", road.root / "backup" / "postgres")
    broker.kill()
    store.scan(PLAIN)
    wait_until(lambda: store.waiting() > 0, "an event that the cloud has not")


def back_up(dsn: str, folder: Path, to: Path) -> None:
    """Copy a running PostgreSQL's files as its documentation says (26.3.2): log and all."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_backup_start('before', fast => true)")
        left_out = shutil.ignore_patterns("pg_wal", "postmaster.*", ".s.*", "*.lock")
        shutil.copytree(folder, to, ignore=left_out, symlinks=True)
        stopped = "SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)"
        (label,) = connection.execute(stopped).fetchone() or ("",)
        (to / "backup_label").write_text(label)
        unfinished = shutil.ignore_patterns("xlogtemp.*")
        shutil.copytree(folder / "pg_wal", to / "pg_wal", ignore=unfinished)


def forget(road: Road, broker: BrokerForTests, store: StoreProgram) -> None:
    """Be forgotten while the store is away; then let it hear of it."""
    whom = ["--tenant", TENANT, "--kind", "member", "--value", PLAIN]
    road.forgotten = road.run("shopper", "forget", str(road.config), *whom)  # type: ignore[assignment]
    listed = ("shopper", "erasures", str(road.config), "--tenant", TENANT)
    (one,) = road.run(*listed)  # type: ignore[misc]
    assert [each["answered_at"] for each in one["receipts"]] == [None]
    broker.start()

    def answered() -> bool:
        (one,) = road.run(*listed)  # type: ignore[misc]
        road.receipts = one["receipts"]
        return all(each["verdict"] for each in road.receipts)

    wait_until(answered, "the store's receipt")
    wait_until(lambda: store.waiting() == 0, "the receipt of everything")
    road.exported_after = road.run("shopper", "export", str(road.config), *whom)  # type: ignore[assignment]
    road.run("shopper", "wipe", str(road.config))


def bring_back(road: Road) -> None:
    """Bring the backup back, as a command that opens it does; then look at all that is in it."""
    folder = road.root / "backup" / "postgres"
    road.restored_before = found_in(folder, needles())
    given_to_postgres(folder)
    server = EmbeddedPostgres(folder, settings={"fsync": "off"})
    dsn = psycopg.conninfo.make_conninfo(server.start(), dbname="cloud")
    try:
        config = cloud_file(road.root, "restored.toml", dsn)
        road.run("shopper", "erasures", str(config), "--tenant", TENANT)
        road.run("shopper", "wipe", str(config))
        with psycopg.connect(dsn) as connection:
            road.tables_of_restored = rows_with(connection, CANARY.value)
            tables = tables_by_file(connection)
    finally:
        server.stop()
    road.restored = found_in(folder, needles(), tables)


def rows_with(connection: psycopg.Connection, needle: bytes) -> dict[str, int]:
    """How many rows of each table hold these bytes."""
    tables = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        " AND table_type = 'BASE TABLE'"
    ).fetchall()
    found = {}
    for (table,) in tables:
        rows = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
        count = sum(needle in bytes(cell) for row in rows for cell in row if type(cell) is bytes)
        if count:
            found[table] = count
    return found


@pytest.fixture(scope="module")
def road() -> Iterator[Road]:
    with ExitStack() as ending:
        # Not below pytest's own folder, which other accounts cannot enter.
        root = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="storebridge-erase-")))
        root.chmod(0o755)
        (root / "backup").mkdir()
        server = EmbeddedPostgres(root / "postgres", settings={"fsync": "off"})
        ending.callback(server.stop)
        dsn = create_database(server.start(), "cloud")
        migrate(dsn, MIGRATIONS)
        broker = BrokerForTests(root / "broker")
        broker.start()
        ending.callback(broker.stop)
        road = Road(root, cloud_file(root, "cloud.toml", dsn))
        with a_cloud(dsn, broker) as cloud:
            store = start_store(root / "store-1", broker)
            try:
                live(road, broker, cloud, store)
                forget(road, broker, store)
                with psycopg.connect(dsn) as connection:
                    tables = tables_by_file(connection)
                road.late = [each.event.kind for each in cloud.events(STORE)]
            finally:
                store.end()
        broker.stop()
        server.stop()
        road.after = {
            (name, what)
            for name, what in found_in(root, needles(), tables)
            if not name.startswith("backup/")
        }
        road.bystander = found_in(root, needles("bystander"))
        bring_back(road)
        yield road


def test_before_it_stands_in_tables_files_queue_and_log(road: Road):
    places = {name.split("/")[0] for name, _ in road.before}
    assert {"postgres", "store-1"} <= places
    assert {what for _, what in road.before} >= set(needles()) - {
        "plain",
        "atom in words",
        "atom as PostgreSQL writes it",
    }
    assert any("pg_wal/" in name for name, _ in road.before)


def test_not_a_byte_is_left_in_any_table_file_queue_or_log(road: Road):
    assert road.after == set()
    # And nothing went that is another's.
    assert {name.split("/")[0] for name, _ in road.bystander} >= {"postgres", "store-1"}


def test_not_a_byte_is_left_in_a_backup_that_is_brought_back(road: Road):
    assert road.restored_before
    assert road.tables_of_restored == {}
    assert road.restored == set()


def test_the_store_answers_with_a_receipt_that_it_signed(road: Road):
    (receipt,) = road.receipts
    assert (receipt["store"], receipt["verdict"]) == (STORE, "signed")
    assert isinstance(receipt["rows"], int)
    assert receipt["rows"] >= 3


def test_what_a_store_sends_of_before_the_erasure_stays_blank(road: Road):
    assert "blank" in road.late
    assert road.exported_after["events"] == []
    assert road.forgotten["rows"]


def test_the_export_tells_everything_in_words(road: Road):
    told = road.exported
    assert [each["kind"] for each in told["identifiers"]] == ["member"]
    kinds = {each["what"] for each in told["events"]}
    assert kinds >= {"viewed", "saved", "searched", "scan", "arrival"}
    assert {row["product"] for row in told["products"]["rows"]} >= {TEA, PRODUCT}
    assert told["consents"]["offers"]["by"] == "terms"
    assert told["stage"] != ""
    assert told["coupons"]
