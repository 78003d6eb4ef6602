"""Codes are made and explained at the command line, and payment codes are never repeated."""

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hardware.cameras.images import read_image, to_grey
from hardware.codes.zbar import ZbarDecoder
from storebridge.cli import app
from tests.edge_store import ANNA, KEY

ENVIRON = {"STOREBRIDGE_IDENTIFIER_KEY": KEY.hex()}


def run(*arguments: object, typed: str | None = None) -> Result:
    words = [str(each) for each in arguments]
    return CliRunner().invoke(app, ["code", *words], env=ENVIRON, input=typed)


def read(*arguments: object, typed: str | None = None) -> dict[str, object]:
    result = run("read", "--json", *arguments, typed=typed)
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


@pytest.fixture
def key(tmp_path: Path) -> tuple[Path, str]:
    """A key's file and its public half."""
    file = tmp_path / "codes.pem"
    return file, run("key", file).stdout.strip()


def test_what_was_made_is_read_with_its_public_key_alone(key: tuple[Path, str]):
    file, public = key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    token = run("make", "member", "ANNA-1", "--key", file, "--lifetime", 60).stdout.strip()
    meaning = read(token, "--public-key", public)
    assert (meaning["kind"], meaning["identifier"], meaning["counts"]) == (
        "member",
        ANNA.key,
        "once",
    )
    assert "ANNA" not in str(meaning)
    page = run("make", "page", "goods", "--key", file).stdout.strip()
    meaning = read("-", "--public-key", public, typed=page + "\n")
    assert (meaning["subject"], meaning["expires_at"]) == ("goods", "never")
    assert read(page) == {"kind": "unknown", "fault": "wrong_signature"}


@pytest.mark.parametrize("name", ["code.png", "code.svg"])
def test_a_code_is_drawn_so_that_a_camera_reads_it(
    key: tuple[Path, str], tmp_path: Path, name: str
):
    image = tmp_path / name
    text = run("make", "store", "s0001", "--key", key[0], "--image", image).stdout.strip()
    assert image.stat().st_size > 500
    if image.suffix == ".png":
        (found,) = ZbarDecoder(["QR"]).decode(to_grey(read_image(image)))
        assert found.data.decode() == text


def test_a_stores_file_says_how_the_store_reads_a_code(key: tuple[Path, str], tmp_path: Path):
    store = tmp_path / "store.toml"
    store.write_text(
        f'tenant = "acme"\nstore = "s1"\nidentifier_key = "{KEY.hex()}"\n'
        f'[codes]\npublic_keys = ["{key[1]}"]\nin_store_patterns = ["21IIIIIPPPPPC"]\n'
    )
    assert read("sb:m:ANNA-1", "--config", store)["fault"] == "unsigned"
    assert read("2106013040083", "--config", store) == {
        "kind": "product",
        "subject": "2106013000001",
        "price_cents": 4008,
    }


def test_what_could_be_paid_with_is_not_repeated():
    shown = run("read", "134567890123456789").output
    assert shown == "kind: payment\nfault: not_charged\nway: wechat\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("make", "ticket", "x"), "known: member, coupon"),
        (("make", "page", "a b"), "cannot be made"),
        (("make", "member", " "), "empty"),
        (("make", "page", "goods", "--image", "x.gif"), "neither .svg nor .png"),
        (("make", "member", "ANNA", "--lifetime", "86401"), "at most 86400 s"),
    ],
)
def test_what_cannot_be_made_says_why_in_a_line(
    key: tuple[Path, str], arguments: tuple[str, ...], said: str
):
    result = run(*arguments, "--key", key[0])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert said in result.stderr


def test_a_key_is_never_written_over(key: tuple[Path, str]):
    before = key[0].read_bytes()
    assert run("key", key[0]).exit_code == 1
    assert key[0].read_bytes() == before


@pytest.mark.parametrize("text", ["\x1b[2J", "<img src=x>", "']--"])
def test_what_a_hostile_code_says_does_not_reach_the_terminal(text: str):
    assert run("read", text).output == "kind: unknown\nfault: unknown_code\n"
