"""What a decoding child and its parent say to each other; the parent believes none of it unchecked.

Both sides of one socket that keeps the bounds of messages. The child greets once, then each request
names a picture in the shared memory and gets one answer. Pictures never pass the socket.
"""

import struct
from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import islice
from typing import Annotated

import msgspec

from hardware.codes.decoder import Decoded
from hardware.readings import CODE_BYTES_MAX, Quad

# The number of the picture, its height and its width.
REQUEST = struct.Struct("=QII")
# What a child says first: whether the kernel filters its calls, or limits alone confine it.
GREETING_FILTERED = b"filtered"
GREETING_LIMITED = b"limited"

CODES_PER_FRAME_MAX = 32
ANSWER_BYTES_MAX = 64 * 1024
# What is told of a code beside its bytes is a word or two.
WORD_CHARACTERS_MAX = 40


class _Answer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    number: int
    codes: Annotated[tuple[Decoded, ...], msgspec.Meta(max_length=CODES_PER_FRAME_MAX)]
    failure: Annotated[str, msgspec.Meta(max_length=40, pattern="^[A-Za-z_]*$")] = ""


class BadAnswer(Exception):
    """A child said what no decoder says: it is not to be trusted any more. The message says why."""


def write_answer(number: int, codes: Sequence[Decoded], shape: tuple[int, int]) -> bytes:
    """Return the answer to a request: as many of the codes as one may hold, corners in the picture.

    What has more bytes than a code can have is left out, and so is the text of each.
    """
    short = (code for code in codes if len(code.data) <= CODE_BYTES_MAX)
    told = [
        replace(code, quad=_inside(code.quad, shape), text="")
        for code in islice(short, CODES_PER_FRAME_MAX)
    ]
    while len(answer := msgspec.msgpack.encode(_Answer(number, tuple(told)))) > ANSWER_BYTES_MAX:
        told.pop()
    return answer


def write_failure(number: int, failure: str) -> bytes:
    """Return the answer of a child that gives up: only the kind of its error, never its words."""
    return msgspec.msgpack.encode(_Answer(number, (), failure[:40]))


def read_answer(
    said: bytes, number: int, symbologies: frozenset[str], shape: tuple[int, int]
) -> tuple[Decoded, ...]:
    """Return the codes that a child found in picture `number`.

    Raises BadAnswer when that is anything but an answer to this request in its bounds.
    """
    if not said:
        raise BadAnswer("it ended")
    if len(said) > ANSWER_BYTES_MAX:
        raise BadAnswer(f"it said more than {ANSWER_BYTES_MAX} bytes")
    try:
        answer = msgspec.msgpack.decode(said, type=_Answer)
    except msgspec.DecodeError as error:
        raise BadAnswer("it said what is no answer") from error
    if answer.failure:
        raise BadAnswer(f"it failed with {answer.failure}")
    if answer.number != number:
        raise BadAnswer("it answered what it was not asked")
    for code in answer.codes:
        _check(code, symbologies, shape)
    return answer.codes


def _check(code: Decoded, symbologies: frozenset[str], shape: tuple[int, int]) -> None:
    if code.symbology not in symbologies:
        raise BadAnswer("it named a symbology that it was not asked for")
    if len(code.data) > CODE_BYTES_MAX:
        raise BadAnswer(f"it read more than {CODE_BYTES_MAX} bytes")
    if code.quad != _inside(code.quad, shape):
        raise BadAnswer("it saw a code outside the picture")
    for field in fields(code):
        told = getattr(code, field.name)
        if isinstance(told, str) and not (len(told) <= WORD_CHARACTERS_MAX and told.isascii()):
            raise BadAnswer(f"it said too much as {field.name}")


def _inside(quad: Quad, shape: tuple[int, int]) -> Quad:
    """Return the corners, each moved into the picture."""
    height, width = shape
    first, second, third, fourth = (
        (max(0, min(int(x), width - 1)), max(0, min(int(y), height - 1))) for x, y in quad
    )
    return first, second, third, fourth
