"""`storebridge agent check` names what would keep a part of the store from working."""

import json
from pathlib import Path

from typer.testing import CliRunner
from werkzeug.security import generate_password_hash

from storebridge.commands.agent import app

STORE = """
tenant = "acme"
store = "store-1"
identifier_key = "00112233445566778899aabbccddeeff"
[web]
staff_pin_hash = "{pin_hash}"
[[zones]]
name = "door"
[[devices]]
name = "eye"
driver = "people-camera"
zone = "door"
[devices.options]
source = "rtsp://127.0.0.1:9/eye"
model = "{model}"
lines = {{ door = [[0, 9], [9, 9]] }}
"""
HASHES = [generate_password_hash("4711", how) for how in ("scrypt", "pbkdf2:sha256:1")]


def check(folder: Path, *, pin_hash: str, model: str) -> tuple[int, str]:
    file = folder / "store.toml"
    file.write_text(STORE.format(pin_hash=pin_hash, model=model))
    result = CliRunner().invoke(app, ["check", str(file)])
    return result.exit_code, result.output


def test_a_plain_pin_and_a_model_that_is_not_there_are_named(tmp_path: Path) -> None:
    code, said = check(tmp_path, pin_hash="1234", model="")
    assert code == 2
    assert "web.staff_pin_hash: " in said
    code, said = check(tmp_path, pin_hash=HASHES[0], model="nope")
    assert code == 2
    assert "devices[eye].options.model: there is no model nope" in said


def test_what_the_commands_for_it_made_is_well_configured(tmp_path: Path) -> None:
    model = tmp_path / "mine.onnx"
    model.write_bytes(b"weights")
    for pin_hash in ("", *HASHES):
        code, said = check(tmp_path, pin_hash=pin_hash, model=str(model))
        assert (code, "is well configured" in said) == (0, True)


def test_every_wrong_key_of_a_table_of_rules_is_named_also_as_json(tmp_path: Path) -> None:
    file = tmp_path / "store.toml"
    beyond, mistyped = "pass_by_s = -1\nlost_s = 1e9\n", 'engaged = 3\ngroup_s = "two"\n'
    for wrong, named in ((beyond, ("pass_by_s", "lost_s")), (mistyped, ("engaged", "group_s"))):
        store = STORE.format(pin_hash="", model="")
        file.write_text(f"{store}[devices.options.rules]\n{wrong}")
        result = CliRunner().invoke(app, ["check", str(file), "--json"])
        told = json.loads(result.stdout)
        assert (result.exit_code, told["file"]) == (2, str(file))
        assert [
            problem.split(":")[0].removeprefix("devices[eye].options.rules.")
            for problem in told["problems"]
        ] == list(named)


def test_an_empty_name_is_no_file(tmp_path: Path) -> None:
    for command in ("check", "run"):
        result = CliRunner().invoke(app, [command, ""])
        assert result.exit_code == 2
        assert "the name is empty" in result.stderr
    well = tmp_path / "store.toml"
    well.write_text(STORE.format(pin_hash="", model=""))
    result = CliRunner().invoke(app, ["check", str(well), "--json"])
    assert json.loads(result.stdout)["problems"] == []
