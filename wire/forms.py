"""The forms that a field can have in a packed row: each puts a value as digits, and takes it back.

A form refuses a value that it cannot give back exactly (Unfit); taking gives a value of its form
from any digits, or DecodeError.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from wire.digits import Table
from wire.spelling import In, Out, Unfit, put_text, take_text
from wire.vocabulary import (
    COUNT_SHARES,
    DISCOUNT,
    FIGURE,
    IDENTIFIER,
    LINE,
    NUMBER_SHARES,
    TEXT_SHARES,
)

BYTES_MAX = 256
# From here on times take 50 bits, for 35 years: 2026-01-01 in µs UTC.
EPOCH = 1_767_225_600_000_000
TIME_RADIX = 2**50
# Here begin the sizes of numbers below zero among NUMBER_SHARES.
BELOW_ZERO = 65

AMOUNT_AT = 2  # in LINE


_number_tables = {form: Table(shares) for form, shares in NUMBER_SHARES.items()}
_number = _number_tables["number"]
_text_tables = {form: Table(shares) for form, shares in TEXT_SHARES.items()}
_counts = Table(COUNT_SHARES)
_often = Table((63, 1))


@dataclass(frozen=True, slots=True)
class Form:
    """One form: how a value of it is put and taken."""

    put: Callable[[Out, object], None]
    take: Callable[[In], object]


def put_number(table: Table, out: Out, value: object) -> None:
    """Put a whole number: how many bits it has, and those below the highest."""
    if type(value) is not int:
        raise Unfit
    size = value.bit_length() if value >= 0 else (~value).bit_length()
    out.writer.choose(table, size if value >= 0 else BELOW_ZERO + size)
    if size > 1:
        out.writer.put((value if value >= 0 else ~value) - (1 << (size - 1)), 1 << (size - 1))


def take_number(table: Table, came: In) -> int:
    """Take a whole number."""
    size = came.reader.chosen(table)
    below_zero = size >= BELOW_ZERO
    size -= BELOW_ZERO * below_zero
    value = size
    if size > 1:
        value = (1 << (size - 1)) + came.reader.take(1 << (size - 1))
    return ~value if below_zero else value


def put_time(out: Out, value: object) -> None:
    """Put a time in µs UTC."""
    if type(value) is not int:
        raise Unfit
    near = 0 <= value - EPOCH < TIME_RADIX
    out.writer.choose(_often, 0 if near else 1)
    if near:
        out.writer.put(value - EPOCH, TIME_RADIX)
    else:
        put_number(_number, out, value)


def take_time(came: In) -> int:
    """Take a time in µs UTC."""
    if came.reader.chosen(_often):
        return take_number(_number, came)
    return EPOCH + came.reader.take(TIME_RADIX)


def put_flag(out: Out, value: object) -> None:
    """Put a yes or no."""
    if type(value) is not bool:
        raise Unfit
    out.writer.put(int(value), 2)


def take_flag(came: In) -> bool:
    """Take a yes or no."""
    return came.reader.take(2) == 1


def put_bytes(size: int, out: Out, value: object) -> None:
    """Put bytes, of which there are usually `size`."""
    if type(value) is not bytes or len(value) > BYTES_MAX:
        raise Unfit
    usual = len(value) == size
    out.writer.choose(_often, 0 if usual else 1)
    if not usual:
        out.writer.put(len(value), BYTES_MAX + 1)
    out.writer.put(int.from_bytes(value, "big"), 256 ** len(value))


def take_bytes(size: int, came: In) -> bytes:
    """Take bytes, of which there are usually `size`."""
    if came.reader.chosen(_often):
        size = came.reader.take(BYTES_MAX + 1)
    return came.reader.take(256**size).to_bytes(size, "big")


def put_struct(forms: tuple[str, ...], out: Out, value: object) -> None:
    """Put an array of exactly these fields."""
    if type(value) is not list or len(value) != len(forms):
        raise Unfit
    for form, inner in zip(forms, value, strict=True):
        FORMS[form].put(out, inner)


def take_struct(forms: tuple[str, ...], came: In) -> list[object]:
    """Take an array of exactly these fields."""
    return [FORMS[form].take(came) for form in forms]


def put_structs(forms: tuple[str, ...], out: Out, value: object) -> None:
    """Put an array of arrays."""
    if type(value) is not list or len(value) >= len(COUNT_SHARES):
        raise Unfit
    out.writer.choose(_counts, len(value))
    for inner in value:
        put_struct(forms, out, inner)


def take_structs(forms: tuple[str, ...], came: In) -> list[list[object]]:
    """Take an array of arrays."""
    return [take_struct(forms, came) for _ in range(came.reader.chosen(_counts))]


def put_lines(out: Out, value: object) -> None:
    """Put the lines of an order, and note the sum of their amounts for the form after them."""
    put_structs(LINE, out, value)
    out.sum = _sum(value)


def take_lines(came: In) -> list[list[object]]:
    """Take the lines of an order."""
    lines = take_structs(LINE, came)
    came.sum = _sum(lines)
    return lines


def put_sum(out: Out, value: object) -> None:
    """Put a number that is usually the sum of the lines."""
    usual = type(value) is int and value == out.sum
    out.writer.choose(_often, 0 if usual else 1)
    if not usual:
        put_number(_number, out, value)


def take_sum(came: In) -> int:
    """Take a number that is usually the sum of the lines."""
    return take_number(_number, came) if came.reader.chosen(_often) else came.sum


def put_figures(out: Out, value: object) -> None:
    """Put numbers by name, in their order."""
    if type(value) is not dict:
        raise Unfit
    put_structs(FIGURE, out, [[name, number] for name, number in value.items()])


def take_figures(came: In) -> dict[str, object]:
    """Take numbers by name."""
    return {str(name): number for name, number in take_structs(FIGURE, came)}


FORMS: dict[str, Form] = {
    **{
        form: Form(partial(put_number, table), partial(take_number, table))
        for form, table in _number_tables.items()
    },
    "time": Form(put_time, take_time),
    "flag": Form(put_flag, take_flag),
    "bytes": Form(partial(put_bytes, 0), partial(take_bytes, 0)),
    "bytes8": Form(partial(put_bytes, 8), partial(take_bytes, 8)),
    "bytes16": Form(partial(put_bytes, 16), partial(take_bytes, 16)),
    "identifiers": Form(partial(put_structs, IDENTIFIER), partial(take_structs, IDENTIFIER)),
    "lines": Form(put_lines, take_lines),
    "sum": Form(put_sum, take_sum),
    "discounts": Form(partial(put_structs, DISCOUNT), partial(take_structs, DISCOUNT)),
    "figures": Form(put_figures, take_figures),
    **{
        form: Form(partial(put_text, table), partial(take_text, table))
        for form, table in _text_tables.items()
    },
}


def _sum(lines: object) -> int:
    assert type(lines) is list  # noqa: S101 (the form before saw to it)
    return sum(line[AMOUNT_AT] for line in lines)
