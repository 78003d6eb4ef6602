"""The cloud's commands share the embedded database, and say in a line what the world prevents."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
import psycopg
import pytest
from typer.testing import CliRunner

from cloud_sync.catalogue_file import SAMPLE
from storebridge.commands.cloud import app
from storebridge.demo.children import Child, own_environ
from storebridge.ports import free_port
from storebridge.postgres import EmbeddedPostgres
from tests.cloud_parts import wait_until
from tests.shopper_builders import sell_sample


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder below none of pytest's own, which are closed to the server's account."""
    with tempfile.TemporaryDirectory(prefix="storebridge-cloud-") as folder:
        yield Path(folder)


def write(folder: Path, text: str) -> Path:
    file = folder / "cloud.toml"
    file.write_text(f'folder = "{folder}"\n{text}[web]\nport = {free_port()}\nsecure = false\n')
    return file


def command(*arguments: object, said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "storebridge", *map(str, arguments)],
        input=said,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@contextmanager
def running(config: Path, *options: str) -> Iterator[Path]:
    """A running service and its log."""
    log = config.with_suffix(".log")
    log.write_bytes(b"")
    child = Child("cloud", ["cloud", "run", str(config), *options], log=log, environ=own_environ())
    child.start()
    try:
        wait_until(lambda: "web at" in log.read_text(), "the service")
        yield log
    finally:
        child.end()


def lets_in(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_command_beside_a_running_service_leaves_its_database_running(folder: Path):
    config = write(folder, "")
    postgres = EmbeddedPostgres(folder / "postgres")
    with running(config, "--no-work"):
        added = command(
            "user", "add", config, "ann", "--tenant", "acme", said="four words make one\n"
        )
        assert added.returncode == 0, added.stderr
        listed = command("quarantine", "list", config, "--json")
        assert (listed.returncode, listed.stdout) == (0, "[]\n"), listed.stderr
        assert postgres.alive
    assert not postgres.alive
    log = config.with_suffix(".log").read_text()
    assert "embedded PostgreSQL is up" in log
    assert "pg_ctl" not in log


def test_a_service_brings_its_dead_database_back(folder: Path):
    config = write(folder, "")
    postgres = EmbeddedPostgres(folder / "postgres")
    with running(config, "--no-work") as log:
        pid = int((postgres.folder / "postmaster.pid").read_text().split("\n")[0])
        postmaster = psutil.Process(pid)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not postmaster.is_running(), "its end")
        wait_until(lambda: log.read_text().count("embedded PostgreSQL is up") == 2, "its return")
        assert lets_in(f"postgresql://postgres@/postgres?host={postgres.folder}")
    assert not postgres.alive


def test_looking_into_quarantine_makes_no_database(tmp_path: Path):
    config = write(tmp_path, "")
    ended = command("quarantine", "list", config)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert "there is no database" in ended.stderr
    assert list(tmp_path.iterdir()) == [config]


@pytest.mark.parametrize("name", ["run", "migrate"])
def test_a_database_that_is_away_is_told_in_a_line(tmp_path: Path, name: str):
    ended = command("cloud", name, write(tmp_path, '[database]\ndsn = "host=127.0.0.1 port=1"\n'))
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert "the database cannot be used" in ended.stderr


def test_an_address_in_use_is_told_in_a_line(cloud_dsn: str, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = tmp_path / "cloud.toml"
        config.write_text(
            f'[database]\ndsn = "{cloud_dsn}"\n[web]\nport = {taken.getsockname()[1]}\n'
        )
        ended = command("cloud", "run", config)
    assert ended.returncode == 1
    assert "stop what uses the address" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_catalogue_that_changes_a_stored_plan_is_refused_in_a_line(
    cloud_dsn: str, tmp_path: Path
):
    config = tmp_path / "cloud.toml"
    config.write_text(f'[database]\ndsn = "{cloud_dsn}"\n')
    catalogue = msgspec.json.decode(SAMPLE.read_bytes())
    goods = tmp_path / "goods.json"
    for ended in (0, 1):
        goods.write_bytes(msgspec.json.encode(catalogue))
        done = command("cloud", "catalogue", config, goods, "--tenant", "acme")
        assert done.returncode == ended, done.stderr
        catalogue["plans"][0]["products"] = catalogue["plans"][1]["products"]
        assert ended or done.stdout == (
            "24 products and 4 shelf plans imported, 0 products withdrawn; 0 stores told.\n"
        )
    assert done.stderr.count("\n") == 1
    assert "a stored plan never changes" in done.stderr


def test_somebody_is_let_in_for_one_brand(cloud_dsn: str, tmp_path: Path):
    config = tmp_path / "cloud.toml"
    config.write_text(f'[database]\ndsn = "{cloud_dsn}"\n')

    def add(*place: str) -> subprocess.CompletedProcess[str]:
        asked = ("user", "add", config, "ann", "--tenant", "acme", *place)
        return command(*asked, said="four words make one\n")

    refused = add("--brand", "yunwu")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "no goods of brand 'yunwu' are in the catalogue; known: none" in refused.stderr
    with psycopg.connect(cloud_dsn) as connection:
        sell_sample(connection)
    added = add("--brand", "yunwu")
    assert added.stdout == "ann may sign in at headquarters of acme, brand yunwu.\n"
    with psycopg.connect(cloud_dsn) as connection:
        assert connection.execute("SELECT brand FROM console_user").fetchall() == [("yunwu",)]


def test_no_tenant_is_named_as_no_store_could_be(tmp_path: Path):
    config = write(tmp_path, "")
    for name in ("user add", "cloud key", "cloud catalogue"):
        rest = {"user add": ["ann"], "cloud key": ["--source", "web"], "cloud catalogue": [SAMPLE]}
        done = command(
            *name.split(), config, *rest[name], "--tenant", "A Brand", said="four words\n"
        )
        assert done.returncode == 2
        assert "1 to 40 of a-z 0-9" in " ".join(done.stderr.replace("│", " ").split())


def test_looking_at_the_keys_makes_no_database(tmp_path: Path) -> None:
    config = write(tmp_path, "")
    looked = CliRunner().invoke(app, ["code-keys", str(config), "--tenant", "acme"])
    assert looked.exit_code == 1
    assert "there is no database" in looked.stderr
    assert list(tmp_path.iterdir()) == [config]


def test_every_problem_of_a_configuration_is_told_as_json(tmp_path: Path) -> None:
    config = write(tmp_path, "")
    well = CliRunner().invoke(app, ["check", str(config), "--json"])
    assert (well.exit_code, json.loads(well.stdout)["problems"]) == (0, [])
    config.write_text('folder = ""\nport = 1\n')
    wrong = CliRunner().invoke(app, ["check", str(config), "--json"])
    assert (wrong.exit_code, len(json.loads(wrong.stdout)["problems"])) == (2, 2)
