"""Files come in whole, once, and without a plain number left anywhere; what cannot is named."""

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import psycopg
import pytest

from cloud_sync.catalogue_file import CatalogueError, read_catalogue
from cloud_sync.database import Database
from cloud_sync.imports.importing import BATCH_ROWS, Import, NotImportedError, Progress
from cloud_sync.imports.kinds import KINDS, Setting
from cloud_sync.imports.table_file import TableError, open_table
from cloud_sync.intake import ledger
from cloud_sync.shoppers.graph.identity import members_of
from cloud_sync.shoppers.profiles.profile import whole_profiles_of
from cloud_sync.workers.road import Road
from tests.shopper_builders import KEY, TENANT, shopper_of
from wire.events import Identified, Purchased
from wire.identifiers import key_identifier
from wire.topics import shard_of

NOW = 1_795_651_200_000_000
SHARD = shard_of(TENANT, "web-import")
TEA, POT = "6901234000016", "6901234000115"
CANARY = "13912345678"


@pytest.fixture
def database(cloud_dsn: str) -> Iterator[Database]:
    made = Database(cloud_dsn)
    yield made
    made.close()


def brought(
    database: Database, file: Path, kind: str, *, proven: bool = False, encoding: str = ""
) -> Progress:
    """Import a file and return what came of it."""
    setting = Setting(
        source="import", key=KEY, zone=ZoneInfo("Asia/Shanghai"), now=NOW, proven=proven
    )
    return Import(database, TENANT, KINDS[kind], open_table(file, encoding), setting).run()


def counts(done: Progress) -> tuple[int, int, int, int]:
    return (done.rows, done.accepted, done.repeated, done.rejected)


def events(database: Database) -> list[ledger.LedgerEvent]:
    with database.ledger(SHARD) as connection:
        return ledger.read(connection, SHARD, 0)


def rejects(file: Path) -> list[str]:
    return file.with_name(f"{file.name}.rejects.csv").read_text().splitlines()


def write(folder: Path, text: str, name: str = "list.csv", encoding: str = "utf-8") -> Path:
    file = folder / name
    file.write_bytes(text.encode(encoding))
    return file


MEMBERS = f"member,phone,joined_at\nM1,{CANARY},2026-01-02\nM2,,2026-01-03 10:00:00+00:00\n"


def test_a_list_of_proven_members_joins_what_each_row_names(database: Database, tmp_path: Path):
    file = write(tmp_path, MEMBERS)
    assert counts(brought(database, file, "members", proven=True)) == (2, 2, 0, 0)
    found = events(database)
    assert [each.event.body for each in found] == [Identified("list"), Identified("list")]
    assert [each.live for each in found] == [False, False]
    with database.ledger(SHARD) as connection:
        Road().fold(connection, SHARD, 1, found)
        phone = shopper_of(connection, key_identifier("phone", CANARY, key=KEY))
        assert phone == shopper_of(connection, key_identifier("member", "M1", key=KEY))


def test_what_was_only_typed_joins_nobody(database: Database, tmp_path: Path):
    brought(database, write(tmp_path, MEMBERS), "members")
    kinds = [each.kind for each in events(database)[0].event.identifiers]
    assert kinds == ["member", "claimed_phone"]


@pytest.mark.parametrize(
    ("encoding", "found"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("gbk", "gb18030"), ("utf-16", "utf-16")],
)
def test_a_file_is_read_in_its_encoding(tmp_path: Path, encoding: str, found: str):
    table = open_table(write(tmp_path, "会员号,手机号\nM1,13912345678\n", encoding=encoding))
    assert (table.encoding, table.columns, table.rows_about) == (found, ("会员号", "手机号"), 1)
    assert [row.values for row in table.rows()] == [["M1", "13912345678"]]


def test_columns_go_by_chinese_names(database: Database, tmp_path: Path):
    file = write(tmp_path, "会员号,手机号,备注\nM1,13912345678,好\n", encoding="gbk")
    assert counts(brought(database, file, "members")) == (1, 1, 0, 0)


def test_bytes_of_no_encoding_are_named_with_their_line(tmp_path: Path):
    file = tmp_path / "list.csv"
    file.write_bytes(b"member\nM1\n" + b"\xff\xff\xff\n")
    with pytest.raises(TableError, match=r"utf-8 or gb18030.*--encoding"):
        open_table(file)
    with pytest.raises(TableError, match="no encoding 'klingon'"):
        open_table(file, "klingon")


def test_compressed_files_and_parquet_are_the_same_table(tmp_path: Path):
    plain = write(tmp_path, MEMBERS)
    packed = tmp_path / "list.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    parquet = tmp_path / "list.parquet"
    duckdb.sql(f"COPY (SELECT * FROM read_csv('{plain}', all_varchar=true)) TO '{parquet}'")
    wanted = [list(row.values) for row in open_table(plain).rows()]
    assert [list(row.values) for row in open_table(packed).rows()] == wanted
    assert [list(row.values) for row in open_table(parquet).rows()] == wanted


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "No such file"),
        ("empty.csv", b"", "is empty"),
        ("cut.csv.gz", gzip.compress(b"member\nM1\n" * 999, mtime=0)[:60], "cannot be read"),
        ("wrong.parquet", b"PAR1 no", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content, said: str):
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TableError, match=said) as caught:
        open_table(file)
    assert name in str(caught.value)


def test_wrong_columns_are_named_at_once(database: Database, tmp_path: Path):
    file = write(tmp_path, "order,goods,when\n")
    with pytest.raises(NotImportedError) as caught:
        brought(database, file, "orders")
    said = str(caught.value)
    for column in ("product", "quantity", "currency", "occurred_at", "amount or amount_cents"):
        assert column in said
    assert "It has: order, goods, when" in said


ORDERS = (
    "order,product,quantity,amount,currency,occurred_at,place,member,brand\n"
    f"A-1,{TEA},1,79.20,CNY,2026-11-20 12:00:00,s0001,M1,Maru\n"
    f"A-1,{POT},2,128,CNY,2026-11-20 12:00:00,s0001,M1,Maru\n"
    f"A-2,{TEA},1,88,CNY,2026-11-21T12:00:00+08:00,,M1,Maru\n"
)


def test_rows_of_an_order_are_one_purchase_at_its_place(database: Database, tmp_path: Path):
    assert counts(brought(database, write(tmp_path, ORDERS), "orders")) == (3, 2, 0, 0)
    one, other = (each.event.body for each in events(database))
    assert isinstance(one, Purchased)
    assert (one.order, one.amount_cents, len(one.lines)) == ("A-1@s0001", 20_720, 2)
    assert (other.order, other.amount_cents) == ("A-2@import", 8_800)
    with database.ledger(SHARD) as connection:
        Road().fold(connection, SHARD, 1, events(database))
        key = shopper_of(connection, key_identifier("member", "M1", key=KEY))
        money = whole_profiles_of(connection, members_of(connection, [key]))[key].money
    assert money["CNY"].paid_cents == 29_520


def test_an_order_with_a_broken_line_is_rejected_whole(database: Database, tmp_path: Path):
    file = write(tmp_path, ORDERS.replace(",128,", ",dear,"))
    assert counts(brought(database, file, "orders")) == (3, 1, 0, 2)
    assert rejects(file) == [
        "line,reason",
        '2,"amount: expected an amount such as 19.90"',
        '3,"amount: expected an amount such as 19.90"',
    ]


def test_an_order_beside_a_line_that_is_none_is_rejected_too(database: Database, tmp_path: Path):
    lines = ORDERS.splitlines(keepends=True)
    file = write(tmp_path, "".join([*lines[:3], "broken\n", *lines[3:]]))
    assert counts(brought(database, file, "orders")) == (4, 0, 0, 4)
    assert rejects(file)[3] == '4,"has 1 values, not 9"'


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",,2026-01-02", "names nobody"),
        ("M1,12,2026-01-02", "phone: a phone number has 7 to 15 digits"),
        ("M1,,soon", "joined_at: expected a time"),
        ("M1,,2999-01-01", "in the future"),
        ("M1,2026-01-02", "has 2 values, not 3"),
        ('M1,"13912345678,2026-01-02', "a quotation mark is never closed"),
    ],
)
def test_a_row_that_cannot_be_imported_is_kept_with_its_reason(
    database: Database, tmp_path: Path, row: str, said: str
):
    file = write(tmp_path, f"member,phone,joined_at\n{row}\n" + "M9,,2026-01-02\n" * 12)
    done = brought(database, file, "members")
    assert (done.rejected, done.accepted) == (1, 1)
    (_, reject) = rejects(file)
    assert reject.startswith("2,")
    assert said in reject
    assert CANARY not in reject


def test_an_import_repeated_changes_nothing(database: Database, tmp_path: Path):
    file = write(tmp_path, MEMBERS)
    first = brought(database, file, "members")
    assert brought(database, file, "members") == first
    longer = write(tmp_path, MEMBERS + "M3,,2026-01-04\n", "longer.csv")
    assert counts(brought(database, longer, "members")) == (3, 1, 2, 0)
    assert len(events(database)) == 3


def test_two_imports_of_one_file_do_not_run_at_once(database: Database, tmp_path: Path):
    file = write(tmp_path, "member\n" + "".join(f"M{n}\n" for n in range(BATCH_ROWS + 10)))
    table = open_table(file)
    setting = Setting(source="import", key=KEY, zone=ZoneInfo("Asia/Shanghai"), now=NOW)
    one = Import(database, TENANT, KINDS["members"], table, setting)
    ran: list[Progress] = []

    def meanwhile(progress: Progress) -> None:
        if not progress.rows:
            ran.append(Import(database, TENANT, KINDS["members"], table, setting).run())

    with pytest.raises(NotImportedError, match="another import of the same file"):
        one.run(meanwhile)
    assert counts(ran[0]) == (BATCH_ROWS + 10, BATCH_ROWS + 10, 0, 0)
    assert len(events(database)) == BATCH_ROWS + 10


def test_stock_is_what_was_counted_last(database: Database, tmp_path: Path):
    head = "store,product,quantity,counted_at\n"
    new = write(tmp_path, f"{head}s0001,{TEA},7,2026-11-21\n,{TEA},90,2026-11-21\n", "new.csv")
    old = write(tmp_path, f"{head}s0001,{TEA},3,2026-11-20\ns0001,{TEA},-1,2026-11-22\n", "old.csv")
    assert counts(brought(database, new, "stock")) == (2, 2, 0, 0)
    assert counts(brought(database, old, "stock")) == (2, 0, 1, 1)
    with database.shopper(TENANT) as connection:
        rows = connection.execute("SELECT store, quantity FROM stock_level ORDER BY store")
        assert rows.fetchall() == [("", 90), ("s0001", 7)]


def test_a_catalogue_may_be_parquet_with_prices_of_channels(tmp_path: Path):
    text = (
        "product,name_zh,name_en,brand,category,price_cents,currency,price_cents.web\n"
        f"{TEA},春茶,Tea,Maru,tea,8800,CNY,8500\n"
        f"{POT},茶壶,Pot,Maru,tea,6400,CNY,\n"
    )
    plain = write(tmp_path, text)
    parquet = tmp_path / "goods.parquet"
    duckdb.sql(f"COPY (SELECT * FROM read_csv('{plain}', all_varchar=true)) TO '{parquet}'")
    for file in (plain, parquet):
        tea, pot = read_catalogue(file).products
        assert (tea.prices, pot.prices) == ({"web": 8500}, {})
    with pytest.raises(CatalogueError, match="price in cents for channel 'web'"):
        read_catalogue(write(tmp_path, text.replace("8500", "much")))


def command(folder: Path, *arguments: object) -> list[str]:
    return [sys.executable, "-m", "storebridge", "import", *map(str, arguments), "--tenant", TENANT]


@pytest.fixture
def config(cloud_dsn: str, tmp_path: Path) -> Path:
    file = tmp_path / "cloud.toml"
    file.write_text(
        f'[database]\ndsn = "{cloud_dsn}"\n[tenants.{TENANT}]\nidentifier_key = "{KEY.hex()}"\n'
    )
    return file


def test_an_import_that_was_killed_goes_on_where_it_stopped(
    config: Path, cloud_dsn: str, tmp_path: Path
):
    rows = 30 * BATCH_ROWS
    lines = (f"M{n},139{n:08},2026-01-02\n" if n % 100 else "M,1,x\n" for n in range(rows))
    file = write(tmp_path, "member,phone,joined_at\n" + "".join(lines))
    arguments = command(tmp_path, "members", file, "--config", config, "--json")
    with psycopg.connect(cloud_dsn, autocommit=True) as connection:

        def done() -> int:
            row = connection.execute("SELECT rows FROM import_run").fetchone()
            return row[0] if row else 0

        child = subprocess.Popen(arguments, stdout=subprocess.PIPE)
        while done() == 0:
            assert child.poll() is None
            time.sleep(0.002)
        child.kill()
        child.communicate()
        stopped = done()
        assert 0 < stopped < rows
        again = subprocess.run(arguments, capture_output=True, check=True, timeout=120)
        result = json.loads(again.stdout)
        wanted = rows - rows // 100
        held = connection.execute("SELECT count(*), count(DISTINCT occurred_at) FROM ledger")
        assert held.fetchone()[0] == wanted
    assert (result["rows"], result["accepted"], result["rejected"]) == (rows, wanted, rows // 100)
    assert result["rows_now"] == rows - stopped
    assert len(rejects(file)) == len(set(rejects(file))) == rows // 100 + 1


def test_no_plain_number_stands_in_any_table_file_or_log(
    config: Path, cloud_dsn: str, tmp_path: Path
):
    text = (
        f"member,phone,email,joined_at\nM1,{CANARY},canary@example.com,2026-01-02\n"
        f"M2,{CANARY}x{CANARY},,2026-01-02\nM3,{CANARY},,soon\nM4,{CANARY}\n"
    )
    file = write(tmp_path, text)
    done = subprocess.run(
        command(tmp_path, "members", file, "--config", config),
        capture_output=True,
        check=True,
        timeout=120,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    said = done.stdout + done.stderr
    found = [path for path in tmp_path.rglob("*") if path.is_file() and path != file]
    assert file.with_name("list.csv.rejects.csv") in found
    content = said + b"".join(path.read_bytes() for path in found)
    with psycopg.connect(cloud_dsn) as connection:
        tables = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n"
            " ON n.oid = relnamespace WHERE relkind = 'r' AND nspname = 'public'"
        ).fetchall()
        for (table,) in tables:
            for (row,) in connection.execute(f"SELECT t::text FROM {table} AS t"):
                content += row.encode() + b"\n"
    for plain in (CANARY, "canary@example.com"):
        for form in (plain.encode(), plain.encode().hex().encode()):
            assert form not in content
    assert b"M1" not in content


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("members", "none.csv"), "none.csv cannot be read: No such file"),
        (("members", "wrong.csv"), "lacks the columns"),
        (("catalogue", "wrong.csv"), "does not name the columns"),
    ],
)
def test_what_is_wrong_is_one_json_object_where_asked(
    config: Path, tmp_path: Path, arguments: tuple[str, str], said: str
):
    write(tmp_path, "nothing,of,ours\n", "wrong.csv")
    done = subprocess.run(
        command(tmp_path, *arguments, "--config", config, "--json"),
        capture_output=True,
        check=False,
        cwd=tmp_path,
        timeout=120,
    )
    assert done.returncode == 2
    assert said in json.loads(done.stdout)["error"]
