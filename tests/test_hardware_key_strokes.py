"""Key strokes become the code that was scanned, on every layout and in every way to type GS."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.played_scanners import (
    CONTROL,
    ENTER,
    SHIFT,
    Stroke,
    events_of,
    strokes_of,
    typed,
)
from hardware.readings import CODE_BYTES_MAX
from hardware.scanners.key_strokes import (
    ALT,
    ALT_GR,
    CAPS_LOCK,
    EV_KEY,
    EV_SYN,
    KEY_DOWN,
    KEY_UP,
    SYN_DROPPED,
    KeyStrokes,
    Suffix,
)
from hardware.scanners.layouts import LAYOUTS, PAD_DIGITS

TAB, F8, DE_PLUS, DE_NINE = 15, 66, 27, 10
PAD = {digit: key for key, digit in PAD_DIGITS.items()}


def keyboard(layout: str = "us", suffix: Suffix = "enter", gs: str = "") -> KeyStrokes:
    """A scanner's keyboard, after the pause that follows its opening."""
    strokes = KeyStrokes(layout, suffix, gs)
    assert strokes.quiet() == []
    return strokes


def codes(strokes: list[Stroke], layout: str = "us", suffix: Suffix = "enter") -> list[bytes]:
    return keyboard(layout, suffix).feed(events_of(strokes))


def down(key: int) -> Stroke:
    return (EV_KEY, key, KEY_DOWN)


def up(key: int) -> Stroke:
    return (EV_KEY, key, KEY_UP)


def press(key: int) -> list[Stroke]:
    return [down(key), up(key)]


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=30)
@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40))
def test_every_printable_letter_is_read_on_every_layout(layout: str, text: str) -> None:
    assert codes(typed(text, layout), layout) == [text.encode()]


@pytest.mark.parametrize(
    ("layout", "typing", "text"),
    [
        ("us", [(16, 0), (44, 0)], "qz"),
        ("de", [(16, ALT_GR), (44, 0), (21, 0), (10, ALT_GR), (86, ALT_GR)], "@yz]|"),
        ("fr", [(16, 0), (17, 0), (30, 0), (2, SHIFT), (3, 0), (11, ALT_GR)], "azq1é@"),
        ("gb", [(40, SHIFT), (4, SHIFT), (43, 0), (86, 0)], "@£#\\"),
    ],
)
def test_layouts_are_those_of_their_countries(
    layout: str, typing: list[tuple[int, int]], text: str
) -> None:
    strokes = [
        stroke
        for key, held in typing
        for stroke in ([down(held), *press(key), up(held)] if held else press(key))
    ]
    assert codes([*strokes, *press(ENTER)], layout) == [text.encode()]


def test_dead_keys_join_with_their_letter_or_stand_alone() -> None:
    circumflex, acute = 41, 13
    strokes = [
        *press(circumflex),
        *press(18),
        *press(acute),
        *press(30),
        *press(acute),
        *strokes_of(" ", "de"),
        *press(circumflex),
    ]
    assert codes([*strokes, *press(ENTER)], "de") == ["êá´^".encode()]


@pytest.mark.parametrize(
    ("layout", "strokes"),
    [
        ("us", strokes_of("\x1d")),
        ("us", press(F8)),
        ("us", [down(ALT), *press(PAD["0"]), *press(PAD["2"]), *press(PAD["9"]), up(ALT)]),
        ("de", [down(CONTROL), *press(DE_PLUS), up(CONTROL)]),
        ("de", [down(CONTROL), down(ALT_GR), *press(DE_NINE), up(ALT_GR), up(CONTROL)]),
    ],
    ids=["ctrl-]", "f8", "alt+029", "ctrl by place", "ctrl with altgr"],
)
def test_gs_is_kept_however_the_scanner_types_it(layout: str, strokes: list[Stroke]) -> None:
    code = [*typed("0104006381333931", layout, 0), *strokes, *typed("21A", layout)]
    assert codes(code, layout) == [b"0104006381333931\x1d21A"]


def test_a_text_may_stand_for_gs() -> None:
    assert keyboard(gs="{GS}").feed(events_of(typed("0112{GS}21A"))) == [b"0112\x1d21A"]


def test_alt_types_any_byte_and_a_number_that_is_none_spoils_its_scan_only() -> None:
    def by_number(number: str) -> list[Stroke]:
        return [down(ALT), *(each for digit in number for each in press(PAD[digit])), up(ALT)]

    strokes = [*by_number("0228"), *by_number("65"), *press(ENTER)]
    nonsense = [*by_number("9" * 5_000), *press(ENTER)]
    assert codes(strokes + nonsense + typed("next")) == [b"\xe4A", b"next"]


def test_ctrl_with_alt_is_altgr_and_other_controls_keep_their_byte() -> None:
    at = [down(CONTROL), down(ALT), *press(16), up(ALT), up(CONTROL)]
    assert codes([*at, *press(ENTER)], "de") == [b"@"]
    escape = [down(CONTROL), *press(26), *press(46), *press(6), up(CONTROL)]
    assert codes([*escape, *press(ENTER)]) == [b"\x1b\x03"]


def test_caps_lock_turns_letters_and_nothing_else() -> None:
    strokes = [*press(CAPS_LOCK), *typed("aB1-", end=0), *press(CAPS_LOCK), *typed("aB")]
    assert codes(strokes) == [b"Ab1-aB"]


@pytest.mark.parametrize(("suffix", "end"), [("enter", ENTER), ("enter", 96), ("tab", TAB)])
def test_two_scans_are_two_codes_and_an_end_alone_is_none(suffix: Suffix, end: int) -> None:
    strokes = typed("one", end=end) + typed("", end=end) + typed("TWO", end=end)
    assert codes(strokes, suffix=suffix) == [b"one", b"TWO"]


def test_without_a_suffix_a_pause_ends_a_scan() -> None:
    strokes = keyboard(suffix="none")
    assert strokes.feed(events_of(typed("one", end=0))) == []
    assert strokes.quiet() == [b"one"]
    assert strokes.quiet() == []
    assert strokes.feed(events_of(typed("two", end=0))) == []
    assert strokes.quiet() == [b"two"]


def test_a_held_key_is_typed_once() -> None:
    assert codes([down(2), *[(EV_KEY, 2, 2)] * 50, up(2), *press(ENTER)]) == [b"1"]


def test_lost_strokes_and_endless_typing_spoil_their_scan_only() -> None:
    lost = [*typed("400638", end=0), (EV_SYN, SYN_DROPPED, 0), *typed("931")]
    shift_never_let_go = [down(SHIFT), (EV_SYN, SYN_DROPPED, 0), *press(ENTER)]
    endless = typed("9" * (CODE_BYTES_MAX + 1))
    strokes = keyboard()
    assert strokes.feed(events_of(lost + shift_never_let_go + endless + typed("next"))) == [b"next"]
    assert strokes.refused == 3


def test_what_a_pause_cut_off_is_not_glued_to_the_next_scan() -> None:
    strokes = keyboard()
    assert strokes.feed(events_of([down(SHIFT), *typed("400638", end=0)])) == []
    assert strokes.quiet() == []
    assert strokes.feed(events_of(typed("4006381333931"))) == [b"4006381333931"]
    assert strokes.refused == 1


def test_the_tail_of_a_scan_that_began_before_the_opening_is_no_code() -> None:
    strokes = KeyStrokes()
    assert strokes.feed(events_of(typed("13339") + typed("4006381333931"))) == [b"4006381333931"]
    assert strokes.refused == 1


@given(st.lists(st.integers(1, 60), max_size=40))
def test_any_cutting_of_the_events_gives_the_same_codes(cuts: list[int]) -> None:
    events, strokes, read = events_of(typed("sb:m:ANNA-1") + typed("\x1dx")), keyboard(), []
    for cut in cuts:
        read += strokes.feed(events[:cut])
        events = events[cut:]
    assert read + strokes.feed(events) == [b"sb:m:ANNA-1", b"\x1dx"]


@given(st.binary(max_size=600))
def test_nonsense_is_survived(nonsense: bytes) -> None:
    strokes = keyboard("fr")
    strokes.feed(nonsense)
    strokes.quiet()
