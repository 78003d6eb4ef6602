"""A scanner that types, played by a pipe that carries Linux input events."""

import os
from pathlib import Path

import pytest

from hardware.barcode_keyboard import (
    EV_KEY,
    EV_SYN,
    EVENT,
    PLAIN,
    SHIFTED,
    SYN_DROPPED,
    BarcodeKeyboard,
    BarcodeKeyboardOptions,
    KeyStrokes,
)
from hardware.driver import DeviceError
from hardware.readings import CODE_BYTES_MAX, CodeReading

SHIFT, CONTROL, ENTER = 42, 29, 28
Stroke = tuple[int, int, int]


def typed(text: str) -> list[Stroke]:
    """Return the strokes of a scanner that types the text and Enter."""
    plain = {letter: key for key, letter in PLAIN.items()}
    shifted = {letter: key for key, letter in SHIFTED.items()}
    strokes: list[Stroke] = []
    for letter in text:
        held = CONTROL if letter == "\x1d" else 0 if letter in plain else SHIFT
        key = plain["]"] if letter == "\x1d" else plain.get(letter, shifted.get(letter, 0))
        presses = [(EV_KEY, key, 1), (EV_SYN, 0, 0), (EV_KEY, key, 0)]
        strokes += [(EV_KEY, held, 1), *presses, (EV_KEY, held, 0)] if held else presses
    return [*strokes, (EV_KEY, ENTER, 1), (EV_KEY, ENTER, 0)]


def codes(strokes: list[Stroke]) -> list[bytes]:
    keyboard = KeyStrokes()
    return [code for stroke in strokes if (code := keyboard.press(*stroke)) is not None]


def test_capitals_signs_and_gs_are_kept() -> None:
    text = "sb:m:ANNA-1_x?{}\x1d21"
    assert codes(typed(text)) == [text.encode()]


def test_two_scans_are_two_codes_and_enter_alone_is_none() -> None:
    assert codes(typed("one") + typed("") + typed("TWO")) == [b"one", b"TWO"]


def test_a_held_key_is_typed_once() -> None:
    one = next(key for key, letter in PLAIN.items() if letter == "1")
    repeats = [(EV_KEY, one, 1), *[(EV_KEY, one, 2)] * 50, (EV_KEY, one, 0)]
    assert codes(repeats + typed("")) == [b"1"]


def test_lost_strokes_and_endless_typing_spoil_their_scan_only() -> None:
    lost = [*typed("400638")[:-2], (EV_SYN, SYN_DROPPED, 0), *typed("931")]
    endless = typed("9" * (CODE_BYTES_MAX + 1))
    assert codes(lost + endless + typed("next")) == [b"next"]


def test_events_are_read_from_the_device_also_when_cut(tmp_path: Path) -> None:
    device = tmp_path / "event0"
    os.mkfifo(device)
    driver = BarcodeKeyboard(BarcodeKeyboardOptions(path=str(device)))
    driver.open()
    writing = os.open(device, os.O_WRONLY)
    sent = b"".join(EVENT.pack(0, 0, *stroke) for stroke in typed("4006381333931"))
    os.write(writing, sent[:31])
    assert driver.read(1) == []
    os.write(writing, sent[31:])
    (reading,) = driver.read(1)
    assert isinstance(reading, CodeReading)
    assert reading.data == b"4006381333931"
    os.close(writing)
    with pytest.raises(DeviceError, match="unplugged"):
        driver.read(1)
    driver.close()


def test_a_missing_device_is_named() -> None:
    driver = BarcodeKeyboard(BarcodeKeyboardOptions(path="/dev/input/none"))
    with pytest.raises(DeviceError, match="in the group `input`"):
        driver.open()
