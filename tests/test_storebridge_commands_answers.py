"""Whoever asks for JSON finds what is wrong as JSON, in one form, whatever command it is."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from storebridge.cli import app
from storebridge.commands.answers import Answering, refuse

ACME = ("--tenant", "acme")
WRONG = (
    ("audience", "show", "none.toml", *ACME),
    ("cloud", "code-keys", "none.toml", *ACME),
    ("connector", "list", "none.toml", *ACME),
    ("connector", "dead-letters", "none.toml", *ACME),
    ("funnel", "counts", "none.toml", *ACME),
    ("funnel", "rules", "set", "none.toml", "rules.toml", *ACME),
    ("identity", "evaluate", "none.csv", "none.csv", "--truth", "cluster"),
    ("identity", "link", "none.csv", "--out", "out.csv"),
    ("identity", "match", "none.index", "none.csv"),
    ("identity", "replay", "none.jsonl", "--out", "out.jsonl"),
    ("identity", "rules", "try", "none.toml"),
    ("import", "catalogue", "none.json", "--config", "none.toml", *ACME),
    ("import", "members", "none.csv", "--config", "none.toml", *ACME),
    ("model", "add", "none.onnx"),
    ("points", "show", "none.toml", *ACME),
    ("quarantine", "list", "none.toml"),
    ("quarantine", "replay", "none.toml", "a-stream-and-no-seq"),
    ("replay", "none.toml"),
    ("report", "prices", "none.toml", *ACME, "--from", "2026-11-02", "--to", "2026-11-01"),
    ("shopper", "erasures", "none.toml", *ACME),
    ("shopper", "export", "none.toml", *ACME),
    ("shopper", "show", "none.toml", "member:M1", *ACME),
    ("shopper", "show", "none.toml", "member:M1", "--no-such-option"),
    ("shopper", "no-such-command"),
    ("traits", "list", "none.toml", *ACME),
    ("webhook", "list", "none.toml"),
    ("wire", "decode", "none"),
)


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_what_is_wrong_is_json_where_json_was_asked_for(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code not in (0, None)
    assert isinstance(json.loads(done.stdout)["error"], str)
    assert done.stderr == ""
    said = CliRunner().invoke(app, words)
    assert said.exit_code == done.exit_code
    assert (said.stdout, said.stderr != "") == ("", True)
    assert list(tmp_path.iterdir()) == []


def test_what_is_said_cannot_steer_the_terminal_and_is_said_once():
    inner, outer = typer.Typer(cls=Answering), typer.Typer(cls=Answering)
    inner.callback()(lambda: None)
    outer.callback()(lambda: None)
    outer.add_typer(inner, name="inner")

    @inner.command()
    def fail() -> None:
        raise refuse("\x1b[2J is no name", code=3)

    done = CliRunner().invoke(outer, ["inner", "fail"])
    assert (done.exit_code, done.stdout, done.stderr) == (3, "", "\\u001b[2J is no name\n")
