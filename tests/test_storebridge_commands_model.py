"""`storebridge model add` says what is wrong in words, or as JSON where that was asked for."""

import json
from pathlib import Path

from typer.testing import CliRunner

from storebridge.commands.model import app


def test_a_file_that_is_no_model_is_named_and_nothing_is_added(tmp_path: Path) -> None:
    for wrong in (tmp_path / "missing.onnx", tmp_path):
        words = CliRunner().invoke(app, ["add", str(wrong)])
        assert (words.exit_code, words.stdout) == (2, "")
        as_json = CliRunner().invoke(app, ["add", str(wrong), "--json"])
        assert (as_json.exit_code, as_json.stderr) == (2, "")
        assert json.loads(as_json.stdout)["error"] == words.stderr.strip()
        assert str(wrong) in words.stderr


def test_an_empty_name_is_no_model() -> None:
    result = CliRunner().invoke(app, ["add", ""])
    assert (result.exit_code, "the name is empty" in result.stderr) == (2, True)
