"""`storebridge connector` and `audience`: what they show, and what is said when run wrong."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_sync.cloud import wall_time
from cloud_sync.database import Database
from cloud_sync.flow import queue
from cloud_sync.flow.connector import Purpose, enlist
from storebridge.cli import app
from tests.shopper_builders import TENANT, fold_all, happened, member
from wire.events import Viewed

NOW = wall_time()
SHOPPER = "01" + "0" * 30
AUDIENCES = """
[[audience]]
name = "lookers"
[[audience.condition]]
act = "viewed"
"""


@pytest.fixture
def config(cloud_dsn: str, tmp_path: Path) -> Path:
    database = Database(cloud_dsn)
    with database.shopper(TENANT) as connection:
        fold_all(connection, [happened(Viewed(product="p1"), member("M1"), at=NOW)])
        enlist(connection, [Purpose(tenant=TENANT, connector="old")])
        queue.put(connection, TENANT, [SHOPPER], NOW)
        (due,) = queue.claim(connection, TENANT, "old", NOW, 10)
        queue.bury(connection, TENANT, "old", due, "422: no such field", NOW)
    database.close()
    file = tmp_path / "cloud.toml"
    file.write_text(f'folder = "{tmp_path}"\n[database]\ndsn = "{cloud_dsn}"\n')
    return file


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(map(str, arguments)))
    return done.exit_code, done.output


def test_a_dead_letter_is_shown_sent_again_and_forgotten(config: Path):
    where = (config, "--tenant", TENANT)
    _, text = run("connector", "list", *where)
    assert "old: 0 sent, 0 waiting, 1 dead" in text
    _, text = run("connector", "dead-letters", *where)
    assert SHOPPER in text
    assert "422: no such field" in text
    _, text = run("connector", "dead-letters", *where, "--json")
    assert json.loads(text)[0]["shopper"] == SHOPPER
    assert run("connector", "replay", config, "old", "--tenant", TENANT, "--json") == (
        0,
        '{"replayed": 1}\n',
    )
    _, text = run("connector", "list", *where, "--json")
    assert (json.loads(text)[0]["waiting"], json.loads(text)[0]["dead"]) == (1, 0)
    assert run("connector", "drop", config, "old", "--tenant", TENANT)[0] == 0
    assert json.loads(run("connector", "list", *where, "--json")[1]) == []


@pytest.mark.parametrize("command", ["replay", "drop"])
def test_a_connector_that_is_none_is_named(config: Path, command: str):
    code, text = run("connector", command, config, "crn", "--tenant", TENANT, "--json")
    assert code == 1
    assert "crn" in json.loads(text)["error"]


def test_audiences_are_set_shown_and_counted(config: Path, tmp_path: Path):
    file = tmp_path / "audiences.toml"
    file.write_text(AUDIENCES)
    where = ("--tenant", TENANT, "--json")
    assert json.loads(run("audience", "set", config, file, *where)[1]) == {"audiences": ["lookers"]}
    (shown,) = json.loads(run("audience", "show", config, *where)[1])
    assert (shown["name"], shown["shoppers"]) == ("lookers", 1)
    file.write_text(AUDIENCES.replace("viewed", "flown"))
    code, text = run("audience", "set", config, file, *where)
    assert code == 2
    assert "lookers, condition 1: act is one of" in json.loads(text)["error"]
    assert len(json.loads(run("audience", "show", config, *where)[1])) == 1


WRONG = """
[connectors.crm]
tenant = "nobody"
kind = "webhook"
address = "http://crm.example"
[connectors.files]
tenant = "nobody"
kind = "pigeon"
address = "x"
"""


def test_a_wrong_connector_is_named_with_every_wrong_key(tmp_path: Path):
    file = tmp_path / "cloud.toml"
    file.write_text(WRONG)
    code, text = run("cloud", "check", file)
    assert code == 2
    for part in (
        "connectors.crm.tenant: there is no [tenants.nobody]",
        "connectors.crm.address: expected an https address",
        "connectors.crm.secret_file: a webhook is signed",
        "connectors.files.kind",
    ):
        assert part in text, part
