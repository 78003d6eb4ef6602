"""How a text is put as digits: as a known word, as a number, by letters, or as one before it.

The shortest way that gives the text back exactly is taken; what each way costs depends on what the
field usually holds (TEXT_SHARES in `wire/vocabulary.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from wire.digits import Reader, Table, Writer
from wire.errors import DecodeError
from wire.vocabulary import (
    DIGITS_SHARES,
    HEX_SHARES,
    LETTER_SHARES,
    LETTERS,
    NUMBERED_SHARES,
    PREFIX_SHARES,
    WORD_SHARES,
    WORDS,
)

TEXT_BYTES_MAX = 256

END = len(LETTERS)

_words = Table(WORD_SHARES)
_numbered = Table(NUMBERED_SHARES)
_letters = Table(LETTER_SHARES)
_digits = Table(DIGITS_SHARES)
_hex = Table(HEX_SHARES)
_prefix = Table(PREFIX_SHARES)
_word_numbers = {word: number for number, word in enumerate(WORDS)}
_letter_numbers = {letter: number for number, letter in enumerate(LETTERS)}
_numbers = {str(number): number - 1 for number in range(1, len(NUMBERED_SHARES) + 1)}
_hex_digits = frozenset("0123456789abcdef")


class Unfit(Exception):
    """A value is not of the form that its field has here."""


@dataclass(slots=True)
class Out:
    """A row being packed: its digits, and the texts in it so far."""

    writer: Writer = field(default_factory=Writer)
    said: list[str] = field(default_factory=list)
    sum: int = 0


@dataclass(slots=True)
class In:
    """A row being unpacked."""

    reader: Reader
    said: list[str] = field(default_factory=list)
    sum: int = 0


def put_text(table: Table, out: Out, value: object) -> None:
    """Put a text in the shortest way that knows it."""
    if type(value) is not str:
        raise Unfit
    way = _way(value, out.said)
    out.writer.choose(table, way)
    WAYS[way].put(out, value)
    if way not in (EMPTY, SAME):
        out.said.append(value)


def take_text(table: Table, came: In) -> str:
    """Take a text."""
    way = came.reader.chosen(table)
    value = WAYS[way].take(came)
    if way not in (EMPTY, SAME):
        came.said.append(value)
    return value


def _way(value: str, said: list[str]) -> int:
    """Return the place among WAYS of the shortest way for a text."""
    if not value:
        return EMPTY
    if value in said:
        return SAME
    if value in _word_numbers:
        return WORD
    before, _, after = value.rpartition("-")
    if before in _word_numbers and after in _numbers:
        return NUMBERED
    if _is_hex(after) and _way(before, said) in PREFIX_WAYS:
        return AFTER
    if len(value) <= len(DIGITS_SHARES) and value.isascii() and value.isdigit():
        return DIGITS
    if _is_hex(value):
        return HEX
    return SPELT if _letter_numbers.keys() >= set(value) else UTF8


def _is_hex(text: str) -> bool:
    return 0 < len(text) <= 2 * len(HEX_SHARES) and len(text) % 2 == 0 and _hex_digits >= set(text)


def _put_word(out: Out, value: str) -> None:
    out.writer.choose(_words, _word_numbers[value])


def _take_word(came: In) -> str:
    return WORDS[came.reader.chosen(_words)]


def _put_numbered(out: Out, value: str) -> None:
    before, _, after = value.rpartition("-")
    _put_word(out, before)
    out.writer.choose(_numbered, _numbers[after])


def _take_numbered(came: In) -> str:
    return f"{_take_word(came)}-{1 + came.reader.chosen(_numbered)}"


def _put_digits(out: Out, value: str) -> None:
    out.writer.choose(_digits, len(value) - 1)
    out.writer.put(int(value), 10 ** len(value))


def _take_digits(came: In) -> str:
    length = 1 + came.reader.chosen(_digits)
    return f"{came.reader.take(10**length):0{length}}"


def _put_hex(out: Out, value: str) -> None:
    out.writer.choose(_hex, len(value) // 2 - 1)
    out.writer.put(int(value, 16), 16 ** len(value))


def _take_hex(came: In) -> str:
    length = 2 * (1 + came.reader.chosen(_hex))
    return f"{came.reader.take(16**length):0{length}x}"


def _put_letters(out: Out, value: str) -> None:
    if len(value) > TEXT_BYTES_MAX:
        raise Unfit
    out.writer.spell(_letters, [_letter_numbers[letter] for letter in value])
    out.writer.choose(_letters, END)


def _take_letters(came: In) -> str:
    numbers = came.reader.spelt(_letters, END, TEXT_BYTES_MAX)
    return "".join([LETTERS[number] for number in numbers])


def _put_utf8(out: Out, value: str) -> None:
    encoded = value.encode()
    if len(encoded) > TEXT_BYTES_MAX:
        raise Unfit
    out.writer.put(len(encoded), TEXT_BYTES_MAX + 1)
    out.writer.put(int.from_bytes(encoded, "big"), 256 ** len(encoded))


def _take_utf8(came: In) -> str:
    length = came.reader.take(TEXT_BYTES_MAX + 1)
    return came.reader.take(256**length).to_bytes(length, "big").decode()


def _put_same(out: Out, value: str) -> None:
    out.writer.put(out.said.index(value), len(out.said))


def _take_same(came: In) -> str:
    if not came.said:
        raise DecodeError("the packed row repeats a text before it has any")
    return came.said[came.reader.take(len(came.said))]


def _put_after(out: Out, value: str) -> None:
    before, _, after = value.rpartition("-")
    put_text(_prefix, out, before)
    _put_hex(out, after)


def _take_after(came: In) -> str:
    return f"{take_text(_prefix, came)}-{_take_hex(came)}"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to put a text, and to take it back."""

    put: Callable[[Out, str], None]
    take: Callable[[In], str]


# In the order of TEXT_SHARES.
WAYS = (
    Way(lambda _out, _value: None, lambda _came: ""),
    Way(_put_word, _take_word),
    Way(_put_numbered, _take_numbered),
    Way(_put_digits, _take_digits),
    Way(_put_hex, _take_hex),
    Way(_put_letters, _take_letters),
    Way(_put_utf8, _take_utf8),
    Way(_put_same, _take_same),
    Way(_put_after, _take_after),
)
EMPTY, WORD, NUMBERED, DIGITS, HEX, SPELT, UTF8, SAME, AFTER = range(len(WAYS))
PREFIX_WAYS = frozenset({WORD, NUMBERED, SAME})
