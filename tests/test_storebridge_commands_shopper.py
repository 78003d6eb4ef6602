"""The commands about one shopper: what is shown, what is said, and what is refused in words."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from storebridge.cli import app as cli
from storebridge.ports import free_port
from tests.shopper_builders import KEY, app, fold_all, happened, member, sell_sample, web
from wire.events import Arrival, Viewed
from wire.identifiers import identifier_id

ANNA, PHONE, COOKIE = member("M1"), app("a1"), web("c1")


@pytest.fixture
def config(tmp_path: Path, cloud_dsn: str) -> Path:
    """A cloud of which Anna showed her code and her app, and somebody a cookie."""
    with psycopg.connect(cloud_dsn) as connection:
        sell_sample(connection)
        fold_all(
            connection,
            [
                happened(Arrival(), ANNA, PHONE, store="s0001"),
                happened(Viewed(), COOKIE, store=None, source="shop"),
            ],
        )
    file = tmp_path / "cloud.toml"
    file.write_text(
        f'folder = "{tmp_path}"\n[database]\ndsn = "{cloud_dsn}"\n[web]\nport = {free_port()}\n'
        f'[tenants.acme]\nidentifier_key = "{KEY.hex()}"\n'
    )
    return file


def run(config: Path, *words: str, said: str = "") -> Result:
    name, *rest = words
    return CliRunner().invoke(
        cli, ["shopper", name, str(config), *rest, "--tenant", "acme"], input=said
    )


def asked(config: Path, *words: str) -> dict[str, Any]:
    found = run(config, *words, "--json")
    assert found.exit_code == 0, found.output
    answer: dict[str, Any] = json.loads(found.output)
    return answer


def test_a_shopper_is_found_by_any_identifier_and_by_every_id_once_shown(config: Path):
    found = [
        asked(config, "show", who)["shopper"]
        for who in ("member:m-1", "app:a1", identifier_id(ANNA), identifier_id(PHONE).upper())
    ]
    assert found == [identifier_id(ANNA)] * 4
    piped = run(config, "show", "member:-", "--json", said="M1\n")
    assert json.loads(piped.output)["shopper"] == identifier_id(ANNA)
    assert "stage: awareness" in run(config, "show", "member:M1").output


def test_an_explanation_names_the_evidence_of_each_link_and_of_the_stage(config: Path):
    found = asked(config, "explain", "app:a1")
    links = [link for each in found["identifiers"] for link in each["links"]]
    assert [(each["evidence"], each["source"], each["times"]) for each in links] == [
        ("arrival", "s0001", 1)
    ]
    assert links[0]["with"] == {"id": identifier_id(ANNA), "kind": "member"}
    assert found["stage"]["because"][0]["reason"] == "seen"
    assert "evidence: arrival" in run(config, "explain", "app:a1").output


def test_what_is_said_is_done_explained_and_can_be_taken_back(config: Path):
    why = ("--because", "she told us", "--by", "anna")
    joined = asked(config, "join", "member:M1", "web:c1", *why)
    assert set(joined["shoppers"].values()) == {identifier_id(ANNA)}
    word = asked(config, "explain", "web:c1")["said"][0]
    assert (word["word"], word["because"], word["source"]) == ("joined", "she told us", "anna")
    split = asked(config, "split", "web:c1", *why)
    assert split["shoppers"] == {identifier_id(COOKIE): identifier_id(COOKIE)}
    apart = asked(config, "explain", "member:M1")["apart"]
    assert [(each["id"], each["because"]) for each in apart] == [
        (identifier_id(COOKIE), ["she told us"])
    ]


def test_a_thing_of_many_people_is_demoted_and_restored(config: Path):
    asked(config, "demote", "app:a1")
    assert asked(config, "show", "app:a1")["shared"] is True
    assert asked(config, "show", "app:a1")["shopper"] == identifier_id(PHONE)
    asked(config, "restore", "app:a1")
    assert asked(config, "show", "app:a1")["shopper"] == identifier_id(ANNA)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("show", "member:M999"), "was never seen"),
        (("show", "tattoo:1"), "is no kind of identifier"),
        (("show", "M1"), "neither a shopper ID"),
        (("join", "member:M1", "member:M1"), "always one with itself"),
        (("join", "member:M1", "web:nobody's"), "no event ever showed"),
        (("split", "member:M1", "app:a1"), "all identifiers of the shopper"),
        (("split", "member:M1", "web:c1"), "nothing to split"),
    ],
)
def test_what_cannot_be_done_is_said_in_words_and_in_json(
    config: Path, words: tuple[str, ...], reason: str
):
    plain, as_json = run(config, *words), run(config, *words, "--json")
    assert plain.exit_code == as_json.exit_code == 2
    assert reason in plain.output
    assert reason in json.loads(as_json.output)["error"]


def test_a_tenant_without_a_key_here_is_named_with_what_to_set(config: Path):
    words = ["shopper", "show", str(config), "member:M1", "--tenant", "other"]
    found = CliRunner().invoke(cli, words)
    assert found.exit_code == 2
    assert "set tenants.other.identifier_key" in found.output


def identity(config: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["identity", *words])


def test_rules_are_tried_in_the_data_bank_and_change_nothing(config: Path, tmp_path: Path):
    rules = tmp_path / "rules.toml"
    rules.write_text("[app]\nown_max = 0\n")
    tried = identity(
        config, "rules", "try", str(rules), "--cloud", str(config), "--tenant", "acme", "--json"
    )
    assert tried.exit_code == 0, tried.output
    assert json.loads(tried.output) == {
        "would_join": 0,
        "would_split": 1,
        "largest_cluster": 1,
        "largest_cluster_now": 2,
        "rejects": 0,
    }
    assert asked(config, "show", "app:a1")["shopper"] == identifier_id(ANNA)


def test_rules_are_tried_on_events_or_in_the_data_bank_of_somebody(config: Path, tmp_path: Path):
    for words in ([], ["--cloud", str(config)], ["--events", "e", "--tenant", "acme"]):
        found = identity(config, "rules", "try", str(tmp_path / "rules.toml"), *words)
        assert found.exit_code == 2
        assert "give --events FILE, or --cloud FILE and --tenant NAME" in found.output


def test_the_whole_log_is_looked_at_and_found_right(config: Path):
    found = identity(config, "rebuild", str(config), "--tenant", "acme", "--json")
    assert json.loads(found.output)["set_right"] == 0
