"""Reasons in words: each that the program can give has a sentence in both languages."""

import json
import textwrap
from pathlib import Path

import pytest

from hardware.cameras.capture import REASONS
from hardware.cameras.sight import FAULTS, SIGN_LOOKS
from kiosk_ui.texts import LANGUAGES, words_in
from looks.reasons import CODES, WORDS, Reason, code_of, say_reason
from tests.reasons_given import ROOT, Given, Search

PROGRAM = Search(ROOT / "hardware", ROOT / "edge_agent")
# The agent names each unwell device among its reasons; the device itself has said why.
GIVEN = [each for each in (*PROGRAM.devices(), *PROGRAM.agent()) if each.text != "device … is …: …"]
LOOKS = ROOT / "looks" / "locales"


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: f"{given.where} {given.text}"[:80])
def test_every_reason_that_the_program_gives_has_a_sentence(given: Given):
    assert code_of(given.text), (
        f"{given.where} gives the reason {given.text!r}: add its code to looks/reasons.py, and its "
        "sentence in each language to looks/locales"
    )


def test_every_reason_can_be_found():
    assert PROGRAM.unknown == [], (
        "these reasons are not written where this test finds them: write them as texts, or list "
        "them in DEVICE_REASONS of their module"
    )


def test_the_search_for_reasons_finds_them():
    texts = {each.text for each in GIVEN}
    assert {"stalled", "black", "unreadable-image", "ended", "the recorder does not run"} <= texts
    for part in ("cannot be opened", "was unplugged", "nearly full", "begins again", "see the log"):
        assert any(part in each for each in texts), part
    assert len(GIVEN) >= 30


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ('raise DeviceError(f"camera {n} melts")', {"camera … melts"}),
        ('raise Melted("it melts")', {"it melts"}),
        ('HealthReading(condition="failed", reason="hot" if warm else "cold")', {"hot", "cold"}),
        ("HealthReading(reason=HOT)", {"too hot"}),
        ("HealthReading(reason=TABLE[n])", {"dim", "dark"}),
        ('turn("ok", "soft")', {"soft"}),
        ('turn("ok", why=says(n))', {"said"}),
        ("HealthReading(reason=self._why)", {"kept"}),
    ],
)
def test_a_new_reason_is_found_however_it_is_given(tmp_path: Path, written: str, found: set[str]):
    search = _searched(tmp_path, written)
    assert {each.text for each in search.devices()} == found
    assert search.unknown == []


def test_a_reason_from_elsewhere_is_refused_until_its_module_lists_it(tmp_path: Path):
    written = "raise DeviceError(pipe.read().decode())"
    search = _searched(tmp_path, written)
    assert search.devices() == []
    assert len(search.unknown) == 1
    search = _searched(tmp_path, written, 'DEVICE_REASONS = ("out-of-memory",)')
    assert [each.text for each in search.devices()] == ["out-of-memory"]
    assert search.unknown == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_its_sentence_on_every_screen(language: str):
    texts = json.loads((LOOKS / f"{language}.json").read_text(encoding="utf-8"))
    for code in {*WORDS.values(), *(code for _, code in CODES)}:
        assert texts[f"staff.reason.{code}"]


def test_what_the_program_said_stays_as_detail():
    raw = "camera 0 cannot be opened: is it there, and free?"
    said = say_reason(raw, words_in("zh"))
    assert said == Reason("打不开：没插好，或正被别的程序占用", raw)


def test_an_unknown_reason_stands_as_it_is():
    assert say_reason("on fire", words_in("zh")) == Reason("on fire", "")
    assert code_of("the word stalled in a sentence") == ""


def _searched(folder: Path, written: str, more: str = "") -> Search:
    """Search a driver that gives a reason so."""
    source = textwrap.dedent(f"""
        HOT = "too hot"
        TABLE = {{1: "dim", 2: "dark"}}
        {more}
        class Melted(DeviceError): ...
        def says(n):
            return "said"
        def turn(condition, why):
            return HealthReading(condition=condition, reason=why)
        class Driver:
            def __init__(self):
                self._n, self._why = 1, "kept"
            def read(self, n, warm, pipe):
                {written}
        """)
    (folder / "driver.py").write_text(source, encoding="utf-8")
    return Search(folder)


@pytest.mark.parametrize("raw", REASONS.values())
def test_every_reason_of_a_camera_that_is_away_has_a_sentence(raw: str):
    assert code_of(raw.format("the rtsp camera at 10.0.0.1:554")), raw


@pytest.mark.parametrize("sign", [*SIGN_LOOKS, "reads-little"])
def test_every_fault_of_a_picture_has_a_sentence(sign: str):
    assert code_of(FAULTS.get(sign, sign)), sign
