"""Lines from a scanner become codes, however they are cut, and noise costs nothing but itself."""

from hypothesis import given
from hypothesis import strategies as st

from hardware.readings import CODE_BYTES_MAX
from hardware.scanners.cutter import LineSplitter


@given(st.lists(st.binary(max_size=20).map(lambda b: b"x" + b.translate(None, b"\r\n"))))
def test_any_cutting_gives_the_same_codes(lines: list[bytes]) -> None:
    whole = b"".join(line + b"\r\n" for line in lines)
    at_once = LineSplitter().feed(whole)
    bit_by_bit = LineSplitter()
    assert at_once == lines
    assert [code for byte in whole for code in bit_by_bit.feed(bytes([byte]))] == lines


def test_endless_noise_is_refused_in_bounded_memory_and_the_next_code_is_read() -> None:
    splitter = LineSplitter()
    for _ in range(100):
        assert splitter.feed(b"\xff" * 4096) == []
    assert len(splitter._pieces) <= CODE_BYTES_MAX
    assert splitter.feed(b"\rsb:m:ANNA\r") == [b"sb:m:ANNA"]
    assert splitter.refused == 1


def test_what_a_pause_cut_off_is_not_glued_to_the_next_line() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"400638") == []
    assert splitter.quiet() == []
    assert splitter.feed(b"4006381333931\r") == [b"4006381333931"]
    assert splitter.refused == 1


def test_a_pause_between_lines_refuses_nothing() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"one\r\n") == [b"one"]
    assert splitter.quiet() == []
    assert splitter.refused == 0


def test_where_a_pause_ends_a_code_its_line_ends_are_part_of_it() -> None:
    splitter = LineSplitter(by_pause=True)
    assert splitter.feed(b"one\r\n") + splitter.feed(b"two") == []
    assert splitter.quiet() == [b"one\r\ntwo"]
    assert splitter.quiet() == []
