"""`storebridge wire decode` shows sound messages and refuses the rest in one clear line."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from typer.testing import CliRunner

from storebridge.commands.wire import app
from tests.strategies import all_messages, damaged
from wire.codec import encode, encode_event
from wire.events import Arrival, Event, Scan
from wire.identifiers import Identifier
from wire.messages import Batch, Change, Death, Message, Update
from wire.views import SettingView, encode_view


def run(file: Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["decode", str(file)])
    return result.exit_code, result.stdout, result.stderr


def event(body: Scan | Arrival) -> Event:
    return Event(
        occurred_at=1_795_000_000_000_000,
        mono_ms=7,
        boot=1,
        clock=2,
        device="kiosk-1",
        zone="门口",
        identifiers=(Identifier("member", b"\x01" * 16),),
        body=body,
    )


def show(message: Message, folder: Path) -> tuple[dict[str, object], str]:
    file = folder / "captured"
    file.write_bytes(encode(message))
    code, out, err = run(file)
    assert (code, err) == (0, "")
    shown: dict[str, object] = json.loads(out)
    return shown, out


def test_a_batch_is_shown_with_its_events(tmp_path: Path):
    unknown = b"\x98" + encode_event(event(Arrival()))[1:].replace(b"\x92\x02\xa4scan", b"\x91\x63")
    rows = (encode_event(event(Scan("member", "QR"))), unknown, b"\xc0")
    shown, out = show(Batch(stream=b"s" * 16, first=41, lane="live", before=0, rows=rows), tmp_path)
    first, second, third = shown["rows"]
    assert (first["seq"], first["kind"], first["body"]["symbology"]) == (41, "scan", "QR")
    assert first["identifiers"] == [{"kind": "member", "value": "01" * 16}]
    assert "门口" in out
    assert second == {"seq": 42, "unknown_kind": 0x63, "row": unknown.hex()}
    assert third["row"] == "c0"
    assert "no event" in third["error"]


def test_an_update_is_shown_with_its_views(tmp_path: Path):
    changes = (
        Change("setting", "sound", encode_view(SettingView("sound", "off"))),
        Change("setting", "light", None),
        Change("setting", "odd", b"\xc1"),
    )
    shown, _ = show(Update(owner=b"o" * 16, start=0, end=3, changes=changes), tmp_path)
    assert shown["changes"][0]["value"] == {"name": "sound", "value": "off"}
    assert shown["changes"][1]["value"] is None
    assert shown["changes"][2]["value"]["value"] == "c1"


@given(message=all_messages)
@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_message_is_shown(message: Message, tmp_path: Path):
    shown, _ = show(message, tmp_path)
    assert shown["message"] == type(message).__name__


@given(payload=damaged(all_messages.map(encode)))
@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_damaged_message_is_refused_in_one_line(payload: bytes, tmp_path: Path):
    file = tmp_path / "captured"
    file.write_bytes(payload)
    code, out, err = run(file)
    assert code in (0, 1)
    if code:
        assert out == ""
        assert err.count("\n") == 1
        assert "holds no message of the wire" in err


@pytest.mark.parametrize("size", [0, 1, 4, 5, 20, -1])
def test_a_truncated_message_is_refused(size: int, tmp_path: Path):
    batch = Batch(stream=b"s" * 16, first=1, lane="live", before=0, rows=(b"\x91\x07",))
    file = tmp_path / "captured"
    file.write_bytes(encode(batch)[:size])
    code, out, err = run(file)
    assert (code, out) == (1, "")
    assert str(file) in err


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path):
    for absent in (tmp_path / "absent", tmp_path):
        code, _, err = run(absent)
        assert code == 1
        assert "cannot be read" in err


def test_the_error_is_json_where_that_was_asked_for(tmp_path: Path):
    file = tmp_path / "captured"
    file.write_bytes(b"\xff\xd8\xff\xe0JFIF")
    result = CliRunner().invoke(app, ["decode", str(file), "--json"])
    assert (result.exit_code, result.stderr) == (1, "")
    assert "holds no message of the wire" in json.loads(result.stdout)["error"]
    file.write_bytes(encode(Batch(stream=b"s" * 16, first=1, lane="live", before=0, rows=())))
    result = CliRunner().invoke(app, ["decode", str(file), "--json"])
    assert json.loads(result.stdout)["message"] == "Batch"
    assert result.stdout.count("\n") == 1


def test_what_a_message_says_cannot_reach_the_terminal(tmp_path: Path):
    hostile = Event(
        occurred_at=0, mono_ms=0, boot=0, clock=0, identifiers=(), body=Arrival(),
        device="\x1b]0;owned\x07\x9b2J\u202e", zone="",
    )  # fmt: skip
    batch = Batch(stream=b"s" * 16, first=1, lane="live", before=0, rows=(encode_event(hostile),))
    shown, out = show(batch, tmp_path)
    assert shown["rows"][0]["device"] == hostile.device
    assert all(letter.isprintable() or letter == "\n" for letter in out)


def test_a_goodbye_is_short(tmp_path: Path):
    assert show(Death(session=7, clean=True), tmp_path)[0] == {
        "message": "Death",
        "session": 7,
        "clean": True,
    }
