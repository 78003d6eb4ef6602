"""`storebridge agent check` names what would keep a part of the store from working."""

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
