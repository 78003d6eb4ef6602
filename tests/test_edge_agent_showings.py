"""A code counts once for each time it is shown, not once for each frame."""

from edge_agent.showings import CODES_REMEMBERED_MAX, Showing, Showings, show


def play(*seen: tuple[bytes, int], held_s: float = 0.5, debounce_s: float = 2.0) -> list[Showing]:
    showings, result = Showings(), []
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
