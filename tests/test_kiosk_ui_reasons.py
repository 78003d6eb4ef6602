"""Reasons on the staff page: each that a driver can give has a sentence in both languages."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.capture import REASONS
from hardware.sight import FAULTS, SIGN_LOOKS
from kiosk_ui.staff.reasons import CODES, WORDS, Reason, code_of, say_reason
from kiosk_ui.texts import LANGUAGES, LOCALES, words_in

HARDWARE = Path(__file__).parent.parent / "hardware"
CALLS = {"DeviceAway", "DeviceError", "_turn"}


def texts_of(node: ast.expr) -> Iterator[str]:
    """The text of an argument, with its fields left out; nothing for one that is no literal."""
    if isinstance(node, ast.JoinedStr):
        parts = [each.value for each in node.values if isinstance(each, ast.Constant)]
        yield "…".join(str(each) for each in parts)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def reasons_of_drivers() -> list[str]:
    found = []
    for path in sorted(HARDWARE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in CALLS:
                reason = node.args[-1:] if "_turn" in ast.unparse(node.func) else node.args[:1]
                found += [text for each in reason for text in texts_of(each) if text]
    return found


@pytest.mark.parametrize("raw", reasons_of_drivers())
def test_every_reason_that_a_driver_gives_has_a_sentence(raw: str):
    assert code_of(raw), raw


@pytest.mark.parametrize("raw", REASONS.values())
def test_every_reason_of_a_camera_that_is_away_has_a_sentence(raw: str):
    assert code_of(raw.format("the rtsp camera at 10.0.0.1:554")), raw


@pytest.mark.parametrize("sign", SIGN_LOOKS)
def test_every_fault_of_a_picture_has_a_sentence(sign: str):
    assert code_of(FAULTS.get(sign, sign)), sign


def test_the_search_for_reasons_finds_them():
    found = reasons_of_drivers()
    assert len(found) >= 15
    assert {"stalled", "black", "unreadable-image", "ended", "garbage"} <= set(found)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_its_sentence(language: str):
    for code in {*WORDS.values(), *(code for _, code in CODES)}:
        assert LOCALES[language][f"staff.reason.{code}"]


def test_what_the_program_said_stays_as_detail():
    raw = "camera 0 cannot be opened: is it there, and free?"
    said = say_reason(raw, words_in("zh"))
    assert said == Reason("打不开：没插好，或正被别的程序占用", raw)


def test_an_unknown_reason_stands_as_it_is():
    assert say_reason("on fire", words_in("zh")) == Reason("on fire", "")
    assert code_of("the word stalled in a sentence") == ""
