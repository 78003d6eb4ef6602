"""`storebridge funnel`: counts, flows and rules, and what is said when it is run wrong."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_sync.cloud import wall_time
from cloud_sync.database import Database
from cloud_sync.shoppers.consent import consents
from cloud_sync.shoppers.profiles.stage_rules import STAGE_RULES
from storebridge.cli import app
from tests.shopper_builders import DAY, TENANT, fold_all, happened, member, order, shopper_of, web
from wire.events import Arrival, Viewed

NOW = wall_time()
RULES = """
[[rule]]
stage = "interest"
act = "viewed"

[[rule]]
stage = "loyalty"
act = "bought"
days = 7
"""


@pytest.fixture
def config(cloud_dsn: str, tmp_path: Path) -> Path:
    database = Database(cloud_dsn)
    with database.shopper(TENANT) as connection:
        fold_all(
            connection,
            [
                happened(Viewed(product="p1"), web("c1"), store=None, at=NOW - 5 * DAY),
                happened(order("p1"), web("c1"), store=None, at=NOW - DAY, accepted_at=NOW),
                happened(Arrival(), member("M1"), at=NOW - DAY, accepted_at=NOW),
            ],
        )
    database.close()
    file = tmp_path / "cloud.toml"
    file.write_text(f'folder = "{tmp_path}"\n[database]\ndsn = "{cloud_dsn}"\n')
    return file


def run(*arguments: object, group: str = "funnel") -> tuple[int, str]:
    done = CliRunner().invoke(app, [group, *map(str, arguments)])
    return done.exit_code, done.stdout


def answer(*arguments: object, group: str = "funnel"):
    code, said = run(*arguments, "--tenant", TENANT, "--json", group=group)
    assert code == 0, said
    return json.loads(said)


def test_counts_and_flows_are_told_as_json(config: Path):
    flows = answer("flows", config)
    assert {(each["from"], each["to"], each["shoppers"]) for each in flows["flows"]} == {
        ("", "purchase", 1),
        ("", "awareness", 1),
    }
    online = answer("counts", config, "--channel", "shop")["counts"]
    assert [each["shoppers"]["purchase"] for each in online] == [1]
    places = answer("counts", config, "--by", "channel")["counts"]
    assert {each["key"] for each in places} == {"shop", "store"}


def test_a_tenants_rules_hold_in_the_next_count(config: Path, tmp_path: Path):
    file = tmp_path / "rules.toml"
    file.write_text(RULES)
    assert len(answer("rules", "show", config)) == len(STAGE_RULES)
    assert len(answer("rules", "set", config, file)["rules"]) == 2
    stages = answer("flows", config)["flows"]
    assert {each["to"] for each in stages} == {"loyalty", "awareness"}
    answer("rules", "set", config, "--default")
    assert len(answer("rules", "show", config)) == len(STAGE_RULES)


def test_every_wrong_key_of_a_file_of_rules_is_named_and_nothing_changes(config, tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text(RULES + '[[rule]]\nstage = "bliss"\nact = "sang"\ntime = 1\ndays = 0\n')
    code, said = run("rules", "set", config, file, "--tenant", TENANT, "--json")
    message = json.loads(said)["error"]
    assert code == 1
    for wrong in ("stage is one of", "act is one of", "'time' is unknown", "days is a whole"):
        assert f"rule 3: {wrong}" in message
    assert len(answer("rules", "show", config)) == len(STAGE_RULES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("counts", "--from", "2026-02-02", "--to", "2026-02-01"), "does not lie before"),
        (("counts", "--by", "moon"), "one of brand, store, channel"),
        (("flows", "--brand", "a", "--store", "b"), "name one of"),
        (("flows", "--brand", ""), "needs a name"),
        (("rules", "set"), "name a file"),
    ],
)
def test_what_is_asked_wrong_is_told_as_json(config, arguments, message):
    verbs = 2 if arguments[0] == "rules" else 1
    code, said = run(*arguments[:verbs], config, *arguments[verbs:], "--tenant", TENANT, "--json")
    assert code == 2
    assert message in json.loads(said)["error"]


def test_a_missing_configuration_is_told_as_json(tmp_path: Path):
    code, said = run("counts", tmp_path / "none.toml", "--tenant", TENANT, "--json")
    assert code == 2
    assert "none.toml" in json.loads(said)["error"]


def test_a_trait_that_is_defined_today_is_filled_from_history_for_who_allows_it(
    config, cloud_dsn, tmp_path
):
    file, out = tmp_path / "traits.toml", tmp_path / "values.csv"
    file.write_text('[[trait]]\ntrait = "looks"\nact = "viewed"\ndays = 30\n')
    assert answer("define", config, file, group="traits") == {"traits": ["looks"]}
    assert "looks" in {each["trait"] for each in answer("list", config, group="traits")}
    found = answer("backfill", config, "looks", "--out", out, group="traits")
    assert (found["shoppers"], found["total"]) == (1, 1)
    assert out.read_text().splitlines()[1:] == []
    database = Database(cloud_dsn)
    with database.shopper(TENANT) as connection:
        shopper = shopper_of(connection, web("c1"))[1]
        consents.write(connection, {(TENANT, shopper, "profiling"): (2 * NOW + 1, "", "", "")})
    database.close()
    answer("backfill", config, "looks", "--out", out, group="traits")
    assert out.read_text().splitlines()[1:] == [f"{shopper},1"]
    code, said = run("backfill", config, "x", "--tenant", TENANT, "--json", group="traits")
    assert (code, "no trait 'x'" in json.loads(said)["error"]) == (2, True)
    assert answer("assets", config, group="traits") == []
