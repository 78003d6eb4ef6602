"""A code counts once for each time it is shown, not once for each frame."""

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.devices.showings import (
    ASKED_S_MAX,
    CODES_REMEMBERED_MAX,
    Showing,
    Showings,
    ask_again,
    next_person,
    show,
)

HELD_MS, DEBOUNCE_MS = 500, 2_000


def play(
    *seen: tuple[bytes, int],
    held_s: float = 0.5,
    debounce_s: float = 2.0,
    before: Showings | None = None,
) -> list[Showing]:
    showings, result = before or Showings(), []
    for raw, at_mono_ms in seen:
        showings, showing = show(showings, raw, at_mono_ms, held_s=held_s, debounce_s=debounce_s)
        result.append(showing)
    return result


def test_a_code_held_to_a_camera_for_ten_seconds_is_one_showing():
    assert play(*((b"a", ms) for ms in range(0, 10_000, 100))) == ["new"] + ["held"] * 99


def test_a_code_shown_again_too_soon_is_told_once():
    assert play((b"a", 0), (b"a", 1_000), (b"a", 2_000)) == ["new", "again", "held"]


def test_a_code_shown_again_later_counts_again():
    assert play((b"a", 0), (b"a", 2_001)) == ["new", "new"]


def test_a_reader_that_reads_once_per_showing_never_holds():
    assert play((b"a", 0), (b"a", 1), held_s=0) == ["new", "again"]


def test_another_code_counts_at_once():
    assert play((b"a", 0), (b"b", 1), (b"a", 2)) == ["new", "new", "held"]


def test_the_memory_is_bounded_and_forgets_the_oldest():
    codes = [(b"%d" % number, number) for number in range(CODES_REMEMBERED_MAX + 1)]
    assert play(*codes, (b"0", 100), (b"64", 101))[-2:] == ["new", "held"]


def test_with_no_debounce_every_reading_counts():
    assert play((b"a", 0), (b"a", 1), held_s=0, debounce_s=0) == ["new", "new"]


def asked(raw: bytes = b"a", *, sure: bool = True, at_mono_ms: int = 0) -> Showings:
    """A code was shown, and the screen said to show it again."""
    showings, _ = show(Showings(), raw, at_mono_ms, held_s=0.5, debounce_s=2.0, sure=sure)
    return ask_again(showings, raw, sure=sure)


def test_a_code_that_was_asked_for_again_counts_when_it_comes_back_and_not_while_it_stays():
    readings = ((b"a", 100), (b"a", 200), (b"a", 701), (b"a", 800))
    assert play(*readings, before=asked()) == ["held", "held", "asked", "held"]
    assert play((b"a", 1), held_s=0, before=asked()) == ["asked"]
    assert play((b"a", 1), (b"a", 2), held_s=0, before=asked()) == ["asked", "again"]


def test_who_comes_much_later_was_not_asked():
    late_ms = ASKED_S_MAX * 1_000 + 1
    assert play((b"a", late_ms), before=asked()) == ["new"]


def test_a_reader_that_becomes_sure_of_a_held_code_is_heard_at_once():
    assert play((b"a", 100), (b"a", 200), before=asked(sure=False)) == ["new", "held"]


def test_a_doubtful_reading_is_ignored_while_a_code_is_in_view_and_is_one_thing_otherwise():
    doubtful = {"held_s": 0.5, "debounce_s": 2.0, "sure": False}
    showings, _ = show(Showings(), b"right", 0, held_s=0.5, debounce_s=2.0)
    showings, beside = show(showings, b"wrong", 100, **doubtful)  # type: ignore[arg-type]
    showings, gone = show(showings, b"wrong-1", 700, **doubtful)  # type: ignore[arg-type]
    showings, other = show(showings, b"wrong-2", 800, **doubtful)  # type: ignore[arg-type]
    assert (beside, gone, other) == ("held", "new", "held")


def test_another_person_may_show_the_same_at_once_but_not_what_lies_in_view():
    showings = Showings()
    for raw, at_mono_ms in ((b"gone", 0), (b"lies there", 900), (b"member", 1_000)):
        showings, _ = show(showings, raw, at_mono_ms, held_s=0.5, debounce_s=2.0)
    showings = next_person(showings, 1_000, held_s=0.5)
    shown = play((b"gone", 1_100), (b"lies there", 1_101), (b"member", 1_102), before=showings)
    assert shown == ["new", "held", "held"]


codes = st.sampled_from([b"a", b"b", b"c"])


@given(st.lists(st.integers(0, HELD_MS), max_size=60))
def test_a_code_held_up_however_long_is_answered_once(steps: list[int]):
    at, readings = 0, [(b"a", 0)]
    for step in steps:
        at += step
        readings.append((b"a", at))
    assert play(*readings) == ["new"] + ["held"] * len(steps)


@given(st.lists(st.tuples(codes, st.integers(0, 3_000)), max_size=60), st.sampled_from([0, 0.5]))
def test_a_code_counts_exactly_when_it_was_away_long_enough(
    shown: list[tuple[bytes, int]], held_s: float
):
    at, readings = 0, []
    for raw, step in shown:
        at += step
        readings.append((raw, at))
    seen: dict[bytes, int] = {}
    told: set[bytes] = set()
    for (raw, at_mono_ms), showing in zip(readings, play(*readings, held_s=held_s), strict=True):
        away_ms = at_mono_ms - seen.get(raw, -1_000_000)
        assert (showing == "new") == (away_ms > DEBOUNCE_MS)
        # "already scanned" is said at most once until the code counts again, and never to a code
        # that has not left the view.
        if showing == "again":
            assert raw not in told
            assert away_ms > held_s * 1_000 or held_s == 0
            told.add(raw)
        elif showing == "new":
            told.discard(raw)
        seen[raw] = at_mono_ms
