"""A parent believes nothing of what its child says that is not an answer in its bounds."""

import contextlib
from dataclasses import replace

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hardware.codes.decoder import Decoded
from hardware.codes.decoding_answers import (
    ANSWER_BYTES_MAX,
    CODES_PER_FRAME_MAX,
    BadAnswer,
    read_answer,
    write_answer,
    write_failure,
)
from hardware.readings import CODE_BYTES_MAX

QUAD = ((0, 0), (9, 0), (9, 9), (0, 9))
SHAPE = (480, 640)
ASKED = frozenset({"QR", "EAN-13"})


def code(data: bytes, symbology: str = "QR", quad: object = QUAD) -> Decoded:
    return Decoded(data=data, symbology=symbology, quad=quad)  # type: ignore[arg-type]


def told(data: object, symbology: object = "QR", quad: object = QUAD) -> dict[str, object]:
    return {"data": data, "symbology": symbology, "quad": quad}


def forged(*answer: object) -> bytes:
    return msgspec.msgpack.encode(answer)


@given(st.lists(st.binary(max_size=CODE_BYTES_MAX), max_size=CODES_PER_FRAME_MAX))
def test_an_answer_arrives_as_it_was_given(payloads: list[bytes]) -> None:
    codes = [code(payload) for payload in payloads]
    answer = write_answer(7, codes, SHAPE)
    assert len(answer) <= ANSWER_BYTES_MAX
    read = read_answer(answer, 7, ASKED, SHAPE)
    assert list(read) == codes[: len(read)]
    if sum(map(len, payloads)) < ANSWER_BYTES_MAX - 2_000:
        assert len(read) == len(codes)


def test_what_a_code_says_as_text_stays_in_the_child() -> None:
    long = replace(code("会员".encode() * 40), text="会员" * 40)
    (read,) = read_answer(write_answer(1, [long], SHAPE), 1, ASKED, SHAPE)
    assert read == replace(long, text="")


def test_a_child_keeps_to_the_bounds_that_its_parent_checks() -> None:
    outside = ((-5, -1), (640, 3), (10_000, 480), (1, 2))
    codes = [code(b"x" * (CODE_BYTES_MAX + 1)), *(code(b"y", quad=outside) for _ in range(100))]
    read = read_answer(write_answer(1, codes, SHAPE), 1, ASKED, SHAPE)
    assert len(read) == CODES_PER_FRAME_MAX
    assert read[0] == code(b"y", quad=((0, 0), (639, 3), (639, 479), (1, 2)))


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"x" * (ANSWER_BYTES_MAX + 1),
        b"filtered",
        forged(),
        forged(8, [], ""),
        forged("7", [], ""),
        forged(7, [], "", "more"),
        forged(7, [], "rm -rf / ; the words of a code"),
        forged(7, [], "MemoryError"),
        forged(7, [told(b"x" * (CODE_BYTES_MAX + 1), "QR", QUAD)], ""),
        forged(7, [told("text", "QR", QUAD)], ""),
        forged(7, [told(b"1", "Code128", QUAD)], ""),
        forged(7, [told(b"1", "QR" * 1000, QUAD)], ""),
        forged(7, [{"data": b"1", "quad": QUAD}], ""),
        forged(7, [told(b"1", "QR", QUAD[:3])], ""),
        forged(7, [told(b"1", "QR", (*QUAD, (1, 1)))], ""),
        forged(7, [told(b"1", "QR", ((0, 0), (640, 0), (9, 9), (0, 9)))], ""),
        forged(7, [told(b"1", "QR", ((0, -1), (9, 0), (9, 9), (0, 9)))], ""),
        forged(7, [told(b"1", "QR", ((0.5, 1), (9, 0), (9, 9), (0, 9)))], ""),
        forged(7, [told(b"1", "QR", ((2**63, 1), (9, 0), (9, 9), (0, 9)))], ""),
        forged(7, [told(b"1", "QR", QUAD)] * (CODES_PER_FRAME_MAX + 1), ""),
        forged(7, [told(b"1", "QR", QUAD)], "")[:-3],
        forged(7, [told(b"1", "QR", QUAD)], "") + b"\0",
        b"\x93\x07\xdd\xff\xff\xff\xff\xa0",
    ],
)
def test_what_is_no_answer_is_refused(said: bytes) -> None:
    with pytest.raises(BadAnswer):
        read_answer(said, 7, ASKED, SHAPE)


@given(st.binary(max_size=400))
@example(b"\xc1")
def test_any_bytes_are_an_answer_or_refused(said: bytes) -> None:
    with contextlib.suppress(BadAnswer):
        assert len(read_answer(said, 7, ASKED, SHAPE)) <= CODES_PER_FRAME_MAX


def test_a_failure_names_its_kind_alone() -> None:
    with pytest.raises(BadAnswer, match=r"^it failed with MemoryError$"):
        read_answer(write_failure(7, "MemoryError"), 7, ASKED, SHAPE)
