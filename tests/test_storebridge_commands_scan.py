"""`storebridge scan` says what is in each file, also when that is nothing."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
from typer.testing import CliRunner

from storebridge.commands.scan import app, text_of
from storebridge.simulated.cards import draw_card, draw_product, gtin_of


def test_each_file_is_one_line_and_what_is_no_image_is_reported(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "card.png"), draw_card((640, 480), "会员:ANNA".encode(), 1))
    cv2.imwrite(str(tmp_path / "goods.png"), draw_product((1280, 960), gtin_of(77), 1))
    (tmp_path / "note.txt").write_text("no image")
    missing = tmp_path / "missing.png"
    result = CliRunner().invoke(app, [str(tmp_path), str(missing), "--json"])
    assert result.exit_code == 0
    card, goods, note, absent = [json.loads(line) for line in result.stdout.splitlines()]
    assert list(card) == ["file", "codes", "ms"]
    (code,) = card["codes"]
    assert (code["text"], code["symbology"], len(code["quad"])) == ("会员:ANNA", "QR", 4)
    assert base64.b64decode(code["bytes_b64"]) == "会员:ANNA".encode()
    assert [code["text"] for code in goods["codes"]] == [gtin_of(77)]
    assert (note["codes"], note["error"]) == ([], "no PNG, JPEG, WebP or BMP image")
    assert (absent["file"], absent["error"]) == (
        str(missing),
        "cannot be read: No such file or directory",
    )


def test_where_no_file_is_an_image_each_is_named_and_the_command_fails(tmp_path: Path) -> None:
    missing = tmp_path / "missing.png"
    (tmp_path / "note.txt").write_text("no image")
    (tmp_path / "dangling.png").symlink_to(missing)
    for paths, count in (([missing], 1), ([tmp_path], 2), ([tmp_path, missing], 3)):
        result = CliRunner().invoke(app, [*map(str, paths), "--json"])
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert (result.exit_code, len(lines)) == (1, count)
        assert all(line["error"] for line in lines)


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), draw_card((640, 480), b"\x1b[2Jgone", 1))
    result = CliRunner().invoke(app, [str(tmp_path / "a.png")])
    assert "\x1b" not in result.stdout
    assert "QR \\x1b[2Jgone" in result.stdout


def test_bytes_are_shown_in_the_first_encoding_they_are_valid_in() -> None:
    assert text_of("会员".encode()) == "会员"
    assert text_of("漢字".encode("shift-jis")) == "漢字"
    assert text_of(b"\xff\xfe") == "ÿþ"


def test_what_is_read_is_held_against_a_catalogue(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "known.png"), draw_product((1280, 960), gtin_of(77), 1))
    cv2.imwrite(str(tmp_path / "other.png"), draw_product((1280, 960), gtin_of(78), 1))
    for name, content in (
        ("lines.txt", f"4006381333931\n{gtin_of(77)}\n"),
        ("table.csv", f"name;GTIN\ntea;4006381333931\ncup;{gtin_of(77)}\n"),
        ("file.json", json.dumps({"products": [{"product": gtin_of(77), "name": {"en": "cup"}}]})),
    ):
        catalogue = tmp_path / "catalogues" / name
        catalogue.parent.mkdir(exist_ok=True)
        catalogue.write_text(content)
        pictures = [str(tmp_path / "known.png"), str(tmp_path / "other.png")]
        result = CliRunner().invoke(app, [*pictures, "--json", "--catalogue", str(catalogue)])
        assert result.exit_code == 0
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert [[code["accepted"] for code in line["codes"]] for line in lines] == [[True], [False]]


def test_a_file_without_product_numbers_is_no_catalogue(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("nothing\n")
    for wrong in (empty, tmp_path / "missing", tmp_path):
        result = CliRunner().invoke(app, [str(tmp_path), "--catalogue", str(wrong)])
        assert result.exit_code == 2
        assert str(wrong) in result.stderr


def test_a_pipe_and_a_broken_picture_are_reported_and_the_rest_go_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    whole = cv2.imencode(".jpg", draw_card((640, 480), b"sb:m:A", 1))[1].tobytes()
    (tmp_path / "half.jpg").write_bytes(whole[:90])
    (tmp_path / "whole.jpg").write_bytes(whole)
    paths = [str(tmp_path / name) for name in ("pipe.png", "half.jpg", "whole.jpg")]
    result = CliRunner().invoke(app, [*paths, "--json"])
    pipe, half, card = [json.loads(line) for line in result.stdout.splitlines()]
    assert (pipe["codes"], pipe["error"]) == ([], "no file")
    assert half["codes"] == []
    assert [code["text"] for code in card["codes"]] == ["sb:m:A"]


def test_a_name_that_is_no_utf_8_is_a_line_of_json_that_leads_back_to_the_file(
    tmp_path: Path,
) -> None:
    picture = cv2.imencode(".png", draw_card((640, 480), b"sb:m:A", 1))[1].tobytes()
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    Path(os.fsdecode(name)).write_bytes(picture)
    result = CliRunner().invoke(app, [str(tmp_path), "--json"])
    line = json.loads(result.stdout_bytes.decode("utf-8"))
    assert os.fsencode(line["file"]) == name
    assert [code["text"] for code in line["codes"]] == ["sb:m:A"]


def test_a_folder_that_may_not_be_looked_into_is_reported_and_the_rest_go_on(
    tmp_path: Path,
) -> None:
    closed, files = tmp_path / "closed", tmp_path / "open"
    for folder in (closed, files):
        folder.mkdir()
        (folder / "card.png").write_bytes(
            cv2.imencode(".png", draw_card((640, 480), b"sb:m:A", 1))[1].tobytes()
        )
    (files / "round").symlink_to(tmp_path)  # a link that leads back is not followed
    closed.chmod(0)
    try:
        result = scan_without_rights(tmp_path, closed / "card.png")
    finally:
        closed.chmod(0o700)
    assert result.returncode == 0
    folder, card, inside = [json.loads(line) for line in result.stdout.splitlines()]
    assert (folder["file"], folder["error"]) == (
        str(closed),
        "a folder that cannot be looked into",
    )
    assert [code["text"] for code in card["codes"]] == ["sb:m:A"]
    assert (inside["file"], inside["error"]) == (
        str(closed / "card.png"),
        "cannot be read: Permission denied",
    )


def scan_without_rights(*paths: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as somebody whom rights bind: root gives up standing above them."""
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    command = [sys.executable, "-m", "storebridge", "scan", *map(str, paths), "--json"]
    as_root = bound if os.geteuid() == 0 else []
    return subprocess.run([*as_root, *command], capture_output=True, text=True, check=False)


def test_an_empty_name_or_folder_is_told_and_reads_nothing(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [""])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the name is empty" in result.stderr
    result = CliRunner().invoke(app, [str(tmp_path)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"there is no file in {tmp_path}" in result.stderr
    result = CliRunner().invoke(app, [str(tmp_path), "--json"])
    assert (result.exit_code, list(json.loads(result.stdout))) == (1, ["error"])


def test_a_file_name_cannot_move_the_cursor(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2J.png").write_text("no image")
    result = CliRunner().invoke(app, [str(tmp_path)])
    assert "a\\x1b[2J.png: not read" in result.stdout
